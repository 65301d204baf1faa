"""Between mitmproxy's messages and the gateway's own values."""

import copy
import time
from typing import Literal

from mitmproxy import http
from mitmproxy.net.http import status_codes

from gateway.gate import Answer, Release
from gateway.model import Caller, Request
from gateway.proxy import headers
from gateway.proxy.exchange import Exchange

BODILESS_METHODS = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
BODILESS_STATUS = frozenset({204, 304})
DEFAULT_PORT = {"https": 443, "http": 80}


def request_from(flow: http.HTTPFlow, exchange: Exchange, caller: Caller) -> Request:
    """The request as it came, without the headers of the hop to us (the agent's token among them)."""
    data = flow.request.data
    http2 = flow.request.is_http2
    scheme: Literal["https", "http"] = "https" if data.scheme == b"https" else "http"
    return Request(
        caller=caller,
        method=data.method.decode("latin-1"),
        scheme=scheme,
        host=exchange.host,
        port=exchange.port,
        target=data.path.decode("latin-1"),
        headers=headers.latin(headers.end_to_end(data.headers.fields, http2=http2)),
        body=data.content or b"",
    )


def forwarded(flow: http.HTTPFlow) -> http.Request:
    """The request as it goes upstream when nothing about it has to change."""
    data = flow.request.data
    http2 = flow.request.is_http2
    fields = tuple(headers.upstream(headers.end_to_end(data.headers.fields, http2=http2)))
    return _request(flow, data.method, data.path, data.http_version, data.authority if http2 else b"", fields)


def released(flow: http.HTTPFlow, exchange: Exchange, release: Release) -> http.Request:
    """Exactly the approved request, whatever the flow had."""
    fields = tuple(headers.upstream(headers.end_to_end(headers.raw(release.headers), http2=False)))
    if not any(name.lower() == b"host" for name, _ in fields):
        fields = ((b"Host", _host_header(exchange, flow.request.data.scheme)), *fields)
    version = b"HTTP/1.0" if flow.request.is_http10 else b"HTTP/1.1"
    request = _request(
        flow, release.method.encode("latin-1"), release.target.encode("latin-1"), version, b"", fields
    )
    return _with_body(request, release.body)


def _request(
    flow: http.HTTPFlow, method: bytes, path: bytes, version: bytes, authority: bytes, fields: headers.Raw
) -> http.Request:
    # A copy: the client's side of the connection still reads the one that came in. Not a new one either:
    # mitmproxy's constructor checks every field's type, for a tenth of all the time a request takes.
    request = copy.copy(flow.request)
    data = request.data = copy.copy(flow.request.data)
    data.method, data.path, data.http_version, data.authority = method, path, version, authority
    data.headers, data.trailers = http.Headers(fields), None
    return _with_body(request, data.content or b"")


def _with_body(request: http.Request, body: bytes) -> http.Request:
    request.data.content = body
    fields = tuple(field for field in request.data.headers.fields if field[0].lower() != b"content-length")
    if body or request.data.method not in BODILESS_METHODS:
        name = b"content-length" if request.is_http2 else b"Content-Length"
        fields = (*fields, (name, b"%d" % len(body)))
    request.data.headers.fields = fields
    return request


def _host_header(exchange: Exchange, scheme: bytes) -> bytes:
    host = f"[{exchange.host}]" if ":" in exchange.host else exchange.host
    default = DEFAULT_PORT.get(scheme.decode("latin-1"))
    return (host if exchange.port == default else f"{host}:{exchange.port}").encode("ascii")


def response_from(answer: Answer, method: str, *, close: bool = False) -> http.Response:
    """An answer of the gateway's own, with its length; `close` where the rest of the request is not read."""
    dropped = (b"content-length", b"transfer-encoding", b"connection")
    fields = [field for field in headers.raw(answer.headers) if field[0].lower() not in dropped]
    if answer.status not in BODILESS_STATUS:
        fields.append((b"Content-Length", b"%d" % len(answer.body)))
    if close:
        fields.append((b"Connection", b"close"))
    silent = method == "HEAD" or answer.status in BODILESS_STATUS
    phrase = answer.reason_phrase or status_codes.RESPONSES.get(answer.status, "")
    now = time.time()
    return http.Response(
        http_version=b"HTTP/1.1",
        status_code=answer.status,
        reason=phrase.encode("latin-1", "replace"),
        headers=http.Headers(fields),
        content=b"" if silent else answer.body,
        trailers=None,
        timestamp_start=now,
        timestamp_end=now,
    )
