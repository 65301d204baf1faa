"""People as the pages show them, and what a session may do about them: only what makes things safer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.audit import Kind, Row
from gateway.desk.contract import DeskError, Session
from gateway.directory import Directory, Known
from gateway.encoding import b64u
from gateway.passkeys import Credential
from gateway.payload import utc
from gateway.rules import Rules, administrators, is_administrator
from gateway.store.contract import Done, Store
from gateway.store.things import KeyTimes
from gateway.store.writes import CancelRecovery, Change, RevokeKey, RevokePerson


@dataclass
class People:
    store: Store
    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def view(self, session: Session) -> dict[str, Any]:
        rules, times = self.rules(), await self.store.key_times()
        return {
            "me": session.person,
            "administrator": is_administrator(rules, self.directory, session.person),
            "groups": sorted(rules.policy.groups()),
            "people": [
                self._person(name, known, times) for name, known in sorted(self.directory.people.items())
            ],
            "recoveries": [
                {"person": each.person, "started_by": each.started_by, "started_at": utc(each.started_at)}
                for each in await self.store.recoveries()
            ],
        }

    def _person(self, name: str, known: Known, times: Mapping[bytes, KeyTimes]) -> dict[str, Any]:
        return {
            "name": name,
            "groups": list(known.person.groups),
            "administrator": is_administrator(self.rules(), self.directory, name),
            "enrolled_at": utc(known.person.created_at),
            "keys": [_key(key, times.get(key.id)) for key in (*known.credentials, *known.waiting)],
        }

    async def revoke_person(self, session: Session, name: str) -> dict[str, Any]:
        """All keys and sessions of somebody are over. What they signed and was not spent counts no more."""
        if name not in self.directory.people:
            raise DeskError(404, "absent", "Nobody of that name is enrolled.")
        if name != session.person:
            self._check_administrator(session.person)
        self._check_not_the_last(name)
        row = self._row(session, "revoked", detail=name)
        await self._make(RevokePerson(name, self.store.now()), row)
        return {"person": name, "revoked": True}

    async def revoke_key(self, session: Session, credential: str) -> dict[str, Any]:
        key = self._key(credential)
        if session.person not in {key.person, key.waits_for}:
            self._check_administrator(session.person)
        known = self.directory.people[key.person]
        if known.credentials == (key,):
            self._check_not_the_last(key.person)
        row = self._row(session, "key_revoked", detail=f"{key.person}, passkey {key.fingerprint}")
        await self._make(RevokeKey(key.id, self.store.now()), row)
        return {"person": key.person, "revoked": True}

    async def cancel_recovery(self, session: Session, name: str) -> dict[str, Any]:
        """Anybody may: it leaves things as they are."""
        await self._make(CancelRecovery(name), self._row(session, "recovery_cancelled", detail=name))
        return {"person": name, "cancelled": True}

    def _key(self, credential: str) -> Credential:
        for known in self.directory.people.values():
            for key in (*known.credentials, *known.waiting):
                if b64u(key.id) == credential:
                    return key
        raise DeskError(404, "absent", "There is no such passkey.")

    def _check_administrator(self, person: str) -> None:
        if not is_administrator(self.rules(), self.directory, person):
            raise DeskError(403, "not_administrator", "Only an administrator may do this to somebody else.")

    def _check_not_the_last(self, name: str) -> None:
        if administrators(self.rules(), self.directory) == [name]:
            raise DeskError(
                409,
                "last_administrator",
                f"{name} is the only administrator: nobody could invite anybody any more. The operator can "
                "revoke them all the same: secondsig approver revoke.",
            )

    def _row(self, session: Session, decision: str, *, detail: str) -> Row:
        return Row(
            Kind.PERSON,
            decision=decision,
            person=session.person,
            decision_method="session",
            credential_id=b64u(session.credential_id),
            detail=detail,
        )

    async def _make(self, change: Change, row: Row) -> None:
        if not isinstance(await self.store.apply(change, [row]), Done):
            raise DeskError(409, "changed", "This changed meanwhile: look again.")
        await self.refreshed()


def _key(key: Credential, times: KeyTimes | None) -> dict[str, Any]:
    return {
        "id": b64u(key.id),
        "name": key.name,
        "fingerprint": key.fingerprint,
        "device_bound": key.device_type == "single_device",
        "waits_for": key.waits_for,
        "since": utc(times.created_at) if times else None,
        "last_used_at": utc(times.used_at) if times and times.used_at else None,
    }
