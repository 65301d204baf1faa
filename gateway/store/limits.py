"""Limits that people set on the pages, as SQL."""

import sqlite3
from collections.abc import Iterable

from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.changes import make

SELECT = "SELECT kind, holder, name, value FROM limits ORDER BY kind, holder, name"


@make.register
def _set_limits(change: writes.SetLimits, db: sqlite3.Connection) -> c.Applied:
    kind, holder = change.holder.kind, change.holder.name
    for name, value in change.values:
        if value is None:
            db.execute("DELETE FROM limits WHERE kind = ? AND holder = ? AND name = ?", (kind, holder, name))
        else:
            db.execute("INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)", (kind, holder, name, value))
    return c.Done()


def limits_from(rows: Iterable[sqlite3.Row]) -> dict[things.Holder, dict[str, int]]:
    found: dict[things.Holder, dict[str, int]] = {}
    for row in rows:
        found.setdefault(things.Holder(row["kind"], row["holder"]), {})[row["name"]] = row["value"]
    return found
