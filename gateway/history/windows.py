"""Counts over a stretch of time that ends now, and names with how often they came: both of bounded size."""

HOUR, DAY, MONTH = 3600, 86_400, 30 * 86_400
MINUTE, FIVE_MINUTES = 60, 300


class Window:
    """A sum over the last `span` seconds, in steps: what is added leaves up to a step late, never early."""

    __slots__ = ("_slots", "_span", "_step", "_total")

    def __init__(self, span: int, step: int) -> None:
        self._span, self._step = span, step
        self._slots: dict[int, int] = {}
        self._total = 0

    def add(self, at: int, count: int) -> None:
        slot = at - at % self._step
        if slot not in self._slots:
            late = self._slots and slot < next(reversed(self._slots))
            self._expire(at)
            self._slots[slot] = 0
            if late:
                self._slots = dict(sorted(self._slots.items()))
        self._slots[slot] += count
        self._total += count

    def take(self, at: int, count: int) -> None:
        """What was added then is given back, if the window has not left it behind already."""
        slot = at - at % self._step
        given = min(count, self._slots.get(slot, 0))
        if given:
            self._slots[slot] -= given
            self._total -= given

    def sum(self, now: int) -> int:
        self._expire(now)
        return self._total

    def since(self, then: int) -> int:
        """What came since a moment inside the window, in whole steps."""
        return sum(count for slot, count in self._slots.items() if slot + self._step > then)

    def _expire(self, now: int) -> None:
        ended = now - self._span - self._step
        while self._slots and (oldest := next(iter(self._slots))) <= ended:
            self._total -= self._slots.pop(oldest)


class Rolling:
    """The last hour and the last day of one count or sum."""

    __slots__ = ("day", "hour")

    def __init__(self) -> None:
        self.hour, self.day = Window(HOUR, MINUTE), Window(DAY, FIVE_MINUTES)

    def add(self, at: int, count: int = 1) -> None:
        self.hour.add(at, count)
        self.day.add(at, count)

    def take(self, at: int, count: int = 1) -> None:
        self.hour.take(at, count)
        self.day.take(at, count)


class Familiar:
    """How often each of at most `most` names came in the last 30 days.

    A name beyond them is not learned until an older one is forgotten: made-up names stay strange.
    """

    __slots__ = ("_days", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._days: dict[str, dict[int, int]] = {}

    def __len__(self) -> int:
        return len(self._days)

    def learn(self, name: str, at: int, count: int = 1) -> bool:
        """False where there was no room for a name that is new."""
        days = self._days.get(name)
        if days is None:
            if len(self._days) >= self._most:
                self._forget(at)
            if len(self._days) >= self._most:
                return False
            days = self._days[name] = {}
        day = at - at % DAY
        if day not in days:
            _drop_old(days, at)
            days[day] = 0
        days[day] += count
        return True

    def count(self, name: str, now: int) -> int:
        return sum(count for day, count in self._days.get(name, {}).items() if day > now - MONTH - DAY)

    def _forget(self, now: int) -> None:
        for name in [name for name in self._days if not self.count(name, now)]:
            del self._days[name]


def _drop_old(slots: dict[int, int], now: int) -> None:
    for slot in [slot for slot in slots if slot <= now - MONTH - DAY]:
        del slots[slot]


class Hours:
    """A count for each hour of the last 30 days."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}

    def add(self, at: int, count: int = 1) -> None:
        slot = at - at % HOUR
        if slot not in self._slots:
            _drop_old(self._slots, at)
            self._slots[slot] = 0
        self._slots[slot] += count

    def before(self, now: int) -> dict[int, int]:
        """Each hour that is over, by its start; the one that runs is no part of what is usual."""
        return {
            slot: n for slot, n in self._slots.items() if now - MONTH - DAY < slot <= now - now % HOUR - HOUR
        }


class Largest:
    """The largest of some numbers in the last 30 days."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, int] = {}

    def add(self, at: int, number: int) -> None:
        day = at - at % DAY
        if day not in self._days:
            _drop_old(self._days, at)
            self._days[day] = number
        self._days[day] = max(self._days[day], number)

    def of(self, now: int) -> int | None:
        """None before the first."""
        known = [number for day, number in self._days.items() if day > now - MONTH - DAY]
        return max(known) if known else None
