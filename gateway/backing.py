"""Whose signatures stand behind an approval: each verified again, and told apart by what it says."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from gateway import passkeys
from gateway.batches import Part, covers
from gateway.delegations import counts_for, rests_on
from gateway.directory import Directory
from gateway.envelopes import DecisionMethod, Envelope, Signature
from gateway.keys import Keys
from gateway.model import Mapped
from gateway.program_keys import ProgramKeyError, verify
from gateway.rules import Rules, Stake, may_delegate, standing_to_break_glass, still_counts
from gateway.store.contract import Store
from gateway.store.things import ProgramSignature
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Given:
    """A signature, and what was said in it."""

    signature: Signature
    said: dict[str, Any]

    @property
    def by(self) -> str:
        return self.signature.person

    @property
    def breaks_glass(self) -> bool:
        return bool(self.said["decision"] == "break_glass")

    @property
    def right_of(self) -> str:
        return counts_for(self.said)

    @property
    def for_whom(self) -> str | None:
        """For whom this was signed, in the words of rows and pages."""
        away = self.said.get("for")
        return f"for {away['person']}, who is away until {away['until']}" if away else None


@dataclass(frozen=True, slots=True)
class Backing:
    """The signatures that count: approvals, those that broke glass, and programs that delegated.

    Nobody is two of them: of each person there is one signature, and of each right one is counted.
    """

    everybody: tuple[Given, ...]
    programs: frozenset[str]

    @property
    def approvals(self) -> tuple[Given, ...]:
        return tuple(given for given in self.everybody if not given.breaks_glass)

    @property
    def breakers(self) -> frozenset[str]:
        return frozenset(given.by for given in self.everybody if given.breaks_glass)

    @property
    def rights(self) -> frozenset[str]:
        """The people with whose right somebody approved."""
        return frozenset(given.right_of for given in self.approvals)

    def and_broken_by(self, given: Given) -> "Backing":
        """With this signature, which takes the place of what the same person signed before."""
        others = tuple(other for other in self.everybody if other.by != given.by)
        return replace(self, everybody=(*others, given))

    def flags(self, envelope: Envelope) -> dict[str, Any] | None:
        """What Cedar is told, or None where it is not enough for the way in which this was approved.

        The way is a column of the database: it chooses among signatures, and stands in for none.
        """
        match method_of(envelope):
            case "break_glass" if self.breakers:
                return {"cosigner": True, "approvals": self.with_broken_glass(), "break_glass": True}
            case "delegate" if self.programs:
                return {"delegate": True}
            case "passkey" if len(self.rights) >= envelope.quorum:
                return {"cosigner": True, "approvals": len(self.rights)}
            case _:
                return None

    def with_broken_glass(self) -> int:
        """How many approvals those are: who breaks glass and who signs for them are one; no program is."""
        return len(self.rights | self.breakers)


def method_of(envelope: Envelope) -> DecisionMethod:
    match envelope.decision_method:
        case "break_glass":
            return "break_glass"
        case "delegate":
            return "delegate"
        case _:
            return "passkey"


def stake_of(envelope: Envelope, mapped: Mapped, now: int, signed_at: int | None = None) -> Stake:
    """Who may approve this envelope now; a signature is as long after the opening as it was given."""
    waited = max(0, (now if signed_at is None else signed_at) - envelope.opened_at)
    return Stake(
        envelope.agent, mapped, envelope.quorum, now, envelope.intent_risk, waited, envelope.routed_to
    )


@dataclass(frozen=True)
class Backers:
    store: Store
    keys: Keys
    directory: Directory
    rp_id: str

    async def of(self, envelope: Envelope, mapped: Mapped, rules: Rules) -> Backing:
        """Under these rules, at this moment."""
        counting = self.counting(envelope, mapped, rules, await self.store.signatures(envelope.id))
        programs = frozenset(
            signature.program
            for signature in await self.store.program_signatures(envelope.id)
            if self._delegates(envelope, signature, mapped, rules)
        )
        return Backing(counting, programs)

    def counting(
        self, envelope: Envelope, mapped: Mapped, rules: Rules, signatures: tuple[Signature, ...]
    ) -> tuple[Given, ...]:
        """Those whose stored assertion verifies again and whose signer may still sign in this way."""
        return tuple(
            given
            for signature in signatures
            if (given := self._verified(envelope, signature, rules)) is not None
            and self.counts(given, envelope, mapped, rules)
        )

    def given(self, signature: Signature) -> Given:
        return Given(signature, json.loads(self.keys.unseal(signature.envelope, signature.sealed_payload)))

    def counts(self, given: Given, envelope: Envelope, mapped: Mapped, rules: Rules) -> bool:
        """Whether its signer may do now what it says, with just the right that it names."""
        stake = stake_of(envelope, mapped, self.store.now(), given.signature.at)
        if given.breaks_glass:
            return standing_to_break_glass(rules, self.directory, given.by, stake) == "ok"
        return still_counts(rules, self.directory, given.by, stake, rests_on(given.said))

    def _verified(self, envelope: Envelope, signature: Signature, rules: Rules) -> Given | None:
        """What a person signed for this very request; None if it does not verify."""
        known = self.directory.people.get(signature.person)
        credential = next(
            (c for c in (known.credentials if known else ()) if c.id == signature.credential_id), None
        )
        if credential is None:
            return None
        payload = self.keys.unseal(envelope.id, signature.sealed_payload)
        given = Given(signature, json.loads(payload))
        if not self._binds(given, payload, envelope):
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
        return given

    def _binds(self, given: Given, payload: bytes, envelope: Envelope) -> bool:
        """The payload is about this question; what was signed is this payload, or a batch that lists it.

        Broken glass, a right that was lent and a batch never go together: each is signed with its own page.
        """
        signature, verb = given.signature, "break_glass" if given.breaks_glass else "approve"
        lent, batched = rests_on(given.said) is not None, signature.sealed_batch is not None
        if given.breaks_glass + lent + batched > 1:
            return False
        if not _is_about(given.said, signature.person, envelope, verb):
            return False
        if signature.sealed_batch is None:
            return signature.challenge[32:] == hashlib.sha256(payload).digest()
        return covers(
            self.keys.unseal(envelope.id, signature.sealed_batch),
            signature.challenge,
            Part(envelope.id, envelope.digest, payload),
            approver=signature.person,
            rp_id=self.rp_id,
        )

    def _delegates(
        self, envelope: Envelope, signature: ProgramSignature, mapped: Mapped, rules: Rules
    ) -> bool:
        """A program that is registered still, may do this still, and signed exactly this."""
        program = self.directory.programs.get(signature.program)
        stake = stake_of(envelope, mapped, self.store.now(), signature.at)
        if program is None or not may_delegate(rules, program, "delegate", stake):
            return False
        payload = self.keys.unseal(envelope.id, signature.sealed_payload)
        if signature.challenge[32:] != hashlib.sha256(payload).digest():
            return False
        try:
            verify(program.key, signature.signature, signature.challenge)
        except ProgramKeyError:
            return False
        return _is_about(json.loads(payload), program.name, envelope, "delegate")


def _is_about(said: dict[str, Any], signer: str, envelope: Envelope, verb: str) -> bool:
    """This payload is about this envelope, signer and request, and says this verb."""
    return bool(
        said["envelope"] == envelope.id
        and said["approver"] == signer
        and said["decision"] == verb
        and said["digest"] == envelope.digest
    )
