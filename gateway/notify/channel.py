"""What every channel is: it takes one message for one person, and says what came of it."""

from typing import Protocol

from gateway.notify.message import Message
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """Handed over to something that does not say whether it went on."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Whoever it was for, or their push service, said that it has it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not go; `reason` is a word or two without anything secret, `again` whether to try later."""

    reason: str
    again: bool


type Outcome = Sent | Accepted | Failed


class Channel(Protocol):
    """One destination of the operator's, told once for all; or, if `personal`, one of each person's own."""

    @property
    def personal(self) -> bool: ...

    @property
    def withdraws(self) -> bool:
        """Whether it can take back, or follow up, what it said, once that is decided."""
        ...

    async def send(self, message: Message, to: str) -> Outcome:
        """`to` is the person, where the channel is personal. Never raises for what a server does."""
        ...

    def has(self, person: str) -> bool:
        """Whether the person can be told over it: of a shared one always, whomever the rules name."""
        ...
