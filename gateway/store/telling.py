"""Telling people, as SQL: what is queued, how it went, who saw it, and what is over."""

import json
import sqlite3

from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.changes import make, touched
from gateway.store.deliveries import queue

NEVER = 2**62
"""Later than anything that happened: so the index of times finds nothing."""


@make.register
def _tell(change: writes.Tell, db: sqlite3.Connection) -> c.Applied:
    return c.Done() if queue(db, change.deliveries) > 0 else c.Lost("exists")


@make.register
def _delivered(change: writes.Delivered, db: sqlite3.Connection) -> c.Applied:
    """What was seen stays seen; what became over while it was on its way did go all the same."""
    went = change.state in {"sent", "accepted"}
    touched_rows = db.executemany(
        "UPDATE deliveries SET state = ?, attempts = attempts + 1, error = ?, at = ?, "
        "next_at = coalesce(?, next_at) WHERE envelope = ? AND kind = ? AND channel = ? AND person = ? "
        "AND (state = 'queued' OR (? AND error = ?))",
        [
            (
                change.state,
                change.error,
                change.at,
                change.next_at,
                told.envelope,
                told.kind,
                told.channel,
                told.person,
                went,
                things.OVER,
            )
            for told in change.tried
        ],
    )
    return c.Done() if touched_rows.rowcount > 0 else c.Lost("changed")


@make.register
def _saw_page(change: writes.SawPage, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "UPDATE deliveries SET state = 'seen', at = ?, error = NULL WHERE envelope = ? AND person = ? "
        "AND kind = 'asked' AND state IN ('queued', 'sent', 'accepted')",
        (change.at, change.envelope, change.person),
    )


@make.register
def _conclude(change: writes.Conclude, db: sqlite3.Connection) -> c.Applied:
    asked = {
        "at": change.at,
        "envelopes": None if change.envelopes is None else json.dumps(change.envelopes),
        "since": change.since if change.envelopes is None else NEVER,
        "channels": json.dumps(change.channels),
        "over": things.OVER,
    }
    dropped = db.execute(
        "UPDATE deliveries SET state = 'failed', error = :over, at = :at "
        "WHERE state = 'queued' AND kind = 'asked' "
        "AND (:envelopes IS NULL OR envelope IN (SELECT value FROM json_each(:envelopes))) "
        "AND (SELECT state FROM envelopes WHERE id = deliveries.envelope) <> 'pending'",
        asked,
    )
    told = db.execute(
        "INSERT OR IGNORE INTO deliveries "
        "SELECT d.envelope, 'decided', d.channel, d.person, 'queued', 0, NULL, :at, :at, :at "
        "FROM deliveries d JOIN envelopes e ON e.id = d.envelope "
        "WHERE d.kind = 'asked' AND d.state IN ('sent', 'accepted', 'seen') AND e.state <> 'pending' "
        "AND (d.envelope IN (SELECT value FROM json_each(:envelopes)) "
        "OR d.at >= :since) "
        "AND d.channel IN (SELECT value FROM json_each(:channels))",
        asked,
    )
    return c.Done() if dropped.rowcount + told.rowcount > 0 else c.Lost("absent")
