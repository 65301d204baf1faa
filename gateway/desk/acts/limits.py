"""Limits, as people set them: for a team, or for one agent over its team's."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.rules import Rules
from gateway.store.things import Holder
from gateway.store.writes import SetLimits

NAME = re.compile(r"[A-Za-z0-9_./:-]{1,64}")
MOST = 2**63 - 1
MAX_AT_ONCE = 50


@dataclass
class LimitsAct:
    """Exactly the limits that are listed change, tighter or looser; null inherits again."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.rules(), self.directory, person)
        only(asked, "kind", "name", "limits")
        holder = self._holder(asked)
        now = self.directory.limits.get(holder, {})
        wanted = _wanted(asked.get("limits"))
        changed = {name: value for name, value in wanted.items() if now.get(name) != value}
        if not changed:
            raise DeskError(409, "changed", "These are the limits already.")
        limits = {name: {"from": now.get(name), "to": value} for name, value in sorted(changed.items())}
        change = {"kind": holder.kind, "name": holder.name, "limits": limits}
        return Plan(f"Change limits of the {holder.kind} {holder.name}.", change)

    def _holder(self, asked: JsonObject) -> Holder:
        name = text_of(asked, "name", 64)
        agents = self.directory.agents
        if asked.get("kind") == "agent" and name in agents:
            return Holder("agent", name)
        if asked.get("kind") == "team" and name in {agent.team for agent in agents.values()}:
            return Holder("team", name)
        raise DeskError(404, "absent", "There is no such agent or team.")

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        holder = Holder(plan.change["kind"], plan.change["name"])
        values = tuple((name, value["to"]) for name, value in plan.change["limits"].items())
        told = ", ".join(
            f"{n}: {_said(v['from'])} to {_said(v['to'])}" for n, v in plan.change["limits"].items()
        )
        agent = holder.name if holder.kind == "agent" else None
        row = signed.row(Kind.CONFIG, "limits", agent=agent, detail=f"{holder.kind} {holder.name}: {told}")
        done(await signed.apply(SetLimits(holder, values), [row]))
        await self.refreshed()
        return {"kind": holder.kind, "name": holder.name, "limits": self.directory.limits.get(holder, {})}


def _wanted(asked: object) -> dict[str, int | None]:
    if not isinstance(asked, dict) or not 1 <= len(asked) <= MAX_AT_ONCE:
        raise DeskError(400, "bad_request", f"limits has to be an object of 1 to {MAX_AT_ONCE} limits.")
    for name, value in asked.items():
        number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
        if not NAME.fullmatch(name) or not (value is None or number):
            raise DeskError(
                400, "bad_request", f"{name[:64]} has to be a whole number from 0, or null to inherit again."
            )
    return asked


def _said(value: int | None) -> str:
    return "inherited" if value is None else str(value)
