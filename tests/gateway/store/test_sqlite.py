import asyncio
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import Kind, Row
from gateway.envelopes import Envelope, State, Step
from gateway.errors import StoreError
from gateway.store import contract as c
from gateway.store import noted, schema, things, writes
from gateway.store.sqlite import SqliteStore, open_database, rows_query
from tests.kit.clocks import START
from tests.kit.patience import until
from tests.kit.stores import Blocked, TimedStore, approved, row, with_people
from tests.kit.things import ENVELOPE, a_row, an_envelope, caps

HUGE = 1 << 62


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    opened = TimedStore(tmp_path / "test.db")
    yield opened
    await opened.close()


def read_only(store: SqliteStore, *, on: bool) -> Any:
    """What a disk that was remounted read-only does to every write."""
    return store._ask(lambda db: db.execute(f"PRAGMA query_only = {int(on)}").fetchall())


# Transactions. -------------------------------------------------------------------------------------------


async def test_a_state_and_its_rows_are_written_together_or_not_at_all(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)), row("opened"))
    impossible = a_row(detail="impossible", status=object())
    with pytest.raises(Exception, match="type 'object' is not supported"):
        await store.apply(writes.Move(ENVELOPE, 1, Step.DENY, START), [a_row(detail="before"), impossible])
    envelope = await store.envelope(ENVELOPE)
    assert envelope is not None
    assert (envelope.state, envelope.version) == (State.PENDING, 1)
    assert await store.log() == ["opened"]
    assert store.healthy()


async def test_one_broken_change_does_not_take_the_others_with_it(store: TimedStore) -> None:
    async with Blocked(store):
        together = [
            asyncio.create_task(store.apply(writes.Open(an_envelope(), caps(20)), row("first"))),
            asyncio.create_task(store.apply("nonsense")),  # type: ignore[arg-type]  # what is tested
            asyncio.create_task(store.apply(writes.Configure("d"), row("last"))),
        ]
        await asyncio.sleep(0.02)
    one, broken, other = await asyncio.gather(*together, return_exceptions=True)
    assert isinstance(one, c.Done)
    assert isinstance(broken, TypeError)
    assert isinstance(other, c.Done)
    assert await store.log() == ["first", "last"]


async def test_changes_that_come_together_are_committed_together(store: TimedStore) -> None:
    commits: list[str] = []
    await store._ask(lambda db: db.set_trace_callback(lambda s: commits.append(s) if s == "COMMIT" else None))
    async with Blocked(store):
        together = [
            asyncio.create_task(store.apply(writes.Configure(f"d{n}"), row(f"{n}"))) for n in range(20)
        ]
        await asyncio.sleep(0.02)
    assert all(isinstance(done, c.Done) for done in await asyncio.gather(*together))
    assert len(commits) == 1
    assert await store.log() == [f"{n}" for n in range(20)]


def as_after_a_crash(folder: Path) -> Path:
    """The files as they are on the disk at this moment."""
    copy = folder / "copy"
    copy.mkdir()
    for file in folder.glob("test.db*"):
        (copy / file.name).write_bytes(file.read_bytes())
    return copy / "test.db"


async def test_a_change_is_durable_when_it_is_told(store: TimedStore, tmp_path: Path) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)), row("opened"))
    with sqlite3.connect(as_after_a_crash(tmp_path)) as db:
        assert db.execute("SELECT detail FROM log").fetchall() == [("opened",)]
        assert db.execute("SELECT state FROM envelopes").fetchall() == [("pending",)]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("locking_mode", "exclusive"),
    ],
)
async def test_the_database_is_set_to_keep_its_promises(
    store: TimedStore, pragma: str, value: object
) -> None:
    (told,) = await store._ask(lambda db: db.execute(f"PRAGMA {pragma}").fetchone())
    assert told == value


# Notes. --------------------------------------------------------------------------------------------------


