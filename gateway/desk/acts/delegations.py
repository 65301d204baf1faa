"""“While I am away”: a person lets somebody else sign for them, for a time, with their own passkey on it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.audit import Kind
from gateway.board import Board
from gateway.delegations import LONGEST, Delegation
from gateway.desk.changing import Plan, Signed, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.payload import utc
from gateway.rules import Rules
from gateway.store.writes import SetDelegation
from gateway.templates.cedar_schema import GROUPS


@dataclass
class SetAway:
    """Lends the person's own right to approve; nobody can lend somebody else's."""

    directory: Directory
    rules: Callable[[], Rules]
    board: Board
    now: Callable[[], int]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "to", "from", "until", "service", "group")
        wanted = self._wanted(person, asked)
        begins = utc(wanted.from_at) if "from" in asked else None
        already = [
            f"{lent.delegate}: {lent.what}, until {utc(lent.until_at)}"
            for lent in self.directory.delegations
            if lent.person == person and not lent.is_over(self.now())
        ]
        says = (
            f"While {person} is away, {wanted.delegate} may approve {wanted.what}, "
            f"from {begins or 'the moment this is signed'} until {utc(wanted.until_at)}."
        )
        change = {
            "person": person,
            "to": wanted.delegate,
            "service": wanted.service,
            "group": wanted.action_group,
            "from": begins,
            "until": utc(wanted.until_at),
            "besides": already,
        }
        return Plan(says, change)

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        change = plan.change
        made = Delegation(
            make_id("del", secrets.token_bytes(ENTROPY_BYTES)),
            signed.person,
            change["to"],
            change["service"],
            change["group"],
            signed.at if change["from"] is None else moment(change["from"], "from"),
            moment(change["until"], "until"),
            signed.at,
        )
        row = signed.row(
            Kind.DELEGATION,
            "set",
            config_digest=self.rules().digest,
            detail=f"{made.id}: {made.delegate} may approve {made.what}, "
            f"from {utc(made.from_at)} until {utc(made.until_at)}",
        )
        done(await signed.apply(SetDelegation(made), [row]))
        await self.directory.refresh()
        self.board.configured()
        return {"id": made.id}

    def _wanted(self, person: str, asked: JsonObject) -> Delegation:
        """What is asked for, if it makes sense now; it has no name yet."""
        to, now = text_of(asked, "to"), self.now()
        if to == person:
            raise DeskError(400, "bad_request", "You cannot stand in for yourself: choose somebody else.")
        if not self.directory.has_passkey(to):
            raise DeskError(404, "absent", f"Nobody called {to} has a passkey here.")
        begins = moment(text_of(asked, "from"), "from") if "from" in asked else now
        ends = moment(text_of(asked, "until"), "until")
        if begins < now:
            raise DeskError(400, "bad_request", "The start has passed: leave it out to start when you sign.")
        if ends <= begins:
            raise DeskError(400, "bad_request", "The end has to come after the start.")
        if ends - begins > LONGEST:
            raise DeskError(400, "bad_request", "Nobody stands in for longer than 30 days: set a nearer end.")
        service, group = self._scope(asked)
        return Delegation("", person, to, service, group, begins, ends, now)

    def _scope(self, asked: JsonObject) -> tuple[str | None, str | None]:
        service = text_of(asked, "service") if "service" in asked else None
        group = text_of(asked, "group") if "group" in asked else None
        if service is not None and group is not None:
            raise DeskError(400, "bad_request", "Choose one service or one group, or neither.")
        if service is not None and service not in self.rules().library.services:
            raise DeskError(404, "absent", f"There is no service {service}.")
        if group is not None and group not in GROUPS:
            raise DeskError(404, "absent", f"There is no group {group}.")
        return service, group


def moment(text: str, name: str) -> int:
    """Seconds since the epoch of a time that is written in one way only."""
    try:
        at = int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        at = -1
    if at < 0 or utc(at) != text:
        raise DeskError(400, "bad_request", f"{name} has to be a time such as 2026-12-24T12:00:00Z.")
    return at
