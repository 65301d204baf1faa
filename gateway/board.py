"""Who waits for which envelope, and who watches: one place where a change is told to everybody."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import field

from gateway.envelopes import Envelope
from gateway.values import dataclass

REMEMBERED = 1000
"""Events that a page which lost its connection can still catch up on."""


@dataclass(eq=False)
class Waiter:
    """One held connection."""

    envelope: str
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Change:
    """Of an envelope; or of the configuration, and then without one."""

    id: int
    envelope: str | None
    state: str | None


class Board:
    def __init__(self, before: int = 0) -> None:
        """Counts changes from `before`; one that began later counts from higher, so no page mixes them up."""
        self._waiting: dict[str, list[Waiter]] = {}
        self._listeners: list[Callable[[Envelope], None]] = []
        self._watchers: set[asyncio.Queue[Change | None]] = set()
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)
        self._first = before
        self._last = before
        self.stopping = asyncio.Event()

    def join(self, envelope: str) -> Waiter:
        waiter = Waiter(envelope)
        waiters = self._waiting.setdefault(envelope, [])
        waiters.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Whoever waited before this one is the newest now."""
        waiters = self._waiting.get(waiter.envelope, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if waiters:
            waiters[-1].woken.set()
        else:
            self._waiting.pop(waiter.envelope, None)

    def is_newest(self, waiter: Waiter) -> bool:
        waiters = self._waiting.get(waiter.envelope)
        return waiters is not None and waiters[-1] is waiter

    def waiting(self, envelope: str) -> int:
        return len(self._waiting.get(envelope, ()))

    def listen(self, listener: Callable[[Envelope], None]) -> None:
        """Is told of every change of an envelope before anybody who waits for it goes on."""
        self._listeners.append(listener)

    def changed(self, envelope: Envelope) -> None:
        """Wakes everybody whom this concerns."""
        for listener in self._listeners:
            listener(envelope)
        for waiter in self._waiting.get(envelope.id, ()):
            waiter.woken.set()
        self._announce(envelope.id, str(envelope.state))

    def wake(self, envelope: str) -> None:
        """Whoever waits for it looks again, though nothing of it changed."""
        for waiter in self._waiting.get(envelope, ()):
            waiter.woken.set()

    def configured(self) -> None:
        """The configuration changed, or a change of it was refused: pages show it."""
        self._announce(None, None)

    def _announce(self, envelope: str | None, state: str | None) -> None:
        self._last += 1
        change = Change(self._last, envelope, state)
        self._recent.append(change)
        for watcher in self._watchers:
            _tell(watcher, change)

    @property
    def last(self) -> int:
        return self._last

    def remembers(self, after: int) -> bool:
        """Whether whoever saw this change last can be told of each that came after it."""
        oldest = self._recent[0].id - 1 if self._recent else self._first
        return oldest <= after <= self._last

    async def watch(self, after: int | None) -> AsyncIterator[Change]:
        """What came after that change, then what comes; ends when the gateway stops."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(2 * REMEMBERED)
        if after is not None:
            for change in self._recent:
                if change.id > after:
                    queue.put_nowait(change)
        if self.stopping.is_set():
            return
        self._watchers.add(queue)
        try:
            while (change_or_end := await queue.get()) is not None:
                yield change_or_end
        finally:
            self._watchers.discard(queue)

    def stop(self) -> None:
        """Ends every wait: held requests are refused, pages are let go."""
        self.stopping.set()
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.woken.set()
        for watcher in self._watchers:
            _tell(watcher, None)


def _tell(watcher: asyncio.Queue[Change | None], change: Change | None) -> None:
    """A watcher that does not keep up is let go: it comes back and says what it saw last."""
    if watcher.full():
        while not watcher.empty():
            watcher.get_nowait()
        change = None
    watcher.put_nowait(change)
