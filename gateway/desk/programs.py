"""What registered programs may do with a question: deny it, name who is asked, or vouch for it.

A program has no session. It signs, with its own key, a nonce that it was given before, and what it says; a
nonce is for one program and one verb, and answers once. It is never a person: nothing here makes a cosigner's
signature, and where policy does not name `context.delegate` its word changes nothing.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from gateway.audit import Kind, Row
from gateway.canonical import jcs, sha256
from gateway.desk.contract import DeskError, ProgramAnswer
from gateway.desk.deciding import Deciding, clean_note
from gateway.encoding import b64u
from gateway.envelopes import Envelope, State, Step
from gateway.facts import facts_again
from gateway.history import History
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.model import Effect
from gateway.payload import challenge, for_signer, utc
from gateway.program_keys import ProgramKeyError, verify
from gateway.questions import Unsealed
from gateway.releasing import row_of
from gateway.rules import Rules, approvers, may_delegate
from gateway.store.contract import Done, Lost, Store
from gateway.store.things import Challenge, Program, ProgramSignature, ProgramVerb
from gateway.store.writes import AddChallenge, ByProgram, Delegate, Move, Route, UseChallenge

TYPE = "secondsig/program"
VERSION = 1
LIFE = 60
"""Seconds in which a nonce may be signed."""

LIST: Literal["list"] = "list"
VERBS: tuple[ProgramVerb, ...] = get_args(ProgramVerb.__value__)
SAYS: dict[str, frozenset[str]] = {
    "deny": frozenset({"note"}),
    "route": frozenset({"group"}),
    "delegate": frozenset(),
}


@dataclass
class Programs:
    store: Store
    deciding: Deciding
    rules: Callable[[], Rules]
    gateway: str
    history: History

    async def challenge(self, program: str, verb: str) -> dict[str, Any]:
        """A nonce for this program and this verb, stored before it is told."""
        self._registered(program)
        if verb not in {LIST, *VERBS}:
            raise DeskError(400, "bad_request", f"verb has to be one of {', '.join((LIST, *VERBS))}.")
        identifier, nonce = make_id("chl", secrets.token_bytes(ENTROPY_BYTES)), secrets.token_bytes(32)
        sealed = self.deciding.keys.seal(identifier, jcs({"program": program, "verb": verb}))
        expires = self.store.now() + LIFE
        await self.store.apply(
            AddChallenge(Challenge(identifier, "program", None, None, nonce, sealed, expires))
        )
        return {"challenge_id": identifier, "nonce": b64u(nonce), "gateway": self.gateway}

    async def waiting(self, answer: ProgramAnswer) -> dict[str, Any]:
        """What waits and this program may do something with."""
        program, nonce = await self._answered(answer, LIST)
        said = {
            "type": TYPE,
            "version": VERSION,
            "gateway": self.gateway,
            "program": program.name,
            "verb": LIST,
        }
        self._verify(program, answer.signature, challenge(nonce, jcs(said)))
        now = self.store.now()
        pending = await self.store.envelopes([State.PENDING], 1000)
        told = [self._told(program, envelope) for envelope in pending if envelope.expires_at > now]
        return {"envelopes": [each for each in told if each["may"]], "server_time": utc(now)}

    def _told(self, program: Program, envelope: Envelope) -> dict[str, Any]:
        unsealed = self.deciding.opened(envelope)
        return {
            "id": envelope.id,
            "may": [verb for verb in program.verbs if self._may(program, verb, envelope, unsealed)],
            "sheet": b64u(jcs(unsealed.shared)),
            "routed_to": envelope.routed_to,
            "expires_at": utc(envelope.expires_at),
        }

    async def act(self, answer: ProgramAnswer, verb: str, envelope_id: str, said: dict[str, str]) -> Envelope:
        """One verb of one program. The steps, each of which refuses:

        1. the nonce was given to this program, for this verb, and not yet answered;
        2. its key signed the nonce and exactly this payload: this envelope, this verb, what it says;
        3. the program is registered for this verb, and policy permits it here;
        4. the envelope is still open;
        5. what the verb needs holds: policy accepts its word, or enough of the group may approve.
        """
        known = next((name for name in VERBS if name == verb), None)
        if known is None or said.keys() - SAYS[known]:
            raise DeskError(400, "bad_request", "Programs may deny, route or delegate.")
        program, nonce = await self._answered(answer, known)
        envelope = await self.deciding.envelope(envelope_id)
        unsealed = self.deciding.opened(envelope)
        payload = for_signer(unsealed.shared, decision=known, approver=program.name, says=said)
        signed = challenge(nonce, payload)
        self._verify(program, answer.signature, signed)
        if not self._may(program, known, envelope, unsealed):
            raise DeskError(403, "not_allowed", f"Policy does not let {program.name} {known} this.")
        await self.deciding.still_open(envelope_id)
        signature = ProgramSignature(
            envelope.id,
            program.name,
            known,
            signed,
            self.deciding.keys.seal(envelope.id, payload),
            sha256(payload),
            answer.signature,
            self.store.now(),
        )
        match known:
            case "deny":
                return await self._deny(program, envelope, signature, said.get("note"))
            case "route":
                return await self._route(program, envelope, unsealed, signature, said.get("group", ""))
            case "delegate":
                return await self._delegate(program, envelope, unsealed, signature)

    async def _deny(
        self, program: Program, envelope: Envelope, signature: ProgramSignature, note: str | None
    ) -> Envelope:
        """It ends as a person's denial ends it."""
        row = self._row(program, envelope, Kind.END, "approval_denied")
        move = Move(
            envelope.id,
            envelope.version,
            Step.DENY,
            signature.at,
            by=_name(program),
            method="delegate",
            note=clean_note(note),
        )
        denied = await self._apply(ByProgram(move, signature, program.key), [row])
        await self.deciding.deny_alike(denied, "delegate")
        await self.deciding.pausing.after_denial(denied.agent)
        return denied

    async def _route(
        self,
        program: Program,
        envelope: Envelope,
        unsealed: Unsealed,
        signature: ProgramSignature,
        group: str,
    ) -> Envelope:
        """Only those of the group who might approve anyway are asked from here on."""
        if envelope.routed_to is not None:
            raise DeskError(409, "routed", f"This is routed to {envelope.routed_to} already.")
        stake = replace(self.deciding.stake(envelope, unsealed), routed_to=group)
        if len(approvers(self.rules(), self.deciding.directory, stake)) < envelope.quorum:
            raise DeskError(409, "nobody_there", "Too few of that group may approve this.")
        row = self._row(program, envelope, Kind.DELEGATE, "routed", group)
        return await self._apply(
            ByProgram(Route(envelope.id, envelope.version, group), signature, program.key), [row]
        )

    async def _delegate(
        self, program: Program, envelope: Envelope, unsealed: Unsealed, signature: ProgramSignature
    ) -> Envelope:
        """It goes without a person, if policy names `context.delegate` and accepts it here."""
        rules, request = self.rules(), unsealed.shared["request"]
        past = self.history.while_waiting(envelope, unsealed.mapped)
        facts = facts_again(envelope, request["method"], request["host"], signature.at, past)
        decision = rules.policy.authorise(envelope.agent, unsealed.mapped, replace(facts, delegate=True))
        if decision.effect is not Effect.ALLOW:
            raise DeskError(
                403, "not_accepted", "Policy accepts no program's word for this: a person must sign."
            )
        meta = {"program": program.key, "evidence_sha256": [signature.payload_sha256]}
        token, expires = self.deciding.mint_as("delegate", envelope, meta)
        change = Delegate(
            envelope.id, envelope.version, program.name, signature.at, token.cid, token.bytes, expires
        )
        row = self._row(program, envelope, Kind.DELEGATE, "delegated")
        rows = [row, self.deciding.mint_row(row, token)]
        return await self._apply(ByProgram(change, signature, program.key), rows)

    async def _apply(self, change: ByProgram, rows: list[Row]) -> Envelope:
        applied = await self.store.apply(change, rows)
        if isinstance(applied, Lost) and applied.envelope is None:
            raise DeskError(409, "changed", "This program said so before, or is registered no more.")
        return await self.deciding.settle(applied)

    def _row(
        self, program: Program, envelope: Envelope, kind: Kind, reason: str, detail: str | None = None
    ) -> Row:
        return row_of(
            envelope,
            kind,
            decision="step_up",
            reason=reason,
            person=_name(program),
            decision_method="delegate",
            config_digest=self.rules().digest,
            detail=detail or program.key,
        )

    def _registered(self, name: str) -> Program:
        program = self.deciding.directory.programs.get(name)
        if program is None:
            raise DeskError(403, "unknown_program", "No such program is registered here.")
        return program

    async def _answered(
        self, answer: ProgramAnswer, verb: ProgramVerb | Literal["list"]
    ) -> tuple[Program, bytes]:
        """The nonce, taken out of the store: whatever comes of it, it is never answered again."""
        used = await self.store.apply(UseChallenge(answer.challenge_id, self.store.now()))
        kept = used.challenge if isinstance(used, Done) else None
        if kept is None or kept.kind != "program":
            raise DeskError(409, "challenge_used", "This nonce was used already, or too late: get another.")
        given = json.loads(self.deciding.keys.unseal(kept.id, kept.sealed_payload))
        if given != {"program": answer.program, "verb": verb}:
            raise DeskError(409, "challenge_used", "This nonce was given to another program or verb.")
        return self._registered(answer.program), kept.challenge

    def _verify(self, program: Program, signature: bytes, signed: bytes) -> None:
        try:
            verify(program.key, signature, signed)
        except ProgramKeyError as error:
            raise DeskError(403, "bad_signature", str(error)) from error

    def _may(self, program: Program, verb: ProgramVerb, envelope: Envelope, unsealed: Unsealed) -> bool:
        return may_delegate(self.rules(), program, verb, self.deciding.stake(envelope, unsealed))


def _name(program: Program) -> str:
    """As rows and pages name it, so that it is taken for nobody."""
    return f"program {program.name}"
