"""Consents: what an agent's owner, or an administrator, says it is meant for."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.desk.acts.grants import how_long, read_cedar
from gateway.desk.changing import Plan, Signed, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.model import EntityRef
from gateway.policy.fragments import MAX_FRAGMENT
from gateway.rules import Rules, is_administrator
from gateway.store.things import Agent, Consent
from gateway.store.writes import SetConsent

RESOURCE = re.compile(r'[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*::"(?:[^"\\\x00-\x1f]|\\["\\])*"', re.ASCII)
LONGEST = 366 * 86_400


@dataclass
class ChangeConsent:
    """Gives, renews, narrows or lifts the consent of one agent: what lies beyond it is asked of people."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "agent", "form", "resource", "cedar", "seconds")
        agent = self._agent(text_of(asked, "agent"), person)
        before = None if agent.consent is None else _told(agent.consent)
        form = text_of(asked, "form")
        if form == "none":
            only(asked, "agent", "form")
            if before is None:
                raise DeskError(409, "changed", f"{agent.name} has no consent that could be lifted.")
            said = f"Lift the bounds of {agent.name}: policy alone decides what is asked of people."
            return Plan(said, {"agent": agent.name, "consent": {"from": before, "to": None}})
        after = self._wanted(agent, form, asked)
        lasts = how_long(after["seconds"], "until it is withdrawn")
        said = f"{agent.name} is meant for this, {lasts}: {after['says']}. All else is asked."
        return Plan(said, {"agent": agent.name, "consent": {"from": before, "to": after}})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name, told = plan.change["agent"], plan.change["consent"]["to"]
        consent = None if told is None else _consent(told, signed)
        row = signed.row(
            Kind.AGENT,
            "consented" if consent else "consent_lifted",
            agent=name,
            config_digest=self.rules().digest,
            detail=plan.says,
        )
        done(await signed.apply(SetConsent(name, consent), [row]))
        await self.refreshed()
        return {"agent": name, "says": plan.says}

    def _agent(self, name: str, person: str) -> Agent:
        agent = self.directory.agents.get(name)
        if agent is None:
            raise DeskError(404, "absent", "There is no such agent.")
        owns = agent.owner == person and self.directory.has_passkey(person)
        if not owns and not is_administrator(self.rules(), self.directory, person):
            raise DeskError(
                403, "not_owner", f"Only {name}'s owner or an administrator may say what it is for."
            )
        return agent

    def _wanted(self, agent: Agent, form: str, asked: JsonObject) -> JsonObject:
        seconds = _seconds(asked)
        head = f"permit (principal == {EntityRef('Agent', agent.name)}, "
        match form:
            case "read_only":
                only(asked, "agent", "form", "seconds")
                cedar = f'{head}action in Action::"read", resource);'
            case "project":
                only(asked, "agent", "form", "resource", "seconds")
                cedar = f"{head}action, resource in {_resource(asked)});"
            case "until":
                only(asked, "agent", "form", "seconds")
                if seconds is None:
                    raise DeskError(400, "bad_request", "Say for how long, in seconds.")
                cedar = f"{head}action, resource);"
            case "cedar":
                only(asked, "agent", "form", "cedar", "seconds")
                cedar = text_of(asked, "cedar", MAX_FRAGMENT)
            case _:
                raise DeskError(
                    400, "bad_request", "form is one of read_only, project, until, cedar and none."
                )
        fragment = read_cedar(cedar, self.rules())
        if fragment.agent != agent.name:
            raise DeskError(400, "bad_cedar", f"It speaks of {fragment.agent}, not of {agent.name}.")
        return {"form": form, "cedar": cedar, "says": "; ".join(fragment.says), "seconds": seconds}


def _consent(told: JsonObject, signed: Signed) -> Consent:
    return Consent(
        form=told["form"],
        cedar=told["cedar"],
        says=told["says"],
        person=signed.person,
        at=signed.at,
        expires_at=None if told["seconds"] is None else signed.at + told["seconds"],
    )


def _told(consent: Consent) -> JsonObject:
    """What is there now: if it changes before the signature comes, nothing happens."""
    return {
        "form": consent.form,
        "cedar": consent.cedar,
        "at": consent.at,
        "expires_at": consent.expires_at,
        "withdrawn_at": consent.withdrawn_at,
    }


def _resource(asked: JsonObject) -> str:
    resource = text_of(asked, "resource", 500)
    if not RESOURCE.fullmatch(resource):
        raise DeskError(400, "bad_request", 'Write the resource as Cedar does: GitHub::Repo::"acme/site".')
    return resource


def _seconds(asked: JsonObject) -> int | None:
    seconds = asked.get("seconds")
    if seconds is not None and (type(seconds) is not int or not 1 <= seconds <= LONGEST):
        raise DeskError(400, "bad_request", f"seconds has to be from 1 to {LONGEST}.")
    return seconds
