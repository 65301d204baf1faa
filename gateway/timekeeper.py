"""Deadlines, also after a restart: what nobody decided is refused, what nobody used lapses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from gateway.audit import Kind, Row
from gateway.board import Board
from gateway.delegations import Delegation
from gateway.envelopes import Envelope, State, Step
from gateway.errors import StoreError
from gateway.releasing import row_of
from gateway.rules import Rules
from gateway.store.contract import Done, Store
from gateway.store.writes import EndDelegation, Escalate, Forget, Move, Shred

TICK = 0.25
SHRED_EVERY = 600

log = structlog.get_logger()


@dataclass
class Timekeeper:
    store: Store
    board: Board
    rules: Callable[[], Rules]
    tell: Callable[[Envelope], Awaitable[None]] | None = None
    """Tells whoever an escalation brought."""
    _live: set[str] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Until it is cancelled. A store that fails is tried again: time is never lost, only late."""
        shredded = 0
        while True:
            try:
                await self.tick()
                if self.store.now() - shredded >= SHRED_EVERY:
                    shredded = self.store.now()
                    kept = self.rules().settings.approvals.retention
                    await self.store.apply(Shred(shredded - kept, shredded))
                    await self.store.apply(Forget(shredded))
            except StoreError as error:
                log.error("timekeeper.failed", error=str(error))
            await asyncio.sleep(TICK)

    async def tick(self) -> None:
        for envelope in await self.store.overdue(self.store.now()):
            await self._end(envelope)
        await self._escalate()
        lent = await self.store.delegations()
        for each in lent:
            if each.is_over(self.store.now()):
                await self._end_delegation(each)
        self._tell_of_what_began(lent)

    def _tell_of_what_began(self, lent: Sequence[Delegation]) -> None:
        """Whoever signs for somebody from now on is told of what waits, and pages show them.

        What began when it was set was told then.
        """
        now = self.store.now()
        live = {each.id for each in lent if each.set_at < each.from_at and each.is_live(now)}
        if live - self._live:
            self.board.configured()
        self._live = live

    async def _escalate(self) -> None:
        """Whom policy lets sign by now is told by policy; the row and the pages say that it came to this."""
        now = self.store.now()
        for step in self.rules().settings.approvals.escalate:
            for envelope in await self.store.waiting_since(step.after, step.to, now):
                row = row_of(
                    envelope,
                    Kind.ESCALATION,
                    decision="step_up",
                    person="nobody",
                    decision_method="timeout",
                    config_digest=self.rules().digest,
                    detail=f"to {step.to}, {step.after} s after it was opened",
                )
                change = Escalate(envelope.id, step.after, step.to, now)
                if isinstance(await self.store.apply(change, [row]), Done):
                    if self.tell is not None:
                        await self.tell(envelope)
                    self.board.changed(envelope)

    async def _end_delegation(self, lent: Delegation) -> None:
        row = Row(Kind.DELEGATION, decision="ended", person=lent.person, decision_method="timeout")
        row = replace(row, detail=f"{lent.id}: {lent.delegate} no longer signs for {lent.person}")
        applied = await self.store.apply(EndDelegation(lent.id, self.store.now(), "ended"), [row])
        if isinstance(applied, Done):
            self.board.configured()

    async def _end(self, envelope: Envelope) -> None:
        now = self.store.now()
        if envelope.state is State.PENDING:
            row = row_of(
                envelope,
                Kind.END,
                decision="step_up",
                reason="approval_timeout",
                person="nobody",
                decision_method="timeout",
            )
            move = Move(envelope.id, envelope.version, Step.EXPIRE, now, by=None, method="timeout")
        else:
            row = row_of(
                envelope,
                Kind.END,
                decision="step_up",
                reason="lapsed",
                cosigner=envelope.cosigner,
                detail="approved, but not used in time",
            )
            move = Move(envelope.id, envelope.version, Step.LAPSE, now)
        applied = await self.store.apply(move, [row])
        if isinstance(applied, Done) and applied.envelope:
            self.board.changed(applied.envelope)


async def recover(store: Store) -> int:
    """After a crash: what was on its way then may have arrived. It is unknown, and never repeated by us."""
    interrupted = await store.envelopes([State.SPENT], 100_000)
    for envelope in interrupted:
        row = row_of(
            envelope,
            Kind.OUTCOME,
            decision="step_up",
            outcome="unknown",
            cosigner=envelope.cosigner,
            detail="the gateway stopped while this was on its way",
        )
        await store.apply(
            Move(envelope.id, envelope.version, Step.LOSE, store.now(), outcome="unknown"), [row]
        )
    return len(interrupted)
