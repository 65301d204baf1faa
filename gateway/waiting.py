"""A request that needs a person: it opens a question or joins one, waits, and goes on or is told why not."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway import ucan
from gateway.audit import Kind, Row
from gateway.board import Board, Waiter
from gateway.canonical import sha256
from gateway.decoded import DecodedBody
from gateway.directory import Directory
from gateway.envelopes import Envelope, State
from gateway.errors import About, Reason, Refusal, StoreError
from gateway.gate import Release
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.intent_risk import intent_risk
from gateway.keys import Keys
from gateway.model import Decision, Mapped, Mode, Request
from gateway.payload import utc
from gateway.questions import (
    Digests,
    Entropy,
    how_to_ask,
    intent_key,
    join_key,
    join_scope,
    new_envelope,
    unnamed,
)
from gateway.releasing import Releaser
from gateway.rules import Rules, Stake, reachable
from gateway.store.contract import Done, Full, Joined, Lost, Open, Store

PATIENCE = {"python-httpx": 4, "python-httpx2": 4, "got": 25, "okhttp": 9, "axios": 50}
"""Seconds after which a client with this User-Agent gives up by default, less a second to answer in."""

DENIED_RETRY = "Do not send it again; ask your operator or change the request."


@dataclass
class Waiting:
    """Holds requests until people have decided. One of these serves the whole gateway."""

    store: Store
    keys: Keys
    directory: Directory
    board: Board
    releaser: Releaser
    gateway: str
    rp_id: str
    monotonic: Callable[[], float]

    async def step_up(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        body: DecodedBody,
        rules: Rules,
        gone: asyncio.Event,
    ) -> Release:
        """The release of exactly this request, or the refusal that explains itself."""
        await self._refuse_if_denied(request, mapped, rules)
        envelope, secret = await self._open_or_join(request, mapped, decision, body, rules)
        if envelope.state is State.PENDING and envelope.mode != Mode.HOLD:
            raise ask_again(envelope, secret)
        return await self._hold(envelope, request, mapped, rules, gone, secret)

    async def _refuse_if_denied(self, request: Request, mapped: Mapped, rules: Rules) -> None:
        """What was denied stays refused for a while, whatever header was changed."""
        now = self.store.now()
        deny_for = rules.settings.approvals.deny_for
        key = intent_key(request.caller.agent, mapped, self.keys, unnamed(request, mapped))
        denied = await self.store.denied_since(request.caller.agent, key, now - deny_for)
        if denied is not None:
            again = max(1, (denied.decided_at or now) + deny_for - now)
            raise denial(denied, retry_after=again)

    async def _open_or_join(
        self, request: Request, mapped: Mapped, decision: Decision, body: DecodedBody, rules: Rules
    ) -> tuple[Envelope, str | None]:
        """Identical requests meet in one envelope: the database decides which of them opened it."""
        live = await self.store.live_envelope(
            request.caller.agent,
            join_key(request, mapped, body, self.keys),
            join_scope(request, rules.settings),
        )
        self._check_cosigner(request, live)
        if live is not None:
            return live, None
        self._check_reachable(request, mapped, decision, rules)
        secret = secrets.token_urlsafe(24)
        envelope = self._new(request, mapped, decision, body, rules, secret)
        applied = await self.store.apply(
            Open(envelope, rules.settings.limits.questions),
            [_opened(envelope, request, decision, rules)],
        )
        match applied:
            case Done():
                self.board.changed(envelope)
                return envelope, secret
            case Joined(existing):
                return existing, None
            case Lost(full=full):
                raise too_many(full)

    def _check_reachable(self, request: Request, mapped: Mapped, decision: Decision, rules: Rules) -> None:
        risk, _ = intent_risk(mapped)
        stake = Stake(request.caller.agent, mapped, decision.quorum, self.store.now(), risk)
        ttl = how_to_ask(mapped.units, rules.settings).ttl
        if len(reachable(rules, self.directory, stake, ttl)) < decision.quorum:
            raise Refusal(
                Reason.NO_APPROVER_REACHABLE,
                "A person must approve this, and nobody who may is enrolled: ask your operator to enrol "
                "an approver. Nothing was sent.",
            )

    def _new(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        body: DecodedBody,
        rules: Rules,
        secret: str,
    ) -> Envelope:
        entropy = Entropy(
            make_id("env", secrets.token_bytes(ENTROPY_BYTES)),
            secrets.token_bytes(16),
            secrets.token_bytes(16),
            sha256(secret.encode()),
        )
        return new_envelope(
            request,
            mapped,
            decision,
            body,
            agent=self.directory.agents[request.caller.agent],
            gateway=self.gateway,
            rp_id=self.rp_id,
            settings=rules.settings,
            digests=Digests(rules.policy.digest, rules.digest),
            keys=self.keys,
            entropy=entropy,
            now=self.store.now(),
        )

    def _check_cosigner(self, request: Request, live: Envelope | None) -> None:
        """An agent that brings a cosigner must bring the one of this very question; else nobody is asked."""
        brought = request.header("Secondsig-Cosigner")
        if not brought:
            return
        try:
            tokens = ucan.from_container(brought[0])
        except ucan.UcanError:
            tokens = []
        if (
            len(brought) != 1
            or len(tokens) != 1
            or live is None
            or live.state is not State.APPROVED
            or ucan.cid(tokens[0]) != live.cosigner
        ):
            raise Refusal(
                Reason.COSIGNER_INVALID,
                "The cosigner in Secondsig-Cosigner is not the one minted for exactly this request; leave "
                "the header out and send the request again.",
                about=About(live.id) if live else None,
            )

    async def _hold(
        self,
        envelope: Envelope,
        request: Request,
        mapped: Mapped,
        rules: Rules,
        gone: asyncio.Event,
        secret: str | None,
    ) -> Release:
        waiter = self.board.join(envelope.id)
        deadline = self.monotonic() + hold_for(envelope, request, mapped, rules, self.store.now())
        try:
            while True:
                waiter.woken.clear()
                current = await self.store.envelope(envelope.id)
                if current is None:
                    raise StoreError(f"{envelope.id} is not in the store any more")
                verdict = await self._verdict(current, request, waiter, gone)
                if verdict is not None:
                    return verdict
                if not await self._sleep(waiter, gone, deadline):
                    raise ask_again(current, secret)
        finally:
            self.board.leave(waiter)

    async def _verdict(
        self, envelope: Envelope, request: Request, waiter: Waiter, gone: asyncio.Event
    ) -> Release | None:
        """None while it is still open; of several that wait for it the newest goes."""
        if gone.is_set():
            raise Refusal(Reason.CANCELLED, "The client left before the decision.", about=About(envelope.id))
        if self.board.stopping.is_set():
            raise stopping(envelope)
        if envelope.state is State.PENDING:
            return None
        if envelope.state is not State.APPROVED:
            raise ended(envelope)
        if not self.board.is_newest(waiter):
            raise Refusal(
                Reason.DUPLICATE,
                "A newer connection sent the same request and gets its answer; this one is closed.",
                about=About(envelope.id),
            )
        return await self.releaser.release(envelope, request)

    async def _sleep(self, waiter: Waiter, gone: asyncio.Event, deadline: float) -> bool:
        """True when something happened, False when the hold is over."""
        left = deadline - self.monotonic()
        if left <= 0:
            return False
        tasks = [asyncio.ensure_future(event.wait()) for event in (waiter.woken, gone)]
        try:
            done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        return bool(done) or self.board.stopping.is_set()


def hold_for(envelope: Envelope, request: Request, mapped: Mapped, rules: Rules, now: int) -> float:
    """Seconds that this connection may wait: the envelope's life, or what its client is known to bear."""
    life = max(0, envelope.expires_at - now) + 2
    named = [unit.approval.hold_for for unit in mapped.units if unit.approval.hold_for is not None]
    numbers = [seconds for seconds in named if isinstance(seconds, int)]
    wanted = min(numbers) if numbers else named[0] if named else rules.settings.approvals.hold_for
    if wanted == "auto":
        agent = " ".join(request.header("User-Agent")).lower()
        wanted = next((seconds for name, seconds in PATIENCE.items() if agent.startswith(name)), None)
    return min(life, wanted) if isinstance(wanted, int) else life


