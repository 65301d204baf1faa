"""What nobody waits for: it is written with whatever is written next, and soon."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.audit import Row
from gateway.store.tallies import Pending
from gateway.store.things import Tally
from gateway.store.writes import Delivered

DELAY = 0.2
"""Seconds that it may wait for company."""


@dataclass
class Notes:
    """Rows of the log with the milliseconds of their moment, counts, and messages that went."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    tallies: Pending = field(default_factory=Pending)
    delivered: list[Delivered] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.tallies or self.delivered)


class Noted:
    """Filled by the loop, emptied by the database's thread."""

    def __init__(self) -> None:
        self._notes, self._since = Notes(), 0.0
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._notes)

    def row(self, at: int, row: Row) -> None:
        with self._lock:
            self._begin()
            self._notes.rows.append((at, row))

    def tally(self, tallies: Iterable[Tally]) -> None:
        with self._lock:
            self._begin()
            self._notes.tallies.add(tallies)

    def delivered(self, change: Delivered) -> None:
        with self._lock:
            self._begin()
            self._notes.delivered.append(change)

    def _begin(self) -> None:
        """The first of several says until when they are written."""
        if not self._notes:
            self._since = time.monotonic()

    def due(self) -> bool:
        return bool(self._notes) and time.monotonic() - self._since >= DELAY

    def take(self) -> Notes:
        with self._lock:
            taken, self._notes = self._notes, Notes()
        return taken

    def put_back(self, taken: Notes) -> None:
        """They could not be written: they come before what was noted meanwhile."""
        with self._lock:
            newer, self._notes = self._notes, taken
            taken.rows += newer.rows
            taken.tallies.add(newer.tallies.all())
            taken.delivered += newer.delivered
