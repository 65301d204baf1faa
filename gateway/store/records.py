"""Between the database's rows and our values, field by field, so that neither side can drift unseen."""

import json
import sqlite3
from dataclasses import asdict, fields
from typing import Any

from gateway.audit import COLUMNS, Entry, Kind, Row
from gateway.delegations import Delegation
from gateway.envelopes import Envelope, Signature, State
from gateway.passkeys import Credential
from gateway.store.contract import Columns
from gateway.store.things import (
    Agent,
    Breaking,
    Challenge,
    Consent,
    Grant,
    GrantedUnit,
    GrantUse,
    Invitation,
    Person,
    Program,
    ProgramSignature,
    Review,
    SignedChange,
    StoredSession,
    Token,
    Unmatched,
)

ENVELOPE_COLUMNS = tuple(field.name for field in fields(Envelope))


def envelope_columns(envelope: Envelope) -> Columns:
    columns = {name: getattr(envelope, name) for name in ENVELOPE_COLUMNS}
    columns["state"] = str(envelope.state)
    columns["list_summary"] = json.dumps(envelope.list_summary)
    return columns


def envelope_from(row: sqlite3.Row) -> Envelope:
    columns: dict[str, Any] = {name: row[name] for name in ENVELOPE_COLUMNS}
    columns["state"] = State(columns["state"])
    columns["list_summary"] = tuple(json.loads(columns["list_summary"]))
    columns["grantable"] = bool(columns["grantable"])
    return Envelope(**columns)


def signature_from(row: sqlite3.Row) -> Signature:
    return Signature(
        row["envelope"],
        row["person"],
        row["credential_id"],
        row["challenge"],
        row["sealed_payload"],
        row["payload_sha256"],
        json.loads(row["assertion"]),
        row["at"],
        row["sealed_batch"],
    )


def agent_from(row: sqlite3.Row, consent: Consent | None) -> Agent:
    return Agent(row["name"], row["team"], row["owner"], bool(row["paused"]), row["created_at"], consent)


def consent_from(row: sqlite3.Row) -> Consent:
    return Consent(**{field.name: row[field.name] for field in fields(Consent)})


GRANT_COLUMNS = tuple(field.name for field in fields(Grant))


def grant_columns(grant: Grant) -> Columns:
    columns = {name: getattr(grant, name) for name in GRANT_COLUMNS}
    columns["units"] = json.dumps([asdict(unit) for unit in grant.units])
    return columns


def grant_from(row: sqlite3.Row) -> Grant:
    columns: dict[str, Any] = {name: row[name] for name in GRANT_COLUMNS}
    units = [GrantedUnit(**{**unit, "groups": tuple(unit["groups"])}) for unit in json.loads(row["units"])]
    return Grant(**{**columns, "units": tuple(units)})


def grant_use_from(row: sqlite3.Row) -> GrantUse:
    return GrantUse(**{field.name: row[field.name] for field in fields(GrantUse)})


def token_from(row: sqlite3.Row) -> Token:
    return Token(row["id"], row["agent"], row["run"], row["hash"], row["created_at"], row["expires_at"])


def person_from(row: sqlite3.Row) -> Person:
    return Person(row["name"], tuple(json.loads(row["groups"])), row["created_at"], row["revoked_at"])


def credential_from(row: sqlite3.Row) -> Credential:
    return Credential(
        id=row["id"],
        person=row["person"],
        public_key=row["public_key"],
        sign_count=row["sign_count"],
        transports=tuple(json.loads(row["transports"])),
        device_type=row["device_type"],
        backed_up=bool(row["backed_up"]),
        name=row["name"],
        waits_for=row["waits_for"],
    )


def invitation_from(row: sqlite3.Row) -> Invitation:
    return Invitation(
        row["token_hash"],
        row["person"],
        tuple(json.loads(row["groups"])),
        row["expires_at"],
        row["inviter"],
    )


def challenge_from(row: sqlite3.Row) -> Challenge:
    return Challenge(
        row["id"],
        row["kind"],
        row["person"],
        row["envelope"],
        row["challenge"],
        row["sealed_payload"],
        row["expires_at"],
    )


def signed_change_from(row: sqlite3.Row) -> SignedChange:
    columns: dict[str, Any] = {field.name: row[field.name] for field in fields(SignedChange)}
    return SignedChange(**{**columns, "assertion": json.loads(row["assertion"])})


def delegation_from(row: sqlite3.Row) -> Delegation:
    return Delegation(**{field.name: row[field.name] for field in fields(Delegation)})


def breaking_from(row: sqlite3.Row) -> Breaking:
    return Breaking(**{field.name: row[field.name] for field in fields(Breaking)})


def review_from(row: sqlite3.Row) -> Review:
    return Review(**{field.name: row[field.name] for field in fields(Review)})


def program_from(row: sqlite3.Row) -> Program:
    return Program(row["name"], row["key"], tuple(json.loads(row["verbs"])), row["created_at"])


def program_signature_from(row: sqlite3.Row) -> ProgramSignature:
    return ProgramSignature(**{field.name: row[field.name] for field in fields(ProgramSignature)})


def session_from(row: sqlite3.Row) -> StoredSession:
    return StoredSession(
        row["token_hash"],
        row["tab_hash"],
        row["person"],
        row["credential_id"],
        row["created_at"],
        row["expires_at"],
        row["address"],
        row["browser"],
    )


def unmatched_from(row: sqlite3.Row) -> Unmatched:
    return Unmatched(**{field.name: row[field.name] for field in fields(Unmatched)})


def entry_from(row: sqlite3.Row) -> Entry:
    columns: dict[str, Any] = {name: row[name] for name in COLUMNS}
    columns["kind"] = Kind(columns["kind"])
    return Entry(row["seq"], row["at_ms"], Row(**columns))
