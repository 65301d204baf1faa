"""While somebody is away: who signs for them, from when to when, and what. A right is lent, not passed on."""

from typing import Any, Literal

from gateway.model import Mapped
from gateway.values import dataclass

LONGEST = 30 * 86_400
"""Seconds that one delegation may last."""

type EndedWhy = Literal["withdrawn", "ended", "revoked"]


@dataclass(frozen=True, slots=True)
class Delegation:
    """`person` is away and `delegate` signs for them, with a passkey of their own.

    Without a service and a group it is everything that the person may approve.
    """

    id: str
    person: str
    delegate: str
    service: str | None
    action_group: str | None
    from_at: int
    until_at: int
    set_at: int
    ended_at: int | None = None
    ended_why: EndedWhy | None = None

    def is_live(self, at: int) -> bool:
        return self.ended_at is None and self.from_at <= at < self.until_at

    def is_over(self, at: int) -> bool:
        return self.ended_at is not None or at >= self.until_at

    def covers(self, mapped: Mapped) -> bool:
        """Every unit of the request, or it covers none of it."""
        return all(
            self.service in {None, unit.service} and self.action_group in {None, unit.access, *unit.groups}
            for unit in mapped.units
        )

    @property
    def what(self) -> str:
        """In words, as the end of “may approve …”."""
        if self.service is not None:
            return f"whatever they may approve of {self.service}"
        if self.action_group is not None:
            return f"whatever they may approve in the group {self.action_group}"
        return "everything they may approve"


def rests_on(said: dict[str, Any]) -> str | None:
    """The delegation that a signed payload names; None where its signer has the right themself."""
    return said["for"]["delegation"] if "for" in said else None


def counts_for(said: dict[str, Any]) -> str:
    """Whose right a signed payload uses up: of one right a quorum counts one signature."""
    return str(said["for"]["person"] if "for" in said else said["approver"])
