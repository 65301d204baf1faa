"""What is known of an agent at the moment of one of its requests: read when it is asked for, never before."""

from collections.abc import Callable, Mapping
from functools import cached_property

from gateway.envelopes import Envelope
from gateway.errors import Refusal
from gateway.history.holding import Held
from gateway.history.past import Past
from gateway.history.windows import DAY, HOUR
from gateway.intent_risk import LEVELS, Noticed, intent_risk, unread
from gateway.model import Mapped, Money, Request, Unit
from gateway.payload import Observed
from gateway.questions import Names, purpose
from gateway.store.things import Reserved
from gateway.values import dataclass

KNOWN_DAYS = 5
"""Days of work before any hour is unusual; an hour is usual once the agent has worked in it on USUAL_DAYS."""

USUAL_DAYS = 3
KNOWN_HOURS = 5
"""Hours of work before any rate is unusual."""

BURST, LEAST_BURST = 5, 30
"""So many times the usual requests an hour, and at least so many, are a burst."""

IN_10_MIN = 600
FLOOD, LEAST_FLOOD = 3, 5
"""So many times the questions of a usual hour within ten minutes, and at least so many, are a flood."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """An agent that asks people far more than it usually does."""

    in_10_min: int
    usual_per_hour: int


class Moment:
    """One request against its agent's past.

    By its names what was reserved for an identical one is not counted beside it. `spends` is the question
    that this request was asked about: then the past holds the request already.
    """

    def __init__(
        self,
        past: Past,
        request: Request,
        mapped: Mapped,
        what: Reserved,
        now: int,
        *,
        names: Callable[[], Names] | None = None,
        spends: Envelope | None = None,
    ) -> None:
        self.past, self.mapped, self.what, self.now = past, mapped, what, now
        self._request, self._names, self._spends = request, names, spends

    @cached_property
    def names(self) -> Names:
        """Raises Refusal where the body cannot be read in one way."""
        if self._names is None:
            raise TypeError("who spends what was asked before is not asked for names")
        return self._names()

    @cached_property
    def _mine(self) -> Held | None:
        """What was reserved for this very request before: left out of a sum to which it is added itself."""
        held = self.past.held
        if not held:
            return None
        if self._spends is not None:
            return held.named(self._spends.id)
        try:
            join = self.names.join
        except Refusal:
            return None
        return held.named(join)

    @property
    def _question(self) -> int:
        """The question that this request would be, if it is none yet."""
        return 0 if self._spends is not None or self._mine is not None else 1

    # What Cedar reads. ----------------------------------------------------------------------

    def recent(self, action: str) -> Mapping[str, int]:
        this = 0 if self._spends is not None else 1
        return _recent(self.past, action, self.now, this=this, question=self._question)

    def spent(self, unit: Unit) -> Mapping[str, int] | None:
        """With all that this request would spend and all that waits; None for a unit without money."""
        return _spent(self.past, unit, self.now, self.what.money, self._mine)

    def intent_risk(self) -> str:
        return self.risk[0]

    # What people read. ----------------------------------------------------------------------

    @cached_property
    def risk(self) -> tuple[str, tuple[str, ...]]:
        """Never below the level under which people were asked."""
        level, reasons = intent_risk(self.mapped, self.noticed)
        asked_as = self._spends.intent_risk if self._spends is not None else level
        return max(level, asked_as, key=LEVELS.index), reasons

    @cached_property
    def noticed(self) -> Noticed:
        return Noticed(
            no_purpose=purpose(self._request) is None,
            first=self.first,
            larger=self._is_larger(),
            odd_hour=self._is_odd_hour(),
            burst=self._is_burst(),
            path=unread(self.mapped, self._request.target),
        )

    @cached_property
    def first(self) -> frozenset[str]:
        """What nothing that passed in 30 days has in common with this request."""
        past, now, what = self.past, self.now, self.what
        if not len(past.did):
            return frozenset({"agent", "action", "resource", "credential", "address"})
        new = {
            "action": any(not past.did.count(action, now) for action in what.actions),
            "resource": any(not past.resources.count(resource, now) for resource in what.resources),
            "credential": not past.credentials.count(what.credential, now),
            "address": not past.addresses.count(what.address, now),
        }
        return frozenset(name for name, is_new in new.items() if is_new)

    @property
    def observed(self) -> Observed:
        return Observed(
            first_time=tuple(sorted(self.first)),
            address_requests_30_days=self.past.addresses.count(self.what.address, self.now),
            question_this_hour=self.past.questions.hour.sum(self.now) + self._question,
        )

    def _is_larger(self) -> bool:
        known = [(self.past.largest(purse).of(self.now), minor) for purse, minor in self.what.money]
        return any(largest is not None and minor > largest for largest, minor in known)

    def _is_odd_hour(self) -> bool:
        worked = self.past.worked.before(self.now)
        if len({slot // DAY for slot in worked}) < KNOWN_DAYS:
            return False
        return sum(1 for slot in worked if slot % DAY == self.now % DAY // HOUR * HOUR) < USUAL_DAYS

    def _is_burst(self) -> bool:
        worked = self.past.worked.before(self.now)
        if len(worked) < KNOWN_HOURS:
            return False
        usual = sum(worked.values()) / len(worked)
        return self.past.requests.hour.sum(self.now) >= max(LEAST_BURST, BURST * usual)


@dataclass(frozen=True, slots=True)
class Waited:
    """A question that waits against its agent's past, which holds it already; its risk is as it was asked."""

    past: Past
    envelope: Envelope
    mapped: Mapped
    now: int

    def intent_risk(self) -> str:
        return self.envelope.intent_risk

    def recent(self, action: str) -> Mapping[str, int]:
        return _recent(self.past, action, self.now, this=0, question=0)

    def spent(self, unit: Unit) -> Mapping[str, int] | None:
        mine = self.past.held.named(self.envelope.id)
        return _spent(self.past, unit, self.now, money_of(self.mapped), mine)


