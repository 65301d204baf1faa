import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.gate import MAX_CARRIED, Carried, Release
from gateway.model import Caller, Request
from gateway.outcomes import AnswerReader
from tests.gateway.proxy.harness import HOST, OTHER, Outcomes, Received, Script, World

REQUEST = Request(
    caller=Caller("ci-bot", "tok_1", None, "127.0.0.1"),
    method="POST",
    scheme="https",
    host=HOST,
    port=443,
    target="/orders/a1?dry=0",
    headers=(("Host", HOST), ("Authorization", "Bearer upstream-secret"), ("X-One", "1")),
    body=b'{"n":1}',
)


async def carried(
    w: World, request: Request = REQUEST, *, reader: AnswerReader | None = None
) -> tuple[Carried | None, list[tuple[str, int | None]]]:
    assert w.engine
    outcomes = Outcomes()
    release = Release(
        "env_1", request.method, request.target, request.headers, request.body, outcomes, reader
    )
    return await w.engine.carry(release, request), outcomes.seen


def says(answer: bytes, *, more: bool = False) -> Script:
    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        return more

    return script


async def test_exactly_the_approved_bytes_arrive_once_and_nothing_is_added(w: World):
    up = await w.upstream()
    await w.start()
    answer, outcomes = await carried(w)
    assert answer == Carried(200, (("Content-Length", "5"), ("X-Up", "yes")), b"hello")
    assert outcomes == [("completed", 200)]
    (got,) = up.received
    assert got.line == "POST /orders/a1?dry=0 HTTP/1.1"
    assert got.headers == [*REQUEST.headers, ("Content-Length", "7")]
    assert got.body == REQUEST.body


async def test_each_errand_has_a_connection_of_its_own(w: World):
    up = await w.upstream()
    await w.start()
    for _ in range(3):
        await carried(w)
    assert (up.connections, len(up.received)) == (3, 3)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_every_method_is_carried_once(w: World, method: str):
    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        body = b"" if got.method == "HEAD" else b"hello"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        return True

    up = await w.upstream(script=script)
    await w.start()
    answer, outcomes = await carried(w, replace(REQUEST, method=method, body=b""))
    assert answer
    assert answer.body == (b"" if method == "HEAD" else b"hello")
    assert (outcomes, up.count(method)) == ([("completed", 200)], 1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://other.test/\r\nContent-Length: 0\r\n\r\n", (302, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", (200, b"abc")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno", (503, b"no")),
    ],
    ids=["a redirect", "chunks", "no length", "an interim answer", "try again"],
)
async def test_what_was_answered_is_the_answer_and_nothing_is_followed_or_repeated(
    w: World, answer: bytes, expected: tuple[int, bytes]
):
    up, other = await w.upstream(script=says(answer)), await w.upstream(OTHER)
    await w.start()
    got, outcomes = await carried(w)
    assert got
    assert (got.status, got.body) == expected
    assert outcomes == [("completed", expected[0])]
    assert (len(up.received), other.connections) == (1, 0)


async def test_an_upstream_cannot_speak_as_the_gateway_later_either(w: World):
    forged = (
        b"HTTP/1.1 200 OK\r\nSecondsig-Gateway: gw_forged\r\nConnection: close\r\n"
        b'Proxy-Status: secondsig; error=x\r\nAlt-Svc: h3=":443"\r\nContent-Length: 0\r\n\r\n'
    )
    await w.upstream(script=says(forged))
    await w.start()
    got, _ = await carried(w)
    assert got == Carried(200, (("Content-Length", "0"),), b"")


async def test_an_answer_larger_than_is_kept_is_said_to_be_and_never_cut(w: World):
    size = MAX_CARRIED + 1
    await w.upstream(script=says(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size))
    await w.start()
    got, outcomes = await carried(w)
    assert got == Carried(201, (("Content-Length", str(size)),), None, "too_long")
    assert outcomes == [("completed", 201)]


async def test_an_answer_as_large_as_is_kept_is_kept(w: World):
    size = MAX_CARRIED
    await w.upstream(script=says(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size))
    await w.start()
    got, _ = await carried(w)
    assert got
    assert got.body == b"x" * size


