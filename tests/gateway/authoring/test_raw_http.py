import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring import raw_http
from gateway.authoring.raw_http import read_raw
from gateway.errors import UsageError
from gateway.model import Request
from tests.kit.sentences import one_sentence_at_most
from tests.kit.things import a_caller

PLAIN = b"POST /v1/refunds?a=b HTTP/1.1\r\nHost: api.shop.test\r\nContent-Length: 3\r\nX-A: b\r\n\r\na=1"


def asked(raw: bytes) -> Request:
    return read_raw(raw, a_caller()).request


def test_a_request_off_the_wire_is_read() -> None:
    request = asked(PLAIN)
    assert (request.method, request.url, request.body) == (
        "POST",
        "https://api.shop.test/v1/refunds?a=b",
        b"a=1",
    )
    assert request.header("X-A") == ("b",)


def test_an_editors_line_ends_are_fine() -> None:
    assert asked(PLAIN.replace(b"\r\n", b"\n") + b"\n").body == b"a=1"
    assert asked(b"\nGET https://api.shop.test/a\n").target == "/a"


def test_a_whole_address_needs_no_host() -> None:
    request = asked(b"GET http://api.shop.test:81/a HTTP/1.1\r\n\r\n")
    assert (request.scheme, request.port, request.target) == ("http", 81, "/a")


def test_without_a_length_the_body_is_all_there_is() -> None:
    assert asked(b"POST /a HTTP/1.1\r\nHost: a.test\r\n\r\n1\r\n\r\n2").body == b"1\r\n\r\n2"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is no request"),
        (b"GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n", "is no request"),
        (b"GET /a HTTP/1.1\r\n\r\n", "one Host header"),
        (b"GET /a HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", "one Host header"),
        (b"GET a HTTP/1.1\r\nHost: a.test\r\n\r\n", "must be a path"),
        (b"GET /a HTTP/1.1\r\nHost: a.test\r\n folded: x\r\n\r\n", "is no header"),
        (b"GET /a HTTP/1.1\r\nHost: a.test\r\nnothing\r\n\r\n", "is no header"),
        (b"POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc", "has 3 bytes"),
        (b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nabc", "has 3 bytes"),
        (b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\nabc", "cannot be read"),
        (
            b"POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
            "cannot be read",
        ),
    ],
)
def test_what_is_no_request_is_one_sentence(raw: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(raw)


def test_far_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_http, "MAX_BYTES", 10)
    with pytest.raises(UsageError, match="larger"):
        asked(PLAIN)
    monkeypatch.setattr(raw_http, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(raw_http, "MAX_HEADERS", 2)
    with pytest.raises(UsageError, match="more than 2 headers"):
        asked(PLAIN)


@given(st.one_of(st.binary(), st.binary().map(lambda tail: PLAIN + tail), st.text().map(str.encode)))
def test_no_bytes_are_a_fault(raw: bytes) -> None:
    with one_sentence_at_most():
        asked(raw)
