"""A request that needs a person: it opens a question or joins one, waits, and goes on or is told why not."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway import ucan
from gateway.audit import Kind, Row
from gateway.backing import stake_of
from gateway.board import Board, Waiter
from gateway.canonical import sha256
from gateway.directory import Directory
from gateway.endings import denial, ended
from gateway.envelopes import MAX_HELD_TTL, Envelope, State
from gateway.errors import About, Reason, Refusal, StoreError
from gateway.facts import facts_of
from gateway.gate import Answer, Release
from gateway.glass import enough
from gateway.grants import grantable
from gateway.history import Asking
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.keeping import Keeping
from gateway.keys import Keys
from gateway.model import Decision, Mapped, Mode, Request
from gateway.payload import utc
from gateway.preferences import wanted_wait
from gateway.questions import (
    Digests,
    Entropy,
    Names,
    how_to_ask,
    new_envelope,
)
from gateway.reach import Reach
from gateway.releasing import Releaser
from gateway.rules import Rules, Stake, glass_breakers, reachable
from gateway.store.contract import Done, Full, Joined, Lost, Store
from gateway.store.things import Delivery
from gateway.store.writes import Open
from gateway.telling import may_be_told, to_tell

PATIENCE = {"python-httpx": 4, "python-httpx2": 4, "got": 25, "okhttp": 9, "axios": 50}
"""Seconds after which a client with this User-Agent gives up by default, less a second to answer in."""


@dataclass
class Waiting:
    """Holds requests until people have decided. One of these serves the whole gateway."""

    store: Store
    keys: Keys
    directory: Directory
    board: Board
    releaser: Releaser
    keeping: Keeping
    gateway: str
    rp_id: str
    monotonic: Callable[[], float]
    reach: Reach
    told: Callable[[tuple[Delivery, ...]], None]
    """Hears at once of the notifications that were queued with a question."""

    async def step_up(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        names: Names,
        rules: Rules,
        gone: asyncio.Event,
        asking: Asking,
    ) -> Release | Answer:
        """The release of exactly this request, a promise of its answer, or a refusal that explains itself."""
        wait = wanted_wait(request)
        asked = how_to_ask(mapped.units, rules.settings, prefers_async=wait is not None)
        envelope, secret = await self._open_or_join(request, mapped, decision, names, rules, asking)
        if asked.mode is Mode.ASYNC:
            return await self._promise(envelope, request, rules, gone, wait or 0)
        await self.keeping.check_not_kept(envelope)
        if asked.mode is Mode.REJECT and envelope.state is State.PENDING:
            raise ask_again(envelope, secret)
        seconds = hold_for(envelope, request, mapped, rules, self.store.now())
        release = await self._hold(envelope, request, gone, seconds)
        if release is None:
            raise ask_again(envelope, secret)
        return release

    async def _promise(
        self, envelope: Envelope, request: Request, rules: Rules, gone: asyncio.Event, wait: int
    ) -> Release | Answer:
        """Held as long as the agent would wait; then the gateway keeps it and says where to come back.

        Whoever leaves before that has nothing to come back with: then nothing is kept, and nothing sent.
        """
        if wait and not await self.keeping.keeps(envelope):
            release = await self._hold(envelope, request, gone, min(wait, MAX_HELD_TTL))
            if release is not None:
                return release
        return await self.keeping.keep(envelope, request, rules.settings.origin)

    async def _open_or_join(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        names: Names,
        rules: Rules,
        asking: Asking,
    ) -> tuple[Envelope, str | None]:
        """Identical requests meet in one envelope: the database decides which of them opened it."""
        live = await self._live(request, names, rules)
        self._check_cosigner(request, live)
        if live is not None:
            asking.joined()
            return live, None
        signers = self._check_reachable(request, mapped, decision, rules, asking.risk[0])
        secret = secrets.token_urlsafe(24)
        envelope = self._new(request, mapped, decision, names, rules, secret, asking)
        stake = stake_of(envelope, mapped, envelope.opened_at)
        tell = to_tell(self.reach, rules, self.directory, envelope.id, stake, signers)
        applied = await self.store.apply(
            Open(envelope, rules.settings.limits.questions, asking.reserved, tell),
            [_opened(envelope, request, decision, rules)],
        )
        match applied:
            case Done():
                asking.opened(envelope)
                self.board.changed(envelope)
                self.told(tell)
                return envelope, secret
            case Joined(existing):
                asking.joined()
                return existing, None
            case Lost(full=full):
                raise too_many(full)

    async def _live(self, request: Request, names: Names, rules: Rules) -> Envelope | None:
        """What is open for this very request. What was denied stays refused, whatever header changed."""
        now, agent = self.store.now(), request.caller.agent
        deny_for = rules.settings.approvals.deny_for
        before = await self.store.asked_before(agent, names.intent, now - deny_for, names.join)
        if before.denied is not None:
            again = max(1, (before.denied.decided_at or now) + deny_for - now)
            raise denial(before.denied, retry_after=again)
        return before.live

    def _check_reachable(
        self, request: Request, mapped: Mapped, decision: Decision, rules: Rules, risk: str
    ) -> list[str]:
        """Who may sign at once; a refusal where nobody may, or nobody can be told."""
        stake = Stake(request.caller.agent, mapped, decision.quorum, self.store.now(), risk)
        prefers_async = wanted_wait(request) is not None
        ttl = how_to_ask(mapped.units, rules.settings, prefers_async=prefers_async).ttl
        at_once, people = reachable(rules, self.directory, stake, ttl)
        if len(people) < decision.quorum and not self._glass_in_reach(request, stake, rules):
            raise Refusal(
                Reason.NO_APPROVER_REACHABLE,
                "A person must approve this, and nobody who may is enrolled: ask your operator to enrol "
                "an approver. Nothing was sent.",
            )
        if not may_be_told(self.reach, rules, self.directory, stake, people):
            raise Refusal(
                Reason.NO_APPROVER_REACHABLE,
                "A person must approve this, and nobody who may can be told of it now: ask your operator "
                "for a notification channel. Nothing was sent.",
            )
        return at_once

    def _glass_in_reach(self, request: Request, stake: Stake, rules: Rules) -> bool:
        """Those who may break glass are enrolled, and so many that policy would accept it from them."""
        breakers = len(glass_breakers(rules, self.directory, stake))
        facts = facts_of(request, stake.mapped, self.store.now())
        return any(
            enough(rules, stake.agent, stake.mapped, facts, people) for people in range(1, breakers + 1)
        )

    def _new(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        names: Names,
        rules: Rules,
        secret: str,
        asking: Asking,
    ) -> Envelope:
        entropy = Entropy(
            make_id("env", secrets.token_bytes(ENTROPY_BYTES)),
            secrets.token_bytes(16),
            secrets.token_bytes(16),
            sha256(secret.encode()),
        )
        facts = facts_of(request, mapped, self.store.now())
        envelope = new_envelope(
            request,
            mapped,
            decision,
            names,
            asking.risk,
            asking.observed,
            agent=self.directory.agents[request.caller.agent],
            gateway=self.gateway,
            rp_id=self.rp_id,
            settings=rules.settings,
            digests=Digests(rules.policy.digest, rules.digest),
            keys=self.keys,
            entropy=entropy,
            now=self.store.now(),
        )
        may = grantable(request.caller.agent, mapped, facts, decision.quorum, rules)
        return replace(envelope, grantable=may)

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
        gone: asyncio.Event,
        seconds: float,
    ) -> Release | None:
        """The release, or None when the seconds are over and nobody has decided."""
        waiter = self.board.join(envelope.id)
        deadline = self.monotonic() + seconds
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
                    return None
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
            if self.reach.is_in_vain(envelope.id):
                raise nobody_told(envelope)
            return None
        if envelope.state is not State.APPROVED:
            raise ended(envelope)
        if not self.board.is_newest(waiter):
            raise Refusal(
                Reason.DUPLICATE,
                "A newer connection sent the same request and gets its answer; this one is closed.",
                about=About(envelope.id),
            )
        await self.keeping.check_not_kept(envelope)
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
    life = min(max(0, envelope.expires_at - now), MAX_HELD_TTL) + 2
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


def nobody_told(envelope: Envelope) -> Refusal:
    """The question stays open, and the pages show it: what is over is only the wait."""
    return Refusal(
        Reason.NO_APPROVER_REACHABLE,
        "A person must approve this, and no notification reached anybody who may; the question stays open "
        "on the pages: tell a person, and send the same request again.",
        about=About(envelope.id, utc(envelope.expires_at)),
    )


def stopping(envelope: Envelope) -> Refusal:
    return Refusal(
        Reason.GATEWAY_UNAVAILABLE,
        "The gateway is restarting; the question to people stays open: send the same request again.",
        retryable=True,
        retry_after=5,
        about=About(envelope.id, utc(envelope.expires_at)),
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
