import sqlite3

import pytest

from gateway.envelopes import OPEN, State
from gateway.store import schema
from gateway.store.changes import INSERT_ENVELOPE
from gateway.store.records import envelope_columns
from tests.kit.things import an_envelope


@pytest.fixture
def db() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.executescript(schema.TABLES)
    made.execute("PRAGMA foreign_keys = ON")
    return made


def put(db: sqlite3.Connection, **changes: object) -> None:
    db.execute(INSERT_ENVELOPE, envelope_columns(an_envelope(**changes)))


def test_every_table_refuses_values_of_the_wrong_type(db: sqlite3.Connection) -> None:
    strict = {row[1]: row[5] for row in db.execute("PRAGMA table_list") if not row[1].startswith("sqlite_")}
    assert strict
    assert set(strict.values()) == {1}
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER"):
        put(db, quorum="two")


@pytest.mark.parametrize("state", sorted(OPEN))
def test_one_question_cannot_be_open_twice_whatever_the_code_above_does(
    db: sqlite3.Connection, state: State
) -> None:
    put(db, id="env_1", state=state)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        put(db, id="env_2")
    put(db, id="env_3", join_scope="::1")
    put(db, id="env_4", agent="other")
    put(db, id="env_5", join_key="other")


@pytest.mark.parametrize("state", sorted(set(State) - OPEN))
def test_a_question_that_is_over_does_not_block_the_next(db: sqlite3.Connection, state: State) -> None:
    put(db, id="env_1", state=state)
    put(db, id="env_2")


@pytest.mark.parametrize("column", ["cosigner", "invocation"])
def test_no_two_envelopes_share_a_cosigner_or_an_invocation(db: sqlite3.Connection, column: str) -> None:
    put(db, id="env_1", join_key="1", **{column: "bafy"})
    with pytest.raises(sqlite3.IntegrityError, match=column):
        put(db, id="env_2", join_key="2", **{column: "bafy"})


def test_a_person_signs_once_and_only_what_exists(db: sqlite3.Connection) -> None:
    put(db, id="env_1")
    values = ("Mika", b"c", b"c", b"s", "h", "{}", 1)
    db.execute("INSERT INTO signatures VALUES ('env_1', ?, ?, ?, ?, ?, ?, ?, NULL)", values)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute("INSERT INTO signatures VALUES ('env_1', ?, ?, ?, ?, ?, ?, ?, NULL)", values)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        db.execute("INSERT INTO signatures VALUES ('env_x', ?, ?, ?, ?, ?, ?, ?, NULL)", values)


def test_the_logs_numbers_are_never_used_again(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO log (at_ms, kind) VALUES (1, 'decision')")
    db.execute("DELETE FROM log")
    db.execute("INSERT INTO log (at_ms, kind) VALUES (1, 'decision')")
    assert db.execute("SELECT seq FROM log").fetchall() == [(2,)]
