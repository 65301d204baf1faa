"""Deliveries as rows of their table."""

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, fields

from gateway.store.contract import Delivery

COLUMNS = tuple(field.name for field in fields(Delivery))
INSERT = (
    f"INSERT OR IGNORE INTO deliveries ({', '.join(COLUMNS)}) "  # noqa: S608  # our own column names
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)


def queue(db: sqlite3.Connection, deliveries: Iterable[Delivery]) -> int:
    """How many of them are new."""
    return db.executemany(INSERT, [astuple(delivery) for delivery in deliveries]).rowcount


def delivery_from(row: sqlite3.Row) -> Delivery:
    return Delivery(**{name: row[name] for name in COLUMNS})
