"""Async questions as SQL: a request that the gateway sends itself, and the answer until it is fetched."""

import sqlite3

from gateway.envelopes import OPEN, Envelope
from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make
from gateway.store.records import envelope_from


@make.register
def _keep(change: writes.Keep, db: sqlite3.Connection) -> c.Applied:
    current = _envelope(db, change.envelope)
    if current is None or current.state not in OPEN:
        return c.Lost("changed" if current else "absent", current)
    if db.execute("SELECT 1 FROM kept WHERE envelope = ?", (change.envelope,)).fetchone():
        return c.Lost("exists", current)
    db.execute("INSERT INTO kept VALUES (?, ?, NULL, NULL)", (change.envelope, change.request))
    db.execute(
        "UPDATE envelopes SET mode = 'async', secret_hash = ? WHERE id = ?",
        (change.secret_hash, change.envelope),
    )
    return c.Done(envelope=_envelope(db, change.envelope))


@make.register
def _answered(change: writes.Answered, db: sqlite3.Connection) -> c.Applied:
    applied = make(change.move, db)
    if isinstance(applied, c.Done):
        db.execute("UPDATE kept SET answer = ? WHERE envelope = ?", (change.answer, change.move.envelope))
    return applied


@make.register
def _take_answer(change: writes.TakeAnswer, db: sqlite3.Connection) -> c.Applied:
    row = db.execute("SELECT answer FROM kept WHERE envelope = ?", (change.envelope,)).fetchone()
    if row is None or row["answer"] is None:
        return c.Lost("used" if row else "absent")
    db.execute(
        "UPDATE kept SET answer = NULL, fetched_at = ? WHERE envelope = ?", (change.at, change.envelope)
    )
    return c.Done(answer=row["answer"])


def _envelope(db: sqlite3.Connection, envelope_id: str) -> Envelope | None:
    row = db.execute("SELECT * FROM envelopes WHERE id = ?", (envelope_id,)).fetchone()
    return envelope_from(row) if row else None
