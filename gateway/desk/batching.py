"""Like requests decided together: one signature over the list of them, or one denial for each."""

import secrets
from collections.abc import Sequence
from typing import Any

from gateway import passkeys
from gateway.audit import Row
from gateway.batches import MOST, MOST_BYTES, Head, Part, batch_payload, listed
from gateway.canonical import sha256
from gateway.desk.contract import DeskError, Session
from gateway.desk.deciding import Deciding
from gateway.envelopes import Envelope, Signature, State, signed_by
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.payload import challenge, for_signer
from gateway.store.contract import Done, Lost
from gateway.store.things import Challenge
from gateway.store.writes import AddChallenge, Sign, SignBatch, UseChallenge
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch as it is shown: the challenge, the list that it binds, and the payload of each."""

    challenge: Challenge
    payload: bytes
    options: dict[str, Any]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An envelope of a batch that was not decided with it, and why."""

    envelope: str
    word: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decided:
    done: tuple[Envelope, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Signing:
    """One envelope's share of a batch that is being signed."""

    sign: Sign
    rows: list[Row]


@dataclass
class Batching:
    deciding: Deciding
    gateway: str

    async def alike(self, session: Session, envelope: Envelope) -> list[str]:
        """What waits and this person could sign together with this one; nothing, where it is alone."""
        if envelope.batch_key is None:
            return []
        waiting = await self.deciding.store.waiting_alike(envelope.batch_key, MOST)
        now = self.deciding.store.now()
        in_time = [other for other in waiting if other.expires_at > now]
        return [other.id for other in in_time if not await self._has_signed(session.person, other)]

    async def begin(self, session: Session, envelope_ids: Sequence[str]) -> Asked:
        """The list to be signed, each of its payloads, and the challenge, stored before it is shown."""
        _check_count(envelope_ids)
        envelopes = [await self._signable(session, envelope_id) for envelope_id in envelope_ids]
        if envelopes[0].batch_key is None or len({envelope.batch_key for envelope in envelopes}) != 1:
            raise DeskError(409, "not_alike", "These requests are not alike: approve each on its own page.")
        parts = tuple(self._part(session.person, envelope) for envelope in envelopes)
        if sum(len(part.payload) for part in parts) > MOST_BYTES:
            raise DeskError(413, "too_large", "Together these are too large to be shown whole: take fewer.")
        deadline = min(envelope.expires_at for envelope in envelopes)
        head = Head(self.gateway, self.deciding.rp_id, session.person, deadline)
        payload = batch_payload(head, parts)
        identifier = make_id("chl", secrets.token_bytes(ENTROPY_BYTES))
        asked = Challenge(
            identifier,
            "batch",
            session.person,
            None,
            challenge(secrets.token_bytes(32), payload),
            self.deciding.keys.seal(identifier, payload),
            deadline,
        )
        await self.deciding.store.apply(AddChallenge(asked))
        options = passkeys.assertion_options(
            rp_id=self.deciding.rp_id,
            challenge=asked.challenge,
            allow=self.deciding.directory.people[session.person].credentials,
        )
        return Asked(asked, payload, options, parts)

    async def approve(self, session: Session, challenge_id: str, response: dict[str, Any]) -> Decided:
        """One assertion, one signature for each. The steps, each of which refuses the whole:

        1. the challenge was asked, of this person, about a batch, not yet answered, and nothing is overdue;
        2. the credential that signed is this person's own;
        3. this person may sign each that still waits, and has seen what was redacted in it;
        4. the assertion verifies, over exactly the list that was shown.

        What somebody decided meanwhile is left out and told; all others are signed in one transaction.
        """
        asked = await self._answered(session, challenge_id)
        credential = await self.deciding.signing_in.credential_of(response)
        if credential.person != session.person:
            raise DeskError(403, "other_person", "The passkey that signed belongs to somebody else.")
        batch = self.deciding.keys.unseal(asked.id, asked.sealed_payload)
        waiting, left_out = await self._still_waiting(batch)
        for envelope in waiting:
            unsealed = self.deciding.opened(envelope)
            await self._check_own_right(session, envelope)
            await self.deciding.check_revealed(session.person, envelope, unsealed)
        verified = self.deciding.signing_in.verify(response, asked, credential)
        signing = {
            envelope.id: await self._signing(envelope, asked, batch, verified, response)
            for envelope in waiting
        }
        return await self._sign_all(signing, left_out)

    async def deny(self, session: Session, envelope_ids: Sequence[str], note: str | None) -> Decided:
        """Each is denied as it would be alone; what follows for the agent is seen once, at the end."""
        _check_count(envelope_ids)
        done: list[Envelope] = []
        left_out: list[LeftOut] = []
        for envelope_id in envelope_ids:
            try:
                done.append(await self._denied(session, envelope_id, note))
            except DeskError as error:
                left_out.append(LeftOut(envelope_id, error.word, error.detail))
        for agent in {envelope.agent for envelope in done}:
            await self.deciding.pausing.after_denial(agent)
        return Decided(tuple(done), tuple(left_out))

    async def _denied(self, session: Session, envelope_id: str, note: str | None) -> Envelope:
        """What means the same as one before it in the list was denied with that one."""
        envelope = await self.deciding.envelope(envelope_id)
        if envelope.state is State.DENIED and envelope.decided_by == session.person:
            return envelope
        return await self.deciding.deny_one(session, envelope_id, note)

    async def _signable(self, session: Session, envelope_id: str) -> Envelope:
        envelope = await self.deciding.still_open(envelope_id)
        await self._check_own_right(session, envelope)
        if await self._has_signed(session.person, envelope):
            raise DeskError(409, "signed", "You have signed one of these already.", {"envelope": envelope})
        return envelope

    async def _check_own_right(self, session: Session, envelope: Envelope) -> None:
        """What is signed for somebody who is away is signed alone: its page says for whom."""
        right = await self.deciding.check_right(session.person, envelope, self.deciding.opened(envelope))
        if right.away is not None:
            raise DeskError(
                403, "away", "You sign one of these for somebody else: approve it on its own page."
            )

    async def _has_signed(self, person: str, envelope: Envelope) -> bool:
        return person in signed_by(await self.deciding.store.signatures(envelope.id))

    def _part(self, person: str, envelope: Envelope) -> Part:
        shared = self.deciding.opened(envelope).shared
        return Part(envelope.id, envelope.digest, for_signer(shared, decision="approve", approver=person))

    async def _answered(self, session: Session, challenge_id: str) -> Challenge:
        """Taken from the store: whatever comes of it, it is never answered again."""
        used = await self.deciding.store.apply(UseChallenge(challenge_id, self.deciding.store.now()))
        if isinstance(used, Lost) and used.why == "expired":
            raise DeskError(409, "expired", "Time ran out for one of these: nothing was signed.")
        asked = used.challenge if isinstance(used, Done) else None
        if asked is None or (asked.kind, asked.person) != ("batch", session.person):
            raise DeskError(409, "challenge_used", "This signature was used already: reload and try again.")
        return asked

    async def _still_waiting(self, batch: bytes) -> tuple[list[Envelope], list[LeftOut]]:
        waiting: list[Envelope] = []
        left_out: list[LeftOut] = []
        for entry in listed(batch):
            try:
                waiting.append(await self.deciding.still_open(entry["envelope"]))
            except DeskError as error:
                left_out.append(LeftOut(entry["envelope"], error.word, error.detail))
        return waiting, left_out

    async def _signing(
        self,
        envelope: Envelope,
        asked: Challenge,
        batch: bytes,
        credential: passkeys.Credential,
        response: dict[str, Any],
    ) -> _Signing:
        keys, part = self.deciding.keys, self._part(credential.person, envelope)
        if part.listed() not in listed(batch):
            raise DeskError(409, "changed", "One of these is not what was shown: reload the page.")
        signature = Signature(
            envelope.id,
            credential.person,
            credential.id,
            asked.challenge,
            keys.seal(envelope.id, part.payload),
            sha256(part.payload),
            response,
            self.deciding.store.now(),
            keys.seal(envelope.id, batch),
        )
        return _Signing(*await self.deciding.signing(envelope, signature, credential))

    async def _sign_all(self, signing: dict[str, _Signing], left_out: list[LeftOut]) -> Decided:
        """All that still wait, in one transaction: what was lost is left out, and the rest tried again."""
        while signing:
            change = SignBatch(tuple(share.sign for share in signing.values()))
            applied = await self.deciding.store.apply(
                change, [row for share in signing.values() for row in share.rows]
            )
            if isinstance(applied, Done):
                return Decided(await self._signed(applied), tuple(left_out))
            current = applied.envelope
            if current is None or current.id not in signing:
                raise DeskError(
                    409, "passkey_used", "This passkey answered something else meanwhile: try again."
                )
            del signing[current.id]
            left_out.append(self._lost(current))
        return Decided((), tuple(left_out))

    def _lost(self, current: Envelope) -> LeftOut:
        too_late = self.deciding.decided(current)
        return LeftOut(current.id, too_late.word, too_late.detail)

    async def _signed(self, applied: Done) -> tuple[Envelope, ...]:
        for envelope in applied.envelopes:
            self.deciding.board.changed(envelope)
        await self.deciding.directory.refresh()
        return applied.envelopes


def _check_count(envelope_ids: Sequence[str]) -> None:
    if not 0 < len(envelope_ids) <= MOST:
        raise DeskError(400, "bad_batch", f"A batch holds 1 to {MOST} requests.")
    if len(set(envelope_ids)) != len(envelope_ids):
        raise DeskError(400, "bad_batch", "A batch holds each request once.")
