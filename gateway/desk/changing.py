"""Changes of the gateway itself: a passkey signs exactly what changes, and then it is done, once.

A session alone reads, denies and stops; whatever could make things looser comes through here.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from gateway import passkeys
from gateway.audit import Kind, Row
from gateway.canonical import jcs, sha256
from gateway.desk.contract import DeskError, JsonObject, Session
from gateway.desk.signing_in import SigningIn
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.keys import Keys
from gateway.payload import challenge, utc
from gateway.rules import Rules, is_administrator
from gateway.store.contract import Applied, Done, Lost, Store
from gateway.store.things import Challenge, SignedChange
from gateway.store.writes import AddChallenge, Change, UseChallenge, WithSignature
from gateway.values import dataclass

TYPE = "secondsig/administration"
VERSION = 1
LIFE = 300
"""Seconds in which a change that was shown may be signed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`says` is the sentence that a person reads and signs; `change` names everything that will differ.

    What is there now belongs into `change` as well: if it differs when the signature comes, nothing happens.
    """

    says: str
    change: JsonObject


class Act(Protocol):
    """One kind of change."""

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        """What would change. A DeskError if this person may not, or if it makes no sense now."""
        ...

    async def perform(self, plan: Plan, signed: "Signed") -> JsonObject:
        """Does what was signed, by one `signed.apply`, and tells the page."""
        ...


@dataclass(frozen=True)
class Signed:
    """A passkey's signature over one plan: the only way in which an act may write."""

    store: Store
    evidence: SignedChange
    credential: passkeys.Credential

    @property
    def person(self) -> str:
        return self.credential.person

    @property
    def at(self) -> int:
        return self.evidence.at

    def row(self, kind: Kind, decision: str, **more: Any) -> Row:
        return Row(
            kind,
            decision=decision,
            decision_method="passkey",
            credential_id=b64u(self.credential.id),
            **{"person": self.person, **more},
        )

    async def apply(self, change: Change, rows: Sequence[Row]) -> Applied:
        """The change, its rows and the signature that asked for it: all of them durable, or none."""
        applied = await self.store.apply(WithSignature(change, self.evidence, self.credential), rows)
        if isinstance(applied, Lost) and applied.why == "used":
            raise DeskError(409, "passkey_used", "This passkey answered something else meanwhile: try again.")
        return applied


@dataclass
class Changing:
    """Shows a change, takes the signature over it, and has it done."""

    store: Store
    keys: Keys
    signing_in: SigningIn
    gateway: str
    rp_id: str
    acts: dict[str, Act]

    async def begin(self, session: Session, kind: str, asked: JsonObject) -> JsonObject:
        """The exact bytes that this person would sign, and the challenge that binds them."""
        plan = await self._act(kind).plan(session.person, asked)
        identifier = make_id("chl", secrets.token_bytes(ENTROPY_BYTES))
        now = self.store.now()
        payload = jcs(
            {
                "type": TYPE,
                "version": VERSION,
                "gateway": self.gateway,
                "rp_id": self.rp_id,
                "person": session.person,
                "kind": kind,
                "asked": asked,
                "says": plan.says,
                "change": plan.change,
                "asked_at": utc(now),
                "salt": secrets.token_bytes(16).hex(),
            }
        )
        kept = Challenge(
            identifier,
            "administration",
            session.person,
            None,
            challenge(secrets.token_bytes(32), payload),
            self.keys.seal(identifier, payload),
            now + LIFE,
        )
        await self.store.apply(AddChallenge(kept))
        options = passkeys.assertion_options(
            rp_id=self.rp_id,
            challenge=kept.challenge,
            allow=self.signing_in.directory.people[session.person].credentials,
        )
        return {"challenge_id": identifier, "payload": b64u(payload), "options": options}

    async def finish(self, session: Session, challenge_id: str, response: JsonObject) -> JsonObject:
        """Done if everything holds. The steps, each of which refuses:

        1. the question was asked of this person and not yet answered;
        2. the passkey that signed is this person's own, and it verifies;
        3. what would change is still exactly what was signed, and the person may still change it.
        """
        used = await self.store.apply(UseChallenge(challenge_id, self.store.now()))
        kept = used.challenge if isinstance(used, Done) else None
        if kept is None or (kept.kind, kept.person) != ("administration", session.person):
            raise DeskError(409, "challenge_used", "This signature was used already, or too late: try again.")
        credential = await self.signing_in.credential_of(response)
        if credential.person != session.person:
            raise DeskError(403, "other_person", "The passkey that signed belongs to somebody else.")
        verified = self.signing_in.verify(response, kept, credential)
        payload = self.keys.unseal(kept.id, kept.sealed_payload)
        said = json.loads(payload)
        act = self._act(said["kind"])
        plan = await act.plan(session.person, said["asked"])
        if (plan.says, plan.change) != (said["says"], said["change"]):
            raise DeskError(409, "changed", "What you signed is not what would happen any more: look again.")
        evidence = SignedChange(
            kept.id,
            said["kind"],
            session.person,
            credential.id,
            kept.challenge,
            kept.sealed_payload,
            sha256(payload),
            response,
            self.store.now(),
        )
        return await act.perform(plan, Signed(self.store, evidence, verified))

    def _act(self, kind: str) -> Act:
        if kind not in self.acts:
            raise DeskError(400, "unknown_change", f"There is no change called {kind}.")
        return self.acts[kind]


def check_administrator(rules: Rules, directory: Directory, person: str) -> None:
    if not is_administrator(rules, directory, person):
        raise DeskError(403, "not_administrator", "Only an administrator may change this: ask one of them.")


def text_of(asked: JsonObject, name: str, most: int = 200) -> str:
    """A member of what was asked that has to be text."""
    value = asked.get(name)
    if not isinstance(value, str) or not value or len(value) > most:
        raise DeskError(400, "bad_request", f"{name} has to be a text of 1 to {most} characters.")
    return value


def only(asked: JsonObject, *names: str) -> None:
    """What is not understood is not signed."""
    if unknown := sorted(asked.keys() - set(names)):
        raise DeskError(400, "bad_request", f"This change takes no {unknown[0]}.")


def done(applied: Applied) -> Done:
    if not isinstance(applied, Done):
        raise DeskError(409, "changed", "This changed meanwhile: look again.")
    return applied
