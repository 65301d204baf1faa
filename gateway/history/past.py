"""What is remembered of one agent. Only what passed makes anything usual: asking for it does not."""

from collections.abc import Iterable, Iterator, Mapping

from gateway.history.holding import Reservations
from gateway.history.windows import DAY, FIVE_MINUTES, HOUR, MINUTE, Familiar, Hours, Largest, Rolling
from gateway.store.things import Reserved, Tally, What

MOST_ACTIONS, MOST_RESOURCES, MOST_CREDENTIALS, MOST_ADDRESSES, MOST_PURSES = 300, 500, 50, 100, 40
BEYOND = ""
"""The name under which actions and purses are counted together once there are too many to tell apart."""

STEPS: Mapping[What, int] = {
    "requests": FIVE_MINUTES,
    "action": FIVE_MINUTES,
    "paid": FIVE_MINUTES,
    "questions": MINUTE,
    "worked": HOUR,
    "asked": HOUR,
    "largest": DAY,
    "did": DAY,
    "touched": DAY,
    "used": DAY,
    "from": DAY,
}
"""How exactly the times of each kind are kept in the store."""


class Past:
    """Each method that remembers gives what the store is to remember with it."""

    __slots__ = (
        "_actions",
        "_largest",
        "_paid",
        "addresses",
        "asked",
        "credentials",
        "did",
        "held",
        "name",
        "questions",
        "requests",
        "resources",
        "worked",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests, self.questions = Rolling(), Rolling()
        self.worked, self.asked = Hours(), Hours()
        self.did, self.resources = Familiar(MOST_ACTIONS), Familiar(MOST_RESOURCES)
        self.credentials, self.addresses = Familiar(MOST_CREDENTIALS), Familiar(MOST_ADDRESSES)
        self._actions: dict[str, Rolling] = {}
        self._paid: dict[str, Rolling] = {}
        self._largest: dict[str, Largest] = {}
        self.held = Reservations()

    def action(self, name: str) -> Rolling:
        return self._actions.get(_known(name, self._actions, MOST_ACTIONS)) or Rolling()

    def paid(self, purse: str) -> Rolling:
        return self._paid.get(_known(purse, self._paid, MOST_PURSES)) or Rolling()

    def largest(self, purse: str) -> Largest:
        return self._largest.get(_known(purse, self._largest, MOST_PURSES)) or Largest()

    def came(self, actions: Iterable[str], now: int) -> Iterator[Tally]:
        """A request, whatever is decided about it."""
        self.requests.add(now)
        yield self._tally("requests", "", now)
        for action in actions:
            name = _known(action, self._actions, MOST_ACTIONS)
            self._actions.setdefault(name, Rolling()).add(now)
            yield self._tally("action", name, now)

    def passed(self, what: Reserved, now: int) -> Iterator[Tally]:
        """It went upstream, so it is a part of what this agent usually does."""
        agent, day = self.name, now - now % DAY
        self.worked.add(now)
        yield Tally(agent, "worked", "", now - now % HOUR, 1)
        for action in what.actions:
            if self.did.learn(action, now):
                yield Tally(agent, "did", action, day, 1)
        for resource in what.resources:
            if self.resources.learn(resource, now):
                yield Tally(agent, "touched", resource, day, 1)
        if self.credentials.learn(what.credential, now):
            yield Tally(agent, "used", what.credential, day, 1)
        if self.addresses.learn(what.address, now):
            yield Tally(agent, "from", what.address, day, 1)
        for purse, minor in what.money:
            name = _known(purse, self._largest, MOST_PURSES)
            self._largest.setdefault(name, Largest()).add(now, minor)
            yield self._tally("largest", name, now, minor)

    def spent(self, what: Reserved, now: int) -> Iterator[Tally]:
        """The store is told only of money that nobody was asked about: the rest is kept with its question."""
        for purse, minor in what.money:
            name = _known(purse, self._paid, MOST_PURSES)
            self._paid.setdefault(name, Rolling()).add(now, minor)
            yield self._tally("paid", name, now, minor)

    def returned(self, what: Reserved, at: int) -> None:
        """What was counted as spent then was not sent after all."""
        for purse, minor in what.money:
            self.paid(purse).take(at, minor)

    def opened(self, now: int) -> Iterator[Tally]:
        """A question to people that was counted when it was decided to ask."""
        self.asked.add(now)
        yield self._tally("questions", "", now)
        yield self._tally("asked", "", now)

    def recall(self, told: Tally) -> None:
        """What the store remembered. Of a step nobody knows which moment it was: it was the last one."""
        what, name, at = told.what, told.name, told.slot + STEPS[told.what] - 1
        if what in {"did", "touched", "used", "from"}:
            self._names(what).learn(name, at, told.number)
        elif what == "action":
            self._actions.setdefault(name, Rolling()).add(at, told.number)
        elif what == "paid":
            self._paid.setdefault(name, Rolling()).add(at, told.number)
        elif what == "largest":
            self._largest.setdefault(name, Largest()).add(at, told.number)
        else:
            self._counts(what).add(at, told.number)

    def _names(self, what: What) -> Familiar:
        known = {"did": self.did, "touched": self.resources, "used": self.credentials, "from": self.addresses}
        return known[what]

    def _counts(self, what: What) -> Rolling | Hours:
        known: Mapping[What, Rolling | Hours] = {
            "requests": self.requests,
            "questions": self.questions,
            "worked": self.worked,
            "asked": self.asked,
        }
        return known[what]

    def _tally(self, what: What, name: str, now: int, count: int = 1) -> Tally:
        return Tally(self.name, what, name, now - now % STEPS[what], count)


def _known(name: str, among: Mapping[str, object], most: int) -> str:
    """Those beyond the bound share one count: it is too high for each of them, never too low."""
    return name if name in among or len(among) < most else BEYOND
