"""The channels on the pages: what went out over them, and a message to try one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.desk.contract import DeskError, Session
from gateway.directory import Directory
from gateway.errors import UsageError
from gateway.payload import utc
from gateway.rules import Rules, is_administrator
from gateway.store.contract import Store
from gateway.store.things import Delivery
from gateway.store.writes import SawPage

SHOWN = 100


class Tries(Protocol):
    """Whoever sends messages."""

    async def test(self, name: str) -> dict[str, Any]: ...

    def tested(self) -> Mapping[str, Delivery]:
        """The last test of each channel since the start."""
        ...


@dataclass
class Notifying:
    store: Store
    directory: Directory
    rules: Callable[[], Rules]
    tries: Tries

    async def view(self, session: Session) -> dict[str, Any]:
        """For administrators: who is told over what says much about people."""
        self._check(session)
        last = {**await self.store.last_deliveries()}
        for name, tested in self.tries.tested().items():
            if name not in last or last[name].at <= tested.at:
                last[name] = tested
        settings = self.rules().settings.notifications
        return {
            "channels": [
                {
                    "name": name,
                    "kind": channel.kind,
                    "address_masked": channel.masked,
                    "last": _last(last.get(name)),
                }
                for name, channel in settings.channels.items()
            ],
            "deliveries": [_delivery(one) for one in await self.store.deliveries(None, SHOWN)],
            "server_time": utc(self.store.now()),
        }

    async def test(self, session: Session, channel: str) -> dict[str, Any]:
        self._check(session)
        try:
            return await self.tries.test(channel)
        except UsageError as error:
            raise DeskError(404, "absent", str(error)) from error

    async def saw(self, session: Session, envelope_id: str) -> None:
        """Who opened the page was told, however they came there."""
        await self.store.apply(SawPage(envelope_id, session.person, self.store.now()))

    def _check(self, session: Session) -> None:
        if not is_administrator(self.rules(), self.directory, session.person):
            raise DeskError(403, "not_allowed", "Only an administrator sees how people are told.")


def _last(one: Delivery | None) -> dict[str, Any] | None:
    return {"state": one.state, "at": utc(one.at), "error": one.error} if one else None


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "envelope": one.envelope,
        "kind": one.kind,
        "channel": one.channel,
        "person": one.person,
        "state": one.state,
        "at": utc(one.at),
        "attempts": one.attempts,
        "error": one.error,
    }
