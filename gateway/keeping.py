"""Async questions: 202 now and the request kept; later its answer, once, for whoever has the secret."""

import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from gateway.audit import Kind
from gateway.board import Board
from gateway.canonical import sha256
from gateway.endings import ended
from gateway.envelopes import Envelope, State
from gateway.errors import About, Reason, Refusal
from gateway.gate import MAX_CARRIED, Answer, Carried
from gateway.kept import UpstreamAnswer, seal_request, unseal_answer
from gateway.keys import Keys
from gateway.model import Mode, Request
from gateway.payload import utc
from gateway.releasing import row_of
from gateway.store.contract import Done, Lost, Store
from gateway.store.things import Kept
from gateway.store.writes import Keep, TakeAnswer

INSIDE = "http://secondsig.internal"
SECRET_HEADER = "Secondsig-Envelope-Secret"  # noqa: S105  # a header's name, not a secret
COME_BACK = 5
"""Seconds after which it is worth asking for the answer again."""

JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
NO_RETRY = (("x-should-retry", "false"), ("Stripe-Should-Retry", "false"))


@dataclass
class Keeping:
    store: Store
    keys: Keys
    board: Board
    gateway: str

    async def keep(self, envelope: Envelope, request: Request, pages: str) -> Answer:
        """From here on the gateway sends this request itself, once people have approved it.

        The secret is told to the one connection whose request is kept. An identical request is told where
        the answer will be, and no secret.
        """
        secret = secrets.token_urlsafe(24)
        row = row_of(
            envelope,
            Kind.KEPT,
            decision="step_up",
            reason="kept",
            method=request.method,
            host=request.host,
        )
        sealed = seal_request(self.keys, envelope.id, request)
        match await self.store.apply(Keep(envelope.id, sealed, sha256(secret.encode())), [row]):
            case Done(envelope=Envelope() as kept):
                self.board.changed(kept)
                return self._accepted(kept, pages, secret)
            case Lost(why="exists", envelope=Envelope() as kept):
                return self._accepted(kept, pages, None)
            case Lost(envelope=Envelope() as over):
                raise ended(over)
            case _:
                raise ended(envelope)

    async def keeps(self, envelope: Envelope) -> bool:
        """Whether somebody was given a 202 for this already."""
        return envelope.mode == Mode.ASYNC and await self.store.kept(envelope.id) is not None

    async def check_not_kept(self, envelope: Envelope) -> None:
        """What is kept is sent by the gateway alone, not through a connection that waits for the same."""
        if await self.keeps(envelope):
            raise Refusal(
                Reason.DUPLICATE,
                "The gateway keeps this request for another connection and sends it itself once it is "
                "approved; its answer is fetched where that connection was told.",
                about=About(envelope.id, utc(envelope.expires_at)),
            )

    async def fetch(self, envelope: Envelope, request: Request) -> Answer:
        """The upstream's answer, once; before it is there 202 again; else the refusal that says why never."""
        given = request.header(SECRET_HEADER)
        if len(given) != 1 or not hmac.compare_digest(sha256(given[0].encode()), envelope.secret_hash):
            return _json(
                403,
                {"error": "secret", "detail": f"Send the secret that came with the 202 in {SECRET_HEADER}."},
            )
        kept = await self.store.kept(envelope.id)
        if kept is None:
            return _json(
                404, {"error": "absent", "detail": "No answer is kept of this request: send it again."}
            )
        if envelope.state in {State.PENDING, State.APPROVED, State.SPENT}:
            return _not_yet(envelope)
        if kept.answer is not None:
            return await self._take(envelope)
        if envelope.state is State.COMPLETED:
            return _gone(kept)
        raise ended(envelope)

    async def _take(self, envelope: Envelope) -> Answer:
        """The row that it was fetched is durable before a byte of it leaves."""
        row = row_of(envelope, Kind.KEPT, decision="step_up", reason="fetched", status=envelope.status)
        taken = await self.store.apply(TakeAnswer(envelope.id, self.store.now()), [row])
        if not isinstance(taken, Done) or taken.answer is None:
            return _gone(await self.store.kept(envelope.id))
        return _handed_on(unseal_answer(self.keys, envelope.id, taken.answer))

    def _accepted(self, envelope: Envelope, pages: str, secret: str | None) -> Answer:
        body = {
            **_about(envelope),
            "detail": "A person must approve this request. The gateway keeps it and sends it once it is "
            f"approved: do not send it again, and fetch the answer from location with {SECRET_HEADER}.",
            "approval_url": f"{pages}/approve/{envelope.id}",
            "status_url": f"{INSIDE}/v1/envelopes/{envelope.id}",
            "envelope_secret": secret,
        }
        answer = _accepted(envelope, body)
        return replace(answer, headers=(*answer.headers, ("Secondsig-Gateway", self.gateway)))


def location(envelope: str) -> str:
    return f"{INSIDE}/v1/envelopes/{envelope}/answer"


def _about(envelope: Envelope) -> dict[str, Any]:
    return {
        "envelope": envelope.id,
        "state": str(envelope.state),
        "location": location(envelope.id),
        "expires_at": utc(envelope.expires_at),
        "retry_after": COME_BACK,
    }


def _not_yet(envelope: Envelope) -> Answer:
    return _accepted(envelope, {**_about(envelope), "detail": "There is no answer yet: come back later."})


def _accepted(envelope: Envelope, body: dict[str, Any]) -> Answer:
    headers = (
        ("Location", location(envelope.id)),
        ("Retry-After", str(COME_BACK)),
        ("Secondsig-Envelope", envelope.id),
    )
    return _json(202, body, headers)


def _handed_on(carried: Carried) -> Answer:
    if carried.body is not None:
        return UpstreamAnswer(carried.status, carried.headers, carried.body)
    why = {
        "too_long": f"is longer than the {MAX_CARRIED} bytes that are kept",
        "broke_off": "broke off",
    }[carried.lost or "broke_off"]
    return _json(
        502,
        {
            "error": f"answer_{carried.lost}",
            "detail": f"The request was sent and answered with status {carried.status}, but the body "
            f"{why}, so it is not here: look at the destination what came of it, and do not send it again.",
            "status": carried.status,
            "headers": [list(pair) for pair in carried.headers],
        },
    )


def _gone(kept: Kept | None) -> Answer:
    """Told once, or erased: nobody gets it a second time."""
    fetched = kept is not None and kept.fetched_at is not None
    why = "was fetched already" if fetched else "is not kept any more"
    return _json(410, {"error": "fetched" if fetched else "erased", "detail": f"The answer {why}."})


def _json(code: int, body: dict[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(code, (*JSON, *NO_RETRY, *headers), json.dumps(body).encode() + b"\n")
