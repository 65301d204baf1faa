"""A refusal becomes an answer, whatever else fails."""

import json
import logging

from mitmproxy import http

from gateway.errors import Reason, Refusal
from gateway.gate import Answer, Gate
from gateway.model import Caller
from gateway.proxy.exchange import KEY, Exchange
from gateway.proxy.messages import response_from

logger = logging.getLogger(__name__)

SEND_A_TOKEN = "Secondsig needs HTTPS_PROXY=http://agent:TOKEN@host:port"  # noqa: S105
CHALLENGE = ("Proxy-Authenticate", 'Basic realm="secondsig"')
UNAUTHENTICATED = 407


def unavailable(
    detail: str = "The gateway met a fault and refused; nothing was sent. Try again later.",
) -> Refusal:
    return Refusal(Reason.GATEWAY_UNAVAILABLE, detail, retryable=True)


class Refuser:
    """Asks the gate to record a refusal and put it into words; answers for itself where the gate cannot."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def response(
        self, refusal: Refusal, flow: http.HTTPFlow | None = None, *, close: bool = False
    ) -> http.Response:
        exchange = flow.metadata.get(KEY) if flow else None
        if isinstance(exchange, Exchange):
            answer = self._answer(exchange.caller, refusal, exchange.where, exchange.request_line)
            return response_from(answer, exchange.method, close=close)
        return response_from(self._answer(None, refusal, "", ""), "", close=close)

    def _answer(self, caller: Caller | None, refusal: Refusal, where: str, line: str) -> Answer:
        try:
            answer = self._gate.refused(caller, refusal, where, line)
        except Exception:
            logger.exception("the gate could not record a refusal")
            answer = _plain(refusal)
        return _challenged(answer) if answer.status == UNAUTHENTICATED else answer


def _challenged(answer: Answer) -> Answer:
    headers = answer.headers
    if not any(name.lower() == "proxy-authenticate" for name, _ in headers):
        headers = (*headers, CHALLENGE)
    return Answer(answer.status, headers, answer.body, answer.reason_phrase or SEND_A_TOKEN)


def _plain(refusal: Refusal) -> Answer:
    body = {"status": refusal.status, "reason": str(refusal.reason), "detail": refusal.detail}
    headers = (("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"))
    return Answer(refusal.status, headers, json.dumps(body).encode() + b"\n")
