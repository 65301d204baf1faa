"""An answer of success that means no, in every way in which it could pass for a yes."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import ContextValue
from gateway.outcomes import MAX_ANSWER, AnswerReader, Headers, answer_reader
from tests.kit.things import a_unit

JSON = (("Content-Type", "application/json"),)
READER = AnswerReader(({"json:/ok": False},))


def packed(plain: bytes) -> bytes:
    return zlib.compress(plain, wbits=zlib.MAX_WBITS | 16)


def said(
    body: bytes | None, headers: Headers = JSON, status: int = 200, reader: AnswerReader = READER
) -> str:
    return reader.read(status, headers, body)[0]


@pytest.mark.parametrize(
    ("rule", "answer", "expected"),
    [
        ({"json:/ok": False}, {"ok": False}, "failed"),
        ({"json:/ok": False}, {"ok": True}, "completed"),
        ({"json:/ok": False}, {"ok": "false"}, "completed"),
        ({"json:/ok": False}, {"ok": 0}, "completed"),
        ({"json:/ok": False}, {}, "completed"),
        ({"json:/ok": False}, [{"ok": False}], "completed"),
        ({"json:/*/ok": False}, [{"ok": True}, {"ok": False}], "failed"),
        ({"json:/code": 7}, {"code": 7}, "failed"),
        ({"json:/code": 7}, {"code": 8}, "completed"),
        ({"json:/code": "E7"}, {"code": "E7"}, "failed"),
        ({"json:/error": "present"}, {"error": {"code": 1}}, "failed"),
        ({"json:/error": "present"}, {"error": None}, "completed"),
        ({"json:/error": "present"}, {}, "completed"),
        ({"json:/ok": False, "json:/code": 7}, {"ok": False, "code": 7}, "failed"),
        ({"json:/ok": False, "json:/code": 7}, {"ok": False}, "completed"),
    ],
)
def test_a_no_is_told_from_a_yes(rule: dict[str, ContextValue], answer: object, expected: str) -> None:
    assert said(json.dumps(answer).encode(), reader=AnswerReader((rule,))) == expected


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"ok":false}', ()),
        (b'{"ok":false}', (("Content-Type", "text/html"),)),
        (b'{"ok":false}', (*JSON, *JSON)),
        (b"", JSON),
        (b'{"ok":fal', JSON),
        (b'{"OK":false}', JSON),
        (b'{"ok":true,"ok":false}', JSON),
        (None, JSON),
        (b'{"ok":false}', (*JSON, ("Content-Encoding", "br"))),
        (b'{"ok":false}', (*JSON, ("Content-Encoding", "gzip"))),
        (packed(b'{"ok":true}')[:-4], (*JSON, ("Content-Encoding", "gzip"))),
        (packed(b'{"ok":true}') + b"x", (*JSON, ("Content-Encoding", "gzip"))),
        (packed(b" " * (MAX_ANSWER + 1)), (*JSON, ("Content-Encoding", "gzip"))),
    ],
)
def test_an_answer_that_cannot_be_read_is_never_a_yes(body: bytes | None, headers: Headers) -> None:
    assert said(body, headers) == "unclear"


def test_nothing_of_the_answer_stands_in_the_row() -> None:
    for body in (b'{"hush":1,"hush":2}', b'{"ok":false,"hush":1}', b"hush"):
        assert "hush" not in READER.read(200, JSON, body)[1]


def test_a_packed_answer_is_read() -> None:
    headers = (*JSON, ("content-encoding", "gzip"))
    assert said(packed(b'{"ok":false}'), headers) == "failed"
    assert said(packed(b'{"ok":true}'), headers) == "completed"


@pytest.mark.parametrize("status", [204, 205, 301, 404, 500])
def test_a_status_that_speaks_for_itself_is_not_read(status: int) -> None:
    assert said(b"", (), status) == "completed"


def test_the_no_of_any_unit_is_a_no() -> None:
    units = [a_unit(outcome_failed_when=rule) for rule in (None, {"json:/a": 1}, {"json:/b": 1})]
    reader = answer_reader(units)
    assert reader is not None
    assert said(b'{"b":1}', reader=reader) == "failed"
    assert answer_reader([a_unit()]) is None


@given(body=st.binary(max_size=100), encoding=st.sampled_from(["", "gzip", "br", "identity"]))
def test_whatever_an_upstream_says_is_one_of_three(body: bytes, encoding: str) -> None:
    headers = (*JSON, ("Content-Encoding", encoding))
    assert said(body, headers) in {"completed", "failed", "unclear"}
    assert said(packed(body), headers) in {"completed", "failed", "unclear"}
