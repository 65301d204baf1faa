from typing import Literal

from mitmproxy.test import tflow

from gateway.gate import Release
from gateway.outcomes import AnswerReader
from gateway.proxy.exchange import begin, exchange_of
from tests.gateway.proxy.harness import Outcomes


def test_an_outcome_is_told_once_and_the_first_one_counts():
    exchange, outcomes = begin(tflow.tflow(), inside=False), Outcomes()
    exchange.failed("nothing was released yet")
    exchange.release = Release("env_1", "GET", "/", (), b"", outcomes)
    exchange.sent = True
    exchange.settle("completed", 200)
    exchange.failed("too late")
    assert outcomes.seen == [("completed", 200)]


def test_a_sink_that_fails_harms_nothing():
    def fail(outcome: str, status: int | None, detail: str) -> None:
        raise RuntimeError("disk full")

    exchange = begin(tflow.tflow(), inside=False)
    exchange.release = Release("env_1", "GET", "/", (), b"", fail)
    exchange.settle("completed", 200)


def test_a_failure_before_the_first_byte_is_not_sent_and_after_it_unknown():
    for sent, expected in ((False, "not_sent"), (True, "unknown")):
        exchange, outcomes = begin(tflow.tflow(), inside=False), Outcomes()
        exchange.release = Release("env_1", "GET", "/", (), b"", outcomes)
        exchange.sent = sent
        exchange.failed("x")
        assert outcomes.seen == [(expected, None)]


def test_the_head_is_noted_before_anything_changes_it():
    flow = tflow.tflow()
    flow.request.data.authority = b"API.test:1"
    exchange = begin(flow, inside=False)
    flow.request.data.authority = b""
    assert exchange_of(flow) is exchange
    assert (exchange.where, exchange.request_line) == ("API.test:1", "GET /path")
    exchange.host, exchange.port = "::1", 1
    assert exchange.where == "[::1]:1"


def test_a_reader_that_fails_makes_no_success():
    class Failing(AnswerReader):
        def read(self, status: int, headers: object, body: bytes | None) -> tuple[Literal["completed"], str]:
            raise RuntimeError("no memory")

    exchange, outcomes = begin(tflow.tflow(), inside=False), Outcomes()
    exchange.release = Release("env_1", "GET", "/", (), b"", outcomes, Failing(()))
    exchange.sent = True
    exchange.answered(200, ())
    assert exchange.hear(b"x") == b"x"
    exchange.heard()
    assert outcomes.seen == [("unclear", 200)]


def test_no_more_of_an_answer_is_kept_than_is_read():
    exchange, outcomes = begin(tflow.tflow(), inside=False), Outcomes()
    exchange.release = Release("env_1", "GET", "/", (), b"", outcomes, AnswerReader((), limit=10))
    exchange.answered(200, ())
    for _ in range(5):
        exchange.hear(b"xxxx")
    assert exchange.listening
    assert exchange.listening.body is None
    assert outcomes.seen == [("unclear", 200)]
    exchange.failed("the client left")
    assert len(outcomes.seen) == 1
