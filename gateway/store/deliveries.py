"""Deliveries as rows of their table."""

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, fields

from gateway.store.things import Delivery

COLUMNS = tuple(field.name for field in fields(Delivery))
INSERT = (
    f"INSERT OR IGNORE INTO deliveries ({', '.join(COLUMNS)}) "  # noqa: S608  # our own column names
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)

DUE = """
WITH first AS (
    SELECT envelope, kind, min(next_at) AS due FROM deliveries
    WHERE state = 'queued' AND channel = :channel AND next_at <= :now
    AND envelope NOT IN (SELECT value FROM json_each(:busy))
    GROUP BY envelope, kind ORDER BY due, min(rowid) LIMIT :limit
)
SELECT d.* FROM first JOIN deliveries d USING (envelope, kind)
WHERE d.state = 'queued' AND d.channel = :channel AND d.next_at <= :now
ORDER BY first.due, d.rowid
"""
"""Everybody whom one message tells is read with it: a message is never cut in two."""


def queue(db: sqlite3.Connection, deliveries: Iterable[Delivery]) -> int:
    """How many of them are new."""
    return db.executemany(INSERT, [astuple(delivery) for delivery in deliveries]).rowcount


def delivery_from(row: sqlite3.Row) -> Delivery:
    return Delivery(**{name: row[name] for name in COLUMNS})
