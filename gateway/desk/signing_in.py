"""How a person becomes known: the first link enrols a passkey, a passkey signs in, a session reads."""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from gateway import passkeys
from gateway.audit import Kind, Row
from gateway.canonical import jcs, sha256
from gateway.desk.contract import NOBODY_SEEN, DeskError, Session, SignedIn, Visitor
from gateway.directory import Directory
from gateway.encoding import b64u, from_b64u
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.keys import Keys
from gateway.payload import challenge, utc
from gateway.rules import Rules
from gateway.store.contract import Done, Lost, Store
from gateway.store.things import Challenge, Invitation, Person, StoredSession
from gateway.store.writes import AddChallenge, Enrol, SignIn, SignOut, UseChallenge

LOGIN_LIFE = 300
MAX_NAME = 64
NO_SUCH_LINK = "This link was used already, or has expired: ask for a new one."


@dataclass
class SigningIn:
    store: Store
    keys: Keys
    directory: Directory
    rules: Callable[[], Rules]
    gateway: str
    rp_id: str
    refreshed: Callable[[], Awaitable[None]]

    def __post_init__(self) -> None:
        self._sessions: dict[str, StoredSession] = {}

    async def load(self) -> None:
        self._sessions = {session.token_hash: session for session in await self.store.sessions()}

    def session(self, cookie_token: str, tab_token: str) -> Session | None:
        known = self._sessions.get(sha256(cookie_token.encode()))
        if known is None or not hmac.compare_digest(known.tab_hash, sha256(tab_token.encode())):
            return None
        person = self.directory.people.get(known.person)
        still = person and any(c.id == known.credential_id for c in person.credentials)
        if known.expires_at <= self.store.now() or not still:
            return None
        return Session(known.token_hash, known.person, known.credential_id, utc(known.created_at))

    async def logout(self, session: Session) -> None:
        row = Row(Kind.SESSION, decision="signed_out", person=session.person)
        await self.end(session.id, row)

    async def end(self, token_hash: str, row: Row) -> None:
        """It opens nothing from here on, also if the log should fail."""
        self._sessions.pop(token_hash, None)
        await self.store.apply(SignOut(token_hash), [row])

    def sessions_of(self, person: str) -> list[StoredSession]:
        """Those that still open something, the newest first."""
        known = self.directory.people.get(person)
        keys = {key.id for key in known.credentials} if known else set()
        live = [
            session
            for session in self._sessions.values()
            if session.credential_id in keys and session.expires_at > self.store.now()
        ]
        return sorted(live, key=lambda session: session.created_at, reverse=True)

    async def login_begin(self) -> dict[str, Any]:
        payload = jcs({"type": "secondsig/login", "version": 1, "gateway": self.gateway, "rp_id": self.rp_id})
        asked = await self._ask("login", payload, person=None)
        options = passkeys.assertion_options(rp_id=self.rp_id, challenge=asked.challenge, allow=())
        return {"challenge_id": asked.id, "options": options, "payload": b64u(payload)}

    async def login_finish(
        self, challenge_id: str, response: dict[str, Any], visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn:
        asked = await self._answered(challenge_id, "login")
        credential = await self.credential_of(response)
        verified = self.verify(response, asked, credential)
        return await self._sign_in(verified, visitor, asserted=True)

    async def enrol_begin(self, token: str, name: str) -> dict[str, Any]:
        invitation = await self._invitation(token)
        person = invitation.person or clean_name(name)
        known = self.directory.people.get(person)
        if known is not None and (invitation.inviter, invitation.person) != (person, person):
            raise DeskError(409, "name_taken", f"{person} is enrolled already: choose another name.")
        payload = jcs(
            {
                "type": "secondsig/enrolment",
                "version": 1,
                "gateway": self.gateway,
                "rp_id": self.rp_id,
                "person": person,
                "invitation": invitation.token_hash,
            }
        )
        asked = await self._ask("enrolment", payload, person=person)
        options = passkeys.registration_options(
            rp_id=self.rp_id,
            rp_name="Secondsig",
            user_id=self._user_id(person),
            user_name=person,
            challenge=asked.challenge,
            exclude=[key.id for key in (*known.credentials, *known.waiting)] if known else (),
        )
        return {"challenge_id": asked.id, "options": options, "person": person, "payload": b64u(payload)}

    async def enrol_finish(
        self, challenge_id: str, response: dict[str, Any], token: str, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn | dict[str, Any]:
        """Signed in at once only by the first link; every other new key waits for its inviter."""
        invitation = await self._invitation(token)
        asked = await self._answered(challenge_id, "enrolment")
        name = asked.person or ""
        if invitation.person not in {None, name}:
            raise DeskError(403, "other_invitation", "This link was made for somebody else.")
        try:
            made = passkeys.verify_registration(
                response, challenge=asked.challenge, rp_id=self.rp_id, origins=[self.rules().settings.origin]
            )
        except passkeys.PasskeyError as error:
            raise DeskError(400, "passkey_refused", str(error)) from error
        kind = "Passkey of one device" if made.device_type == "single_device" else "Synced passkey"
        credential = replace(made, person=name, name=kind)
        now = self.store.now()
        person = Person(name, invitation.groups, now, None)
        row = Row(
            Kind.PERSON,
            decision="enrolled",
            person=name,
            credential_id=b64u(credential.id),
            detail=f"waits for {invitation.inviter}" if invitation.inviter else None,
        )
        change = Enrol(invitation.token_hash, person, credential, adopt_agents=_is_first(invitation))
        applied = await self.store.apply(change, [row])
        if isinstance(applied, Lost):
            raise DeskError(410, "link_used", NO_SUCH_LINK)
        await self.refreshed()
        told = {
            "name": credential.name,
            "fingerprint": credential.fingerprint,
            "device_bound": credential.device_type == "single_device",
        }
        if invitation.inviter is not None:
            return {"waiting": {"person": name, "for": invitation.inviter}, "credential": told}
        signed_in = await self._sign_in(credential, visitor, asserted=False)
        signed_in.body["credential"] = told
        return signed_in

    async def credential_of(self, response: dict[str, Any]) -> passkeys.Credential:
        """The passkey on record that this answer claims to come from."""
        identifier = response.get("id")
        try:
            known = await self.store.credential(from_b64u(identifier if isinstance(identifier, str) else ""))
        except ValueError:
            known = None
        if known is None or known.person not in self.directory.people:
            raise DeskError(403, "unknown_passkey", "This passkey is not enrolled here.")
        if known.waits_for is not None:
            raise DeskError(
                403,
                "unconfirmed_passkey",
                f"This passkey counts once {known.waits_for} has confirmed its fingerprint, "
                f"{known.fingerprint}: read it out to them.",
            )
        return known

    def verify(
        self, response: dict[str, Any], asked: Challenge, credential: passkeys.Credential
    ) -> passkeys.Credential:
        try:
            return passkeys.verify_assertion(
                response,
                challenge=asked.challenge,
                rp_id=self.rp_id,
                origins=[self.rules().settings.origin],
                credential=credential,
                user_handle=self._user_id(credential.person),
            )
        except passkeys.PasskeyError as error:
            raise DeskError(403, "passkey_refused", str(error)) from error

    def _user_id(self, person: str) -> bytes:
        """What a passkey keeps of its owner: tells nobody else who that is."""
        return hashlib.sha256(f"{self.gateway} {person}".encode()).digest()

    async def _sign_in(
        self, credential: passkeys.Credential, visitor: Visitor = NOBODY_SEEN, *, asserted: bool
    ) -> SignedIn:
        """New tokens at every sign-in: nobody can prepare a session for somebody else."""
        cookie, tab, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self.store.now()
        session = StoredSession(
            sha256(cookie.encode()),
            sha256(tab.encode()),
            credential.person,
            credential.id,
            now,
            now + self.rules().settings.approvals.session,
            visitor.address,
            visitor.browser,
        )
        row = Row(
            Kind.SESSION,
            decision="signed_in",
            person=credential.person,
            decision_method="passkey",
            credential_id=b64u(credential.id),
        )
        applied = await self.store.apply(SignIn(session, credential if asserted else None), [row])
        if not isinstance(applied, Done):
            raise DeskError(409, "passkey_used", "This passkey answered something else meanwhile: try again.")
        self._sessions[session.token_hash] = session
        await self.directory.refresh()
        return SignedIn({"person": self.person_view(credential.person), "tab": tab}, cookie)

    def person_view(self, name: str) -> dict[str, Any]:
        known = self.directory.people[name]
        return {"name": name, "display": name, "groups": list(known.person.groups)}

    async def _invitation(self, token: str) -> Invitation:
        invitation = await self.store.invitation(sha256(token.encode()))
        if invitation is None or invitation.expires_at <= self.store.now():
            raise DeskError(410, "link_used", NO_SUCH_LINK)
        return invitation

    async def _ask(self, kind: Any, payload: bytes, person: str | None) -> Challenge:
        """Stored before it is shown."""
        identifier = make_id("chl", secrets.token_bytes(ENTROPY_BYTES))
        asked = Challenge(
            identifier,
            kind,
            person,
            None,
            challenge(secrets.token_bytes(32), payload),
            self.keys.seal(identifier, payload),
            self.store.now() + LOGIN_LIFE,
        )
        await self.store.apply(AddChallenge(asked))
        return asked

    async def _answered(self, challenge_id: str, kind: str) -> Challenge:
        """Taken from the store: whatever comes of it, it is never answered again."""
        applied = await self.store.apply(UseChallenge(challenge_id, self.store.now()))
        if not isinstance(applied, Done) or applied.challenge is None or applied.challenge.kind != kind:
            raise DeskError(
                409, "challenge_used", "This question was answered already, or too late: try again."
            )
        return applied.challenge


def clean_name(name: str) -> str:
    """A person's name as pages and rows show it: letters, digits and plain punctuation, in one form."""
    text = " ".join(unicodedata.normalize("NFC", name).split())
    allowed = all(unicodedata.category(c)[0] in "LMN" or c in " .'-_@+" for c in text)
    if not text or len(text) > MAX_NAME or not allowed:
        raise DeskError(
            400, "bad_name", f"A name has 1 to {MAX_NAME} letters, digits, spaces or any of . ' - _ @ +"
        )
    return text


def _is_first(invitation: Invitation) -> bool:
    """The link of an installation where nobody is enrolled yet."""
    return invitation.person is None and invitation.inviter is None
