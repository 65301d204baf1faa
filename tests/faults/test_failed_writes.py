"""Every write of the loop fails once, before it is done and after it is durable; then the gateway restarts.

Afterwards nothing was sent twice or without its row, nothing that was told to a person is lost, and every
envelope has an end.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.envelopes import COSIGNER_LIFE, ENDED, Envelope, State
from gateway.errors import Refusal, StoreError
from gateway.gate import Release
from gateway.model import Effect
from gateway.pausing import By
from gateway.timekeeper import Timekeeper
from tests.kit.stores import FailingStore
from tests.kit.world import DENY, World

PATIENCE = 0.3
"""Seconds that somebody waits for what may never come, since a write failed."""

pytestmark = pytest.mark.slow
EXPECTED = (StoreError, Refusal, DeskError)


class Loop:
    """One request of one agent, an upstream that counts, and people who are told what they did."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.store = FailingStore(self.world.sqlite)
        self.sent = 0
        self.unauthorised = 0
        self.gone = asyncio.Event()
        self.agent: asyncio.Task[None] | None = None
        self.outcome = "completed"
        self.told: list[Callable[[], Awaitable[bool]]] = []

    async def open(self) -> None:
        await self.world.open()
        await self.world.enrol("Noor")
        self.world.wire(self.store)
        await self.world.directory.refresh()

    def fail(self, turn: int, *, after: bool) -> None:
        """The write whose turn it is."""
        self.turn, self.store.after = turn, after
        self.store.fails = self._is_its_turn

    def _is_its_turn(self, _number: int, call: str) -> bool:
        if not call.startswith("apply"):
            return False
        self.turn -= 1
        return self.turn == -1

    def ask(self) -> None:
        self.agent = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        """As an SDK would: the same request again until there is an answer that says not to."""
        for _ in range(3):
            if self.world.policy.decision.effect is not Effect.STEP_UP:
                return
            try:
                release = await self.world.ask(gone=self.gone)
            except StoreError:
                continue
            except Refusal as refusal:
                if not refusal.retryable or self.gone.is_set():
                    return
                continue
            await self.send(release)
            return

    async def send(self, release: Release) -> None:
        rows = await self.world.said(envelope=release.id, kind="authorised")
        self.unauthorised += not rows
        if self.outcome == "not_sent":
            self.outcome = "completed"
            release.done("not_sent", None, "nobody listened")
        else:
            self.sent += 1
            release.done("completed", 200, "")

    async def question(self) -> Envelope:
        for _ in range(200):
            waiting = await self.world.sqlite.envelopes([State.PENDING])
            if waiting and self.world.board.waiting(waiting[0].id):
                return waiting[0]
            await asyncio.sleep(0.001)
        raise StoreError("nothing was asked, since its opening failed")

    async def approve(self, person: str = "Mika") -> Envelope:
        envelope = await self.question()
        signed = await self.world.approve(envelope.id, person)
        self.told.append(lambda: self._is_signed(envelope.id, person))
        return signed

    async def _is_signed(self, envelope: str, person: str) -> bool:
        rows = await self.world.said(envelope=envelope, kind="signature", person=person)
        return len(rows) == 1

    async def deny(self) -> None:
        envelope = await self.question()
        denied = await self.world.deciding.deny(self.world.session("Mika"), envelope.id, "No.")
        self.told.append(lambda: self._is(denied.id, State.DENIED))

    async def withdraw(self, envelope: Envelope) -> None:
        await self.world.deciding.withdraw(self.world.session("Mika"), envelope.id)
        self.told.append(lambda: self._has(envelope.id, "withdrawn"))

    async def _is(self, envelope: str, state: State) -> bool:
        found = await self.world.sqlite.envelope(envelope)
        return found is not None and found.state is state

    async def _has(self, envelope: str, reason: str) -> bool:
        return len(await self.world.said(envelope=envelope, reason=reason)) == 1

    async def leave(self) -> None:
        """The agent's client goes away."""
        self.gone.set()
        if self.agent:
            await asyncio.wait_for(asyncio.gather(self.agent, return_exceptions=True), 60)
        self.gone = asyncio.Event()

    async def leave_waiting(self) -> None:
        """It leaves before anybody decides, and its question stays open."""
        await self.leave()
        self.agent = None

    async def pass_time(self, seconds: int) -> None:
        self.world.time.advance(seconds)
        for _ in range(3):
            with contextlib.suppress(StoreError):
                await Timekeeper(self.world.store, self.world.board, self.world.rules).tick()
                return

    async def answered(self) -> None:
        """The agent has its answer, and its outcome is written."""
        if self.agent:
            await asyncio.wait_for(asyncio.shield(self.agent), PATIENCE)
        await self.world.releaser.settle()


async def approved_and_sent(loop: Loop) -> None:
    loop.ask()
    await loop.approve()
    await loop.answered()


async def two_people_sign(loop: Loop) -> None:
    loop.world.policy.decision = replace(loop.world.policy.decision, quorum=2)
    loop.ask()
    with contextlib.suppress(*EXPECTED):
        await loop.approve()
    await loop.approve("Noor")
    await loop.answered()


