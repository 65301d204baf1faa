"""Delegations and escalations as SQL: who signs for whom, and which question went to which group."""

import sqlite3
from dataclasses import astuple, fields

from gateway.delegations import Delegation
from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make

_COLUMNS = tuple(field.name for field in fields(Delegation))
_SET = (
    f"INSERT INTO delegations ({', '.join(_COLUMNS)}) "  # noqa: S608  # our own column names
    f"SELECT {', '.join('?' * len(_COLUMNS))} WHERE "
    "(SELECT COUNT(*) FROM people WHERE name IN (?, ?) AND revoked_at IS NULL) = 2"
)


@make.register
def _set(change: writes.SetDelegation, db: sqlite3.Connection) -> c.Applied:
    """Both are there, and are two: one person counts once."""
    new = change.delegation
    made = db.execute(_SET, (*astuple(new), new.person, new.delegate))
    return c.Done() if made.rowcount else c.Lost("absent")


@make.register
def _end(change: writes.EndDelegation, db: sqlite3.Connection) -> c.Applied:
    ended = db.execute(
        "UPDATE delegations SET ended_at = :at, ended_why = :why WHERE id = :id AND ended_at IS NULL "
        "AND (:why <> 'ended' OR until_at <= :at)",
        {"id": change.id, "at": change.at, "why": change.why},
    )
    return c.Done() if ended.rowcount else c.Lost("changed")


@make.register
def _escalate(change: writes.Escalate, db: sqlite3.Connection) -> c.Applied:
    """Only what still waits, and each step once, whatever was restarted in between."""
    made = db.execute(
        "INSERT OR IGNORE INTO escalations SELECT id, :after, :to, :at FROM envelopes "
        "WHERE id = :envelope AND state = 'pending' AND expires_at > :at AND opened_at <= :at - :after",
        {"envelope": change.envelope, "after": change.after, "to": change.to, "at": change.at},
    )
    return c.Done() if made.rowcount else c.Lost("changed")
