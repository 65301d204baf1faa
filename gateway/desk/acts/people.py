"""People, as people change them: invited, confirmed, given another key, recovered."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.canonical import sha256
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.desk.signing_in import clean_name
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.passkeys import Credential
from gateway.rules import Rules, administrators
from gateway.store.contract import Store
from gateway.store.things import Invitation, Recovery
from gateway.store.writes import ConfirmKey, FinishRecovery, Invite, RenameKey, StartRecovery

LINK_LIFE = 600
ALONE = 86_400
"""Seconds that an administrator without a second one waits before a recovery."""


@dataclass
class Known:
    """What every change of people looks at."""

    store: Store
    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    def link(
        self, signed: Signed, person: str | None, groups: tuple[str, ...]
    ) -> tuple[Invitation, JsonObject]:
        """A new link, and what its maker is told: the token stands after the # and is stored only hashed."""
        token, ends = secrets.token_urlsafe(32), signed.at + LINK_LIFE
        invitation = Invitation(sha256(token.encode()), person, groups, ends, signed.person)
        url = f"{self.rules().settings.origin}/enrol#{token}"
        return invitation, {"url": url, "minutes": LINK_LIFE // 60}

    def key(self, asked: JsonObject) -> Credential:
        """A key that waits for somebody."""
        wanted = text_of(asked, "credential", 2000)
        for known in self.directory.people.values():
            for key in known.waiting:
                if b64u(key.id) == wanted:
                    return key
        raise DeskError(404, "absent", "No such passkey waits.")


@dataclass
class InvitePerson:
    """A link for somebody new; whoever opens it waits until the inviter has confirmed the new key."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.known.rules(), self.known.directory, person)
        only(asked, "name", "groups")
        name = clean_name(text_of(asked, "name", 64))
        if name in self.known.directory.people:
            raise DeskError(409, "name_taken", f"{name} is enrolled already: choose another name.")
        groups = self._groups(asked.get("groups"))
        change = {"person": name, "groups": {"from": [], "to": groups}, "minutes": LINK_LIFE // 60}
        return Plan(f"Invite {name} to {', '.join(groups)}.", change)

    def _groups(self, asked: object) -> list[str]:
        known = self.known.rules().policy.groups()
        if not isinstance(asked, list) or not asked or not all(isinstance(group, str) for group in asked):
            raise DeskError(400, "bad_request", "groups has to be a list of names of groups.")
        if unknown := sorted(set(asked) - known):
            raise DeskError(
                400, "bad_request", f"There is no group {unknown[0]}; there are {', '.join(sorted(known))}."
            )
        return sorted(set(asked))

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name, groups = plan.change["person"], tuple(plan.change["groups"]["to"])
        invitation, told = self.known.link(signed, name, groups)
        row = signed.row(Kind.PERSON, "invited", detail=f"{name} to {', '.join(groups)}")
        done(await signed.apply(Invite(invitation), [row]))
        return told


@dataclass
class ConfirmPerson:
    """A new key counts from now on: its inviter compared the fingerprint with its owner's."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "credential", "fingerprint")
        key = self.known.key(asked)
        if key.waits_for != person:
            raise DeskError(403, "not_inviter", f"Only {key.waits_for}, who invited them, confirms this key.")
        if "".join(text_of(asked, "fingerprint").lower().split()) != key.fingerprint.replace(" ", ""):
            raise DeskError(
                409,
                "other_fingerprint",
                "That is not the fingerprint of the key that waits: revoke it and invite again.",
            )
        groups = list(self.known.directory.people[key.person].person.groups)
        change = {"person": key.person, "fingerprint": key.fingerprint, "groups": groups}
        return Plan(f"Let the passkey {key.fingerprint} sign for {key.person}.", change)

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name, mark = plan.change["person"], plan.change["fingerprint"]
        waiting = self.known.directory.people[name].waiting
        key = next(key for key in waiting if key.fingerprint == mark)
        row = signed.row(Kind.PERSON, "confirmed", detail=f"{name}, passkey {mark}")
        done(await signed.apply(ConfirmKey(key.id, signed.person), [row]))
        await self.known.refreshed()
        return {"person": name, "confirmed": True}


@dataclass
class AddKey:
    """A further key of one's own: an old one asks for it, and confirms it."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked)
        return Plan(f"Add a passkey for {person}.", {"person": person, "minutes": LINK_LIFE // 60})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        groups = self.known.directory.people[signed.person].person.groups
        invitation, told = self.known.link(signed, signed.person, groups)
        row = signed.row(Kind.PERSON, "invited", detail="a further passkey of their own")
        done(await signed.apply(Invite(invitation), [row]))
        return told


@dataclass
class NameKey:
    """A passkey of one's own under another name: on pages and receipts several are told apart by it."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        only(asked, "credential", "name")
        key = self._own(person, text_of(asked, "credential", 2000))
        name = clean_name(text_of(asked, "name", 64))
        change = {"passkey": key.fingerprint, "name": {"from": key.name, "to": name}}
        return Plan(f"Call your passkey {key.fingerprint} {name}.", change)

    def _own(self, person: str, wanted: str) -> Credential:
        known = self.known.directory.people[person]
        for key in (*known.credentials, *known.waiting):
            if b64u(key.id) == wanted:
                return key
        raise DeskError(404, "absent", "You have no such passkey.")

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        mark, name = plan.change["passkey"], plan.change["name"]["to"]
        known = self.known.directory.people[signed.person]
        key = next(key for key in (*known.credentials, *known.waiting) if key.fingerprint == mark)
        row = signed.row(Kind.PERSON, "key_named", detail=f"passkey {mark}: {key.name} → {name}")
        done(await signed.apply(RenameKey(key.id, signed.person, name), [row]))
        await self.known.refreshed()
        return {"name": name}


@dataclass
class RecoverPerson:
    """Somebody lost their passkeys: two administrators revoke and invite them; one alone waits a day."""

    known: Known

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.known.rules(), self.known.directory, person)
        only(asked, "person")
        name = text_of(asked, "person")
        if name == person or name not in self.known.directory.people:
            raise DeskError(409, "not_recoverable", "A recovery is for somebody else who is enrolled.")
        begun = await self._begun(name)
        if begun is None:
            return self._start(person, name)
        self._check_may_finish(person, begun)
        groups = list(self.known.directory.people[name].person.groups)
        change = {"person": name, "step": "finish", "started_by": begun.started_by, "groups": groups}
        return Plan(f"Revoke every passkey of {name} and invite {name} again.", change)

    def _start(self, person: str, name: str) -> Plan:
        others = self._others(person, name)
        then = "another administrator signs it as well" if others else "a day has passed"
        change = {"person": name, "step": "start", "then": then}
        return Plan(f"Start the recovery of {name}; it is done once {then}.", change)

    def _others(self, person: str, name: str) -> list[str]:
        known = administrators(self.known.rules(), self.known.directory)
        return [other for other in known if other not in {person, name}]

    def _check_may_finish(self, person: str, begun: Recovery) -> None:
        if person != begun.started_by:
            return
        if self._others(person, begun.person):
            raise DeskError(
                403, "second_needed", f"Another administrator has to sign the recovery of {begun.person}."
            )
        left = begun.started_at + ALONE - self.known.store.now()
        if left > 0:
            raise DeskError(
                409,
                "too_early",
                f"You are its only administrator, so it waits: come back in {left // 60 + 1} min.",
            )

    async def _begun(self, name: str) -> Recovery | None:
        return next((each for each in await self.known.store.recoveries() if each.person == name), None)

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name = plan.change["person"]
        if plan.change["step"] == "start":
            row = signed.row(Kind.PERSON, "recovery_started", detail=name)
            done(await signed.apply(StartRecovery(Recovery(name, signed.person, signed.at)), [row]))
            return {"person": name, "started": True}
        begun = await self._begun(name)
        if begun is None:
            raise DeskError(409, "changed", "This recovery was cancelled meanwhile.")
        invitation, told = self.known.link(signed, name, tuple(plan.change["groups"]))
        row = signed.row(Kind.PERSON, "recovered", detail=f"{name}, started by {begun.started_by}")
        done(await signed.apply(FinishRecovery(begun, invitation, signed.at), [row]))
        await self.known.refreshed()
        return told
