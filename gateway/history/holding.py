"""What a question to people reserves of its agent's sums while it is open."""

from dataclasses import dataclass

from gateway.store.things import Reserved


@dataclass(eq=False, slots=True)
class Held:
    """From the moment it was decided to ask; `envelope` once the question is open, `spent_at` once it went.

    `join` is what an identical retry has in common with it.
    """

    agent: str
    at: int
    reserved: Reserved
    envelope: str | None = None
    join: tuple[str, str] | None = None
    spent_at: int | None = None

    def of(self, purse: str) -> int:
        return sum(minor for name, minor in self.reserved.money if name == purse)
