"""Every request has an agent: its own credential or its tunnel's proves it, asked again each time."""

from mitmproxy import http

from gateway.errors import Reason, Refusal
from gateway.gate import Gate
from gateway.model import Caller
from gateway.proxy.exchange import Tunnels, exchange_of
from gateway.proxy.places import Places

CREDENTIAL = "proxy-authorization"


class IdentifyAgent:
    def __init__(self, gate: Gate, tunnels: Tunnels, places: Places) -> None:
        self._gate, self._tunnels, self._places = gate, tunnels, places

    def http_connect(self, flow: http.HTTPFlow) -> None:
        exchange_of(flow).caller = self._identify(flow, credential(flow.request))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        proof = self._tunnels[flow.client_conn.id].credential if exchange.inside else credential(flow.request)
        exchange.caller = self._identify(flow, proof)

    def _identify(self, flow: http.HTTPFlow, proof: tuple[str, ...]) -> Caller:
        """Every request with a good credential also says whose the connection is."""
        caller = self._gate.identify(proof, peer(flow))
        if not self._places.take(flow.client_conn.id, caller.agent):
            raise Refusal(
                Reason.RATE_LIMITED,
                f"{self._places.share} connections of this agent are open: close some, and try again in 5 s. "
                "Nothing was sent.",
                retryable=True,
                retry_after=5,
            )
        return caller


def credential(request: http.Request) -> tuple[str, ...]:
    """The values of Proxy-Authorization, however many."""
    return tuple(request.headers.get_all(CREDENTIAL))


def peer(flow: http.HTTPFlow) -> str:
    return str(flow.client_conn.peername[0])