async def test_who_reads_something_else_waits_for_no_commit_of_notes(
    store: TimedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    commits: list[str] = []
    await store._ask(lambda db: db.set_trace_callback(lambda s: commits.append(s) if s == "COMMIT" else None))
    store.note(a_row(detail="noted"))
    for _ in range(3):
        assert await store.envelope(ENVELOPE) is None
    assert commits == []
    assert [entry.row.detail for entry in await store.rows({}, None, 10)] == ["noted"]
    assert commits == ["COMMIT"]


async def test_readers_who_come_all_the_time_do_not_keep_notes_from_being_written(
    store: TimedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    store.note(a_row(detail="noted"))
    store._noted._since -= 3600
    await store.envelope(ENVELOPE)
    await store.envelope(ENVELOPE)
    assert not store._noted


async def test_notes_are_kept_also_where_somebody_reads_as_the_store_closes(
    store: TimedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    async with Blocked(store):
        store.note(a_row(detail="noted"))
        reading = asyncio.create_task(store.envelope(ENVELOPE))
        await until(lambda: store._jobs.qsize() == 1)
        closing = asyncio.create_task(store.close())
        await until(lambda: store._jobs.qsize() == 2)
    await asyncio.gather(reading, closing)
    assert not store._noted


async def test_a_store_that_noted_nothing_writes_nothing_as_it_closes(store: TimedStore) -> None:
    commits: list[str] = []
    await store._ask(lambda db: db.set_trace_callback(lambda s: commits.append(s) if s == "COMMIT" else None))
    await store.close()
    assert commits == []


async def test_a_note_is_written_by_itself_within_its_time(store: TimedStore) -> None:
    store.note(a_row(detail="noted"))
    await until(lambda: not store._noted)
    assert await store.log() == ["noted"]


async def test_a_note_is_never_overtaken_by_what_comes_after_it(store: TimedStore) -> None:
    async with Blocked(store):
        store.note(a_row(detail="1"))
        applied = asyncio.create_task(store.apply(writes.Configure("d"), row("2")))
        await asyncio.sleep(0.02)
    await applied
    store.note(a_row(detail="3"))
    await store.apply(writes.Configure("e"), row("4"))
    assert await store.log() == ["1", "2", "3", "4"]


async def test_a_note_keeps_the_time_at_which_it_was_made(store: TimedStore) -> None:
    async with Blocked(store):
        store.note(a_row(detail="noted"))
        store.time.advance(5)
    await store.shake_out()
    (entry,) = await store.rows({}, None, 10)
    assert entry.at_ms == START * 1000


async def test_what_was_noted_is_durable_after_closing(tmp_path: Path) -> None:
    store = TimedStore(tmp_path / "test.db")
    for n in range(50):
        store.note(a_row(detail=str(n)))
    await store.close()
    again = TimedStore(tmp_path / "test.db")
    assert await again.log() == [str(n) for n in range(50)]
    await again.close()


async def test_a_note_with_a_value_that_no_database_takes_does_not_end_the_store(store: TimedStore) -> None:
    """A lone surrogate, as undecodable bytes of an agent become: one bad row must not stop the log."""
    store.note(a_row(detail="\ud800"))
    await until(lambda: not store._noted)
    store.note(a_row(detail="after"))
    applied = await asyncio.wait_for(store.apply(writes.Configure("d"), row("applied")), 60)
    assert isinstance(applied, c.Done)
    log = await store.log()
    assert log[-2:] == ["after", "applied"]


# Failure. ------------------------------------------------------------------------------------------------


async def test_a_full_disk_stops_everything_and_space_lets_it_go_on(store: TimedStore) -> None:
    store._reserve = HUGE
    with pytest.raises(StoreError, match="is full: free some space"):
        await store.apply(writes.Open(an_envelope(), caps(20)), row("lost"))
    assert not store.healthy()
    assert await store.envelope(ENVELOPE) is None
    store._reserve = 0
    assert isinstance(await store.apply(writes.Open(an_envelope(), caps(20)), row("kept")), c.Done)
    assert store.healthy()
    assert await store.log() == ["kept"]


async def test_a_failing_write_is_a_sentence_and_reading_goes_on(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)), row("opened"))
    await read_only(store, on=True)
    async with Blocked(store):
        failing = asyncio.create_task(store.apply(writes.Move(ENVELOPE, 1, Step.DENY, START), row("denied")))
        reading = asyncio.create_task(store.envelope(ENVELOPE))
        await asyncio.sleep(0.02)
    with pytest.raises(StoreError, match="The database could not do it: attempt to write a readonly"):
        await failing
    envelope = await reading
    assert envelope is not None
    assert envelope.state is State.PENDING
    assert not store.healthy()
    await read_only(store, on=False)
    assert isinstance(await store.apply(writes.Configure("d")), c.Done)
    assert store.healthy()


async def test_every_change_of_a_failed_commit_is_told_that_it_failed(store: TimedStore) -> None:
    store._reserve = HUGE
    async with Blocked(store):
        together = [
            asyncio.create_task(store.apply(writes.Configure(f"d{n}"), row(f"{n}"))) for n in range(5)
        ]
        await asyncio.sleep(0.02)
    results = await asyncio.gather(*together, return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    store._reserve = 0
    assert await store.meta("config_digest") is None
    assert await store.log() == []


async def test_notes_of_a_failed_write_are_kept_and_stand_before_what_came_later(store: TimedStore) -> None:
    store._reserve = HUGE
    store.note(a_row(detail="1"))
    await until(lambda: not store.healthy())
    store.note(a_row(detail="2"))
    with pytest.raises(StoreError):
        await store.apply(writes.Configure("d"), row("refused"))
    store.note(a_row(detail="3"))
    store._reserve = 0
    await store.apply(writes.Configure("d"), row("4"))
    assert await store.log() == ["1", "2", "3", "4"]
    assert store.healthy()


async def test_after_a_failure_notes_alone_are_enough_to_recover(store: TimedStore) -> None:
    store._reserve = HUGE
    store.note(a_row(detail="1"))
    await until(lambda: not store.healthy())
    store._reserve = 0
    await store.shake_out()
    await until(store.healthy)


async def test_a_rollback_that_fails_leaves_nobody_waiting_and_the_store_unhealthy(store: TimedStore) -> None:
    """A disk that is gone fails the rollback too."""
    real = store._db

    class Gone:
        in_transaction = True

        def execute(self, statement: str, *values: object) -> object:
            raise sqlite3.OperationalError("disk I/O error")

        def close(self) -> None:
            real.close()

    store._db = Gone()  # type: ignore[assignment]  # a connection whose disk is gone
    with pytest.raises(StoreError):
        await asyncio.wait_for(store.apply(writes.Configure("d")), 60)
    assert not store.healthy()


async def test_a_caller_that_stops_waiting_does_not_end_the_store(store: TimedStore) -> None:
    """A client that left, a timekeeper that is cancelled: their questions die, the store does not."""
    async with Blocked(store):
        leaving = [
            asyncio.create_task(store.apply(writes.Configure("gone"), row("gone"))),
            asyncio.create_task(store.envelope(ENVELOPE)),
        ]
        await asyncio.sleep(0.02)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
    applied = await asyncio.wait_for(store.apply(writes.Configure("next"), row("next")), 60)
    assert isinstance(applied, c.Done)
    assert await store.log() == ["next"]


async def test_a_reader_that_stops_waiting_does_not_end_the_store(store: TimedStore) -> None:
    async with Blocked(store):
        leaving = asyncio.create_task(store.envelope(ENVELOPE))
        await asyncio.sleep(0.02)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    assert await asyncio.wait_for(store.envelope(ENVELOPE), 60) is None


async def test_who_stops_waiting_while_the_answer_is_made_breaks_nothing(store: TimedStore) -> None:
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    begun, go = threading.Event(), threading.Event()

    def slow(_db: sqlite3.Connection) -> None:
        begun.set()
        go.wait(5)

    for reads in (True, False):
        begun.clear()
        go.clear()
        leaving = asyncio.create_task(store._ask(slow, writes=not reads))
        await asyncio.to_thread(begun.wait, 5)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        go.set()
        assert await asyncio.wait_for(store.envelope(ENVELOPE), 60) is None
    assert broken == []


async def test_a_closed_store_promises_nothing(tmp_path: Path) -> None:
    store = TimedStore(tmp_path / "test.db")
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.apply(writes.Configure("d"))
    with pytest.raises(StoreError, match="is closed"):
        await store.envelope(ENVELOPE)


async def test_a_question_that_cannot_be_asked_is_a_sentence(store: TimedStore) -> None:
    with pytest.raises(StoreError, match="could not do it: no such table"):
        await store._all("SELECT * FROM nowhere")
    assert store.healthy()


# Opening. ------------------------------------------------------------------------------------------------


def modes_of(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob("test.db*")}


async def test_only_this_account_reads_the_database_and_its_journal(
    store: TimedStore, tmp_path: Path
) -> None:
    await store.apply(writes.Configure("d"))
    assert modes_of(tmp_path) == dict.fromkeys(("test.db", "test.db-wal"), 0o600)


async def test_what_is_known_is_there_after_a_restart(tmp_path: Path) -> None:
    store = TimedStore(tmp_path / "test.db")
    await with_people(store)
    await approved(store)
    await store.close()
    again = TimedStore(tmp_path / "test.db")
    envelope = await again.envelope(ENVELOPE)
    assert envelope is not None
    assert envelope.state is State.APPROVED
    assert len(await again.signatures(ENVELOPE)) == 1
    await again.close()


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(StoreError, match=rf"another version.*format 7, this one reads {schema.VERSION}"):
        open_database(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


def shape(db: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of every table and index, in their order: rows are written by it."""
    names = [
        name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")
    ]
    kinds = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}
    return {
        name: kinds[name] or [row[2] for row in db.execute(f"PRAGMA index_info({name})")] for name in names
    }


@pytest.mark.parametrize("version", schema.CHANGES)
def test_a_database_of_each_version_before_is_brought_to_the_same_shape(tmp_path: Path, version: int) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    wanted = shape_of(new)
    open_database(old).close()
    with sqlite3.connect(old) as db:
        since = [statement for older in range(version, schema.VERSION) for statement in schema.CHANGES[older]]
        for statement in reversed(since):
            made = re.match(r"(?s)\s*CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER) (\w+)", statement)
            added = re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", statement)
            if made:
                db.execute(f"DROP {made[1]} {made[2]}")
            elif added:
                db.execute(f"ALTER TABLE {added[1]} DROP COLUMN {added[2]}")
        db.execute(f"PRAGMA user_version = {version}")
        assert shape(db) != wanted
    db.close()
    assert shape_of(old) == wanted


def shape_of(path: Path) -> dict[str, list[str]]:
    db = open_database(path)
    try:
        db.row_factory = None
        return shape(db)
    finally:
        db.close()


@pytest.mark.parametrize("damage", ["rubbish", "torn", "header"])
def test_a_damaged_database_is_not_used(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "test.db"
    db = open_database(path)
    for n in range(300):
        db.execute("INSERT INTO log (at_ms, kind, detail) VALUES (1, 'decision', ?)", (f"{n}" * 50,))
    db.close()
    data = bytearray(path.read_bytes())
    if damage == "rubbish":
        data = bytearray(b"not a database at all, but long enough to be one " * 100)
    elif damage == "torn":
        data[8192:20480] = b"\xff" * 12288
    else:
        data[16:24] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(StoreError, match="restore it from a backup"):
        open_database(path)


async def test_what_no_action_names_is_grouped_and_only_looked_for_lately(store: TimedStore) -> None:
    def odd(**more: Any) -> Row:
        return Row(Kind.DECISION, method="PUT", host="a.test", action="/shop/unmatched/write", **more)

    others = [
        Row(Kind.DECISION, "allow", method="PUT", host="a.test", action="/shop/put"),
        Row(Kind.REFUSED, "deny", "policy_denied", method="PUT", host="a.test"),
        Row(Kind.OUTCOME, method="PUT", host="a.test", action="/shop/unmatched/write"),
    ]
    await store.apply(writes.Record(), [odd(agent="old"), *others])
    store.time.advance(60)
    gone = Row(Kind.REFUSED, "deny", "destination_refused", method="CONNECT", host="b.test")
    await store.apply(writes.Record(), [odd(agent="new", detail="last"), gone])
    found = {each.host: each for each in await store.unmatched(100, 10)}
    assert set(found) == {"a.test", "b.test"}
    assert (found["a.test"].count, found["a.test"].agent, found["a.test"].detail) == (2, "new", "last")
    assert found["a.test"].last_ms // 1000 == START + 60
    assert len(await store.unmatched(100, 1)) == 1
    assert [each.host for each in await store.unmatched(1, 10)] == ["b.test"]


def test_a_folder_where_the_database_should_be_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used as a database"):
        open_database(tmp_path)


def test_a_database_in_use_by_another_process_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    open_database(path).close()
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('PRAGMA locking_mode = EXCLUSIVE');"
        "db.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="in use by another process: is a gateway running"):
            open_database(path)
        other.communicate()


async def test_two_gateways_never_share_a_database(store: TimedStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="in use by another process"):
        await asyncio.to_thread(open_database, tmp_path / "test.db")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("database or disk is full", "full: free some space"),
        ("unable to open database file", "restore it from a backup"),
    ],
)
def test_why_a_database_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, sentence: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError(told)

    monkeypatch.setattr(sqlite3, "connect", failing)
    with pytest.raises(StoreError, match=sentence):
        open_database(tmp_path / "test.db")


# Questions. ----------------------------------------------------------------------------------------------


async def test_only_an_open_question_of_the_same_agent_and_address_is_live(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    found = await live(store, "ci-bot", "join", "127.0.0.1")
    assert found is not None
    assert found.id == ENVELOPE
    assert await live(store, "other", "join", "127.0.0.1") is None
    assert await live(store, "ci-bot", "other", "127.0.0.1") is None
    assert await live(store, "ci-bot", "join", "::1") is None
    await store.apply(writes.Move(ENVELOPE, 1, Step.DENY, START))
    assert await live(store, "ci-bot", "join", "127.0.0.1") is None


async def live(store: TimedStore, agent: str, *join: str) -> Envelope | None:
    key, scope = join
    return (await store.asked_before(agent, "no intent", START, (key, scope))).live


async def denied(store: TimedStore, name: str, at: int, **changes: Any) -> None:
    await store.apply(writes.Open(an_envelope(id=name, **changes), caps(20)))
    await store.apply(writes.Move(name, 1, Step.DENY, at))


async def test_the_newest_denial_of_the_same_intent_is_found(store: TimedStore) -> None:
    await denied(store, "env_1", START)
    await denied(store, "env_2", START + 5)
    await denied(store, "env_3", START + 9, intent_key="another intent")
    await denied(store, "env_4", START + 9, agent="another agent")
    found = await store.denied_since("ci-bot", "intent", START - 1)
    assert found is not None
    assert found.id == "env_2"
    assert await store.denied_since("ci-bot", "intent", START + 5) is None
    before = await store.asked_before("ci-bot", "intent", START - 1, ("join", "127.0.0.1"))
    assert before == things.Before(found, None)
    assert (await store.asked_before("ci-bot", "intent", START + 5, ("join", "127.0.0.1"))).denied is None


async def test_only_a_denial_stays_refused_not_a_timeout_or_a_cancellation(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    await store.apply(writes.Move(ENVELOPE, 1, Step.CANCEL, START + 9))
    assert await store.denied_since("ci-bot", "intent", START) is None


async def test_what_is_asked_again_names_what_happened_before(store: TimedStore) -> None:
    await denied(store, "env_1", START)
    await store.apply(writes.Open(an_envelope(id="env_2"), caps(20)))
    found = await store.repeats_since("ci-bot", "intent", START - 1, "env_2")
    assert found is not None
    assert found.id == "env_1"
    assert await store.repeats_since("ci-bot", "intent", START - 1, "env_1") is None
    assert await store.repeats_since("ci-bot", "intent", START, "env_2") is None
    assert await store.repeats_since("other", "intent", START - 1, "env_2") is None


async def test_only_what_is_over_its_time_is_overdue(store: TimedStore) -> None:
    await with_people(store)
    await approved(store)
    await store.apply(writes.Open(an_envelope(id="env_2", join_key="2"), caps(20)))
    assert await store.overdue(START + 59) == []
    assert [e.id for e in await store.overdue(START + 60)] == ["env_2"]
    assert [e.id for e in await store.overdue(START + 299)] == ["env_2"]
    assert {e.id for e in await store.overdue(START + 300)} == {ENVELOPE, "env_2"}


async def test_envelopes_are_told_newest_first_and_no_more_than_asked(store: TimedStore) -> None:
    for n in range(5):
        await store.apply(
            writes.Open(an_envelope(id=f"env_{n}", join_key=str(n), opened_at=START + n), caps(20))
        )
    assert [e.id for e in await store.envelopes(None, 2)] == ["env_4", "env_3"]
    assert await store.envelopes([State.DENIED]) == []


async def test_rows_are_filtered_by_value_and_not_by_sql(store: TimedStore) -> None:
    await store.apply(writes.Configure("1"), [a_row(agent="a", detail="1", envelope="env_1")])
    await store.apply(writes.Configure("2"), [a_row(agent="b", detail="2", envelope="env_2")])
    assert [e.row.detail for e in await store.rows({"agent": "a"}, None, 9)] == ["1"]
    assert await store.rows({"agent": "a' OR '1'='1"}, None, 9) == []
    assert len(await store.rows({"1=1; DROP TABLE log; --": "x"}, None, 9)) == 2
    newest, oldest = await store.rows({}, None, 9)
    assert newest.seq > oldest.seq
    assert [e.seq for e in await store.rows({}, newest.seq, 9)] == [oldest.seq]
    assert [e.row.detail for e in await store.rows_of(["env_2", "env_1"])] == ["1", "2"]
    assert await store.rows_of([]) == []


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"decision": "step_up"}, "log_by_decision"),
        ({"agent": "ci-bot"}, "log_by_agent"),
        ({"person": "mika"}, "log_by_person"),
        ({"action": "/github/repo/put_file"}, "log_by_action"),
        ({"envelope": ENVELOPE, "decision": "step_up"}, "log_by_envelope"),
        ({"agent": "ci-bot", "decision": "step_up"}, "log_by_decision"),
        ({"agent": "ci-bot", "decision": "allow", "host": "api.github.com"}, "log_by_agent"),
    ],
)
async def test_a_page_of_the_log_is_found_by_its_narrowest_filter(
    store: TimedStore, wanted: dict[str, str], index: str, older: bool
) -> None:
    """No step reads all rows or sorts them: a long log would hold up whatever waits for the store."""
    query = rows_query(wanted, older=older)
    given = {**wanted, "before": 9, "limit": 50}
    plan = await store._ask(
        lambda db: [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {query}", given)]
    )
    assert len(plan) == 1
    assert plan[0].startswith(f"SEARCH log USING INDEX {index} ")


async def test_older_pages_go_on_where_the_newer_one_ended(store: TimedStore) -> None:
    rows = [a_row(detail=f"{n}", decision=("step_up", "allow")[n % 2]) for n in range(6)]
    await store.apply(writes.Configure("d"), rows)
    for wanted, expected in (
        ({}, "543210"),
        ({"decision": "step_up"}, "420"),
        ({"decision": "allow"}, "531"),
    ):
        newest = await store.rows(wanted, None, 2)
        older = await store.rows(wanted, newest[-1].seq, 9)
        assert "".join(str(entry.row.detail) for entry in [*newest, *older]) == expected


async def test_what_is_kept_under_a_key_is_kept_once(store: TimedStore) -> None:
    assert await store.meta("gateway") is None
    assert await store.meta("gateway", "gw_1") == "gw_1"
    assert await store.meta("gateway", "gw_2") == "gw_1"


async def test_the_credentials_of_one_are_not_those_of_another(store: TimedStore) -> None:
    await with_people(store)
    assert [k.person for k in await store.credentials("Mika")] == ["Mika"]
    assert await store.credentials("Noor") == []
    assert len(await store.credentials()) == 1
    assert await store.credential(b"unknown") is None


async def test_the_kind_of_a_row_comes_back_as_what_it_is(store: TimedStore) -> None:
    await store.apply(writes.Configure("1"), [a_row(kind=Kind.MINT)])
    (entry,) = await store.rows({"kind": "mint"}, None, 1)
    assert entry.row.kind is Kind.MINT


def test_the_stores_clock_is_the_one_that_decides(tmp_path: Path) -> None:
    async def go() -> None:
        store = TimedStore(tmp_path / "test.db")
        assert store.now() == START
        assert store.steady()
        store.time.jump(60)
        assert not store.steady()
        await store.close()

    asyncio.run(go())


async def test_envelopes_are_counted_by_state(store: TimedStore) -> None:
    assert await store.counts() == {}
    for number in range(3):
        name = f"env_{number}"
        await store.apply(writes.Open(an_envelope(id=name, join_key=name), caps(10)), [a_row()])
    await store.apply(writes.Move("env_0", 1, Step.CANCEL, START), [a_row()])
    assert await store.counts() == {"pending": 2, "cancelled": 1}
