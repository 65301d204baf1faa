"""A channel that does what a test says, and keeps what it was given."""

import asyncio
from dataclasses import dataclass, field

from gateway.notify.channel import Accepted, Outcome
from gateway.notify.message import Message


@dataclass
class PlayedChannel:
    personal: bool = False
    withdraws: bool = True
    outcome: Outcome | Exception = field(default_factory=Accepted)
    owners: frozenset[str] = frozenset()
    sent: list[tuple[Message, str]] = field(default_factory=list)
    held: asyncio.Event | None = None
    most: int = 0
    open: int = 0

    def has(self, person: str) -> bool:
        return not self.personal or person in self.owners

    async def send(self, message: Message, to: str) -> Outcome:
        self.sent.append((message, to))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            if self.held is not None:
                await self.held.wait()
        finally:
            self.open -= 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    @property
    def kinds(self) -> list[str]:
        return [message.kind for message, _ in self.sent]
