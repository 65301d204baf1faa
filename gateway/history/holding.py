"""What a question to people reserves of its agent's sums while it is open."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.store.things import Reserved


@dataclass(eq=False, slots=True)
class Held:
    """From the moment it was decided to ask; `spent_at` once it went.

    Once its question is open it has an `envelope`, and the `join` that identical retries have too.
    """

    agent: str
    at: int
    reserved: Reserved
    envelope: str | None = None
    join: tuple[str, str] | None = None
    spent_at: int | None = None

    def of(self, purse: str) -> int:
        return sum(minor for name, minor in self.reserved.money if name == purse)


class Reservations:
    """What is reserved of one agent's sums; those whose question is open are found by its names.

    An agent has one open question for one `join`: the database sees to it.
    """

    def __init__(self) -> None:
        self._all: dict[Held, None] = {}
        self._named: dict[str | tuple[str, str], Held] = {}

    def add(self, held: Held) -> None:
        self._all[held] = None
        for name in (held.envelope, held.join):
            if name is not None:
                self._named[name] = held

    def remove(self, held: Held) -> None:
        del self._all[held]
        for name in (held.envelope, held.join):
            if name is not None and self._named.get(name) is held:
                del self._named[name]

    def named(self, name: str | tuple[str, str]) -> Held | None:
        """By the envelope, or by what an identical retry has in common with it."""
        return self._named.get(name)

    def __contains__(self, held: Held) -> bool:
        return held in self._all

    def __iter__(self) -> Iterator[Held]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
