"""http://secondsig.internal: what an agent may ask the gateway about itself, through the proxy alone."""

import hmac
import json
from dataclasses import dataclass, replace
from typing import Any

from gateway import ucan
from gateway.audit import Kind
from gateway.board import Board
from gateway.canonical import sha256
from gateway.endings import ended, who_won
from gateway.envelopes import Envelope, State, Step
from gateway.gate import Answer
from gateway.ids import is_id
from gateway.keeping import SECRET_HEADER, Keeping
from gateway.kept import UpstreamAnswer
from gateway.model import Request
from gateway.payload import utc
from gateway.problems import ERRORS
from gateway.releasing import row_of
from gateway.store.contract import Done, Lost, Store
from gateway.store.writes import Move

ENVELOPES = "/v1/envelopes/"


@dataclass
class Inside:
    store: Store
    board: Board
    keeping: Keeping
    ca_pem: bytes
    gateway: str

    async def answer(self, request: Request) -> Answer:
        """Marked as the gateway's own, as no upstream's answer can be; also not one that was kept."""
        answer = await self._answer(request)
        if isinstance(answer, UpstreamAnswer):
            return answer
        return replace(answer, headers=(*answer.headers, ("Secondsig-Gateway", self.gateway)))

    async def _answer(self, request: Request) -> Answer:
        path = request.target.partition("?")[0]
        if (request.method, path) == ("GET", "/ca.pem"):
            return Answer(200, (("Content-Type", "application/x-pem-file"),), self.ca_pem)
        if (request.method, path) == ("GET", "/"):
            return _json(200, {"agent": request.caller.agent, "envelopes": ENVELOPES, "ca": "/ca.pem"})
        if path.startswith(ENVELOPES):
            return await self._envelope(request, path.removeprefix(ENVELOPES))
        return _not_here()

    async def _envelope(self, request: Request, rest: str) -> Answer:
        """An agent sees its own envelopes; another's are as absent as those that never were."""
        envelope_id, _, verb = rest.partition("/")
        envelope = await self.store.envelope(envelope_id) if is_id("env", envelope_id) else None
        if envelope is None or envelope.agent != request.caller.agent:
            return _not_here()
        if (request.method, verb) == ("GET", ""):
            return _json(200, status(envelope, self.store.now()))
        if (request.method, verb) == ("POST", "cancel"):
            return await self._cancel(request, envelope)
        if (request.method, verb) == ("GET", "answer"):
            return await self.keeping.fetch(envelope, request)
        return _not_here()

    async def _cancel(self, request: Request, envelope: Envelope) -> Answer:
        """Taking back one's own question needs the secret that only the asker was given."""
        given = request.header(SECRET_HEADER)
        if len(given) != 1 or not hmac.compare_digest(sha256(given[0].encode()), envelope.secret_hash):
            return _json(403, {"error": "secret", "detail": f"Send its secret in {SECRET_HEADER}."})
        if envelope.state is not State.PENDING:
            return _json(409, status(envelope, self.store.now()))
        row = row_of(envelope, Kind.END, decision="step_up", reason="cancelled", detail="by the agent itself")
        applied = await self.store.apply(
            Move(envelope.id, envelope.version, Step.CANCEL, self.store.now(), by=f"agent {envelope.agent}"),
            [row],
        )
        if not isinstance(applied, Done) or applied.envelope is None:
            won = applied.envelope if isinstance(applied, Lost) else None
            return _json(409, {"error": "decided", "detail": who_won(won or envelope, self.store.now())})
        self.board.changed(applied.envelope)
        return _json(200, status(applied.envelope, self.store.now()))


def status(envelope: Envelope, now: int) -> dict[str, Any]:
    """What the agent may know; the cosigner while it can be used."""
    usable = envelope.state is State.APPROVED and now < (envelope.cosigner_expires or 0)
    token = envelope.cosigner_token if usable else None
    return {
        "envelope": envelope.id,
        "state": str(envelope.state),
        "expires_at": utc(envelope.expires_at),
        "decided_at": utc(envelope.decided_at) if envelope.decided_at else None,
        "decision_method": envelope.decision_method,
        "error": why_not(envelope),
        "note": envelope.note,
        "outcome": envelope.outcome,
        "status": envelope.status,
        "cosigner": ucan.to_container([token]) if token else None,
        "cosigner_expires_at": utc(envelope.cosigner_expires)
        if token and envelope.cosigner_expires
        else None,
    }


def why_not(envelope: Envelope) -> str | None:
    """The `error` of the refusal that a request which waited for this got."""
    if envelope.state in {State.DENIED, State.EXPIRED}:
        return ERRORS[ended(envelope).reason]
    return None


def _json(code: int, body: dict[str, Any]) -> Answer:
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
    return Answer(code, headers, json.dumps(body).encode() + b"\n")


def _not_here() -> Answer:
    return _json(404, {"error": "absent", "detail": "There is nothing of yours here."})