WHOSE = {"agent": "this agent's", "team": "its team's", "everybody": "all agents'"}
TOO_MANY = {
    "waiting": "requests wait for people already: wait until some are decided",
    "minute": "requests asked people within a minute: slow down",
    "hour": "requests asked people within an hour: slow down",
}


def too_many(full: Full | None) -> Refusal:
    """People are asked so much and no more; the agent is told when there is room again."""
    full = full or Full("agent", "waiting", 30)
    return Refusal(
        Reason.RATE_LIMITED,
        f"Too many of {WHOSE[full.who]} {TOO_MANY[full.what]}, and try again in {full.again} s. "
        "Nothing was sent.",
        retryable=True,
        retry_after=full.again,
    )


def ask_again(envelope: Envelope, secret: str | None) -> Refusal:
    """The question is open; the agent is told how to come back."""
    return Refusal(
        Reason.REQUIRES_STEP_UP,
        "A person must approve this exact request: send it again, unchanged, after the approval; an "
        "identical retry passes by itself, or waits.",
        retryable=True,
        retry_after=5,
        about=About(envelope.id, utc(envelope.expires_at), secret),
    )


def denial(envelope: Envelope, retry_after: int | None = None) -> Refusal:
    note = f" They wrote: “{envelope.note}”" if envelope.note else ""
    return Refusal(
        Reason.APPROVAL_DENIED,
        f"{envelope.decided_by or 'A person'} denied this request; nothing was sent.{note} {DENIED_RETRY}",
        retry_after=retry_after,
        about=About(envelope.id, utc(envelope.expires_at), note=envelope.note),
    )


