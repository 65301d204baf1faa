"""Whether this database is still the one that was written last, or an older copy of it that was put back.

Every change that was told to anybody raises a count in the database and then in a file beside it. A database
whose count is behind its file was put back; so was one of another lineage, and one whose file is missing or
cannot be read. A new lineage begins whenever that was noticed, so that a copy from before it is never newer.
The database comes first: after a crash it may be ahead of its file, and never behind.
"""

import os
import re
import secrets
import sqlite3
from pathlib import Path

from gateway.keys import write_private
from gateway.values import dataclass

PUT_BACK = "an older copy of the database was put back, or its file beside it was lost"
CLOCK_SET_BACK = "the clock was set back while the gateway was stopped"

type Doubt = str
"""Why what was approved before this start cannot be relied on, in words that follow “because”."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which history a database belongs to, and how many of its changes it knows."""

    lineage: str
    count: int

    def encoded(self) -> bytes:
        """Always of one length, well within a disk's sector: it is replaced whole or not at all."""
        return f"{self.lineage} {self.count:020d}\n".encode()


def decoded(data: bytes) -> Mark | None:
    found = re.fullmatch(rb"([0-9a-f]{32}) ([0-9]{20})\n", data)
    return Mark(found[1].decode(), int(found[2])) if found else None


def mark_of(db: sqlite3.Connection) -> Mark | None:
    row = db.execute("SELECT lineage, count FROM epoch").fetchone()
    return Mark(row["lineage"], row["count"]) if row else None


def begin(db: sqlite3.Connection) -> None:
    """A new lineage: nothing that was copied before can be taken for what comes now."""
    db.execute("INSERT OR REPLACE INTO epoch VALUES (1, ?, 0)", (secrets.token_hex(16),))


class Epoch:
    """The database's mark and the one beside it. Without a file nothing is compared."""

    def __init__(self, db: sqlite3.Connection, beside: Path | None, *, clock_set_back: bool) -> None:
        self._beside = beside
        self._descriptor: int | None = None
        if _is_new(db) and not (beside and beside.exists()):
            begin(db)
            self._keep(mark_of(db))
        self._found = mark_of(db)
        self.doubt = self._doubt(clock_set_back=clock_set_back)

    def raised(self, db: sqlite3.Connection) -> Mark | None:
        """One more change, in its own transaction. None while the doubt stands: then nothing is counted."""
        if self.doubt and mark_of(db) == self._found:
            return None
        db.execute("UPDATE epoch SET count = count + 1")
        return mark_of(db)

    def keep(self, mark: Mark | None) -> None:
        """Beside the database, durable when this returns; raises OSError."""
        if mark is not None:
            self._keep(mark)
            self.doubt = None

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _doubt(self, *, clock_set_back: bool) -> Doubt | None:
        if clock_set_back:
            return CLOCK_SET_BACK
        if self._beside is None or _is_current(self._found, self._read()):
            return None
        return PUT_BACK

    def _read(self) -> Mark | None:
        try:
            return decoded(self._beside.read_bytes()) if self._beside else None
        except OSError:
            return None

    def _keep(self, mark: Mark | None) -> None:
        if self._beside is None or mark is None:
            return
        if self._descriptor is None:
            if not self._beside.exists():
                write_private(self._beside, mark.encoded())
            self._descriptor = os.open(self._beside, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            os.fchmod(self._descriptor, 0o600)
            os.ftruncate(self._descriptor, len(mark.encoded()))
        os.pwrite(self._descriptor, mark.encoded(), 0)
        os.fsync(self._descriptor)


def _is_new(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM log UNION ALL SELECT 1 FROM envelopes LIMIT 1").fetchone() is None


def _is_current(found: Mark | None, kept: Mark | None) -> bool:
    if found is None or kept is None:
        return False
    return found.lineage == kept.lineage and found.count >= kept.count