async def test_an_answer_that_breaks_off_is_no_whole_one(w: World):
    await w.upstream(script=says(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf"))
    await w.start()
    got, outcomes = await carried(w)
    assert got == Carried(201, (("Content-Length", "9"),), None, "broke_off")
    assert outcomes == [("completed", 201)]


async def test_a_template_that_reads_a_no_in_the_answer_is_asked(w: World):
    body = b'{"ok":false}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    await w.upstream(script=says(head + body))
    await w.start()
    got, outcomes = await carried(w, reader=AnswerReader(({"json:/ok": False},)))
    assert got
    assert (got.body, outcomes) == (body, [("failed", 200)])


async def test_what_was_sent_and_never_answered_is_unknown_and_not_repeated(w: World):
    up = await w.upstream(script=says(b""))
    await w.start()
    assert await carried(w) == (None, [("unknown", None)])
    assert len(up.received) == 1


async def test_an_upstream_that_stays_silent_ends_as_unknown(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.proxy.carrying.SECONDS_FOR_AN_ANSWER", 0.2)

    async def silent(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(5)
        return False

    up = await w.upstream(script=silent)
    await w.start()
    assert await carried(w) == (None, [("unknown", None)])
    assert len(up.received) == 1


async def test_nobody_there_means_that_nothing_was_sent(w: World):
    up = await w.upstream()
    await w.start()
    assert up.server
    up.server.close()
    assert await carried(w) == (None, [("not_sent", None)])


async def test_a_certificate_of_somebody_else_gets_not_one_byte(w: World):
    up = await w.upstream(certified=("elsewhere.test",))
    await w.start()
    assert await carried(w) == (None, [("not_sent", None)])
    assert up.received == []


async def test_a_destination_that_is_refused_now_gets_not_one_byte(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    assert await carried(w) == (None, [("not_sent", None)])
    assert up.connections == 0


async def test_an_address_that_is_not_public_gets_not_one_byte(w: World):
    up = await w.upstream()
    w.connect_to.clear()
    await w.start()
    local = replace(REQUEST, host="127.0.0.1", port=up.port, headers=())
    assert await carried(w, local) == (None, [("not_sent", None)])
    assert up.connections == 0


@pytest.mark.parametrize(
    "change",
    [
        {"host": "secondsig.internal", "scheme": "http", "port": 80},
        {"host": HOST.upper()},
        {"target": "/a b"},
        {"method": "post"},
        {"headers": (("X-Bad", "a\r\nInjected: 1"),)},
        {"headers": (("X-Http-Method-Override", "DELETE"),)},
    ],
    ids=["the gateway itself", "a host", "a target", "a method", "a line break", "a method override"],
)
async def test_what_no_client_may_send_the_gateway_does_not_send_either(w: World, change: dict[str, Any]):
    up, internal = await w.upstream(), await w.upstream("secondsig.internal", port=80, plain=True)
    await w.start()
    assert await carried(w, replace(REQUEST, **change)) == (None, [("not_sent", None)])
    assert (up.received, internal.connections) == ([], 0)


async def test_an_errand_that_nobody_can_account_for_is_unknown(w: World):
    """A head that cannot be read ends before there is a flow that could say how it ended."""
    up = await w.upstream()
    await w.start()
    assert await carried(w, replace(REQUEST, method="PO ST")) == (None, [("unknown", None)])
    assert up.connections == 0


async def test_a_gateway_that_stopped_sends_nothing_any_more(w: World):
    up = await w.upstream()
    await w.start()
    assert w.engine
    await w.engine.stop(0.2)
    assert await carried(w) == (None, [("not_sent", None)])
    assert up.connections == 0


async def test_a_gateway_that_stops_leaves_no_release_without_an_end(w: World):
    async def slow(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(5)
        return False

    up = await w.upstream(script=slow)
    await w.start()
    assert w.engine
    errand = asyncio.create_task(carried(w))
    while not up.received:
        await asyncio.sleep(0.01)
    await w.engine.stop(0.2)
    assert await errand == (None, [("unknown", None)])
