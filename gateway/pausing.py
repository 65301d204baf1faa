"""An agent is stopped, by a person or by its own denials: nothing of it goes on or waits."""

from collections.abc import Awaitable, Callable

from gateway.audit import Kind, Row
from gateway.board import Board
from gateway.directory import Directory
from gateway.envelopes import DecisionMethod, Envelope, State, Step
from gateway.releasing import row_of
from gateway.rules import Rules
from gateway.store.contract import Done, Store
from gateway.store.writes import Move, PauseAgent
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class By:
    """Who stops or resumes, and how that is known."""

    who: str
    method: DecisionMethod
    credential_id: str | None = None


RATE_LIMIT = By("gateway", "rate_limit")
STOPPED = "Everything was stopped."


@dataclass
class Pausing:
    store: Store
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def pause(self, agent: str, by: By, why: str | None = None) -> list[str]:
        """The envelopes that were cancelled with it. What was approved is not spent while it is paused."""
        await self.stop(agent, by, why)
        return await self._cancel_waiting(agent, by)

    async def stop(self, agent: str, by: By, why: str | None = None) -> None:
        """Paused, with what waits left as it is."""
        await self._set(agent, by, why, paused=True)

    async def resume(self, agent: str, by: By) -> None:
        await self._set(agent, by, None, paused=False)

    async def after_denial(self, agent: str) -> bool:
        """Pauses an agent that was denied too many different things in a row."""
        most = self.rules().settings.limits.denials_in_a_row
        known = self.directory.agents.get(agent)
        if not most or known is None or known.paused:
            return False
        denied = await self.store.denials_in_a_row(agent)
        if denied < most:
            return False
        await self.pause(agent, RATE_LIMIT, f"denied {denied} times in a row")
        return True

    async def stop_all(self, by: By, why: str | None = None) -> dict[str, list[str]]:
        """The kill switch: every agent paused, everything that waits denied."""
        for name in list(self.directory.agents):
            await self.stop(name, by, why)
        denied: list[str] = []
        while waiting := await self.store.envelopes([State.PENDING], 1000):
            ended = [envelope.id for envelope in waiting if await self._deny(envelope, by)]
            denied.extend(ended)
        return {"paused": sorted(self.directory.agents), "denied": denied}

    async def _deny(self, envelope: Envelope, by: By) -> bool:
        row = row_of(
            envelope,
            Kind.END,
            decision="step_up",
            reason="stop_all",
            person=by.who,
            decision_method=by.method,
            credential_id=by.credential_id,
        )
        now = self.store.now()
        move = Move(envelope.id, envelope.version, Step.DENY, now, by.who, by.method, STOPPED)
        return await self._ended(move, row)

    async def _ended(self, move: Move, row: Row) -> bool:
        applied = await self.store.apply(move, [row])
        if isinstance(applied, Done) and applied.envelope is not None:
            self.board.changed(applied.envelope)
            return True
        return False

    async def _cancel_waiting(self, agent: str, by: By) -> list[str]:
        waiting = await self.store.envelopes([State.PENDING], 10_000)
        own = [envelope for envelope in waiting if envelope.agent == agent]
        return [envelope.id for envelope in own if await self._cancel(envelope, by)]

    async def _cancel(self, envelope: Envelope, by: By) -> bool:
        row = row_of(
            envelope,
            Kind.END,
            decision="step_up",
            reason="cancelled",
            person=by.who,
            decision_method=by.method,
            credential_id=by.credential_id,
            detail="the agent was paused",
        )
        move = Move(envelope.id, envelope.version, Step.CANCEL, self.store.now(), by.who, by.method)
        return await self._ended(move, row)

    async def _set(self, agent: str, by: By, why: str | None, *, paused: bool) -> None:
        row = Row(
            Kind.AGENT,
            decision="paused" if paused else "resumed",
            agent=agent,
            person=by.who if by.method != "operator" else None,
            decision_method=by.method,
            credential_id=by.credential_id,
            config_digest=self.rules().digest,
            detail=why,
        )
        await self.store.apply(PauseAgent(agent, paused, self.store.now()), [row])
        await self.refreshed()
