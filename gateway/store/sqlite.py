"""The embedded store: one SQLite connection on one thread, which commits what came together together."""

import asyncio
import contextlib
import itertools
import json
import os
import queue
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gateway.audit import COLUMNS, Entry, Row
from gateway.delegations import Delegation
from gateway.envelopes import Envelope, Signature, State
from gateway.errors import StoreError
from gateway.passkeys import Credential
from gateway.store import contract as c
from gateway.store import delegating as _delegating  # noqa: F401  # registers its changes with `make`
from gateway.store import glass as _glass  # noqa: F401  # it registers its changes
from gateway.store import granting as _granting  # noqa: F401  # registers its changes with `make`
from gateway.store import kept as _kept  # noqa: F401  # registers its changes
from gateway.store import limits as _limits
from gateway.store import noted, records, schema, tallies, things, writes
from gateway.store import people as _people  # noqa: F401  # registers its changes with `make`
from gateway.store import programs as _programs  # noqa: F401  # it registers its changes
from gateway.store import subscribing as _subscribing
from gateway.store import telling as _telling  # noqa: F401  # it registers its changes
from gateway.store.changes import insert_row, make
from gateway.store.clock import Clock
from gateway.store.deliveries import DUE, delivery_from
from gateway.store.epoch import Epoch, Mark
from gateway.store.noted import Noted, Notes
from gateway.subscriptions import Subscription

RESERVE = 64 * 1024 * 1024
"""Bytes that stay free on the disk: below it nothing new is let through."""

UNMATCHED = """
SELECT host, method, action, reason, count(*) AS count, max(seq) AS last, at_ms AS last_ms, agent, resource,
detail FROM log
WHERE seq > (SELECT coalesce(max(seq), 0) FROM log) - :lately AND kind IN ('decision', 'refused')
AND (action LIKE '%/unmatched/%' OR (action IS NULL AND reason IN ('unmapped', 'destination_refused')))
GROUP BY host, method, action, reason ORDER BY last DESC LIMIT :limit
"""
"""With max() the columns that are not grouped are those of the row that has it."""

DENIED = """
SELECT * FROM envelopes WHERE agent = ? AND intent_key = ? AND state = 'denied' AND decided_at > ?
ORDER BY decided_at DESC LIMIT 1
"""
LIVE = """
SELECT * FROM envelopes WHERE agent = ? AND join_key = ? AND join_scope = ?
AND state IN ('pending', 'approved')
"""

log = structlog.get_logger()


@dataclass
class _Job:
    """Something to do on the database's thread, and where its answer goes."""

    run: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any]
    writes: bool
    sees_notes: bool
    """Whether what was noted has to be written first; most look at nothing that is noted."""

    def tell(self, result: Any, error: Exception | None = None) -> None:
        """From the database's thread; once the loop is closed nobody waits any more."""
        with contextlib.suppress(RuntimeError):
            self.answer.get_loop().call_soon_threadsafe(_settle, self.answer, result, error)


