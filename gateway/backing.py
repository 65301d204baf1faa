"""Whose signatures stand behind an approval: each verified again, and told apart by what it says."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway import passkeys
from gateway.directory import Directory
from gateway.envelopes import DecisionMethod, Envelope, Signature
from gateway.keys import Keys
from gateway.model import Mapped
from gateway.program_keys import ProgramKeyError, verify
from gateway.rules import Rules, Stake, standing, standing_to_break_glass
from gateway.store.contract import ProgramSignature, Store


@dataclass(frozen=True, slots=True)
class Backing:
    """People who approved, people who broke glass, and programs that delegated. Nobody is two of them."""

    people: frozenset[str]
    breakers: frozenset[str]
    programs: frozenset[str]

    def flags(self, envelope: Envelope) -> dict[str, Any] | None:
        """What Cedar is told, or None where it is not enough for the way in which this was approved.

        The way is a column of the database: it chooses among signatures, and stands in for none.
        """
        match method_of(envelope):
            case "break_glass" if self.breakers:
                return self.broken_glass()
            case "delegate" if self.programs:
                return {"delegate": True}
            case "passkey" if len(self.people) >= envelope.quorum:
                return {"cosigner": True, "approvals": len(self.people)}
            case _:
                return None

    def broken_glass(self) -> dict[str, Any]:
        """Everybody who signed counts once; no program does."""
        return {"cosigner": True, "approvals": len(self.people | self.breakers), "break_glass": True}


def method_of(envelope: Envelope) -> DecisionMethod:
    match envelope.decision_method:
        case "break_glass":
            return "break_glass"
        case "delegate":
            return "delegate"
        case _:
            return "passkey"


@dataclass(frozen=True)
class Backers:
    store: Store
    keys: Keys
    directory: Directory
    rp_id: str

    async def of(self, envelope: Envelope, mapped: Mapped, rules: Rules) -> Backing:
        """Under these rules, at this moment."""
        stake = Stake(envelope.agent, mapped, envelope.quorum, envelope.routed_to)
        people: set[str] = set()
        breakers: set[str] = set()
        for signature in await self.store.signatures(envelope.id):
            verb = self._verb(envelope, signature, rules)
            if verb == "approve" and standing(rules, self.directory, signature.person, stake) == "ok":
                people.add(signature.person)
            if (
                verb == "break_glass"
                and standing_to_break_glass(rules, self.directory, signature.person, stake) == "ok"
            ):
                breakers.add(signature.person)
        programs = {
            signature.program
            for signature in await self.store.program_signatures(envelope.id)
            if self._delegates(envelope, signature, mapped, rules)
        }
        return Backing(frozenset(people), frozenset(breakers), frozenset(programs))

    def _verb(self, envelope: Envelope, signature: Signature, rules: Rules) -> str | None:
        """What this person signed for this very request; None if it does not verify."""
        known = self.directory.people.get(signature.person)
        credential = next(
            (c for c in (known.credentials if known else ()) if c.id == signature.credential_id), None
        )
        if credential is None:
            return None
        payload = self.keys.unseal(envelope.id, signature.sealed_payload)
        if not _binds(signature.challenge, payload, signature.person, envelope):
            return None
        try:
            passkeys.verify_assertion(
                signature.assertion,
                challenge=signature.challenge,
                rp_id=self.rp_id,
                origins=[rules.settings.origin],
                credential=replace(credential, sign_count=0),
            )
        except passkeys.PasskeyError:
            return None
        return str(json.loads(payload)["decision"])

    def _delegates(
        self, envelope: Envelope, signature: ProgramSignature, mapped: Mapped, rules: Rules
    ) -> bool:
        """A program that is registered still, may do this still, and signed exactly this."""
        program = self.directory.programs.get(signature.program)
        if program is None or not may_delegate(rules, program.name, program.verbs, envelope.agent, mapped):
            return False
        payload = self.keys.unseal(envelope.id, signature.sealed_payload)
        if not _binds(signature.challenge, payload, program.name, envelope):
            return False
        try:
            verify(program.key, signature.signature, signature.challenge)
        except ProgramKeyError:
            return False
        return bool(json.loads(payload)["decision"] == "delegate")


def may_delegate(rules: Rules, program: str, verbs: tuple[str, ...], agent: str, mapped: Mapped) -> bool:
    return "delegate" in verbs and rules.policy.may_delegate(program, "delegate", agent=agent, mapped=mapped)


def _binds(challenge: bytes, payload: bytes, signer: str, envelope: Envelope) -> bool:
    """The signature is over this payload, and this payload is about this envelope, signer and request."""
    said: Mapping[str, Any] = json.loads(payload)
    return (
        challenge[32:] == hashlib.sha256(payload).digest()
        and said["envelope"] == envelope.id
        and said["approver"] == signer
        and said["digest"] == envelope.digest
    )
