"""Breaking glass: a person of its own group lets through what a quorum or an approver out of reach blocks.

It is never quiet: what is signed says so with its reason, everybody is told, and what one person let through
stays open as a review until another has looked at it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway import passkeys
from gateway.audit import Kind, Row
from gateway.canonical import sha256
from gateway.desk.contract import DeskError, Session
from gateway.desk.deciding import WHY_NOT, Deciding
from gateway.encoding import b64u
from gateway.envelopes import Envelope, Signature, State
from gateway.facts import facts_again
from gateway.glass import LONGEST, SHORTEST, clean_reason, enough, ever_enough
from gateway.history import History
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.payload import challenge, for_signer
from gateway.policy import Facts
from gateway.questions import Unsealed
from gateway.releasing import row_of
from gateway.rules import Rules
from gateway.store.contract import Done, Lost, Store
from gateway.store.things import Challenge, Review
from gateway.store.writes import AddChallenge, BreakGlass, Sign, UseChallenge

DAY = 86_400


@dataclass
class BreakingGlass:
    store: Store
    deciding: Deciding
    rules: Callable[[], Rules]
    history: History

    async def may(self, person: str, envelope: Envelope) -> bool:
        """Whether a page offers it: this person may, policy would accept it, and approving is not enough."""
        if envelope.state is not State.PENDING or envelope.sealed is None:
            return False
        unsealed = self.deciding.opened(envelope)
        right = await self.deciding.right(person, envelope, unsealed)
        alone = envelope.quorum == 1 and right.standing == "ok"
        return (
            not alone
            and self.deciding.standing_to_break_glass(person, envelope, unsealed) == "ok"
            and person not in {breaking.person for breaking in await self.store.breakings(envelope.id)}
            and ever_enough(self.rules(), envelope.agent, unsealed.mapped, self._facts(envelope, unsealed))
            and await self._room_today(envelope)
        )

    async def begin(self, session: Session, envelope_id: str, reason: str) -> dict[str, Any]:
        """The exact bytes to be signed by this person, with the reason in them."""
        envelope = await self.deciding.still_open(envelope_id)
        unsealed = self.deciding.opened(envelope)
        self._check(session.person, envelope, unsealed)
        said = clean_reason(reason)
        if said is None:
            raise DeskError(
                400, "bad_reason", f"Say why in {SHORTEST} to {LONGEST} characters that can be seen."
            )
        if not await self._room_today(envelope):
            raise self._no_room()
        payload = for_signer(
            unsealed.shared, decision="break_glass", approver=session.person, says={"reason": said}
        )
        asked = Challenge(
            make_id("chl", secrets.token_bytes(ENTROPY_BYTES)),
            "break_glass",
            session.person,
            envelope.id,
            challenge(secrets.token_bytes(32), payload),
            self.deciding.keys.seal(envelope.id, payload),
            envelope.expires_at,
        )
        await self.store.apply(AddChallenge(asked))
        options = passkeys.assertion_options(
            rp_id=self.deciding.rp_id,
            challenge=asked.challenge,
            allow=self.deciding.directory.people[session.person].credentials,
        )
        return {"challenge_id": asked.id, "payload": b64u(payload), "options": options}

    async def finish(
        self, session: Session, envelope_id: str, challenge_id: str, response: dict[str, Any]
    ) -> Envelope:
        """One signature that breaks glass. The steps, each of which refuses:

        1. the challenge was asked, of this person, about this envelope, for this verb, and not yet answered;
        2. the envelope is still open;
        3. the credential that signed is this person's own;
        4. this person may break glass, policy may accept it, and what was redacted was seen;
        5. the assertion verifies, over exactly the payload that was shown;
        6. the day has room, in the transaction that signs.
        """
        used = await self.store.apply(UseChallenge(challenge_id, self.store.now()))
        envelope = await self.deciding.still_open(envelope_id)
        asked = used.challenge if isinstance(used, Done) else None
        if asked is None or (asked.kind, asked.person, asked.envelope) != (
            "break_glass",
            session.person,
            envelope_id,
        ):
            raise DeskError(409, "challenge_used", "This signature was used already: reload and try again.")
        credential = await self.deciding.signing_in.credential_of(response)
        if credential.person != session.person:
            raise DeskError(403, "other_person", "The passkey that signed belongs to somebody else.")
        unsealed = self.deciding.opened(envelope)
        self._check(session.person, envelope, unsealed)
        await self.deciding.check_revealed(session.person, envelope, unsealed)
        verified = self.deciding.signing_in.verify(response, asked, credential)
        return await self._sign(envelope, unsealed, asked, verified, response)

    async def _sign(
        self,
        envelope: Envelope,
        unsealed: Unsealed,
        asked: Challenge,
        credential: passkeys.Credential,
        response: dict[str, Any],
    ) -> Envelope:
        payload = self.deciding.keys.unseal(envelope.id, asked.sealed_payload)
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
        rules = self.rules()
        given = self.deciding.backers.given(signature)
        backing = (await self.deciding.backing(envelope, unsealed)).and_broken_by(given)
        reason = given.said["reason"]
        signed = row_of(
            envelope,
            Kind.SIGNATURE,
            decision="step_up",
            reason="signed",
            person=credential.person,
            decision_method="break_glass",
            credential_id=b64u(credential.id),
            config_digest=rules.digest,
            detail=reason,
        )
        rows = [signed, Row(**{**signed.columns(), "kind": Kind.BREAK_GLASS, "reason": "break_glass"})]
        change = BreakGlass(
            Sign(envelope.version, signature, credential), reason, rules.settings.limits.break_glass
        )
        facts = self._facts(envelope, unsealed)
        if enough(rules, envelope.agent, unsealed.mapped, facts, backing.with_broken_glass()):
            token, expires = self.deciding.mint(envelope, tuple(each.signature for each in backing.everybody))
            sign = Sign(envelope.version, signature, credential, token.cid, token.bytes, expires)
            review = self._review(envelope, signature.at) if len(backing.breakers) == 1 else None
            change = BreakGlass(sign, reason, rules.settings.limits.break_glass, review)
            rows.append(self.deciding.mint_row(signed, token))
            if review is not None:
                rows.append(Row(**{**signed.columns(), "kind": Kind.REVIEW, "reason": "opened"}))
        applied = await self.store.apply(change, rows)
        if isinstance(applied, Lost) and applied.why == "limit":
            raise self._no_room()
        return await self.deciding.settle(applied)

    def _review(self, envelope: Envelope, now: int) -> Review:
        agent = self.deciding.directory.agents.get(envelope.agent)
        return Review(envelope.id, envelope.agent, agent.owner if agent else None, now)

    def _facts(self, envelope: Envelope, unsealed: Unsealed) -> Facts:
        request = unsealed.shared["request"]
        past = self.history.while_waiting(envelope, unsealed.mapped)
        return facts_again(envelope, request["method"], request["host"], self.store.now(), past)

    def _check(self, person: str, envelope: Envelope, unsealed: Unsealed) -> None:
        stands = self.deciding.standing_to_break_glass(person, envelope, unsealed)
        if stands == "not_allowed":
            raise DeskError(403, stands, "Only members of the group break_glass may, where policy lets them.")
        if stands != "ok":
            raise DeskError(403, stands, WHY_NOT[stands])
        facts = self._facts(envelope, unsealed)
        if not ever_enough(self.rules(), envelope.agent, unsealed.mapped, facts):
            raise DeskError(
                403, "forbidden", "Policy does not accept broken glass here: what it forbids stays forbidden."
            )

    async def _room_today(self, envelope: Envelope) -> bool:
        """Asked here to say it early; what counts is asked again in the transaction that signs."""
        broken = await self.store.glass_broken_since(self.store.now() - DAY, envelope.id)
        return broken < self.rules().settings.limits.break_glass

    def _no_room(self) -> DeskError:
        most = self.rules().settings.limits.break_glass
        return DeskError(
            429, "daily_cap", f"Glass was broken {most} times within a day, which is all that is allowed."
        )