class SqliteStore:
    """Fulfils `contract.Store`."""

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        reserve: int = RESERVE,
        beside: Path | None = None,
    ) -> None:
        """`beside` is the file that tells an older copy of the database from the one written last."""
        self._path, self._clock, self._reserve = path, clock or Clock(), reserve
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._noted = Noted()
        self._healthy = True
        self._db = open_database(path)
        try:
            set_back = not self._clock.not_before(_newest_row(self._db))
            self._epoch = Epoch(self._db, beside, clock_set_back=set_back)
        except OSError as error:
            self._db.close()
            raise StoreError(f"{beside} cannot be written ({error.strerror}).") from error
        self._thread = threading.Thread(target=self._work, name="secondsig-store", daemon=True)
        self._thread.start()

    def now(self) -> int:
        return self._clock.now()

    def steady(self) -> bool:
        return self._clock.steady()

    def healthy(self) -> bool:
        return self._healthy and self._thread.is_alive()

    def doubt(self) -> str | None:
        return self._epoch.doubt

    def note(self, row: Row) -> None:
        self._noted.row(self._clock.now_ms(), row)

    def tally(self, tallies: Iterable[things.Tally]) -> None:
        self._noted.tally(tallies)

    def delivered(self, change: writes.Delivered) -> None:
        self._noted.delivered(change)

    async def apply(self, change: writes.Change, rows: Sequence[Row] = ()) -> c.Applied:
        def write(db: sqlite3.Connection) -> c.Applied:
            if isinstance(change, writes.Spend) and self._epoch.doubt:
                raise StoreError(f"Nothing is released: {self._epoch.doubt}.")
            result = make(change, db)
            if isinstance(result, c.Done):
                at = self._clock.now_ms()
                for row in rows:
                    insert_row(db, at, row)
            return result

        result: c.Applied = await self._ask(write, writes=True)
        return result

    async def close(self) -> None:
        """Everything noted is durable when this returns."""
        if self._thread.is_alive():
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    async def _ask(
        self, run: Callable[[sqlite3.Connection], Any], *, writes: bool = False, sees_notes: bool = False
    ) -> Any:
        if not self._thread.is_alive():
            raise StoreError("The database is closed.")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(run, answer, writes, sees_notes))
        return await answer

    async def _all(
        self, statement: str, values: Sequence[Any] | Mapping[str, Any] = (), *, sees_notes: bool = False
    ) -> list[sqlite3.Row]:
        rows: list[sqlite3.Row] = await self._ask(
            lambda db: db.execute(statement, values).fetchall(), sees_notes=sees_notes
        )
        return rows

    async def _one(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        rows = await self._all(statement, values)
        return rows[0] if rows else None

    # The thread. ------------------------------------------------------------

    def _work(self) -> None:
        running = True
        while running:
            asked, running = self._next_jobs()
            jobs = [job for job in asked if not job.answer.cancelled()]
            in_turn = [job for job in jobs if job.writes or job.sees_notes]
            for job in jobs:
                if not (job.writes or job.sees_notes):
                    self._read(job)
            if in_turn or self._noted.due() or (self._noted and not (jobs and running)):
                self._write(in_turn)
        self._db.close()
        self._epoch.close()

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        """Whatever waits now; after a quiet moment nothing, so that notes are written."""
        try:
            first = self._jobs.get(timeout=noted.DELAY)
        except queue.Empty:
            return [], True
        jobs: list[_Job] = []
        while first is not None:
            jobs.append(first)
            try:
                first = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _read(self, job: _Job) -> None:
        try:
            job.tell(job.run(self._db))
        except Exception as error:  # noqa: BLE001  # every failure belongs to whoever asked
            job.tell(None, _as_store_error(error))

    def _write(self, jobs: list[_Job]) -> None:
        """One transaction for all; each change is whole or absent; nothing is told before the commit."""
        notes = self._noted.take()
        results: list[tuple[_Job, Any, Exception | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._write_notes(notes)
            results = [self._in_savepoint(job) for job in jobs]
            mark = self._count(results)
            self._check_space()
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # whatever it was: nobody waits for ever, nothing is believed
            self._fail(jobs, notes, error)
            return
        try:
            self._epoch.keep(mark)
        except OSError as error:
            self._fail_after(results, error)
            return
        self._healthy = True
        for job, result, failure in results:
            job.tell(result, _as_store_error(failure) if failure else None)

    def _count(self, results: list[tuple[_Job, Any, Exception | None]]) -> Mark | None:
        """What changed is counted in the same transaction; rows of allowed requests alone are not."""
        changed = any(isinstance(result, c.Done) for _, result, _ in results)
        return self._epoch.raised(self._db) if changed else None

    def _write_notes(self, notes: Notes) -> None:
        for at, row in notes.rows:
            self._insert_note(at, row)
        notes.tallies.write(self._db)
        for change in notes.delivered:
            make(change, self._db)

    def _insert_note(self, at: int, row: Row) -> None:
        """A row with a value that no database takes is kept without that value: one must not stop the log."""
        try:
            insert_row(self._db, at, row)
        except (UnicodeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
            log.error("store.note_unwritable", error=str(error), kind=str(row.kind))
            insert_row(
                self._db, at, Row(row.kind, decision=row.decision, detail="a value could not be written")
            )

    def _in_savepoint(self, job: _Job) -> tuple[_Job, Any, Exception | None]:
        self._db.execute("SAVEPOINT job")
        try:
            result, failure = job.run(self._db), None
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  # one broken change must not take the others with it
            result, failure = None, error
        if failure or isinstance(result, c.Lost | c.Joined):
            self._db.execute("ROLLBACK TO job")
        self._db.execute("RELEASE job")
        return job, result, failure

    def _check_space(self) -> None:
        if shutil.disk_usage(self._path.parent).free < self._reserve:
            raise StoreError(f"The disk that holds {self._path.parent} is full: free some space.")

    def _fail(self, jobs: list[_Job], notes: Notes, error: Exception) -> None:
        """Nothing was written: say so to everybody, keep what was noted for the next try."""
        log.error("store.write_failed", error=str(error), path=str(self._path))
        self._healthy = False
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._noted.put_back(notes)
        for job in jobs:
            if job.writes:
                job.tell(None, _as_store_error(error))
            else:
                self._read(job)

    def _fail_after(self, results: list[tuple[_Job, Any, Exception | None]], error: OSError) -> None:
        """It is in the database and could not be counted beside it: whoever asked must not act on it."""
        log.error("store.count_failed", error=str(error), path=str(self._path))
        self._healthy = False
        for job, result, failure in results:
            if job.writes or failure:
                job.tell(None, _as_store_error(failure or error))
            else:
                job.tell(result)

    # What can be asked. -------------------------------------------------------

    async def envelope(self, envelope_id: str) -> Envelope | None:
        row = await self._one("SELECT * FROM envelopes WHERE id = ?", (envelope_id,))
        return records.envelope_from(row) if row else None

    async def asked_before(
        self, agent: str, intent_key: str, since: int, join: tuple[str, str]
    ) -> things.Before:
        """Both are read in one turn of the thread: every question asks for both."""

        def read(db: sqlite3.Connection) -> list[sqlite3.Row | None]:
            return [
                db.execute(DENIED, (agent, intent_key, since)).fetchone(),
                db.execute(LIVE, (agent, *join)).fetchone(),
            ]

        denied, live = [row and records.envelope_from(row) for row in await self._ask(read)]
        return things.Before(denied, live)

    async def envelopes(self, states: Sequence[State] | None = None, limit: int = 100) -> list[Envelope]:
        wanted = [str(state) for state in states or tuple(State)]
        rows = await self._all(
            f"SELECT * FROM envelopes WHERE state IN ({_marks(wanted)}) "  # noqa: S608  # question marks only
            "ORDER BY opened_at DESC, rowid DESC LIMIT ?",
            (*wanted, limit),
        )
        return [records.envelope_from(row) for row in rows]

    async def waiting_alike(self, batch_key: str, limit: int) -> list[Envelope]:
        rows = await self._all(
            "SELECT * FROM envelopes WHERE batch_key = ? AND state = 'pending' "
            "ORDER BY expires_at, rowid LIMIT ?",
            (batch_key, limit),
        )
        return [records.envelope_from(row) for row in rows]

    async def counts(self) -> dict[str, int]:
        rows = await self._all("SELECT state, COUNT(*) AS count FROM envelopes GROUP BY state", ())
        return {row["state"]: row["count"] for row in rows}

    async def denied_since(self, agent: str, intent_key: str, since: int) -> Envelope | None:
        row = await self._one(DENIED, (agent, intent_key, since))
        return records.envelope_from(row) if row else None

    async def repeats_since(
        self, agent: str, intent_key: str, since: int, other_than: str
    ) -> Envelope | None:
        row = await self._one(
            "SELECT * FROM envelopes WHERE agent = ? AND intent_key = ? AND id <> ? AND opened_at > ? "
            "AND state IN ('denied', 'completed', 'unknown') ORDER BY opened_at DESC LIMIT 1",
            (agent, intent_key, other_than, since),
        )
        return records.envelope_from(row) if row else None

    async def denials_in_a_row(self, agent: str) -> int:
        """Different things that were denied since the last approval, and since the agent was last resumed.

        Questions that nobody answered say nothing about the agent.
        """
        rows = await self._all(
            "SELECT state, intent_key FROM envelopes WHERE agent = ? AND decided_at > "
            "coalesce((SELECT resumed_at FROM agents WHERE name = ?), 0) "
            "AND state NOT IN ('pending', 'expired', 'cancelled') "
            "ORDER BY decided_at DESC, rowid DESC LIMIT 1000",
            (agent, agent),
        )
        denied = itertools.takewhile(lambda row: row["state"] == State.DENIED, rows)
        return len({row["intent_key"] for row in denied})

    async def overdue(self, now: int) -> list[Envelope]:
        rows = await self._all(
            "SELECT * FROM envelopes WHERE (state = 'pending' AND expires_at <= ?) "
            "OR (state = 'approved' AND cosigner_expires <= ?)",
            (now, now),
        )
        return [records.envelope_from(row) for row in rows]

    async def kept(self, envelope_id: str) -> things.Kept | None:
        row = await self._one("SELECT * FROM kept WHERE envelope = ?", (envelope_id,))
        return things.Kept(row["request"], row["answer"], row["fetched_at"]) if row else None

    async def to_send(self) -> list[Envelope]:
        rows = await self._all(
            "SELECT envelopes.* FROM kept JOIN envelopes ON envelopes.id = kept.envelope "
            "WHERE kept.request IS NOT NULL AND state = 'approved'"
        )
        return [records.envelope_from(row) for row in rows]

    async def signatures(self, envelope_id: str) -> tuple[Signature, ...]:
        rows = await self._all("SELECT * FROM signatures WHERE envelope = ? ORDER BY at", (envelope_id,))
        return tuple(records.signature_from(row) for row in rows)

    async def revealed(self, envelope_id: str, person: str) -> frozenset[str]:
        rows = await self._all(
            "SELECT selector FROM reveals WHERE envelope = ? AND person = ?", (envelope_id, person)
        )
        return frozenset(row["selector"] for row in rows)

    async def tallies(self) -> list[things.Tally]:
        told: list[things.Tally] = await self._ask(
            lambda db: tallies.read(db, self._clock.now()), sees_notes=True
        )
        return told

    async def reservations(self, since: int) -> list[things.Reservation]:
        found: list[things.Reservation] = await self._ask(lambda db: tallies.reservations(db, since))
        return found

    async def agents(self) -> list[things.Agent]:
        consents = {
            row["agent"]: records.consent_from(row) for row in await self._all("SELECT * FROM consents")
        }
        rows = await self._all("SELECT * FROM agents WHERE removed_at IS NULL ORDER BY name")
        return [records.agent_from(row, consents.get(row["name"])) for row in rows]

    async def grants(self) -> list[things.Grant]:
        rows = await self._all(
            "SELECT * FROM grants WHERE ended_at IS NULL ORDER BY made_at DESC, rowid DESC"
        )
        return [records.grant_from(row) for row in rows]

    async def ended_grants(self, limit: int = 100) -> list[things.Grant]:
        rows = await self._all(
            "SELECT * FROM grants WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, rowid DESC LIMIT ?",
            (limit,),
        )
        return [records.grant_from(row) for row in rows]

    async def grant_uses(self) -> dict[str, things.Used]:
        rows = await self._all(
            "SELECT grant_id, count(*) AS n, max(at) AS last FROM grant_uses GROUP BY grant_id"
        )
        return {row["grant_id"]: things.Used(row["n"], row["last"]) for row in rows}

    async def unfinished_uses(self) -> list[things.GrantUse]:
        rows = await self._all("SELECT * FROM grant_uses WHERE outcome IS NULL ORDER BY at")
        return [records.grant_use_from(row) for row in rows]

    async def tokens(self) -> list[things.Token]:
        return [
            records.token_from(row)
            for row in await self._all("SELECT * FROM tokens WHERE revoked_at IS NULL")
        ]

    async def people(self) -> list[things.Person]:
        return [records.person_from(row) for row in await self._all("SELECT * FROM people ORDER BY name")]

    async def credentials(self, person: str | None = None) -> list[Credential]:
        rows = await self._all(
            "SELECT * FROM credentials WHERE revoked_at IS NULL AND (? IS NULL OR person = ?)",
            (person, person),
        )
        return [records.credential_from(row) for row in rows]

    async def credential(self, credential_id: bytes) -> Credential | None:
        row = await self._one(
            "SELECT * FROM credentials WHERE id = ? AND revoked_at IS NULL", (credential_id,)
        )
        return records.credential_from(row) if row else None

    async def recoveries(self) -> list[things.Recovery]:
        rows = await self._all("SELECT * FROM recoveries ORDER BY started_at")
        return [things.Recovery(row["person"], row["started_by"], row["started_at"]) for row in rows]

    async def limits(self) -> dict[things.Holder, dict[str, int]]:
        return _limits.limits_from(await self._all(_limits.SELECT))

    async def invitation(self, token_hash: str) -> things.Invitation | None:
        row = await self._one(
            "SELECT * FROM invitations WHERE token_hash = ? AND used_at IS NULL", (token_hash,)
        )
        return records.invitation_from(row) if row else None

    async def challenge(self, challenge_id: str) -> things.Challenge | None:
        row = await self._one("SELECT * FROM challenges WHERE id = ?", (challenge_id,))
        return records.challenge_from(row) if row else None

    async def delegations(self) -> list[Delegation]:
        rows = await self._all("SELECT * FROM delegations WHERE ended_at IS NULL ORDER BY set_at, rowid")
        return [records.delegation_from(row) for row in rows]

    async def waiting_since(self, after: int, to: str, now: int) -> list[Envelope]:
        rows = await self._all(
            "SELECT * FROM envelopes WHERE state = 'pending' AND opened_at <= :now - :after "
            "AND expires_at > :now AND NOT EXISTS (SELECT 1 FROM escalations WHERE envelope = envelopes.id "
            "AND after = :after AND to_group = :to)",
            {"now": now, "after": after, "to": to},
        )
        return [records.envelope_from(row) for row in rows]

    async def escalated(self, envelope_id: str) -> dict[tuple[int, str], int]:
        rows = await self._all("SELECT * FROM escalations WHERE envelope = ?", (envelope_id,))
        return {(row["after"], row["to_group"]): row["at"] for row in rows}

    async def signed_change(self, change_id: str) -> things.SignedChange | None:
        row = await self._one("SELECT * FROM signed_changes WHERE id = ?", (change_id,))
        return records.signed_change_from(row) if row else None

    async def signed_changes(self, limit: int = 100) -> list[things.SignedChange]:
        rows = await self._all("SELECT * FROM signed_changes ORDER BY at DESC, rowid DESC LIMIT ?", (limit,))
        return [records.signed_change_from(row) for row in rows]

    async def breakings(self, envelope_id: str) -> tuple[things.Breaking, ...]:
        rows = await self._all("SELECT * FROM broken_glass WHERE envelope = ? ORDER BY at", (envelope_id,))
        return tuple(records.breaking_from(row) for row in rows)

    async def glass_broken_since(self, since: int, other_than: str) -> int:
        row = await self._one(
            "SELECT count(DISTINCT envelope) AS count FROM broken_glass WHERE at > ? AND envelope <> ?",
            (since, other_than),
        )
        return int(row["count"]) if row else 0

    async def review(self, envelope_id: str) -> things.Review | None:
        row = await self._one("SELECT * FROM reviews WHERE envelope = ?", (envelope_id,))
        return records.review_from(row) if row else None

    async def open_reviews(self) -> int:
        row = await self._one("SELECT count(*) AS count FROM reviews WHERE closed_at IS NULL")
        return int(row["count"]) if row else 0

    async def reviews(self, limit: int = 100) -> list[things.Review]:
        rows = await self._all(
            "SELECT * FROM reviews ORDER BY closed_at IS NOT NULL, closed_at DESC, opened_at LIMIT ?",
            (limit,),
        )
        return [records.review_from(row) for row in rows]

    async def deliveries_due(
        self, channel: str, now: int, limit: int, busy: Sequence[str] = ()
    ) -> list[things.Delivery]:
        asked = {"channel": channel, "now": now, "limit": limit, "busy": json.dumps(busy)}
        # Fails where nothing can be written: what went and could not be noted would seem to be due again.
        rows = await self._ask(lambda db: db.execute(DUE, asked).fetchall(), writes=True)
        return [delivery_from(row) for row in rows]

    async def deliveries(self, envelope_id: str | None = None, limit: int = 100) -> list[things.Delivery]:
        rows = await self._all(
            "SELECT * FROM deliveries WHERE (? IS NULL OR envelope = ?) ORDER BY at DESC, rowid DESC LIMIT ?",
            (envelope_id, envelope_id, limit),
            sees_notes=True,
        )
        return [delivery_from(row) for row in rows]

    async def last_deliveries(self) -> dict[str, things.Delivery]:
        rows = await self._all(
            "SELECT *, max(at) FROM deliveries WHERE state <> 'queued' AND coalesce(error, '') <> ? "
            "GROUP BY channel",
            (things.OVER,),
            sees_notes=True,
        )
        return {row["channel"]: delivery_from(row) for row in rows}

    async def programs(self) -> list[things.Program]:
        rows = await self._all("SELECT * FROM programs WHERE revoked_at IS NULL ORDER BY name")
        return [records.program_from(row) for row in rows]

    async def program_signatures(self, envelope_id: str) -> tuple[things.ProgramSignature, ...]:
        rows = await self._all(
            "SELECT * FROM program_signatures WHERE envelope = ? ORDER BY at, rowid", (envelope_id,)
        )
        return tuple(records.program_signature_from(row) for row in rows)

    async def key_times(self) -> dict[bytes, things.KeyTimes]:
        rows = await self._all("SELECT id, created_at, used_at FROM credentials")
        return {row["id"]: things.KeyTimes(row["created_at"], row["used_at"]) for row in rows}

    async def subscriptions(self) -> list[Subscription]:
        return [_subscribing.subscription_from(row) for row in await self._all(_subscribing.SELECT)]

    async def sessions(self) -> list[things.StoredSession]:
        return [records.session_from(row) for row in await self._all("SELECT * FROM sessions")]

    async def rows(self, where: Mapping[str, str], before: int | None, limit: int) -> list[Entry]:
        """Newest first."""
        wanted = {name: value for name, value in where.items() if name in COLUMNS}
        rows = await self._all(
            rows_query(wanted, older=before is not None),
            {**wanted, "before": before, "limit": limit},
            sees_notes=True,
        )
        return [records.entry_from(row) for row in rows]

    async def rows_of(self, envelope_ids: Sequence[str]) -> list[Entry]:
        """Every row of these envelopes, oldest first."""
        rows = await self._all(
            f"SELECT * FROM log WHERE envelope IN ({_marks(envelope_ids)}) ORDER BY seq",  # noqa: S608  # marks only
            tuple(envelope_ids),
            sees_notes=True,
        )
        return [records.entry_from(row) for row in rows]

    async def unmatched(self, lately: int, limit: int) -> list[things.Unmatched]:
        rows = await self._all(UNMATCHED, {"lately": lately, "limit": limit}, sees_notes=True)
        return [records.unmatched_from(row) for row in rows]

    async def meta(self, key: str, default: str | None = None) -> str | None:
        """What is kept under this key; a default is kept if there was nothing."""
        if default is not None:
            await self._ask(
                lambda db: db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, default)), writes=True
            )
        row = await self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return row["value"] if row else None


LEADING = ("envelope", "decision", "person", "action", "agent")
"""The filters of the log that an index answers, the narrowest first; decisions other than allow have one."""


def rows_query(wanted: Mapping[str, str], *, older: bool) -> str:
    """Asks for a page of the log: by the index that leaves the fewest rows, which the others then sift.

    SQLite alone would take an agent's rows, which may be all there are, to find the few that were asked for.
    """
    leads = next((name for name in LEADING if wanted.get(name, "allow") != "allow"), None)
    conditions = [f"{'' if name == leads else '+'}{name} = :{name}" for name in wanted]
    if leads == "decision":
        conditions.append("decision <> 'allow'")
    if older:
        conditions.append("seq < :before")
    chosen = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return f"SELECT * FROM log {chosen}ORDER BY seq DESC LIMIT :limit"  # noqa: S608  # our column names


def _newest_row(db: sqlite3.Connection) -> int:
    """When the last row was written, in milliseconds; rows are written in the order of their time."""
    row = db.execute("SELECT at_ms FROM log ORDER BY seq DESC LIMIT 1").fetchone()
    return row["at_ms"] if row else 0


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _settle(answer: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    """Unless whoever asked has left."""
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error | OSError):
        return StoreError(f"The database could not do it: {error}.")
    return error


def open_database(path: Path) -> sqlite3.Connection:
    """The database, made if it is new; a sentence if it is corrupt, locked or from another version."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be used as a database ({error.strerror}).") from error
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2)
    except sqlite3.DatabaseError as error:
        raise StoreError(_why_not(path, error)) from error
    try:
        db.row_factory = sqlite3.Row
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            db.execute(f"PRAGMA {pragma}")
        for pragma in ("foreign_keys = ON", "secure_delete = ON"):
            db.execute(f"PRAGMA {pragma}")
        _prepare(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreError(_why_not(path, error)) from error
    except StoreError:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN EXCLUSIVE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in (*schema.TABLES.split(";"), *schema.ADDED_IN_2, *schema.ADDED_IN_3):
            db.execute(statement)
    elif version in schema.CHANGES:
        for older in range(version, schema.VERSION):
            for statement in schema.CHANGES[older]:
                db.execute(statement)
        version = schema.VERSION
    if version in {0, schema.VERSION}:
        db.execute(f"PRAGMA user_version = {schema.VERSION}")
    db.execute("COMMIT")
    if version not in {0, schema.VERSION}:
        raise StoreError(
            f"{path} was written by another version of Secondsig (format {version}, this one reads "
            f"{schema.VERSION}): use that version, or start with another state folder."
        )
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError(f"{path} is damaged ({verdict}): restore it from a backup.")


def _why_not(path: Path, error: sqlite3.DatabaseError) -> str:
    if "locked" in str(error):
        return f"{path} is in use by another process: is a gateway running on this state folder already?"
    if "full" in str(error):
        return f"The disk that holds {path} is full: free some space."
    return f"{path} cannot be used as a database ({error}): restore it from a backup."
