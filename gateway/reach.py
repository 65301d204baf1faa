"""Who is told of a question, over which channels, and whether anybody can be told at all."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.intent_risk import LEVELS
from gateway.settings import NotificationRule, Notifications, Quiet
from gateway.values import dataclass

type Belongs = Callable[[str, str], bool]
"""Whether a person is in a group."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What rules look at: the service and the groups of what is asked, its risk, and the time."""

    service: str
    groups: frozenset[str]
    risk: str
    at: int


@dataclass(frozen=True, slots=True)
class Told:
    """One person is told over one channel."""

    person: str
    channel: str


class Reach:
    """One of these serves the whole gateway; it knows which pages are open and what went out in vain."""

    def __init__(self) -> None:
        self.personal: dict[str, Callable[[str], bool]] = {}
        """Channels of people's own, by name, each with whom it reaches."""
        self._present: Counter[str] = Counter()
        self._in_vain: dict[str, frozenset[str]] = {}

    def told(
        self, settings: Notifications, topic: Topic, people: Iterable[str], belongs: Belongs
    ) -> tuple[Told, ...]:
        """Each of these people over each of their channels, once."""
        found: dict[Told, None] = {}
        for person in people:
            always = [name for name in self.personal if not _is_ruled(name, person, settings, belongs)]
            named = [*always, *channels_for(person, settings, topic, belongs)]
            found.update((Told(person, name), None) for name in named if self._has(name, person))
        return tuple(found)

    def _has(self, channel: str, person: str) -> bool:
        """A channel of people's own reaches those who have it."""
        return channel not in self.personal or self.personal[channel](person)

    def anybody(self, settings: Notifications, topic: Topic, people: Iterable[str], belongs: Belongs) -> bool:
        """Whether one of them can be told, or looks at a page; where no channel is set up, pages suffice."""
        if not settings.channels:
            return True
        asked = list(people)
        return any(map(self.is_present, asked)) or bool(self.told(settings, topic, asked, belongs))

    def is_present(self, person: str) -> bool:
        return self._present[person] > 0

    @contextmanager
    def page_of(self, person: str) -> Iterator[None]:
        """As long as this lasts, the person has a page open that shows what comes."""
        self._present[person] += 1
        try:
            yield
        finally:
            self._present[person] -= 1

    def gave_up(self, envelope: str, people: Iterable[str]) -> None:
        """Nobody of those who were to be told of it was."""
        self._in_vain[envelope] = frozenset(people)

    def reached(self, envelope: str) -> None:
        """Somebody was told after all, or it is over."""
        self._in_vain.pop(envelope, None)

    def is_in_vain(self, envelope: str) -> bool:
        """Everybody was to be told and nobody was; and none of them looks at a page."""
        people = self._in_vain.get(envelope)
        return people is not None and not any(map(self.is_present, people))


def channels_for(person: str, settings: Notifications, topic: Topic, belongs: Belongs) -> tuple[str, ...]:
    """By the rules; where there are none, every channel is for everybody."""
    if not settings.rules:
        return tuple(settings.channels)
    rules = [rule for rule in settings.rules if _holds(rule, person, topic, belongs)]
    return tuple(name for rule in rules for name in _now(rule, topic.at))


def _is_ruled(channel: str, person: str, settings: Notifications, belongs: Belongs) -> bool:
    """Whether rules for this person say when a channel of their own is used; else it always is."""
    return any(
        channel in rule.channels or (rule.quiet is not None and channel in rule.quiet.on_call)
        for rule in settings.rules
        if _is_for(rule, person, belongs)
    )


def _is_for(rule: NotificationRule, person: str, belongs: Belongs) -> bool:
    return rule.to is None or rule.to == person or belongs(person, rule.to)


def _holds(rule: NotificationRule, person: str, topic: Topic, belongs: Belongs) -> bool:
    return (
        _is_for(rule, person, belongs)
        and (rule.service is None or rule.service == topic.service)
        and (rule.group is None or rule.group in topic.groups)
        and _level(topic.risk) >= _level(rule.risk)
    )


def _level(risk: str) -> int:
    """What nobody knows is as bad as can be."""
    return LEVELS.index(risk) if risk in LEVELS else len(LEVELS)


def _now(rule: NotificationRule, at: int) -> tuple[str, ...]:
    return rule.quiet.on_call if rule.quiet is not None and is_quiet(rule.quiet, at) else rule.channels


def is_quiet(quiet: Quiet, at: int) -> bool:
    """By the clock on the wall of that zone; hours that pass midnight are one night."""
    there = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(quiet.zone))
    minute = 60 * there.hour + there.minute
    if quiet.start < quiet.end:
        return quiet.start <= minute < quiet.end
    return minute >= quiet.start or minute < quiet.end
