"""How a person decides: the payload is shown, a passkey signs it, the quorum mints the cosigner."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gateway import passkeys, ucan
from gateway.audit import Kind, Row
from gateway.backing import Backers, Backing, Given, stake_of
from gateway.board import Board
from gateway.canonical import sha256
from gateway.delegations import rests_on
from gateway.desk.contract import DeskError, Session
from gateway.desk.signing_in import SigningIn
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.endings import who_won
from gateway.envelopes import COSIGNER_LIFE, DecisionMethod, Envelope, Signature, State, Step, signed_by
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.keys import Keys
from gateway.pausing import By, Pausing
from gateway.payload import challenge, for_signer
from gateway.questions import Unsealed, unpack
from gateway.releasing import row_of
from gateway.rules import Right, Rules, Stake, Standing, right_of, standing_to_break_glass
from gateway.store.contract import Applied, Done, Lost, Store
from gateway.store.things import Challenge
from gateway.store.writes import AddChallenge, Move, Record, Reveal, Sign, UseChallenge, Withdraw

MAX_NOTE = 280
WHY_NOT = {
    "not_allowed": "Policy does not let you approve this: somebody else must sign.",
    "own_request": "This request came from an agent that acts for you: somebody else must sign.",
    "no_passkey": "No passkey of yours is enrolled.",
    "counted": "Somebody signed with this right already, you or who stands in: another person must sign.",
}


MAY_DENY = frozenset({"ok", "own_request", "counted"})
"""Whom a denial is taken from: it can only make things safer."""


@dataclass
class Deciding:
    store: Store
    keys: Keys
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    signing_in: SigningIn
    rp_id: str
    pausing: Pausing

    @property
    def backers(self) -> Backers:
        return Backers(self.store, self.keys, self.directory, self.rp_id)

    async def envelope(self, envelope_id: str) -> Envelope:
        envelope = await self.store.envelope(envelope_id)
        if envelope is None:
            raise DeskError(404, "absent", "There is no such request.")
        return envelope

    def opened(self, envelope: Envelope) -> Unsealed:
        if envelope.sealed is None:
            raise DeskError(410, "shredded", "What was asked here was erased when its retention ended.")
        return unpack(self.keys.unseal(envelope.id, envelope.sealed))

    def sent_key(self, envelope: Envelope) -> str | None:
        """The idempotency key that the request went upstream with."""
        if envelope.sent_key is None:
            return None
        return self.keys.unseal(envelope.id, envelope.sent_key).decode()

    def stake(self, envelope: Envelope, unsealed: Unsealed) -> Stake:
        return stake_of(envelope, unsealed.mapped, self.store.now())

    async def right(self, person: str, envelope: Envelope, unsealed: Unsealed) -> Right:
        """What this person would sign with, if at all, beside those who signed already."""
        backing = await self.backing(envelope, unsealed)
        taken = frozenset(given.right_of for given in backing.approvals if given.by != person)
        return right_of(self.rules(), self.directory, person, self.stake(envelope, unsealed), taken)

    async def backing(self, envelope: Envelope, unsealed: Unsealed) -> Backing:
        """The signatures that count now, each with the person whose right it uses."""
        return await self.backers.of(envelope, unsealed.mapped, self.rules())

    def standing_to_break_glass(self, person: str, envelope: Envelope, unsealed: Unsealed) -> Standing:
        return standing_to_break_glass(self.rules(), self.directory, person, self.stake(envelope, unsealed))

    async def sign(self, session: Session, envelope_id: str) -> dict[str, Any]:
        """The exact bytes to be signed by this person, and the challenge that binds them."""
        envelope = await self.still_open(envelope_id)
        unsealed = self.opened(envelope)
        right = await self.check_right(session.person, envelope, unsealed)
        payload = for_signer(unsealed.shared, decision="approve", approver=session.person, away=right.away)
        asked = Challenge(
            make_id("chl", secrets.token_bytes(ENTROPY_BYTES)),
            "approval",
            session.person,
            envelope.id,
            challenge(secrets.token_bytes(32), payload),
            self.keys.seal(envelope.id, payload),
            envelope.expires_at,
        )
        await self.store.apply(AddChallenge(asked))
        options = passkeys.assertion_options(
            rp_id=self.rp_id,
            challenge=asked.challenge,
            allow=self.directory.people[session.person].credentials,
        )
        return {"challenge_id": asked.id, "payload": b64u(payload), "options": options}

    async def approve(
        self, session: Session, envelope_id: str, challenge_id: str, response: dict[str, Any]
    ) -> Envelope:
        """One signature. The steps, each of which refuses:

        1. the challenge was asked, of this person, about this envelope, and not yet answered;
        2. the envelope is still open;
        3. the credential that signed is this person's own;
        4. this person may sign with just the right that the payload names, and has seen what was redacted;
        5. the assertion verifies, over exactly the payload that was shown.
        """
        used = await self.store.apply(UseChallenge(challenge_id, self.store.now()))
        envelope = await self.still_open(envelope_id)
        asked = used.challenge if isinstance(used, Done) else None
        if asked is None or (asked.kind, asked.person, asked.envelope) != (
            "approval",
            session.person,
            envelope_id,
        ):
            raise DeskError(409, "challenge_used", "This signature was used already: reload and try again.")
        credential = await self.signing_in.credential_of(response)
        if credential.person != session.person:
            raise DeskError(403, "other_person", "The passkey that signed belongs to somebody else.")
        unsealed = self.opened(envelope)
        await self.check_right(session.person, envelope, unsealed)
        await self.check_revealed(session.person, envelope, unsealed)
        verified = self.signing_in.verify(response, asked, credential)
        return await self._sign(envelope, unsealed, asked, verified, response)

    async def _sign(
        self,
        envelope: Envelope,
        unsealed: Unsealed,
        asked: Challenge,
        credential: passkeys.Credential,
        response: dict[str, Any],
    ) -> Envelope:
        payload = self.keys.unseal(envelope.id, asked.sealed_payload)
        signature = Signature(
            envelope.id,
            credential.person,
            credential.id,
            asked.challenge,
            asked.sealed_payload,
            sha256(payload),
            response,
            self.store.now(),
        )
        change, rows = await self.signing(envelope, signature, credential)
        return await self.settle(await self.store.apply(change, rows))

    async def signing(
        self, envelope: Envelope, signature: Signature, credential: passkeys.Credential
    ) -> tuple[Sign, list[Row]]:
        """What this signature changes; with the cosigner, where it is the last of the quorum."""
        unsealed = self.opened(envelope)
        now = self.backers.given(signature)
        before = await self.backing(envelope, unsealed)
        counts = self.backers.counts(now, envelope, unsealed.mapped, self.rules())
        if now.right_of in before.rights or not counts:
            raise DeskError(409, "changed", "What you would sign with changed meanwhile: reload the page.")
        row = row_of(
            envelope,
            Kind.SIGNATURE,
            decision="step_up",
            reason="signed",
            person=credential.person,
            decision_method="passkey",
            credential_id=b64u(credential.id),
            detail=self._said_of_signer(envelope, now),
        )
        rows = [row, *self._use_rows(row, now)]
        if len(before.rights) + 1 < envelope.quorum:
            return Sign(envelope.version, signature, credential), rows
        token, expires = self.mint(envelope, (*(given.signature for given in before.approvals), signature))
        change = Sign(envelope.version, signature, credential, token.cid, token.bytes, expires)
        return change, [*rows, self.mint_row(row, token)]

    def _said_of_signer(self, envelope: Envelope, given: Given) -> str | None:
        agent = self.directory.agents.get(envelope.agent)
        said = ["signed in a batch"] if given.signature.sealed_batch is not None else []
        if agent and agent.owner == given.by:
            said.append("signed by the agent's owner (owner_may_approve)")
        if given.for_whom is not None:
            said.append(given.for_whom)
        return "; ".join(said) or None

    def _use_rows(self, signed: Row, given: Given) -> list[Row]:
        """A right that was lent and used has a row of its own, which names both."""
        if given.for_whom is None:
            return []
        detail = f"{rests_on(given.said)}: {given.for_whom}"
        return [replace(signed, kind=Kind.DELEGATION, decision="used", reason=None, detail=detail)]

    def mint_row(self, signed: Row, token: ucan.Token) -> Row:
        columns = {**signed.columns(), "kind": Kind.MINT, "reason": "minted", "cosigner": token.cid}
        return Row(**columns)

    def mint(self, envelope: Envelope, signatures: tuple[Signature, ...]) -> tuple[ucan.Token, int]:
        """The cosigner: it lets this one request of this one envelope go, within five minutes."""
        return self.mint_as(
            "cosign",
            envelope,
            {
                "credential_id": [b64u(signature.credential_id) for signature in signatures],
                "evidence_sha256": [signature.payload_sha256 for signature in signatures],
            },
        )

    def mint_as(self, verb: str, envelope: Envelope, meta: dict[str, Any]) -> tuple[ucan.Token, int]:
        key = self.keys.cosigner
        own = ucan.did_key(key.public_key())
        expires = self.store.now() + COSIGNER_LIFE
        token = ucan.mint(
            key,
            audience=own,
            subject=own,
            command=f"/{verb}{envelope.action}".lower(),
            policy=[["==", ".envelope", envelope.id], ["==", ".request", envelope.digest]],
            nonce=secrets.token_bytes(16),
            expires=expires,
            meta=meta,
        )
        return token, expires

    async def deny(self, session: Session, envelope_id: str, note: str | None) -> Envelope:
        denied = await self.deny_one(session, envelope_id, note)
        await self.pausing.after_denial(denied.agent)
        return denied

    async def deny_one(self, session: Session, envelope_id: str, note: str | None) -> Envelope:
        """Ends this question and those that mean the same; what follows for the agent is not counted here."""
        envelope = await self.still_open(envelope_id)
        unsealed = self.opened(envelope)
        if (await self.right(session.person, envelope, unsealed)).standing not in MAY_DENY:
            raise DeskError(403, "not_allowed", "Policy does not let you decide this.")
        row = row_of(
            envelope,
            Kind.END,
            decision="step_up",
            reason="approval_denied",
            person=session.person,
            decision_method="session",
            credential_id=b64u(session.credential_id),
            detail=f"signed in at {session.signed_in_at}",
        )
        move = Move(
            envelope.id,
            envelope.version,
            Step.DENY,
            self.store.now(),
            by=session.person,
            method="session",
            note=clean_note(note),
        )
        denied = await self.settle(await self.store.apply(move, [row]))
        await self.deny_alike(denied, "session")
        return denied

    async def pause(self, session: Session, agent: str) -> list[str]:
        """Anybody who is signed in may stop an agent: it can only make things safer."""
        if agent not in self.directory.agents:
            raise DeskError(404, "absent", "There is no such agent.")
        by = By(session.person, "session", b64u(session.credential_id))
        return await self.pausing.pause(agent, by, f"signed in at {session.signed_in_at}")

    async def deny_alike(self, denied: Envelope, method: DecisionMethod) -> None:
        """What waits and means the same is denied with it: the kinder approver is not asked."""
        for other in await self.store.envelopes([State.PENDING], 1000):
            if (other.agent, other.intent_key) != (denied.agent, denied.intent_key):
                continue
            row = row_of(
                other,
                Kind.END,
                decision="step_up",
                reason="approval_denied",
                person=denied.decided_by,
                decision_method=method,
                detail=f"denied as {denied.id}",
            )
            move = Move(
                other.id,
                other.version,
                Step.DENY,
                self.store.now(),
                by=denied.decided_by,
                method=method,
                note=denied.note,
            )
            applied = await self.store.apply(move, [row])
            if isinstance(applied, Done) and applied.envelope:
                self.board.changed(applied.envelope)

    async def withdraw(self, session: Session, envelope_id: str) -> Envelope:
        """A signer takes the approval back; possible until it is spent."""
        envelope = await self.envelope(envelope_id)
        if session.person not in signed_by(await self.store.signatures(envelope_id)):
            raise DeskError(403, "not_signed", "You have not signed this.")
        row = row_of(
            envelope,
            Kind.END,
            decision="step_up",
            reason="withdrawn",
            person=session.person,
            decision_method="session",
            cosigner=envelope.cosigner,
        )
        if envelope.state is State.PENDING:
            change: Withdraw | Move = Withdraw(envelope.id, envelope.version, session.person)
        elif envelope.state is State.APPROVED:
            change = Move(
                envelope.id,
                envelope.version,
                Step.REVOKE,
                self.store.now(),
                by=session.person,
                method="session",
            )
        else:
            raise self.decided(envelope)
        return await self.settle(await self.store.apply(change, [row]))

    async def reveal(self, session: Session, envelope_id: str, selector: str) -> dict[str, str]:
        """Shows a redacted value to somebody who may sign; the row is durable first."""
        envelope = await self.envelope(envelope_id)
        unsealed = self.opened(envelope)
        if self.standing_to_break_glass(session.person, envelope, unsealed) != "ok":
            await self.check_right(session.person, envelope, unsealed)
        hidden = unsealed.hidden.get(selector)
        if hidden is None:
            raise DeskError(404, "absent", "There is no such redacted value.")
        row = row_of(
            envelope,
            Kind.REVEAL,
            decision="step_up",
            reason="revealed",
            person=session.person,
            detail=selector,
        )
        await self.store.apply(Reveal(envelope.id, session.person, selector), [row])
        return {"value": hidden.value, "salt": hidden.salt.hex()}

    async def mismatch(self, session: Session, envelope_id: str, expected: str, shown: str) -> None:
        """A page saw that it does not show what would be signed."""
        envelope = await self.envelope(envelope_id)
        row = row_of(
            envelope,
            Kind.MISMATCH,
            decision="step_up",
            reason="display_mismatch",
            person=session.person,
            detail=f"expected {expected[:64]}, shown {shown[:64]}",
        )
        await self.store.apply(Record(), [row])

    async def still_open(self, envelope_id: str) -> Envelope:
        envelope = await self.envelope(envelope_id)
        if envelope.state is not State.PENDING:
            raise self.decided(envelope)
        if envelope.expires_at <= self.store.now():
            raise self.decided(envelope)
        return envelope

    async def check_right(self, person: str, envelope: Envelope, unsealed: Unsealed) -> Right:
        right = await self.right(person, envelope, unsealed)
        if right.standing != "ok":
            raise DeskError(403, right.standing, WHY_NOT[right.standing])
        return right

    async def check_revealed(self, person: str, envelope: Envelope, unsealed: Unsealed) -> None:
        unseen = set(unsealed.hidden) - await self.store.revealed(envelope.id, person)
        if unseen:
            raise DeskError(
                403, "not_revealed", f"Reveal what is redacted before you sign: {', '.join(sorted(unseen))}."
            )

    async def settle(self, applied: Applied) -> Envelope:
        match applied:
            case Done(envelope=Envelope() as envelope):
                self.board.changed(envelope)
                await self.directory.refresh()
                return envelope
            case Lost(envelope=Envelope() as current):
                raise self.decided(current)
            case _:
                raise DeskError(409, "changed", "This request changed meanwhile: reload the page.")

    def decided(self, envelope: Envelope) -> DeskError:
        """What whoever comes too late is told: who was first, where somebody was."""
        now = self.store.now()
        word = {State.PENDING: "changed", State.EXPIRED: "expired"}.get(envelope.state, "decided")
        if word == "changed" and now >= envelope.expires_at:
            word = "expired"
        return DeskError(409, word, who_won(envelope, now), {"envelope": envelope})


def clean_note(note: str | None) -> str | None:
    """A note as the agent gets it: one plain text, cut to its limit."""
    text = " ".join((note or "").split())
    return "".join(c for c in text if c.isprintable())[:MAX_NOTE] or None