def _recent(past: Past, action: str, now: int, *, this: int, question: int) -> Mapping[str, int]:
    of_action = past.action(action)
    return {
        "requests_hour": past.requests.hour.sum(now) + this,
        "requests_day": past.requests.day.sum(now) + this,
        "action_hour": of_action.hour.sum(now) + this,
        "action_day": of_action.day.sum(now) + this,
        "questions_hour": past.questions.hour.sum(now) + question,
    }


def _spent(
    past: Past, unit: Unit, now: int, own: tuple[tuple[str, int], ...], mine: Held | None
) -> Mapping[str, int] | None:
    """What was paid, what is reserved by others, and what this request itself would pay."""
    money = unit.context.get("money")
    if not isinstance(money, Money):
        return None
    purse = purse_of(unit, money)
    paid = past.paid(purse)
    held = sum(held.of(purse) for held in past.held if held is not mine)
    this = held + sum(minor for name, minor in own if name == purse)
    return {"hour": paid.hour.sum(now) + this, "day": paid.day.sum(now) + this}


def unusual(past: Past, now: int) -> Unusual | None:
    """Far more questions in ten minutes than in one of its usual hours; None while nothing is usual yet."""
    worked = past.worked.before(now)
    if len(worked) < KNOWN_HOURS:
        return None
    asked = past.asked.before(now)
    usual = round(sum(asked.values()) / len(worked))
    count = past.questions.hour.since(now - IN_10_MIN)
    return Unusual(count, usual) if count >= max(LEAST_FLOOD, FLOOD * usual) else None


def purse_of(unit: Unit, money: Money) -> str:
    """Payments of one currency are one sum, and all other amounts of it another: a quote is no spending."""
    return f"{'payment' if 'payment' in unit.groups else 'other'} {money.currency}"


def money_of(mapped: Mapped) -> tuple[tuple[str, int], ...]:
    """What all units of a request carry together; a negative amount lowers nothing."""
    sums: dict[str, int] = {}
    for unit in mapped.units:
        money = unit.context.get("money")
        if isinstance(money, Money):
            purse = purse_of(unit, money)
            sums[purse] = sums.get(purse, 0) + max(0, money.minor)
    return tuple(sums.items())
