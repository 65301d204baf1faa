"""Grants: a person who may approve something answers it in advance, for a time or until it is revoked."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.desk.deciding import WHY_NOT, Deciding
from gateway.desk.views import grant_view
from gateway.envelopes import Envelope, State
from gateway.grants import Grants, as_signed, described, fingerprint, services_of, strictest, uncovered
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.payload import asked_about
from gateway.policy import Fragment, NoFragment, names_its_actions
from gateway.policy.fragments import MAX_FRAGMENT
from gateway.questions import Unsealed
from gateway.rules import Rules, Stake, standing
from gateway.store.things import Grant, GrantedUnit
from gateway.store.writes import AddGrant

NOT_FROM = frozenset({State.DENIED, State.CANCELLED, State.REVOKED, State.UNKNOWN})
"""Ends of a question after which nobody answers it in advance."""

HOUR, MINUTE = 3600, 60


@dataclass
class GrantFromEnvelope:
    """Exactly this request again, or this action on this resource, by whoever may approve it."""

    deciding: Deciding
    grants: Grants
    rules: Callable[[], Rules]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "envelope", "covers", "seconds")
        covers, seconds = _covers(asked), seconds_of(asked, self.rules().settings.approvals.grant_for)
        envelope = await self.deciding.envelope(text_of(asked, "envelope"))
        if envelope.state in NOT_FROM:
            raise DeskError(409, "not_grantable", f"This was {envelope.state}: it cannot be granted.")
        unsealed = self.deciding.opened(envelope)
        if envelope.quorum > 1:
            more = f"{envelope.quorum} people sign this, and a grant is signed by one: it cannot be granted."
            raise DeskError(403, "not_grantable", more)
        now = self.deciding.store.now()
        stake = strictest(envelope.agent, asked_about(unsealed.shared), now)
        self._check_standing(person, replace(stake, routed_to=envelope.routed_to))
        await self._check_revealed(person, envelope, unsealed)
        units = granted_units(unsealed)
        self._check_grantable(envelope, unsealed)
        draft = Grant(
            id="",
            kind=covers,
            agent=envelope.agent,
            signer=person,
            credential_id=b"",
            signed_change="",
            made_at=0,
            expires_at=seconds,
            fingerprint=self._fingerprint(units, unsealed),
            units=units,
            says="",
            envelope=envelope.id,
            host=unsealed.shared["request"]["host"],
            intent_key=envelope.intent_key if covers == "intent" else None,
        )
        self._check_standing(person, strictest(envelope.agent, as_signed(draft), now))
        return Plan(_says(draft), described(draft))

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        return await make_grant(plan, signed, self.grants, self._said_of_owner(plan, signed))

    def _said_of_owner(self, plan: Plan, signed: Signed) -> str:
        agent = self.deciding.directory.agents.get(plan.change["agent"])
        owner = agent is not None and agent.owner == signed.person
        return f"{plan.says} Signed by the agent's owner (owner_may_approve)." if owner else plan.says

    def _check_standing(self, person: str, stake: Stake) -> None:
        """By a right of their own: what somebody lent for a time answers nothing in advance."""
        stands = standing(self.rules(), self.deciding.directory, person, stake)
        if stands != "ok":
            raise DeskError(403, stands, WHY_NOT[stands])

    async def _check_revealed(self, person: str, envelope: Envelope, unsealed: Unsealed) -> None:
        """What is signed was shown whole, in a grant as in an approval."""
        unseen = set(unsealed.hidden) - await self.deciding.store.revealed(envelope.id, person)
        if unseen:
            raise DeskError(
                403, "not_revealed", f"Reveal what is redacted first: {', '.join(sorted(unseen))}."
            )

    def _check_grantable(self, envelope: Envelope, unsealed: Unsealed) -> None:
        rules = self.rules()
        whys = (uncovered(unit, rules) for unit in asked_about(unsealed.shared).units)
        why = next((why for why in whys if why is not None), None)
        if why is None and not envelope.grantable:
            why = "Policy wants a person for each of these: a grant would change nothing."
        if why is not None:
            raise DeskError(403, "not_grantable", why)

    def _fingerprint(self, units: tuple[GrantedUnit, ...], unsealed: Unsealed) -> str:
        """A grant is for what was read then: under other templates it would be for something else."""
        rules, told = self.rules(), unsealed.shared["template"]
        service = rules.library.services.get(told["service"])
        found = fingerprint((unit.service for unit in units), rules)
        if service is None or service.digest != told["digest"] or found is None:
            raise DeskError(
                409, "changed", "The templates changed since this was asked: let it be asked anew."
            )
        return found


@dataclass
class GrantFromCedar:
    """Whatever a Cedar text permits for one agent, signed by an administrator."""

    deciding: Deciding
    grants: Grants
    rules: Callable[[], Rules]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        rules = self.rules()
        check_administrator(rules, self.deciding.directory, person)
        only(asked, "cedar", "seconds")
        seconds = seconds_of(asked, rules.settings.approvals.grant_for)
        cedar = text_of(asked, "cedar", MAX_FRAGMENT)
        fragment = read_cedar(cedar, rules)
        if not names_its_actions(fragment):
            raise DeskError(400, "bad_cedar", "Name the actions that it is for: action == or action in.")
        check_agent(self.deciding, fragment.agent)
        meaning = fingerprint(services_of(fragment), rules)
        if meaning is None:
            raise DeskError(400, "bad_cedar", "It is for no action of a template that is in force.")
        draft = Grant(
            id="",
            kind="cedar",
            agent=fragment.agent,
            signer=person,
            credential_id=b"",
            signed_change="",
            made_at=0,
            expires_at=seconds,
            fingerprint=meaning,
            units=(),
            says="",
            cedar=cedar,
        )
        lines = "; ".join(fragment.says)
        return Plan(
            f"Do not ask again about {fragment.agent}, {how_long(seconds)}: {lines}.", described(draft)
        )

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        return await make_grant(plan, signed, self.grants, plan.says)


async def make_grant(plan: Plan, signed: Signed, grants: Grants, detail: str) -> JsonObject:
    grant = _grant(plan, signed)
    first = grant.units[0] if grant.units else None
    row = signed.row(
        Kind.GRANT,
        "made",
        agent=grant.agent,
        envelope=grant.envelope,
        action=first.action if first else None,
        resource=first.resource if first else None,
        host=grant.host,
        grant_id=grant.id,
        detail=detail,
    )
    done(await signed.apply(AddGrant(grant), [row]))
    await grants.refresh()
    return {"grant": grant_view(grant, None)}


def _grant(plan: Plan, signed: Signed) -> Grant:
    told = plan.change
    return Grant(
        id=make_id("grt", secrets.token_bytes(ENTROPY_BYTES)),
        kind=told["covers"],
        agent=told["agent"],
        signer=signed.person,
        credential_id=signed.credential.id,
        signed_change=signed.evidence.id,
        made_at=signed.at,
        expires_at=None if told["seconds"] is None else signed.at + told["seconds"],
        fingerprint=told["templates"],
        units=tuple(GrantedUnit(**{**unit, "groups": tuple(unit["groups"])}) for unit in told["units"]),
        says=plan.says,
        envelope=told["envelope"],
        host=told["host"],
        intent_key=told["intent"],
        cedar=told["cedar"],
    )


def granted_units(unsealed: Unsealed) -> tuple[GrantedUnit, ...]:
    service = unsealed.shared["template"]["service"]
    units = [
        GrantedUnit(
            service,
            unit["action"],
            unit["resource"],
            tuple(unit["groups"]),
            unit["risk"],
            unit["approvers"],
        )
        for unit in unsealed.shared["units"]
    ]
    return tuple(dict.fromkeys(units))


def _covers(asked: JsonObject) -> Literal["intent", "resource"]:
    match asked.get("covers"):
        case "intent":
            return "intent"
        case "resource":
            return "resource"
        case _:
            raise DeskError(400, "bad_request", "covers has to be intent or resource.")


def seconds_of(asked: JsonObject, most: int) -> int | None:
    """How long; None until it is revoked."""
    seconds = asked.get("seconds")
    if seconds is None:
        return None
    if type(seconds) is not int or not 1 <= seconds <= most:
        raise DeskError(400, "bad_request", f"seconds has to be from 1 to {most} (approvals.grant_for).")
    return seconds


def how_long(seconds: int | None, endless: str = "until it is revoked") -> str:
    if seconds is None:
        return endless
    for size, word in ((HOUR, "hour"), (MINUTE, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"for {count} {word}{'' if count == 1 else 's'}"
    raise AssertionError(seconds)


def read_cedar(text: str, rules: Rules) -> Fragment:
    try:
        return rules.policy.fragment(text)
    except NoFragment as error:
        raise DeskError(400, "bad_cedar", str(error)) from error


def check_agent(deciding: Deciding, name: str) -> None:
    if name not in deciding.directory.agents:
        raise DeskError(404, "absent", "There is no such agent.")


def _says(draft: Grant) -> str:
    what = " and ".join(f"{unit.action} on {unit.resource}" for unit in draft.units)
    like = "exactly this request" if draft.kind == "intent" else "whatever else differs"
    return (
        f"Do not ask again about {draft.agent}, {how_long(draft.expires_at)}: {what} at {draft.host}, {like}."
    )
