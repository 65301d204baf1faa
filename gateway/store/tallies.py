"""What is remembered of each agent, as SQL: counts that grow, and what open questions reserve."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

from gateway.envelopes import ENDED
from gateway.store.records import envelope_from
from gateway.store.things import Reservation, Reserved, Tally, What
from gateway.store.writes import Open

DAY, MONTH = 86_400, 30 * 86_400
KEEP: Mapping[What, int] = {
    "requests": DAY,
    "action": DAY,
    "paid": DAY,
    "questions": DAY,
    "worked": MONTH,
    "asked": MONTH,
    "largest": MONTH,
    "did": MONTH,
    "touched": MONTH,
    "used": MONTH,
    "from": MONTH,
}
"""Seconds that each kind is kept, and a day more: steps of a day end that much later."""

MOST = 2**63 - 1
ENDED_SQL = ", ".join(f"'{state}'" for state in sorted(ENDED))
ADD = """
INSERT INTO tallies (agent, what, name, slot, number) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (agent, what, name, slot) DO UPDATE SET number = CASE
    WHEN what = 'largest' THEN max(number, excluded.number)
    WHEN number > 9223372036854775807 - excluded.number THEN 9223372036854775807
    ELSE number + excluded.number END
"""
"""A sum that no number of the database can hold stays at the largest: it never wraps, nor stops the log."""


class Pending:
    """Tallies that wait for the next commit: what can be added up is one row of it."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, What, str, int], int] = {}

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def add(self, tallies: Iterable[Tally]) -> None:
        for agent, what, name, slot, number in tallies:
            key = agent, what, name, slot
            known = self._numbers.get(key, 0)
            self._numbers[key] = min(MOST, max(known, number) if what == "largest" else known + number)

    def write(self, db: sqlite3.Connection) -> None:
        db.executemany(ADD, [(*key, number) for key, number in self._numbers.items()])

    def all(self) -> list[Tally]:
        return [Tally(*key, number) for key, number in self._numbers.items()]


def read(db: sqlite3.Connection, now: int) -> list[Tally]:
    rows = db.execute("SELECT agent, what, name, slot, number FROM tallies ORDER BY slot").fetchall()
    told = [Tally(*row) for row in rows]
    return [tally for tally in told if tally.slot > now - KEEP[tally.what] - DAY]


def forget(db: sqlite3.Connection, now: int) -> None:
    """What is too old to count, and what ended questions had reserved."""
    for what, seconds in KEEP.items():
        db.execute("DELETE FROM tallies WHERE what = ? AND slot <= ?", (what, now - seconds - DAY))
    db.execute(
        "DELETE FROM reserved WHERE envelope IN (SELECT id FROM envelopes "  # noqa: S608  # states of our own table
        f"WHERE state IN ({ENDED_SQL}) AND coalesce(spent_at, 0) <= ?)",
        (now - 2 * DAY,),
    )


def reserve(db: sqlite3.Connection, change: Open) -> None:
    what = change.reserved
    if what is not None:
        told = [what.actions, what.resources, what.credential, what.address, what.money]
        db.execute("INSERT INTO reserved VALUES (?, ?)", (change.envelope.id, json.dumps(told)))


def reservations(db: sqlite3.Connection, since: int) -> list[Reservation]:
    rows = db.execute(
        "SELECT e.*, r.what AS reserved_what FROM reserved r JOIN envelopes e ON e.id = r.envelope "
        "WHERE e.state IN ('pending', 'approved', 'spent') "
        "OR (e.state IN ('completed', 'unknown') AND e.spent_at > ?) ORDER BY e.opened_at",
        (since,),
    ).fetchall()
    return [Reservation(envelope_from(row), _reserved(row["reserved_what"])) for row in rows]


def _reserved(text: str) -> Reserved:
    actions, resources, credential, address, money = json.loads(text)
    paid = tuple((purse, minor) for purse, minor in money)
    return Reserved(tuple(actions), tuple(resources), credential, address, paid)
