"""Breaking glass as SQL: counted by the day in the transaction that signs, with the review it leaves open."""

import sqlite3

from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make
from gateway.store.records import envelope_from

DAY = 86_400


@make.register
def _break_glass(change: writes.BreakGlass, db: sqlite3.Connection) -> c.Applied:
    signature = change.sign.signature
    if _others_today(db, signature.envelope, signature.at) >= change.most_a_day:
        return c.Lost("limit")
    db.execute(
        "DELETE FROM signatures WHERE envelope = ? AND person = ?", (signature.envelope, signature.person)
    )
    signed = make(change.sign, db)
    if not isinstance(signed, c.Done):
        return signed
    db.execute(
        "INSERT OR REPLACE INTO broken_glass VALUES (?, ?, ?, ?)",
        (signature.envelope, signature.person, change.reason, signature.at),
    )
    if change.sign.cosigner is None:
        return signed
    db.execute(
        "UPDATE envelopes SET decision_method = 'break_glass' WHERE id = ?",
        (signature.envelope,),
    )
    if change.review is not None:
        review = change.review
        db.execute(
            "INSERT INTO reviews VALUES (?, ?, ?, ?, NULL, NULL, NULL, NULL)",
            (review.envelope, review.agent, review.owner, review.opened_at),
        )
    row = db.execute("SELECT * FROM envelopes WHERE id = ?", (signature.envelope,)).fetchone()
    return c.Done(envelope=envelope_from(row))


def _others_today(db: sqlite3.Connection, envelope: str, now: int) -> int:
    """Other envelopes for which glass was broken in the last day: a second signature is no second use."""
    (count,) = db.execute(
        "SELECT count(DISTINCT envelope) FROM broken_glass WHERE at > ? AND envelope <> ?",
        (now - DAY, envelope),
    ).fetchone()
    return int(count)


@make.register
def _close_review(change: writes.CloseReview, db: sqlite3.Connection) -> c.Applied:
    """Never by somebody who signed for it, whatever the code above does."""
    closed = db.execute(
        "UPDATE reviews SET closed_at = ?, closed_by = ?, verdict = ?, note = ? "
        "WHERE envelope = ? AND closed_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM broken_glass b WHERE b.envelope = reviews.envelope AND b.person = ?)",
        (change.at, change.person, change.verdict, change.note, change.envelope, change.person),
    )
    return c.Done() if closed.rowcount else c.Lost("changed")
