"""What decides at one moment, as one value: templates, policy and settings, and the digest of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gateway.canonical import jcs, sha256
from gateway.model import Mapped
from gateway.policy import AgentFacts, PersonFacts, Policy
from gateway.settings import Settings
from gateway.templates import Library

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.directory import Directory
    from gateway.store.contract import Agent, Holder

ADMINISTRATORS = "administrators"

type Standing = Literal["ok", "not_allowed", "own_request", "no_passkey"]


@dataclass(frozen=True)
class Rules:
    """Swapped whole: a request is decided by one of these, never by parts of two."""

    settings: Settings
    library: Library
    policy: Policy
    digest: str


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change of the files that was not taken: when, and what is wrong with them."""

    at: int
    why: tuple[str, ...]


@dataclass(slots=True)
class LastChange:
    """How the last change of the files went: None while they are what is in force."""

    refused: RefusedChange | None = None


@dataclass(frozen=True, slots=True)
class Stake:
    """What decides who may approve: whose request it is, what it means, how many must sign."""

    agent: str
    mapped: Mapped
    quorum: int


def rules_digest(library: Library, policy: Policy, settings: Settings) -> str:
    """Names exactly this configuration, as far as it decides anything."""
    approvals = settings.approvals
    deciding = {
        "templates": library.digest,
        "policy": policy.digest,
        "owner_may_approve": approvals.owner_may_approve,
        "max_quorum": approvals.max_quorum,
        "join": approvals.join,
        "grant_for": approvals.grant_for,
        "grants_for": sorted(approvals.grants_for),
        "unknown_hosts": settings.unknown_hosts,
        "trusted_hosts": list(settings.trusted_hosts),
        "modes": {name: str(service.mode) for name, service in settings.templates.items()},
        "trust": settings.config_trust,
    }
    return sha256(jcs(deciding))


def digest_with_limits(files: str, limits: Mapping["Holder", Mapping[str, int]]) -> str:
    """The configuration in force: the files', and what people set on the pages."""
    if not limits:
        return files
    told = [[holder.kind, holder.name, dict(values)] for holder, values in limits.items()]
    return sha256(jcs([files, sorted(told, key=lambda one: one[:2])]))


def agent_facts(agent: "Agent", limits: Mapping["Holder", Mapping[str, int]]) -> AgentFacts:
    by_name = {(holder.kind, holder.name): values for holder, values in limits.items()}
    team = by_name.get(("team", agent.team or ""), {})
    return AgentFacts(agent.name, agent.team, agent.owner, by_name.get(("agent", agent.name), {}), team)


def with_directory(policy: Policy, directory: "Directory") -> Policy:
    agents = [agent_facts(agent, directory.limits) for agent in directory.agents.values()]
    people = [PersonFacts(name, known.person.groups) for name, known in directory.people.items()]
    return policy.with_directory(agents, people)


def standing(rules: Rules, directory: "Directory", person: str, stake: Stake) -> Standing:
    """Whether this person's signature counts on this envelope, and if not, why."""
    if not directory.has_passkey(person):
        return "no_passkey"
    agent = directory.agents.get(stake.agent)
    owner = agent is not None and agent.owner == person
    if owner and (stake.quorum > 1 or not rules.settings.approvals.owner_may_approve):
        return "own_request"
    allowed = rules.policy.may_approve(person, agent=stake.agent, owner=owner, mapped=stake.mapped)
    return "ok" if allowed else "not_allowed"


def approvers(rules: Rules, directory: "Directory", stake: Stake) -> list[str]:
    """Everybody whose signature would count."""
    return [name for name in directory.people if standing(rules, directory, name, stake) == "ok"]


def is_administrator(rules: Rules, directory: "Directory", person: str) -> bool:
    return directory.has_passkey(person) and rules.policy.belongs(person, ADMINISTRATORS)


def administrators(rules: Rules, directory: "Directory") -> list[str]:
    return [name for name in directory.people if is_administrator(rules, directory, name)]
