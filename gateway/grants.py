"""What people answered in advance: which requests a grant is for, and whether it still means what was signed.

Kept in memory, so that a request of an agent without grants costs nothing more.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.canonical import jcs, sha256
from gateway.intent_risk import HIGH
from gateway.model import Approval, Effect, Mapped, Risk, Unit
from gateway.payload import ref_from
from gateway.policy import NoFragment
from gateway.rules import Stake, is_administrator, standing
from gateway.settings import GUARDED_GROUPS

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.directory import Directory
    from gateway.policy import Facts, Fragment
    from gateway.rules import Rules
    from gateway.store.contract import Store
    from gateway.store.things import Grant, GrantedUnit, GrantEnd


class Grants:
    """Those that have not ended, by agent: what the store says, refreshed after every change."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._by_agent: dict[str, tuple[Grant, ...]] = {}

    async def refresh(self) -> None:
        by_agent: dict[str, tuple[Grant, ...]] = {}
        for grant in await self._store.grants():
            by_agent[grant.agent] = (*by_agent.get(grant.agent, ()), grant)
        self._by_agent = by_agent

    def of(self, agent: str) -> "tuple[Grant, ...]":
        return self._by_agent.get(agent, ())

    def every(self) -> "list[Grant]":
        return [grant for grants in self._by_agent.values() for grant in grants]


def uncovered(unit: Unit, rules: "Rules") -> str | None:
    """Why no grant is for this, whoever signed it; None where one may be."""
    if unit.risk is Risk.FORBID:
        return f"{unit.action} is forbidden by its template."
    if unit.approval.single_use:
        return f"{unit.action} is approved once at a time (single_use)."
    if "unmatched" in unit.groups:
        return "No template names this action, so nobody can say what a grant would be for."
    guarded = frozenset(GUARDED_GROUPS) - frozenset(rules.settings.approvals.grants_for)
    if kept := sorted(guarded.intersection(unit.groups)):
        return f"Each {kept[0]} needs a person of its own (approvals.grants_for)."
    return None


def grantable(agent: str, mapped: Mapped, facts: "Facts", quorum: int, rules: "Rules") -> bool:
    """Whether a grant of one person would let this pass: what it is, and what policy says of grants."""
    if quorum != 1 or any(uncovered(unit, rules) for unit in mapped.units):
        return False
    granted = replace(facts, grant=True)
    decided = rules.policy.decide(agent, mapped, granted, rules.settings.approvals.max_quorum)
    return decided.effect is Effect.ALLOW


def covers(
    grant: "Grant", mapped: Mapped, facts: "Facts", intent_key: str, rules: "Rules", directory: "Directory"
) -> bool:
    """Whether a live grant is for every unit of this request, and its signer may still sign it."""
    if over(grant, rules, directory, facts.now_epoch) is not None:
        return False
    stake = strictest(grant.agent, mapped, facts.now_epoch)
    return _is_for(grant, mapped, facts, intent_key, rules) and (
        standing(rules, directory, grant.signer, stake) == "ok"
    )


def strictest(agent: str, mapped: Mapped, now: int) -> Stake:
    """Who signs in advance needs a right that is there at once, whatever the risk will be."""
    return Stake(agent, mapped, 1, now, HIGH)


def _is_for(grant: "Grant", mapped: Mapped, facts: "Facts", intent_key: str, rules: "Rules") -> bool:
    if grant.kind == "cedar":
        return grant.cedar is not None and rules.policy.permits(grant.cedar, grant.agent, mapped, facts)
    if grant.host != facts.host:
        return False
    if grant.kind == "intent":
        return grant.intent_key == intent_key
    signed = {(unit.action, unit.resource) for unit in grant.units}
    return all((unit.action, str(unit.resource)) in signed for unit in mapped.units)


def over(grant: "Grant", rules: "Rules", directory: "Directory", now: int) -> "GrantEnd | None":
    """Why a grant has ended, whatever is requested; None while it lives."""
    if grant.expires_at is not None and grant.expires_at <= now:
        return "expired"
    if grant.agent not in directory.agents:
        return "agent_removed"
    if meaning_of(grant, rules) != grant.fingerprint:
        return "meaning"
    return None if _signer_stands(grant, rules, directory, now) else "signer"


def _signer_stands(grant: "Grant", rules: "Rules", directory: "Directory", now: int) -> bool:
    """The passkey that signed is still enrolled, and its person may still sign this."""
    known = directory.people.get(grant.signer)
    if known is None or all(credential.id != grant.credential_id for credential in known.credentials):
        return False
    if grant.kind == "cedar":
        return is_administrator(rules, directory, grant.signer)
    return standing(rules, directory, grant.signer, strictest(grant.agent, as_signed(grant), now)) == "ok"


def as_signed(grant: "Grant") -> Mapped:
    """As much of the meaning as a grant tells: enough to ask who may sign it."""
    units = tuple(_unit(unit) for unit in grant.units)
    return Mapped(units, units[0].service if units else "", "", "")


def _unit(told: "GrantedUnit") -> Unit:
    return Unit(
        service=told.service,
        action=told.action,
        title=told.action,
        groups=told.groups,
        access="write",
        resource=ref_from(told.resource),
        parents={},
        context={},
        risk=Risk(told.risk),
        summary=(),
        approval=Approval(approvers=told.approvers),
    )


def meaning_of(grant: "Grant", rules: "Rules") -> str | None:
    """Names the templates that say now what the grant's actions are; None where they say it no more."""
    if grant.cedar is None:
        return fingerprint((unit.service for unit in grant.units), rules)
    try:
        return fingerprint(services_of(rules.policy.fragment(grant.cedar)), rules)
    except NoFragment:
        return None


def services_of(fragment: "Fragment") -> set[str]:
    """The services that a fragment speaks of: an action is called /SERVICE/…"""
    return {action.split("/")[1] for action in fragment.actions}


def fingerprint(services: Iterable[str], rules: "Rules") -> str | None:
    """Differs as soon as one of these templates, its variables or its overlays differ."""
    templates = rules.library.services
    named = sorted(set(services))
    if not named or not all(name in templates for name in named):
        return None
    return sha256(jcs([[name, templates[name].digest] for name in named]))


def described(grant: "Grant") -> dict[str, Any]:
    """What a person signs when making it: everything that decides what it is for, and for how long."""
    return {
        "agent": grant.agent,
        "covers": grant.kind,
        "units": [
            {
                "service": unit.service,
                "action": unit.action,
                "resource": unit.resource,
                "groups": list(unit.groups),
                "risk": unit.risk,
                "approvers": unit.approvers,
            }
            for unit in grant.units
        ],
        "host": grant.host,
        "intent": grant.intent_key,
        "cedar": grant.cedar,
        "envelope": grant.envelope,
        "templates": grant.fingerprint,
        "seconds": None if grant.expires_at is None else grant.expires_at - grant.made_at,
    }
