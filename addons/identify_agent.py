"""Every request has an agent: its own credential or its tunnel's proves it, asked again each time."""

from mitmproxy import http

from gateway.gate import Gate
from gateway.proxy.exchange import Tunnels, exchange_of

CREDENTIAL = "proxy-authorization"


class IdentifyAgent:
    def __init__(self, gate: Gate, tunnels: Tunnels) -> None:
        self._gate, self._tunnels = gate, tunnels

    def http_connect(self, flow: http.HTTPFlow) -> None:
        exchange_of(flow).caller = self._gate.identify(credential(flow.request), peer(flow))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        proof = self._tunnels[flow.client_conn.id].credential if exchange.inside else credential(flow.request)
        exchange.caller = self._gate.identify(proof, peer(flow))


def credential(request: http.Request) -> tuple[str, ...]:
    """The values of Proxy-Authorization, however many."""
    return tuple(request.headers.get_all(CREDENTIAL))


def peer(flow: http.HTTPFlow) -> str:
    return str(flow.client_conn.peername[0])
