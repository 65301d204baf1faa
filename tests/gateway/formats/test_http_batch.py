import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats.http_batch import InnerRequest, parse_http_batch
from gateway.formats.multipart import Part, parse_multipart

HOST = "storage.googleapis.test"


def part(body: str | bytes, content_type: str = "application/http") -> Part:
    return Part(None, None, content_type, (), body.encode() if isinstance(body, str) else body)


def refused(body: str | bytes, content_type: str = "application/http") -> str:
    with pytest.raises(Refusal) as caught:
        parse_http_batch([part(body, content_type)], HOST)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def one(body: str, host: str | None = HOST) -> InnerRequest:
    return parse_http_batch([part(body)], host)[0]


def test_every_inner_request_counts() -> None:
    raw = (
        b"--X\r\nContent-Type: application/http\r\n\r\nDELETE /storage/v1/b/b/o/a HTTP/1.1\r\n\r\n\r\n"
        b"--X\r\nContent-Type: application/http; msgtype=request\r\nContent-ID: <2>\r\n\r\n"
        b'POST /storage/v1/b?x=1 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--X--\r\n'
    )
    assert parse_http_batch(parse_multipart(raw, "multipart/mixed; boundary=X")) == (
        InnerRequest("DELETE", "/storage/v1/b/b/o/a", (), b""),
        InnerRequest("POST", "/storage/v1/b?x=1", (("Content-Type", "application/json"),), b'{"a":1}'),
    )


def test_a_request_framed_by_line_feeds_or_without_a_version_is_read() -> None:
    assert one("POST /a HTTP/1.1\nContent-Type: application/json\n\n{}").body == b"{}"
    assert one("GET /a\r\n\r\n").target == "/a"
    assert one("GET /a HTTP/1.1\r\n\r\n\r\n").body == b""


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(Refusal, match="no request"):
        parse_http_batch([], HOST)


def test_a_request_to_another_host_is_refused() -> None:
    assert one(f"GET https://{HOST}/a HTTP/1.1\r\n\r\n").target == "/a"
    assert one(f"GET HTTPS://{HOST.upper()}:443/a?b HTTP/1.1\r\nHost: {HOST}\r\n\r\n").target == "/a?b"
    assert "evil.test" in refused("GET https://evil.test/a HTTP/1.1\r\n\r\n")
    assert "evil.test" in refused("GET /a HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    assert "the host" in refused(f"GET https://u@{HOST}/a HTTP/1.1\r\n\r\n")
    assert "the host" in refused(f"GET https://{HOST}:8443/a HTTP/1.1\r\n\r\n")
    with pytest.raises(Refusal):
        one(f"GET https://{HOST}/a HTTP/1.1\r\n\r\n", None)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test/a",
        "http://evil.test/",
        f"http://{HOST}/a",
        f"https://{HOST}",
        f"https://{HOST}//evil.test",
        "*",
        "a",
        "/a#b",
        "/a\\b",
        f"https://{HOST}?/a",
        "evil.test:443",
    ],
)
def test_a_target_that_leads_elsewhere_for_some_readers_is_refused(target: str) -> None:
    refused(f"GET {target} HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        "",
        "GET",
        "GET  /a HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a HTTP/2",
        "get /a HTTP/1.1",
        "GET\t/a HTTP/1.1",
        " GET /a HTTP/1.1",
        "GET /a HTTP/1.1 ",
        "HTTP/1.1 200 OK",
        "\r\nGET /a HTTP/1.1",
        "GET /\u00e9 HTTP/1.1",
    ],
)
def test_a_broken_request_line_is_refused(head: str) -> None:
    refused(f"{head}\r\n\r\n")


@pytest.mark.parametrize(
    "header",
    [
        "Transfer-Encoding: chunked",
        "Content-Length: 3",
        "Content-Length: 0",
        "Content-Length: 02",
        "Content-Encoding: gzip",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Trailer: X",
        "A: 1\r\nA: 2",
        "A: 1\r\n B",
        "A : 1",
    ],
)
def test_a_header_that_moves_the_bodys_end_is_refused(header: str) -> None:
    refused(f"POST /a HTTP/1.1\r\n{header}\r\n\r\n{{}}")


def test_a_fitting_content_length_passes() -> None:
    assert one("POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").body == b"{}"
    assert one("POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n\r\n").body == b"\r\n"


def test_a_batch_within_a_batch_is_refused() -> None:
    assert "itself multipart" in refused(
        "POST /batch HTTP/1.1\r\nContent-Type: Multipart/mixed; boundary=Y\r\n\r\n--Y--"
    )
    assert "application/http" in refused("GET /a HTTP/1.1\r\n\r\n", "text/plain")


def test_a_request_cut_short_is_refused() -> None:
    assert "empty line" in refused("GET /a HTTP/1.1\r\n")
    assert "empty line" in refused("GET /a HTTP/1.1\n\nX\r\n")


_pieces = st.sampled_from(
    [
        "GET ",
        "POST ",
        "/a",
        "//",
        f"https://{HOST}/",
        " HTTP/1.1",
        "\r\n",
        "\n",
        "\r",
        "Host: ",
        HOST,
        "Content-Length: 1",
        "x",
        " ",
    ]
)


@given(st.lists(_pieces, max_size=12).map("".join).map(str.encode) | st.binary(max_size=40))
def test_any_part_is_read_or_refused(raw: bytes) -> None:
    try:
        (request,) = parse_http_batch([part(raw)], HOST)
    except Refusal:
        return
    assert request.target.startswith("/")
    assert raw.startswith(request.method.encode())
    assert request.target.encode() in raw
    assert raw.endswith(request.body)
