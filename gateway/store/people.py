"""People and their passkeys as SQL: invited, enrolled, confirmed, revoked, recovered."""

import json
import sqlite3

from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.changes import make, once, touched


@make.register
def _invite(change: writes.Invite, db: sqlite3.Connection) -> c.Applied:
    invitation = change.invitation
    db.execute(
        "DELETE FROM invitations WHERE used_at IS NULL AND person IS ? AND inviter IS ?",
        (invitation.person, invitation.inviter),
    )
    return once(
        db,
        "INSERT INTO invitations (token_hash, person, groups, expires_at, inviter) VALUES (?, ?, ?, ?, ?)",
        (
            invitation.token_hash,
            invitation.person,
            json.dumps(invitation.groups),
            invitation.expires_at,
            invitation.inviter,
        ),
    )


@make.register
def _enrol(change: writes.Enrol, db: sqlite3.Connection) -> c.Applied:
    person, credential = change.person, change.credential
    used = db.execute(
        "UPDATE invitations SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ? "
        "RETURNING person, inviter",
        (person.created_at, change.token_hash, person.created_at),
    ).fetchone()
    if used is None:
        return c.Lost("used")
    made = _known_or_new(person, used["person"], used["inviter"], db)
    if isinstance(made, c.Lost):
        return made
    if change.adopt_agents:
        db.execute("UPDATE agents SET owner = ? WHERE owner IS NULL", (person.name,))
    return once(
        db,
        "INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL)",
        (
            credential.id,
            person.name,
            credential.public_key,
            credential.sign_count,
            json.dumps(credential.transports),
            credential.device_type,
            credential.backed_up,
            credential.name,
            person.created_at,
            used["inviter"],
        ),
    )


def _known_or_new(
    person: things.Person, invited: str | None, inviter: str | None, db: sqlite3.Connection
) -> c.Applied:
    """A name that exists is only for whom it was meant: its owner with a further key, or a recovered one."""
    known = db.execute("SELECT revoked_at FROM people WHERE name = ?", (person.name,)).fetchone()
    if known is None:
        return once(
            db,
            "INSERT INTO people VALUES (?, ?, ?, NULL)",
            (person.name, json.dumps(person.groups), person.created_at),
        )
    if invited != person.name or inviter is None:
        return c.Lost("exists")
    if known["revoked_at"] is None:
        return c.Done() if inviter == person.name else c.Lost("exists")
    return touched(
        db,
        "UPDATE people SET revoked_at = NULL, groups = ? WHERE name = ?",
        (json.dumps(person.groups), person.name),
    )


@make.register
def _revoke_person(change: writes.RevokePerson, db: sqlite3.Connection) -> c.Applied:
    """Whoever is revoked confirms nobody any more, invites nobody, and neither lends nor borrows a right."""
    db.execute(
        "UPDATE credentials SET revoked_at = ? WHERE revoked_at IS NULL AND (person = ? OR waits_for = ?)",
        (change.at, change.person, change.person),
    )
    db.execute("DELETE FROM sessions WHERE person = ?", (change.person,))
    db.execute("DELETE FROM invitations WHERE used_at IS NULL AND inviter = ?", (change.person,))
    db.execute("DELETE FROM recoveries WHERE person = ? OR started_by = ?", (change.person, change.person))
    db.execute(
        "UPDATE delegations SET ended_at = :at, ended_why = 'revoked' "
        "WHERE ended_at IS NULL AND :person IN (person, delegate)",
        {"at": change.at, "person": change.person},
    )
    return touched(
        db,
        "UPDATE people SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
        (change.at, change.person),
    )


@make.register
def _confirm_key(change: writes.ConfirmKey, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "UPDATE credentials SET waits_for = NULL WHERE id = ? AND waits_for = ? AND revoked_at IS NULL",
        (change.credential_id, change.inviter),
    )


@make.register
def _revoke_key(change: writes.RevokeKey, db: sqlite3.Connection) -> c.Applied:
    db.execute("DELETE FROM sessions WHERE credential_id = ?", (change.credential_id,))
    return touched(
        db,
        "UPDATE credentials SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
        (change.at, change.credential_id),
    )


@make.register
def _rename_key(change: writes.RenameKey, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "UPDATE credentials SET name = ? WHERE id = ? AND person = ? AND revoked_at IS NULL",
        (change.name, change.credential_id, change.person),
    )


@make.register
def _start_recovery(change: writes.StartRecovery, db: sqlite3.Connection) -> c.Applied:
    asked = change.recovery
    known = db.execute(
        "SELECT 1 FROM people WHERE name = ? AND revoked_at IS NULL", (asked.person,)
    ).fetchone()
    if known is None:
        return c.Lost("absent")
    return once(
        db,
        "INSERT INTO recoveries VALUES (?, ?, ?)",
        (asked.person, asked.started_by, asked.started_at),
    )


@make.register
def _cancel_recovery(change: writes.CancelRecovery, db: sqlite3.Connection) -> c.Applied:
    return touched(db, "DELETE FROM recoveries WHERE person = ?", (change.person,))


@make.register
def _finish_recovery(change: writes.FinishRecovery, db: sqlite3.Connection) -> c.Applied:
    asked = change.recovery
    open_still = touched(
        db,
        "DELETE FROM recoveries WHERE person = ? AND started_by = ? AND started_at = ?",
        (asked.person, asked.started_by, asked.started_at),
    )
    if isinstance(open_still, c.Lost):
        return open_still
    revoked = make(writes.RevokePerson(asked.person, change.at), db)
    return make(writes.Invite(change.invitation), db) if isinstance(revoked, c.Done) else revoked
