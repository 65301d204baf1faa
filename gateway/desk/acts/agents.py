"""Agents, as people change them: everything that lets one do more than it does now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import MAX_NAME, Directory, how_to_connect, is_name, issue
from gateway.rules import Rules
from gateway.store.things import Agent
from gateway.store.writes import AddAgent as AddAgentToStore
from gateway.store.writes import AddToken, PauseAgent


@dataclass
class Known:
    """What every change of agents looks at."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    def check(self, person: str) -> None:
        check_administrator(self.rules(), self.directory, person)

    def agent(self, asked: JsonObject) -> Agent:
        agent = self.directory.agents.get(text_of(asked, "agent"))
        if agent is None:
            raise DeskError(404, "absent", "There is no such agent.")
        return agent


@dataclass
class AddAgent:
    """A new agent, and its token, which is told once."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        self.known.check(person)
        only(asked, "name", "team", "owner")
        name, team, owner = (_name(asked, key) for key in ("name", "team", "owner"))
        if name is None or not is_name(name) or not (team is None or is_name(team)):
            raise DeskError(
                400,
                "bad_name",
                f"An agent and a team have 1 to {MAX_NAME} letters, digits, dots, dashes or underscores.",
            )
        if name in self.known.directory.agents:
            raise DeskError(409, "name_taken", f"There is an agent {name} already.")
        if owner is not None and owner not in self.known.directory.people:
            raise DeskError(404, "absent", f"{owner} is not enrolled.")
        return Plan(f"Add the agent {name}.", {"agent": name, "team": team, "owner": owner})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name, team, owner = (plan.change[key] for key in ("agent", "team", "owner"))
        token, stored = issue(name, None, signed.at, None)
        agent = Agent(name, team, owner, paused=False, created_at=signed.at)
        row = signed.row(Kind.AGENT, "added", agent=name, detail=team)
        done(await signed.apply(AddAgentToStore(agent, stored), [row]))
        await self.known.refreshed()
        return {"agent": name, **how_to_connect(name, token, self.known.rules().settings)}


@dataclass
class RotateToken:
    """A new token in the place of every other one of an agent."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        self.known.check(person)
        only(asked, "agent")
        name = self.known.agent(asked).name
        return Plan(f"Give {name} a new token; its old ones end.", {"agent": name})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name = plan.change["agent"]
        token, stored = issue(name, None, signed.at, None)
        row = signed.row(Kind.AGENT, "rotated", agent=name)
        done(await signed.apply(AddToken(stored, replaces_others=True), [row]))
        await self.known.refreshed()
        return {"agent": name, **how_to_connect(name, token, self.known.rules().settings)}


@dataclass
class ResumeAgent:
    """Lets a paused agent go on; its denials are counted anew."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        self.known.check(person)
        only(asked, "agent")
        agent = self.known.agent(asked)
        if not agent.paused:
            raise DeskError(409, "changed", f"{agent.name} is not paused.")
        change = {"agent": agent.name, "paused": {"from": True, "to": False}}
        return Plan(f"Let {agent.name} go on.", change)

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name = plan.change["agent"]
        row = signed.row(Kind.AGENT, "resumed", agent=name, config_digest=self.known.rules().digest)
        done(await signed.apply(PauseAgent(name, paused=False, at=signed.at), [row]))
        await self.known.refreshed()
        return {"agent": name, "paused": False}


def _name(asked: JsonObject, key: str) -> str | None:
    return None if asked.get(key) in {None, ""} else text_of(asked, key, MAX_NAME)
