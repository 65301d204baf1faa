"""Every request has an agent: its own credential or its tunnel's proves it, asked again each time."""

from mitmproxy import http

from gateway.errors import Reason, Refusal
from gateway.gate import Gate
from gateway.proxy.exchange import Tunnels, exchange_of

CREDENTIAL = "proxy-authorization"


class IdentifyAgent:
    def __init__(self, gate: Gate, tunnels: Tunnels, most: int) -> None:
        """No agent has more than `most` tunnels at once."""
        self._gate, self._tunnels, self._most = gate, tunnels, most

    def http_connect(self, flow: http.HTTPFlow) -> None:
        caller = exchange_of(flow).caller = self._gate.identify(credential(flow.request), peer(flow))
        if sum(tunnel.caller.agent == caller.agent for tunnel in self._tunnels.values()) >= self._most:
            raise Refusal(
                Reason.RATE_LIMITED,
                f"{self._most} connections of this agent are open: close some, and try again in 5 s. "
                "Nothing was sent.",
                retryable=True,
                retry_after=5,
            )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        proof = self._tunnels[flow.client_conn.id].credential if exchange.inside else credential(flow.request)
        exchange.caller = self._gate.identify(proof, peer(flow))


def credential(request: http.Request) -> tuple[str, ...]:
    """The values of Proxy-Authorization, however many."""
    return tuple(request.headers.get_all(CREDENTIAL))


def peer(flow: http.HTTPFlow) -> str:
    return str(flow.client_conn.peername[0])
