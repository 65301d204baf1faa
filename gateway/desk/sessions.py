"""Where a person is signed in, and how each of these ends before its time."""

from dataclasses import dataclass
from typing import Any

from gateway.audit import Kind, Row
from gateway.canonical import sha256
from gateway.desk.contract import DeskError, Session
from gateway.desk.signing_in import SigningIn
from gateway.encoding import b64u
from gateway.payload import utc
from gateway.store.things import StoredSession

ID_DIGITS = 32


@dataclass
class OwnSessions:
    """One's own, never another person's."""

    signing_in: SigningIn

    def listed(self, session: Session) -> dict[str, Any]:
        live = self.signing_in.sessions_of(session.person)
        return {
            "sessions": [self._view(each, session) for each in live],
            "server_time": utc(self.signing_in.store.now()),
        }

    async def revoke(self, session: Session, wanted: str) -> dict[str, Any]:
        """Also the one that asks: then it is signed out."""
        live = self.signing_in.sessions_of(session.person)
        found = next((each for each in live if session_id(each) == wanted), None)
        if found is None:
            raise DeskError(404, "absent", "You have no such session, or it is over.")
        await self._end(found, session)
        return {"ended": [wanted]}

    async def revoke_others(self, session: Session) -> dict[str, Any]:
        live = self.signing_in.sessions_of(session.person)
        others = [each for each in live if each.token_hash != session.id]
        for each in others:
            await self._end(each, session)
        return {"ended": [session_id(each) for each in others]}

    async def _end(self, found: StoredSession, session: Session) -> None:
        row = Row(
            Kind.SESSION,
            decision="revoked",
            person=session.person,
            decision_method="session",
            credential_id=b64u(session.credential_id),
            address=found.address,
            detail=session_id(found),
        )
        await self.signing_in.end(found.token_hash, row)

    def _view(self, found: StoredSession, session: Session) -> dict[str, Any]:
        known = self.signing_in.directory.people[found.person].credentials
        return {
            "id": session_id(found),
            "this": found.token_hash == session.id,
            "signed_in_at": utc(found.created_at),
            "expires_at": utc(found.expires_at),
            "address": found.address,
            "browser": found.browser,
            "passkey": next(key.name for key in known if key.id == found.credential_id),
        }


def session_id(found: StoredSession) -> str:
    """Names a session and opens nothing: neither its cookie nor the hash that the cookie is looked up by."""
    return "ses_" + sha256(f"secondsig session {found.token_hash}".encode())[:ID_DIGITS]
