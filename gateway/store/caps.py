"""Whether one more question may be opened: counted in the transaction that would open it."""

import sqlite3
from typing import Literal

from gateway.envelopes import Cap
from gateway.store.contract import Full
from gateway.store.writes import Open

type Who = Literal["agent", "team", "everybody"]

OF_WHOM: dict[Who, str] = {
    "agent": "agent = :agent",
    "team": ("agent IN (SELECT name FROM agents WHERE team = (SELECT team FROM agents WHERE name = :agent))"),
    "everybody": "1",
}
WINDOWS: tuple[tuple[Literal["minute", "hour"], int], ...] = (("minute", 60), ("hour", 3600))


NEAR = """
SELECT count(*) FROM (SELECT 1 FROM envelopes WHERE state = 'pending' LIMIT :waiting)
UNION ALL
SELECT count(*) FROM (SELECT 1 FROM envelopes WHERE opened_at > :since LIMIT :opened)
"""
"""What waits and what was asked within the longest window, of everybody, as far as the smallest caps."""


def reached(change: Open, db: sqlite3.Connection) -> Full | None:
    """The first cap that leaves no room; None where there is room under all of them."""
    caps = change.caps
    every: tuple[tuple[Who, Cap], ...] = (
        ("agent", caps.agent),
        ("team", caps.team),
        ("everybody", caps.everybody),
    )
    if not _is_near([cap for _, cap in every], change, db):
        return None
    for who, cap in every:
        full = _waiting(db, who, cap.waiting, change) or _opened(db, who, cap, change)
        if full is not None:
            return full
    return None


def _is_near(caps: list[Cap], change: Open, db: sqlite3.Connection) -> bool:
    """Whether any cap can be reached: not where everybody together is under the smallest of them."""
    least = {
        "waiting": min(cap.waiting for cap in caps),
        "opened": min(min(cap.minute, cap.hour) for cap in caps),
    }
    since = change.envelope.opened_at - max(seconds for _, seconds in WINDOWS)
    waiting, opened = db.execute(NEAR, {**least, "since": since}).fetchall()
    return bool(waiting[0] >= least["waiting"] or opened[0] >= least["opened"])


def _waiting(db: sqlite3.Connection, who: Who, most: int, change: Open) -> Full | None:
    """Room comes at the latest when the first of those that wait is over."""
    named = {"agent": change.envelope.agent}
    those = f"FROM envelopes WHERE state = 'pending' AND {OF_WHOM[who]}"
    (waiting,) = db.execute(f"SELECT count(*) {those}", named).fetchone()
    if waiting < most:
        return None
    (ends,) = db.execute(f"SELECT min(expires_at) {those}", named).fetchone()
    return Full(who, "waiting", max(1, (ends or 0) - change.envelope.opened_at))


def _opened(db: sqlite3.Connection, who: Who, cap: Cap, change: Open) -> Full | None:
    """Room comes when the oldest of the last so many leaves the window."""
    now = change.envelope.opened_at
    for what, seconds in WINDOWS:
        most = cap.minute if what == "minute" else cap.hour
        row = db.execute(
            f"SELECT opened_at FROM envelopes WHERE opened_at > :since AND {OF_WHOM[who]} "  # noqa: S608  # our own conditions
            "ORDER BY opened_at DESC LIMIT 1 OFFSET :before",
            {"agent": change.envelope.agent, "since": now - seconds, "before": most - 1},
        ).fetchone()
        if row is not None:
            return Full(who, what, max(1, row["opened_at"] + seconds - now))
    return None
