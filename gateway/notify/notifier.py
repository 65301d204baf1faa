"""Sends what is queued: a few at a time over each channel, again where that helps, never twice at once."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from gateway.board import Board
from gateway.envelopes import Envelope, State
from gateway.errors import SecondsigError, UsageError
from gateway.notify.channel import Accepted, Channel, Failed, Outcome, Sent
from gateway.notify.message import Message, message_of, trial_message
from gateway.reach import Reach
from gateway.rules import Rules
from gateway.settings import Notifications
from gateway.store.contract import Store
from gateway.store.things import OVER, Delivery, DeliveryState
from gateway.store.writes import Conclude, Delivered

LOOK_EVERY = 1.0
AT_ONCE = 16
"""Messages that are on their way over one channel at the same time."""

REMEMBERED = 64
"""Questions that need not be read again for their message: those that have just been asked."""

READ = 2000
DECIDED = frozenset({State.APPROVED, State.DENIED, State.EXPIRED, State.CANCELLED})
BACKOFF = (1, 3, 10, 30, 60, 120, 300, 600)
"""Seconds until the next try; after the last of them it failed for good."""

A_DAY = 86_400

log = structlog.get_logger()

type Key = tuple[str, str, str, str]


@dataclass
class Notifier:
    """`made` builds the channels of these settings; those of people's own are put into `own`."""

    store: Store
    board: Board
    rules: Callable[[], Rules]
    reach: Reach
    made: Callable[[Notifications], dict[str, Channel]]
    own: dict[str, Channel] = field(default_factory=dict)
    _under: Notifications = field(default_factory=Notifications, init=False)
    _channels: dict[str, Channel] = field(default_factory=dict, init=False)
    _sending: dict[Key, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _tested: dict[str, Delivery] = field(default_factory=dict, init=False)
    _ended: list[str] = field(default_factory=list, init=False)
    _asked: dict[str, Envelope] = field(default_factory=dict, init=False)
    """What waits and was told by the board lately, until its first message went."""
    _left: set[str] = field(default_factory=set, init=False)
    """Channels where what was due may have been left: for want of room, or behind what is on its way."""
    _running: bool = field(default=False, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.board.listen(self._changed)

    def channels(self) -> Mapping[str, Channel]:
        """Those of the settings in force."""
        if self._is_changed():
            wanted = self.rules().settings.notifications
            self._under, self._channels = wanted, self.made(wanted)
        return {**self._channels, **self.own}

    def _is_changed(self) -> bool:
        return self.rules().settings.notifications is not self._under

    async def run(self) -> None:
        """Until it is cancelled. What was queued before a restart goes on, unless it is over."""
        await self._safely(self._resume())
        self._running = True
        try:
            while True:
                self._woken.clear()
                await self._safely(self.tick())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._woken.wait()
        finally:
            self._running = False

    def queued(self, deliveries: Iterable[Delivery]) -> None:
        """They stand in the store now, and go at once where nothing is looked for or was left before.

        Whoever asked is still in the middle of it: channels that are not made yet are left to the next look.
        """
        if not self._running:
            return
        if self._is_changed():
            self._woken.set()
            return
        for name, channel in self.channels().items():
            due = [one for one in deliveries if one.channel == name]
            if due and (name in self._left or not self._start_all(name, channel, due)):
                self._left.add(name)
                self._woken.set()

    async def settle(self) -> None:
        """Nothing is on its way any more. What was is tried again after the next start."""
        for task in list(self._sending.values()):
            task.cancel()
        if self._sending:
            await asyncio.wait(list(self._sending.values()))

    async def tick(self) -> None:
        """Starts what is due, as far as each channel has room."""
        if ended := tuple(self._ended):
            await self._conclude(ended)
            del self._ended[: len(ended)]
        for name, channel in self.channels().items():
            if room := self._room(name):
                busy = [key[0] for key in self._sending if key[1] == name]
                self._left.add(name)  # before anybody asks: a message may go meanwhile
                due = await self.store.deliveries_due(name, self.store.now(), room, busy)
                if self._start_all(name, channel, due) and self._room(name) and not busy:
                    self._left.discard(name)

    async def test(self, name: str) -> dict[str, Any]:
        """One message over one channel, at once; what came of it."""
        channel = self.channels().get(name)
        if channel is None or channel.personal:
            known = ", ".join(self._channels) or "none"
            raise UsageError(f"There is no channel {name}; those of secondsig.yaml are: {known}.")
        now, settings = self.store.now(), self.rules().settings
        message = trial_message(settings.name, origin=settings.origin, now=now)
        asked = Delivery("", "asked", name, "", now, now, now)
        state, error = told(await self._try(channel, message, asked))
        self._tested[name] = replace(asked, state=state, error=error, at=self.store.now(), attempts=1)
        return {"channel": name, "state": state, "error": error}

    def tested(self) -> Mapping[str, Delivery]:
        return self._tested

    def add_own(self, name: str, channel: Channel) -> None:
        """A channel of people's own: whoever has it is told over it, without a rule."""
        self.own[name] = channel
        self.reach.personal[name] = channel.has

    def _changed(self, envelope: Envelope) -> None:
        """Told of every change, before anybody acts on it: nothing is done here but remembered."""
        self._asked.pop(envelope.id, None)
        if envelope.state is State.PENDING:
            self._asked[envelope.id] = envelope
            if len(self._asked) > REMEMBERED:
                del self._asked[next(iter(self._asked))]
        if envelope.state in DECIDED:
            self._ended.append(envelope.id)
            self.reach.reached(envelope.id)
            self._woken.set()

    def _room(self, name: str) -> int:
        return max(0, AT_ONCE - sum(key[1] == name for key in self._sending))

    def _start_all(self, name: str, channel: Channel, due: Iterable[Delivery]) -> bool:
        """As far as there is room; whether nothing was left."""
        started, room = 0, self._room(name)
        messages = _together(due, channel)
        for key, group in messages.items():
            if started < room and key not in self._sending:
                self._start(key, channel, group)
                started += 1
        return started == len(messages)

    def _start(self, key: Key, channel: Channel, group: tuple[Delivery, ...]) -> None:
        task = asyncio.create_task(self._safely(self._send(channel, group)))
        self._sending[key] = task
        task.add_done_callback(lambda _task: self._finished(key))

    def _finished(self, key: Key) -> None:
        """There may be room now for what waited: for another question, or for the end of this one."""
        envelope, name, _, _ = key
        self._sending.pop(key, None)
        self._asked.pop(envelope, None)
        if name in self._left:
            self._woken.set()

    async def _send(self, channel: Channel, group: tuple[Delivery, ...]) -> None:
        first = group[0]
        envelope = self._asked.get(first.envelope) or await self.store.envelope(first.envelope)
        if envelope is None or (first.kind == "asked" and envelope.state is not State.PENDING):
            await self.store.apply(Delivered(group, "failed", self.store.now(), OVER))
            return
        settings = self.rules().settings
        message = message_of(
            envelope,
            first.kind,
            origin=settings.origin,
            now=self.store.now(),
            values=settings.notifications.values,
        )
        outcome = await self._try(channel, message, first)
        await self._note(envelope, group, outcome)

    async def _try(self, channel: Channel, message: Message, delivery: Delivery) -> Outcome:
        """A channel that breaks has failed, like one that says so."""
        try:
            outcome = await channel.send(message, delivery.person)
        except Exception as error:  # noqa: BLE001  # whatever it was: its words may hold an address
            outcome = Failed(type(error).__name__, again=False)
        if isinstance(outcome, Failed):
            log.warning(
                "notify.failed",
                channel=delivery.channel,
                envelope=delivery.envelope,
                why=outcome.reason,
                tries=delivery.attempts + 1,
            )
        return outcome

    async def _note(self, envelope: Envelope, group: tuple[Delivery, ...], outcome: Outcome) -> None:
        first, now = group[0], self.store.now()
        again = _again(first, outcome, now, envelope.expires_at)
        state, error = told(outcome)
        state = state if again is None else "queued"
        tried = Delivered(group, state, now, error, again)
        if isinstance(outcome, Failed):
            await self.store.apply(tried)
        else:
            self.store.delivered(tried)
        if first.kind == "asked":
            await self._after_asking(envelope.id, went=not isinstance(outcome, Failed), last=again is None)

    async def _after_asking(self, envelope_id: str, *, went: bool, last: bool) -> None:
        """It may have been decided while the message was on its way."""
        now = self._asked.get(envelope_id) or await self.store.envelope(envelope_id)
        if now is None or now.state is not State.PENDING:
            await self._conclude((envelope_id,))
        elif went:
            self.reach.reached(envelope_id)
        elif last:
            await self._check_in_vain(now)

    async def _check_in_vain(self, envelope: Envelope) -> None:
        """Once everything failed for good, whoever waits is told so, and need not wait for nothing."""
        asked = [one for one in await self.store.deliveries(envelope.id, READ) if one.kind == "asked"]
        if asked and all(one.state == "failed" for one in asked):
            self.reach.gave_up(envelope.id, {one.person for one in asked})
            self.board.wake(envelope.id)

    async def _conclude(self, envelopes: tuple[str, ...]) -> None:
        await self.store.apply(Conclude(self._withdrawing(), self.store.now(), envelopes))
        self._woken.set()

    async def _resume(self) -> None:
        """What was decided while nobody was told of it, and what had gone out in vain before."""
        now = self.store.now()
        await self.store.apply(Conclude(self._withdrawing(), now, None, now - A_DAY))
        for envelope in await self.store.envelopes([State.PENDING], 10_000):
            await self._check_in_vain(envelope)

    def _withdrawing(self) -> tuple[str, ...]:
        """The channels that can say that something was decided."""
        return tuple(name for name, channel in self.channels().items() if channel.withdraws)

    async def _safely(self, doing: Any) -> None:
        """A store that fails is tried again: a notification is late then, and not lost."""
        try:
            await doing
        except SecondsigError as error:
            log.error("notify.store_failed", error=str(error))
        except Exception as error:  # noqa: BLE001  # nothing stops the next message; a trace may hold an address
            log.error("notify.broke", error=type(error).__name__)


def told(outcome: Outcome) -> tuple[DeliveryState, str | None]:
    match outcome:
        case Sent():
            return "sent", None
        case Accepted():
            return "accepted", None
        case Failed(reason):
            return "failed", reason


def _again(delivery: Delivery, outcome: Outcome, now: int, expires_at: int) -> int | None:
    """When to try again; None where that helps nobody."""
    if not (isinstance(outcome, Failed) and outcome.again and delivery.attempts < len(BACKOFF)):
        return None
    at = now + BACKOFF[delivery.attempts]
    return at if delivery.kind != "asked" or at < expires_at else None


def _together(due: Iterable[Delivery], channel: Channel) -> dict[Key, tuple[Delivery, ...]]:
    """What one message tells: everybody's of a shared channel, each person's own of a personal one."""

    def key(one: Delivery) -> Key:
        return one.envelope, one.channel, one.kind, one.person if channel.personal else ""

    found: dict[Key, tuple[Delivery, ...]] = {}
    for one in due:
        found[key(one)] = (*found.get(key(one), ()), one)
    return found
