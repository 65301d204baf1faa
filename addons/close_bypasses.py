"""A request says one thing only: one destination, one method, one framing, one protocol."""

import re

from mitmproxy import http

from gateway.errors import ambiguous
from gateway.proxy.authority import is_address, parse_authority
from gateway.proxy.exchange import Exchange, Tunnels, exchange_of

METHOD = re.compile(rb"[A-Z][A-Z0-9_-]{0,31}")
TARGET = re.compile(rb'/[!-"$-~]*')
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-zA-Z-]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
OVERRIDES = frozenset(
    {b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-method"}
)
REWRITES = frozenset({b"x-original-url", b"x-rewrite-url"})
HOP_OPTIONS = frozenset({b"close", b"keep-alive", b"te", b"trailer", b"proxy-connection"})
DEFAULT_PORT = {"https": 443, "http": 80}
DESCRIBES_BODY = frozenset({b"content-type", b"content-encoding", b"transfer-encoding"})
RESERVED = (
    OVERRIDES
    | REWRITES
    | DESCRIBES_BODY
    | {
        b"content-length",
        b"host",
        b"authorization",
        b"cookie",
        b"connection",
        b"expect",
        b"upgrade",
    }
)
PREFACE = b"PRI"


class CloseBypasses:
    def __init__(self, tunnels: Tunnels) -> None:
        self._tunnels = tunnels

    def http_connect(self, flow: http.HTTPFlow) -> None:
        exchange, data = exchange_of(flow), flow.request.data
        check_fields(data.headers.fields)
        exchange.host, exchange.port = parse_authority(exchange.authority, DEFAULT_PORT["https"])
        check_host_headers(flow.request, exchange, needed=False, default_port=DEFAULT_PORT["https"])
        data.host, data.port = exchange.host, exchange.port
        if "transfer-encoding" in data.headers or data.headers.get("content-length", "0") != "0":
            raise ambiguous("CONNECT has no body.")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange, data = exchange_of(flow), flow.request.data
        over_h2 = flow.client_conn.alpn == b"h2"
        check_version(data.http_version, over_h2=over_h2)
        check_line(data.method, data.path)
        check_fields(data.headers.fields)
        check_framing(data.headers.fields)
        if exchange.inside:
            self._check_inside(flow, exchange)
        else:
            exchange.host, exchange.port = parse_authority(exchange.authority, DEFAULT_PORT[exchange.scheme])
        default_port = DEFAULT_PORT[flow.request.scheme]
        check_host_headers(flow.request, exchange, needed=not over_h2, default_port=default_port)
        data.host, data.port = exchange.host, exchange.port

    def _check_inside(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        tunnel = self._tunnels[flow.client_conn.id]
        exchange.host, exchange.port = tunnel.host, tunnel.port
        scheme = flow.request.scheme
        if exchange.scheme not in {"", scheme}:
            raise ambiguous("The request names another scheme than the one it came by.")
        if exchange.authority:
            named = parse_authority(exchange.authority, DEFAULT_PORT[scheme])
            if named != (tunnel.host, tunnel.port):
                raise ambiguous("The request names another host than its CONNECT did.")
        elif flow.request.is_http2 and "host" not in flow.request.headers:
            raise ambiguous("The request names no host.")
        if scheme == "https" and not _same_name(flow.client_conn.sni, tunnel.host):
            raise ambiguous("The TLS server name is not the host that CONNECT named.")


def _same_name(sni: str | None, host: str) -> bool:
    if sni is None:
        return is_address(host)
    return parse_authority(f"[{sni}]" if ":" in sni else sni, 443)[0] == host


def check_version(version: bytes, *, over_h2: bool) -> None:
    """What the line says is what the connection speaks: so nothing is read by other rules."""
    if version not in ({b"HTTP/2.0"} if over_h2 else {b"HTTP/1.0", b"HTTP/1.1"}):
        raise ambiguous("The request names a version of HTTP that its connection does not speak.")


def check_line(method: bytes, target: bytes) -> None:
    if not METHOD.fullmatch(method) or method == PREFACE:
        raise ambiguous("The method is not a word in capitals.")
    if not TARGET.fullmatch(target) and (method, target) != (b"OPTIONS", b"*"):
        raise ambiguous("The target is a path in visible ASCII without '#': percent-encode everything else.")


def check_fields(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    for name, value in fields:
        if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise ambiguous("A header has a line break or a control character in it.")
        low = name.lower()
        if b"_" in low and low.replace(b"_", b"-") in RESERVED:
            raise ambiguous("A header is spelled with an underscore, which some servers read as a dash.")
        if low in OVERRIDES:
            raise ambiguous("Method overrides are refused: send the request with the method you mean.")
        if low in REWRITES:
            raise ambiguous("Headers that rewrite the path are refused: send the path you mean.")
        if low in {b"upgrade", b"http2-settings"}:
            raise ambiguous("Protocol upgrades (WebSocket, h2c) do not pass the gateway.")
        if low == b"connection" and not options(value) <= HOP_OPTIONS:
            raise ambiguous("Connection names a header that belongs to the request.")
        if low == b"expect" and value.lower() != b"100-continue":
            raise ambiguous("Only 100-continue can be expected.")


def options(value: bytes) -> set[bytes]:
    return {part.strip().lower() for part in value.split(b",") if part.strip()}


def check_framing(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    seen: set[bytes] = set()
    for name, value in fields:
        low = name.lower()
        if low == b"transfer-encoding" and value.lower() != b"chunked":
            raise ambiguous("A request's body is sent plain or chunked, in no other transfer encoding.")
        if low in DESCRIBES_BODY:
            if low in seen:
                raise ambiguous("The body is described twice.")
            seen.add(low)


def check_host_headers(request: http.Request, exchange: Exchange, *, needed: bool, default_port: int) -> None:
    named = [parse_authority(value, default_port) for value in request.headers.get_all("host")]
    if len(named) > 1:
        raise ambiguous("The request has two Host headers.")
    if needed and not named:
        raise ambiguous("The request has no Host header.")
    if named and named[0] != (exchange.host, exchange.port):
        raise ambiguous("The Host header names another host than the request's destination.")
