import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from gateway.gate import Answer, Release
from gateway.model import Caller
from gateway.proxy.exchange import begin
from gateway.proxy.messages import forwarded, released, request_from, response_from
from tests.gateway.proxy.harness import Outcomes

CALLER = Caller("ci-bot", "tok_1", None, "127.0.0.1")


def flow_of(version: bytes = b"HTTP/1.1", content: bytes = b"hi", **extra: bytes) -> http.HTTPFlow:
    fields: tuple[tuple[bytes, bytes], ...] = (
        (b"Host", b"api.test"),
        (b"X-One", b"1"),
        (b"x-one", b"\xe9"),
        (b"Proxy-Authorization", b"Basic x"),
    )
    fields += tuple((name.replace("_", "-").encode(), value) for name, value in extra.items())
    flow = tflow.tflow()
    flow.request = http.Request(
        "api.test",
        8443,
        b"PUT",
        b"https",
        b"",
        b"/a%2Fb?c=%C3%A9",
        version,
        http.Headers(fields),
        content,
        None,
        1,
        2,
    )
    return flow


def test_the_gate_sees_the_request_as_it_came_but_not_the_token():
    flow = flow_of(Secondsig_Purpose=b"deploy")
    exchange = begin(flow, inside=True)
    exchange.host, exchange.port = "api.test", 8443
    request = request_from(flow, exchange, CALLER)
    assert request.target == "/a%2Fb?c=%C3%A9"
    assert request.headers == (
        ("Host", "api.test"),
        ("X-One", "1"),
        ("x-one", "é"),
        ("Secondsig-Purpose", "deploy"),
    )
    assert (request.method, request.scheme, request.host, request.port, request.body) == (
        "PUT",
        "https",
        "api.test",
        8443,
        b"hi",
    )


def test_what_is_forwarded_has_one_length_and_nothing_of_ours():
    sent = forwarded(flow_of(Secondsig_Purpose=b"deploy", Transfer_Encoding=b"chunked", Content_Length=b"99"))
    assert sent.headers.fields == (
        (b"Host", b"api.test"),
        (b"X-One", b"1"),
        (b"x-one", b"\xe9"),
        (b"Content-Length", b"2"),
    )
    assert sent.raw_content == b"hi"
    assert sent.data.path == b"/a%2Fb?c=%C3%A9"


def test_a_request_without_a_body_gets_a_length_only_where_it_means_something():
    flow = flow_of(content=b"")
    assert forwarded(flow).headers["content-length"] == "0"
    flow.request.data.method = b"DELETE"
    assert "content-length" not in forwarded(flow).headers


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/2.0"])
def test_a_release_is_the_approved_request_and_nothing_of_the_flow(version: bytes):
    flow = flow_of(version)
    exchange = begin(flow, inside=True)
    exchange.host, exchange.port = "api.test", 8443
    approved = Release(
        "env_1", "POST", "/approved", (("Content-Type", "text/plain"),), b"\x00body", Outcomes()
    )
    sent = released(flow, exchange, approved)
    assert sent.headers.fields == (
        (b"Host", b"api.test:8443"),
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", b"5"),
    )
    assert (sent.data.method, sent.data.path, sent.data.http_version) == (b"POST", b"/approved", b"HTTP/1.1")
    assert sent.data.authority == b""
    assert sent.raw_content == b"\x00body"
    assert flow.request is not sent


def test_a_release_to_an_ipv6_address_names_it_in_brackets():
    flow = flow_of()
    exchange = begin(flow, inside=True)
    exchange.host, exchange.port = "2001:db8::1", 443
    sent = released(flow, exchange, Release("env_1", "GET", "/", (), b"", Outcomes()))
    assert sent.headers.fields == ((b"Host", b"[2001:db8::1]"),)


def test_an_answer_cannot_break_its_own_framing():
    answer = Answer(200, (("Content-Length", "999"), ("Transfer-Encoding", "chunked"), ("X", "y")), b"abc")
    assert response_from(answer, "GET").headers.fields == ((b"X", b"y"), (b"Content-Length", b"3"))


def test_an_answer_to_head_has_the_length_but_no_body():
    response = response_from(Answer(200, (), b"abc"), "HEAD")
    assert response.raw_content == b""
    assert response.headers["content-length"] == "3"


def test_no_content_has_neither_length_nor_body():
    response = response_from(Answer(204, (), b"abc"), "GET", close=True)
    assert response.raw_content == b""
    assert response.headers.fields == ((b"Connection", b"close"),)