async def denied(loop: Loop) -> None:
    loop.ask()
    await loop.deny()
    await loop.answered()


async def nobody_decides(loop: Loop) -> None:
    loop.ask()
    await loop.question()
    await loop.pass_time(60)
    await loop.leave()


async def the_operator_cancels(loop: Loop) -> None:
    loop.ask()
    envelope = await loop.question()
    await loop.world.operating.envelope_cancel(envelope.id)
    loop.told.append(lambda: loop._is(envelope.id, State.CANCELLED))
    await loop.leave()


async def approved_and_not_used(loop: Loop) -> None:
    loop.ask()
    await loop.question()
    await loop.leave_waiting()
    await loop.world.approve((await loop.world.sqlite.envelopes([State.PENDING]))[0].id)
    await loop.pass_time(COSIGNER_LIFE)


async def policy_forbids_at_the_spend(loop: Loop) -> None:
    loop.ask()
    await loop.question()
    loop.world.policy.decision = DENY
    await loop.approve()
    await loop.answered()


async def withdrawn_before_the_quorum(loop: Loop) -> None:
    loop.world.policy.decision = replace(loop.world.policy.decision, quorum=2)
    loop.ask()
    await loop.withdraw(await loop.approve())
    await loop.leave()


async def withdrawn_after_the_approval(loop: Loop) -> None:
    loop.ask()
    await loop.question()
    await loop.leave_waiting()
    waiting = (await loop.world.sqlite.envelopes([State.PENDING]))[0]
    await loop.withdraw(await loop.world.approve(waiting.id))
    loop.ask()
    await asyncio.sleep(0.02)
    await loop.leave()


async def paused(loop: Loop) -> None:
    loop.ask()
    await loop.question()
    await loop.world.pausing.pause("ci-bot", By("operator", "operator"))
    await loop.leave()


async def nothing_was_sent_and_then_it_was(loop: Loop) -> None:
    loop.outcome = "not_sent"
    loop.ask()
    await loop.approve()
    await loop.answered()
    loop.ask()
    await loop.answered()


WALKS: list[Callable[[Loop], Awaitable[None]]] = [
    approved_and_sent,
    two_people_sign,
    denied,
    nobody_decides,
    the_operator_cancels,
    approved_and_not_used,
    policy_forbids_at_the_spend,
    withdrawn_before_the_quorum,
    withdrawn_after_the_approval,
    paused,
    nothing_was_sent_and_then_it_was,
]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Loop]:
    folder.mkdir()
    loop = Loop(folder)
    await loop.open()
    try:
        yield loop
    finally:
        loop.gone.set()
        await loop.world.close()


async def walked(walk: Callable[[Loop], Awaitable[None]], loop: Loop) -> None:
    """Whatever fails, everybody goes on as they would."""
    with contextlib.suppress(*EXPECTED, TimeoutError, IndexError):
        await walk(loop)
    await loop.leave()
    await asyncio.wait_for(loop.world.releaser.settle(), 60)


async def writes_of(walk: Callable[[Loop], Awaitable[None]], folder: Path) -> int:
    async with opened(folder) as loop:
        before = len(loop.store.calls)
        await walked(walk, loop)
        return sum(call.startswith("apply") for call in loop.store.calls[before:])


async def check(loop: Loop, *, restart: bool) -> None:
    """What must be true now, after a restart, and when all time is over."""
    for held in loop.told:
        assert await held(), "somebody was told of a decision that is lost"
    if restart:
        await loop.world.restart()
        for held in loop.told:
            assert await held(), "a restart lost a decision"
    loop.world.policy.decision = replace(DENY)
    await loop.pass_time(COSIGNER_LIFE + 60)
    left = [e for e in await loop.world.sqlite.envelopes(None, 1000) if e.state not in ENDED]
    assert left == [], "an envelope has no end"
    assert loop.sent <= 1
    assert loop.unauthorised == 0
    sent = await loop.world.said(kind="authorised")
    never = await loop.world.said(kind="outcome", outcome="not_sent")
    unknown = await loop.world.said(kind="outcome", outcome="unknown")
    assert len(sent) - len(never) - len(unknown) == loop.sent


@pytest.mark.parametrize("after", [False, True], ids=["failed", "failed-but-persisted"])
@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
async def test_whichever_write_fails_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path, walk: Callable[[Loop], Awaitable[None]], after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.releasing.RETRY_SECONDS", 0.001)
    count = await writes_of(walk, tmp_path / "whole")
    assert count > 1
    for turn in range(count):
        async with opened(tmp_path / f"turn {turn}") as loop:
            loop.fail(turn, after=after)
            await walked(walk, loop)
            assert loop.turn < 0, "the write that should have failed was never made"
            await check(loop, restart=True)


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
async def test_without_a_restart_every_envelope_has_its_end_as_well(
    tmp_path: Path, walk: Callable[[Loop], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.releasing.RETRY_SECONDS", 0.001)
    count = await writes_of(walk, tmp_path / "whole")
    for turn in range(count):
        async with opened(tmp_path / f"turn {turn}") as loop:
            loop.fail(turn, after=True)
            await walked(walk, loop)
            await check(loop, restart=False)