def stopping(envelope: Envelope) -> Refusal:
    return Refusal(
        Reason.GATEWAY_UNAVAILABLE,
        "The gateway is restarting; the question to people stays open: send the same request again.",
        retryable=True,
        retry_after=5,
        about=About(envelope.id, utc(envelope.expires_at)),
    )


def ended(envelope: Envelope) -> Refusal:
    """Why an envelope that is over lets nothing through."""
    about = About(envelope.id, utc(envelope.expires_at), note=envelope.note)
    match envelope.state:
        case State.DENIED:
            return denial(envelope)
        case State.EXPIRED:
            return Refusal(
                Reason.APPROVAL_TIMEOUT,
                "Nobody approved this request in time, so it was refused; nothing was sent. Ask again only "
                "if it is still needed.",
                retryable=True,
                about=about,
            )
        case State.CANCELLED:
            return Refusal(
                Reason.CANCELLED, "An operator cancelled this request; nothing was sent.", about=about
            )
        case State.REVOKED:
            return Refusal(
                Reason.REVOKED,
                "The approval was withdrawn before it was used; nothing was sent.",
                about=about,
            )
        case State.LAPSED:
            return Refusal(
                Reason.LAPSED,
                "The approval was not used in time, or no longer holds.",
                retryable=True,
                about=about,
            )
        case _:
            return Refusal(
                Reason.DUPLICATE,
                "This request was approved once and has gone upstream through another connection.",
                about=about,
            )


def _opened(envelope: Envelope, request: Request, decision: Decision, rules: Rules) -> Row:
    why = decision.reasons[0] if decision.reasons else None
    return Row(
        Kind.DECISION,
        decision="step_up",
        reason=str(Reason.REQUIRES_STEP_UP),
        agent=envelope.agent,
        run=envelope.run,
        address=envelope.address,
        envelope=envelope.id,
        action=envelope.action,
        resource=envelope.resource,
        method=request.method,
        host=request.host,
        config_digest=rules.digest,
        detail=why.id if why else None,
    )
