"""Agents as the pages show them, with the limits that are in force and where each comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.desk.contract import Session
from gateway.directory import Directory
from gateway.envelopes import State
from gateway.payload import utc
from gateway.rules import Rules, is_administrator
from gateway.store.contract import Store
from gateway.store.things import Agent, Holder


@dataclass
class Agents:
    store: Store
    directory: Directory
    rules: Callable[[], Rules]

    async def view(self, session: Session) -> dict[str, Any]:
        rules, agents = self.rules(), self.directory.agents
        waiting = [envelope.agent for envelope in await self.store.envelopes([State.PENDING], 10_000)]
        return {
            "me": session.person,
            "administrator": is_administrator(rules, self.directory, session.person),
            "people": sorted(self.directory.people),
            "agents": [
                {**self._agent(agent), "waiting": waiting.count(agent.name)}
                for agent in sorted(agents.values(), key=lambda one: one.name)
            ],
            "teams": [
                {"name": team, "limits": self.directory.limits.get(Holder("team", team), {})}
                for team in sorted({agent.team for agent in agents.values() if agent.team})
            ],
        }

    def _agent(self, agent: Agent) -> dict[str, Any]:
        return {
            "name": agent.name,
            "team": agent.team,
            "owner": agent.owner,
            "paused": agent.paused,
            "since": utc(agent.created_at),
            "limits": self.directory.limits.get(Holder("agent", agent.name), {}),
            "in_force": self.rules().policy.limits(agent.name),
        }
