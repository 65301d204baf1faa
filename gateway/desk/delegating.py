"""Who stands in for whom, as people see it, and how it ends before its time."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.audit import Kind, Row
from gateway.board import Board
from gateway.delegations import Delegation
from gateway.desk.contract import DeskError, JsonObject, Session
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.payload import utc
from gateway.rules import Rules, is_administrator
from gateway.store.contract import Done, Store
from gateway.store.writes import EndDelegation
from gateway.templates.cedar_schema import GROUPS


@dataclass
class Delegating:
    store: Store
    directory: Directory
    board: Board
    rules: Callable[[], Rules]

    def listed(self, session: Session) -> JsonObject:
        """What is set and not over, for everybody to see; and what this person could set."""
        now = self.store.now()
        lent = [one for one in self.directory.delegations if not one.is_over(now)]
        return {
            "delegations": [self._view(one, session.person, now) for one in lent],
            "people": [
                name
                for name in self.directory.people
                if name != session.person and self.directory.has_passkey(name)
            ],
            "services": sorted(self.rules().library.services),
            "groups": list(GROUPS),
            "server_time": utc(now),
        }

    def _view(self, lent: Delegation, person: str, now: int) -> JsonObject:
        return {
            "id": lent.id,
            "person": lent.person,
            "to": lent.delegate,
            "what": lent.what,
            "service": lent.service,
            "group": lent.action_group,
            "from": utc(lent.from_at),
            "until": utc(lent.until_at),
            "live": lent.is_live(now),
            "may_withdraw": self._may_withdraw(lent, person),
        }

    def _may_withdraw(self, lent: Delegation, person: str) -> bool:
        """Both whom it is about, and administrators: it can only make things safer."""
        return person in {lent.person, lent.delegate} or is_administrator(
            self.rules(), self.directory, person
        )

    async def withdraw(self, session: Session, delegation_id: str) -> JsonObject:
        """From here on it counts for nothing, also under signatures that were not used yet."""
        lent = next((one for one in self.directory.delegations if one.id == delegation_id), None)
        if lent is None:
            raise DeskError(404, "absent", "There is no such delegation, or it is over.")
        if not self._may_withdraw(lent, session.person):
            raise DeskError(403, "not_yours", "This is between two others: ask one of them.")
        row = Row(
            Kind.DELEGATION,
            decision="withdrawn",
            person=session.person,
            decision_method="session",
            credential_id=b64u(session.credential_id),
            detail=told(lent),
        )
        applied = await self.store.apply(EndDelegation(lent.id, self.store.now(), "withdrawn"), [row])
        await self.directory.refresh()
        self.board.configured()
        if not isinstance(applied, Done):
            raise DeskError(409, "changed", "It was over already.")
        return {"id": lent.id}


def told(lent: Delegation) -> str:
    return f"{lent.id}: {lent.delegate} for {lent.person}, {lent.what}"
