"""The gate decides: only what it forwards or releases goes upstream, and it hears how a release ended."""

from mitmproxy import http

from addons.close_bypasses import check_fields, check_line
from addons.identify_agent import credential
from gateway.errors import ambiguous
from gateway.gate import Answer, Forward, Gate, Release
from gateway.model import Caller
from gateway.proxy import headers
from gateway.proxy.exchange import Exchange, Tunnel, Tunnels, exchange_of
from gateway.proxy.messages import forwarded, released, request_from, response_from


class Enforce:
    def __init__(self, gate: Gate, tunnels: Tunnels) -> None:
        self._gate, self._tunnels = gate, tunnels

    def http_connect(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        caller, host, port = _caller(exchange), exchange.host, exchange.port
        untouched = not self._gate.internal(host) and self._gate.tunnel_untouched(host)
        if untouched:
            self._gate.destination(caller, "https", host, port)
            self._gate.tunnel_opened(caller, host, port)
        # A destination that is refused is told to the first request inside, where clients show the reason.
        proof = credential(flow.request)
        self._tunnels[flow.client_conn.id] = Tunnel(host, port, proof, caller, untouched)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        caller, host = _caller(exchange), exchange.host
        if not self._gate.internal(host):
            self._gate.destination(caller, flow.request.scheme, host, exchange.port)
        exchange.limit = self._gate.body_limit(caller, host)

    async def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if flow.request.trailers:
            raise ambiguous("Request trailers are refused: send everything in the head and the body.")
        verdict = await self._gate.decide(request_from(flow, exchange, _caller(exchange)), exchange.gone)
        if isinstance(verdict, Answer):
            flow.response = response_from(verdict, exchange.method)
            return
        if isinstance(verdict, Release):
            exchange.release = verdict
        if self._gate.internal(exchange.host):
            raise RuntimeError("the gate answers for its own host itself")
        if isinstance(verdict, Release):
            flow.request = released(flow, exchange, verdict)
            check_line(flow.request.data.method, flow.request.data.path)
            check_fields(flow.request.headers.fields)
        elif isinstance(verdict, Forward):
            flow.request = forwarded(flow)
        else:
            raise TypeError("the gate gave no verdict")
        exchange.cleared = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange, response = exchange_of(flow), flow.response
        if not exchange.sent or not response:
            return  # an answer of our own
        exchange.answered(response.status_code, headers.latin(response.headers.fields))
        response.headers.fields = headers.downstream(response.headers.fields)
        response.stream = exchange.hear if exchange.listening else True

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        exchange.heard()
        if flow.response and flow.response.trailers and exchange.sent:
            flow.response.trailers.fields = headers.downstream(flow.response.trailers.fields)

    def error(self, flow: http.HTTPFlow) -> None:
        exchange_of(flow).failed(flow.error.msg if flow.error else "")


def _caller(exchange: Exchange) -> Caller:
    if not exchange.caller:
        raise RuntimeError("the agent was not identified")
    return exchange.caller
