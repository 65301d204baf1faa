"""What programs sign, as SQL: nothing of it happens once the program's registration is gone."""

import json
import sqlite3

from gateway.envelopes import State, Step, after
from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make
from gateway.store.records import envelope_from


@make.register
def _add_program(change: writes.AddProgram, db: sqlite3.Connection) -> c.Applied:
    program = change.program
    values = (program.name, program.key, json.dumps(program.verbs), program.created_at)
    try:
        db.execute("INSERT INTO programs VALUES (?, ?, ?, ?, NULL)", values)
    except sqlite3.IntegrityError:
        return c.Lost("exists")
    return c.Done()


@make.register
def _revoke_program(change: writes.RevokeProgram, db: sqlite3.Connection) -> c.Applied:
    gone = db.execute(
        "UPDATE programs SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
        (change.at, change.program),
    )
    return c.Done() if gone.rowcount else c.Lost("absent")


@make.register
def _by_program(change: writes.ByProgram, db: sqlite3.Connection) -> c.Applied:
    given = change.signature
    live = db.execute(
        "SELECT 1 FROM programs WHERE name = ? AND key = ? AND revoked_at IS NULL",
        (given.program, change.key),
    ).fetchone()
    if live is None:
        return c.Lost("absent")
    try:
        db.execute(
            "INSERT INTO program_signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                given.envelope,
                given.program,
                given.verb,
                given.challenge,
                given.sealed_payload,
                given.payload_sha256,
                given.signature,
                given.at,
            ),
        )
    except sqlite3.IntegrityError:
        return c.Lost("exists")
    match change.change:
        case writes.Route() as route:
            return _route(route, db)
        case writes.Delegate() as delegate:
            return _delegate(delegate, db)
        case writes.Move() as move:
            return make(move, db)


def _route(change: writes.Route, db: sqlite3.Connection) -> c.Applied:
    routed = db.execute(
        "UPDATE envelopes SET routed_to = ?, version = version + 1 "
        "WHERE id = ? AND version = ? AND state = 'pending' AND routed_to IS NULL",
        (change.group, change.envelope, change.version),
    )
    return _now(db, change.envelope, changed=bool(routed.rowcount))


def _delegate(change: writes.Delegate, db: sqlite3.Connection) -> c.Applied:
    went = db.execute(
        "UPDATE envelopes SET state = ?, version = version + 1, decided_at = ?, decided_by = ?, "
        "decision_method = 'delegate', cosigner = ?, cosigner_token = ?, cosigner_expires = ? "
        "WHERE id = ? AND version = ? AND state = 'pending' AND expires_at > ?",
        (
            str(after(State.PENDING, Step.APPROVE)),
            change.at,
            f"program {change.program}",
            change.cosigner,
            change.cosigner_token,
            change.cosigner_expires,
            change.envelope,
            change.version,
            change.at,
        ),
    )
    return _now(db, change.envelope, changed=bool(went.rowcount))


def _now(db: sqlite3.Connection, envelope: str, *, changed: bool) -> c.Applied:
    row = db.execute("SELECT * FROM envelopes WHERE id = ?", (envelope,)).fetchone()
    current = envelope_from(row) if row else None
    return c.Done(envelope=current) if changed else c.Lost("changed", current)
