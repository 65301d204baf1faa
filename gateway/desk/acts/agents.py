"""Agents, as people change them: everything that lets one do more than it does now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.rules import Rules
from gateway.store.contract import PauseAgent


@dataclass
class ResumeAgent:
    """Lets a paused agent go on; its denials are counted anew."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.rules(), self.directory, person)
        only(asked, "agent")
        name = text_of(asked, "agent")
        agent = self.directory.agents.get(name)
        if agent is None:
            raise DeskError(404, "absent", "There is no such agent.")
        if not agent.paused:
            raise DeskError(409, "changed", f"{name} is not paused.")
        return Plan(f"Let {name} go on.", {"agent": name, "paused": {"from": True, "to": False}})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name = plan.change["agent"]
        row = signed.row(Kind.AGENT, "resumed", agent=name, config_digest=self.rules().digest)
        done(await signed.apply(PauseAgent(name, paused=False, at=signed.at), [row]))
        await self.refreshed()
        return {"agent": name, "paused": False}
