import sqlite3
from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import COLUMNS, Kind, Row
from gateway.envelopes import Envelope, Signature, State
from gateway.store import records, schema
from gateway.store.changes import insert_row
from tests.kit.stores import a_signature
from tests.kit.things import an_envelope


def tables() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.executescript(schema.TABLES)
    return db


DB = tables()
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


def stored(envelope: Envelope) -> Envelope:
    DB.execute("DELETE FROM envelopes")
    marks = ", ".join(f":{name}" for name in records.ENVELOPE_COLUMNS)
    DB.execute(
        f"INSERT INTO envelopes ({', '.join(records.ENVELOPE_COLUMNS)}) VALUES ({marks})",
        records.envelope_columns(envelope),
    )
    return records.envelope_from(DB.execute("SELECT * FROM envelopes").fetchone())


@given(TEXT, TEXT, st.sampled_from(list(State)), st.binary(max_size=20), st.integers(-(2**63), 2**63 - 1))
def test_an_envelope_comes_back_as_it_went_in(
    text: str, note: str, state: State, sealed: bytes, at: int
) -> None:
    envelope = an_envelope(
        state=state,
        purpose=text,
        note=note,
        sealed=sealed,
        opened_at=at,
        list_summary=({"text": text}, {"value": note}),
        cosigner=text,
        cosigner_token=sealed,
        decided_by=note,
        status=at,
    )
    assert stored(envelope) == envelope


def test_every_column_is_a_field_and_every_field_a_column() -> None:
    def columns(table: str) -> set[str]:
        return {row["name"] for row in DB.execute(f"PRAGMA table_info({table})")}

    assert columns("envelopes") == {field.name for field in fields(Envelope)}
    assert columns("signatures") == {field.name for field in fields(Signature)}
    assert columns("log") == {*COLUMNS, "seq", "at_ms"}


@given(st.sampled_from(list(Kind)), TEXT, st.none() | st.integers(0, 999))
def test_a_row_comes_back_as_it_went_in(kind: Kind, text: str, status: int | None) -> None:
    told: dict[str, Any] = {name: text for name in COLUMNS if name not in {"kind", "status"}}
    row = Row(kind, status=status, **told)
    DB.execute("DELETE FROM log")
    insert_row(DB, 1234, row)
    entry = records.entry_from(DB.execute("SELECT * FROM log").fetchone())
    assert entry.row == row
    assert entry.at_ms == 1234


def test_an_assertion_is_kept_whole() -> None:
    signature = a_signature(assertion={"id": "é", "response": {"n": [1, None]}}, sealed_batch=b"list")
    DB.execute("DELETE FROM signatures")
    values = [getattr(signature, field.name) for field in fields(Signature)]
    values[6] = '{"id": "é", "response": {"n": [1, null]}}'
    DB.execute("INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    assert records.signature_from(DB.execute("SELECT * FROM signatures").fetchone()) == signature
