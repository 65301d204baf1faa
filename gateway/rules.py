"""What decides at one moment, as one value: templates, policy and settings, and the digest of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from gateway.canonical import jcs, sha256
from gateway.delegations import Delegation
from gateway.model import Mapped
from gateway.policy import AgentFacts, PersonFacts, Policy, Signing
from gateway.settings import Escalation, Settings
from gateway.templates import Library
from gateway.values import dataclass

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.directory import Directory
    from gateway.store.things import Agent, Holder, Program, ProgramVerb

ADMINISTRATORS = "administrators"
BREAK_GLASS = "break_glass"

type Standing = Literal["ok", "not_allowed", "own_request", "no_passkey", "counted"]


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
    """What decides who may approve: whose request it is, what it means, how many must sign, and when.

    `at` is the moment that is asked about; `waited` the seconds that people had been asked for by then.
    `routed_to` is the one group that is asked, where a program named one.
    """

    agent: str
    mapped: Mapped
    quorum: int
    at: int
    intent_risk: str
    waited: int = 0
    routed_to: str | None = None


@dataclass(frozen=True, slots=True)
class Right:
    """What a person's signature would rest on: their own standing, or that of somebody who is away."""

    standing: Standing
    away: Delegation | None = None


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


def standing(
    rules: Rules, directory: "Directory", person: str, stake: Stake, signer: str | None = None
) -> Standing:
    """Whether this person's own signature counts on this envelope, and if not, why.

    With a `signer` the question is about one whom they let sign for them.
    """
    if not directory.has_passkey(person):
        return "no_passkey"
    owner = _owns(directory, person, stake)
    if owner and (stake.quorum > 1 or not rules.settings.approvals.owner_may_approve):
        return "own_request"
    if stake.routed_to is not None and not rules.policy.belongs(person, stake.routed_to):
        return "not_allowed"
    allowed = rules.policy.may_approve(
        person, agent=stake.agent, owner=owner, mapped=stake.mapped, signing=signing_of(stake, signer)
    )
    return "ok" if allowed else "not_allowed"


def signing_of(stake: Stake, signer: str | None = None, *, break_glass: bool = False) -> Signing:
    """What Cedar is told of a signature at this stake."""
    return Signing(stake.quorum, stake.intent_risk, stake.waited, signer, break_glass)


def standing_to_break_glass(rules: Rules, directory: "Directory", person: str, stake: Stake) -> Standing:
    """Whether this person may break glass for this envelope: a member whom policy lets, never the owner.

    A right that somebody lent is none here. Where a program routed it plays no part, for those it named may
    be the ones who are out of reach.
    """
    if not directory.has_passkey(person):
        return "no_passkey"
    if stake.agent not in directory.agents or _owns(directory, person, stake):
        return "own_request"
    signing = signing_of(stake, break_glass=True)
    allowed = rules.policy.belongs(person, BREAK_GLASS) and rules.policy.may_approve(
        person, agent=stake.agent, owner=False, mapped=stake.mapped, signing=signing
    )
    return "ok" if allowed else "not_allowed"


def glass_breakers(rules: Rules, directory: "Directory", stake: Stake) -> list[str]:
    """Everybody who may break glass for it."""
    return [
        name for name in directory.people if standing_to_break_glass(rules, directory, name, stake) == "ok"
    ]


def may_delegate(rules: Rules, program: "Program", verb: "ProgramVerb", stake: Stake) -> bool:
    """Whether a program is registered for this verb, and policy lets it use it at this stake."""
    return verb in program.verbs and rules.policy.may_delegate(
        program.name, verb, agent=stake.agent, mapped=stake.mapped, signing=signing_of(stake)
    )


def _owns(directory: "Directory", person: str, stake: Stake) -> bool:
    agent = directory.agents.get(stake.agent)
    return agent is not None and agent.owner == person


def stands_in(rules: Rules, directory: "Directory", person: str, stake: Stake) -> tuple[Delegation, ...]:
    """The delegations under which this person may sign for somebody who is away.

    Only what the absent may approve themselves is lent, so none is passed on; an agent's owner neither
    lends what owners may do nor borrows from others.
    """
    if not directory.has_passkey(person) or _owns(directory, person, stake):
        return ()
    return tuple(
        lent
        for lent in directory.delegations
        if lent.delegate == person
        and lent.person != person
        and lent.is_live(stake.at)
        and lent.covers(stake.mapped)
        and not _owns(directory, lent.person, stake)
        and standing(rules, directory, lent.person, stake, signer=person) == "ok"
    )


def right_of(
    rules: Rules,
    directory: "Directory",
    person: str,
    stake: Stake,
    taken: frozenset[str] = frozenset(),
) -> Right:
    """What this person would sign with: their own right first. A right that is `taken` has signed already."""
    own = standing(rules, directory, person, stake)
    lent = stands_in(rules, directory, person, stake) if own in {"ok", "not_allowed"} else ()
    rights = {person: Right("ok")} if own == "ok" else {}
    for delegation in lent:
        rights.setdefault(delegation.person, Right("ok", delegation))
    free = [right for name, right in rights.items() if name not in taken]
    if free:
        return free[0]
    return Right("counted") if rights else Right(own)


def still_counts(
    rules: Rules, directory: "Directory", person: str, stake: Stake, delegation: str | None
) -> bool:
    """Whether a signature that was given with this right is good now: with just that, no other."""
    if delegation is None:
        return standing(rules, directory, person, stake) == "ok"
    return any(lent.id == delegation for lent in stands_in(rules, directory, person, stake))


def approvers(rules: Rules, directory: "Directory", stake: Stake) -> list[str]:
    """Everybody who has the right to sign; those who sign for one of them add none."""
    return [name for name in directory.people if standing(rules, directory, name, stake) == "ok"]


def reachable(rules: Rules, directory: "Directory", stake: Stake, ttl: int) -> tuple[list[str], list[str]]:
    """Who has the right to sign at once; and they with whoever gets it by a step of the escalation."""
    steps = [step.after for step in rules.settings.approvals.escalate if step.after < ttl]
    found = [approvers(rules, directory, replace(stake, waited=waited)) for waited in (0, *steps)]
    return found[0], list(dict.fromkeys(name for names in found for name in names))


def brought_by(rules: Rules, directory: "Directory", stake: Stake, step: Escalation) -> list[str]:
    """Who may sign from this step on and not a second earlier, as policy has it."""
    before = approvers(rules, directory, replace(stake, waited=step.after - 1))
    after = approvers(rules, directory, replace(stake, waited=step.after))
    return [name for name in after if name not in before]


def delegates(rules: Rules, directory: "Directory", stake: Stake) -> list[Delegation]:
    """The delegations under which somebody could sign now."""
    return [lent for name in directory.people for lent in stands_in(rules, directory, name, stake)]


def is_administrator(rules: Rules, directory: "Directory", person: str) -> bool:
    return directory.has_passkey(person) and rules.policy.belongs(person, ADMINISTRATORS)


def administrators(rules: Rules, directory: "Directory") -> list[str]:
    return [name for name in directory.people if is_administrator(rules, directory, name)]
