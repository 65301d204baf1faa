"""What is kept and approved is sent by the gateway itself: once, under the rules of that moment."""

import asyncio
from dataclasses import dataclass, field, replace

import structlog

from gateway.board import Board
from gateway.directory import Directory
from gateway.envelopes import Envelope, State
from gateway.errors import Reason, Refusal, SecondsigError
from gateway.gate import Courier, Outcome, Release
from gateway.kept import seal_answer, unseal_request
from gateway.keys import Keys
from gateway.model import Request
from gateway.releasing import Releaser
from gateway.store.contract import Store

LOOK_EVERY = 0.25
TRY_AGAIN_AFTER = 10.0
"""Seconds until what could not be sent, not one byte of it, is tried again, while its approval lives."""

PASSES = frozenset({Reason.GATEWAY_UNAVAILABLE, Reason.LAPSED, Reason.DUPLICATE, Reason.CONFIG_CHANGED})
"""Refusals that pass by themselves, or that left the approval ended already."""

log = structlog.get_logger()


@dataclass
class Ended:
    """What the sink of a release heard: unknown until it was told better."""

    outcome: Outcome = "unknown"
    status: int | None = None
    detail: str = "the gateway failed while it was on its way"

    def __call__(self, outcome: Outcome, status: int | None, detail: str) -> None:
        self.outcome, self.status, self.detail = outcome, status, detail


@dataclass
class Sender:
    store: Store
    keys: Keys
    directory: Directory
    board: Board
    releaser: Releaser
    courier: Courier
    _sending: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until it is cancelled; what is on its way then is left to `settle`."""
        woken = asyncio.Event()
        listening = asyncio.create_task(self._listen(woken))
        try:
            while True:
                woken.clear()
                await self.tick()
                await _either(woken, LOOK_EVERY)
        finally:
            listening.cancel()

    async def settle(self) -> None:
        """Everything that was on its way has ended."""
        while self._sending:
            await asyncio.wait(list(self._sending.values()))

    async def _listen(self, woken: asyncio.Event) -> None:
        """An approval is seen at once; whoever misses one sees it at the next look."""
        while not self.board.stopping.is_set():
            async for change in self.board.watch(None):
                if change.state == State.APPROVED:
                    woken.set()

    async def tick(self) -> None:
        """Starts what is approved and kept, unless it is on its way or was tried just now."""
        try:
            due = await self.store.to_send()
        except SecondsigError as error:
            log.error("sender.failed", error=str(error))
            return
        now = asyncio.get_running_loop().time()
        approved = {envelope.id for envelope in due}
        self._not_before = {known: at for known, at in self._not_before.items() if known in approved}
        for envelope in due:
            if envelope.id not in self._sending and self._not_before.get(envelope.id, 0) <= now:
                self._start(envelope)

    def _start(self, envelope: Envelope) -> None:
        again = asyncio.get_running_loop().time() + TRY_AGAIN_AFTER
        self._not_before[envelope.id] = again
        task = asyncio.create_task(self._send(envelope))
        self._sending[envelope.id] = task
        task.add_done_callback(lambda _task: self._sending.pop(envelope.id, None))

    async def _send(self, envelope: Envelope) -> None:
        try:
            await self._release(envelope)
        except Refusal as refusal:
            log.warning("async.not_sent", envelope=envelope.id, why=refusal.detail)
            await self._give_up(envelope, refusal)
        except Exception:
            log.exception("async.failed", envelope=envelope.id)

    async def _release(self, envelope: Envelope) -> None:
        """The token first; then everything that a held request is asked; then one errand, and its outcome."""
        kept = await self.store.kept(envelope.id)
        if kept is None or kept.request is None:
            return
        request = unseal_request(self.keys, envelope.id, kept.request)
        self.directory.check_token(request.caller)
        sealed: list[bytes] = []
        release = await self.releaser.release(envelope, request, answer=lambda: sealed[0] if sealed else None)
        ended = Ended()
        try:
            sealed.extend(await self._carry(envelope, replace(release, done=ended), request))
        finally:
            release.done(ended.outcome, ended.status, ended.detail)

    async def _carry(self, envelope: Envelope, release: Release, request: Request) -> list[bytes]:
        carried = await self.courier.carry(release, request)
        return [] if carried is None else [seal_answer(self.keys, envelope.id, carried)]

    async def _give_up(self, envelope: Envelope, refusal: Refusal) -> None:
        """An agent that was stopped or lost its token has nothing sent later, also not when it is back."""
        if refusal.reason in PASSES:
            return
        try:
            await self.releaser.lapse(envelope, refusal.detail, str(refusal.reason))
        except SecondsigError as error:
            log.error("async.not_lapsed", envelope=envelope.id, error=str(error))


async def _either(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return
