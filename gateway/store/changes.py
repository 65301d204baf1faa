"""Every change as SQL: one conditional write each, inside a transaction that the caller holds."""

import json
import sqlite3
from functools import singledispatch
from typing import Any

from gateway.audit import COLUMNS, Row
from gateway.envelopes import ENDED, Envelope, IllegalStep, State, Step, after
from gateway.passkeys import Credential
from gateway.store import contract as c
from gateway.store import tallies, writes
from gateway.store.caps import reached
from gateway.store.deliveries import queue
from gateway.store.epoch import begin
from gateway.store.records import ENVELOPE_COLUMNS, challenge_from, envelope_columns, envelope_from

ENDED_SQL = ", ".join(f"'{state}'" for state in sorted(ENDED))
INSERT_ROW = f"INSERT INTO log (at_ms, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608  # our own column names
INSERT_ENVELOPE = (
    f"INSERT INTO envelopes ({', '.join(ENVELOPE_COLUMNS)}) "  # noqa: S608  # our own column names
    f"VALUES ({', '.join(':' + name for name in ENVELOPE_COLUMNS)})"
)


def insert_row(db: sqlite3.Connection, at_ms: int, row: Row) -> None:
    db.execute(INSERT_ROW, (at_ms, *(getattr(row, name) for name in COLUMNS)))


@singledispatch
def make(change: Any, _db: sqlite3.Connection) -> c.Applied:
    raise TypeError(f"the store knows no change {type(change).__name__}")


def _envelope(db: sqlite3.Connection, envelope_id: str) -> Envelope | None:
    row = db.execute("SELECT * FROM envelopes WHERE id = ?", (envelope_id,)).fetchone()
    return envelope_from(row) if row else None


def _done_with(db: sqlite3.Connection, envelope_id: str) -> c.Done:
    return c.Done(envelope=_envelope(db, envelope_id))


def _lost(db: sqlite3.Connection, envelope_id: str) -> c.Lost:
    current = _envelope(db, envelope_id)
    return c.Lost("changed" if current else "absent", current)


@make.register
def _open(change: writes.Open, db: sqlite3.Connection) -> c.Applied:
    new = change.envelope
    row = db.execute(
        "SELECT * FROM envelopes WHERE agent = ? AND join_key = ? AND join_scope = ? "
        "AND state IN ('pending', 'approved')",
        (new.agent, new.join_key, new.join_scope),
    ).fetchone()
    if row:
        return c.Joined(envelope_from(row))
    full = reached(change, db)
    if full is not None:
        return c.Lost("limit", full=full)
    db.execute(INSERT_ENVELOPE, envelope_columns(new))
    tallies.reserve(db, change)
    queue(db, change.tell)
    return c.Done(envelope=new)


@make.register
def _move(change: writes.Move, db: sqlite3.Connection) -> c.Applied:
    if change.step in {Step.APPROVE, Step.SPEND}:
        raise IllegalStep(f"{change.step} needs a signature or a cosigner, which a move does not carry")
    current = _envelope(db, change.envelope)
    if current is None or current.version != change.version:
        return _lost(db, change.envelope)
    if change.step is Step.EXPIRE and change.at < current.expires_at:
        return c.Lost("changed", current)
    if change.step is Step.RETURN and change.at >= (current.cosigner_expires or 0):
        return c.Lost("expired", current)
    state = after(current.state, change.step)
    decides = current.state is State.PENDING or change.step is Step.REVOKE
    moved = once(
        db,
        "UPDATE envelopes SET state = ?, version = version + 1, outcome = coalesce(?, outcome), "
        "status = coalesce(?, status), note = coalesce(?, note) WHERE id = ?",
        (str(state), change.outcome, change.status, change.note, change.envelope),
    )
    if isinstance(moved, c.Lost):
        return c.Lost("exists", current)
    if decides:
        db.execute(
            "UPDATE envelopes SET decided_at = ?, decided_by = ?, decision_method = ? WHERE id = ?",
            (change.at, change.by, change.method, change.envelope),
        )
    if state in {State.LAPSED, State.REVOKED}:
        db.execute("UPDATE envelopes SET cosigner_token = NULL WHERE id = ?", (change.envelope,))
    return _done_with(db, change.envelope)


@make.register
def _sign(change: writes.Sign, db: sqlite3.Connection) -> c.Applied:
    current = _signable(change, db)
    if isinstance(current, c.Lost):
        return current
    if not _advance_credential(db, change.credential, change.signature.at):
        return c.Lost("used", current)
    return _add_signature(change, current, db)


@make.register
def _sign_batch(change: writes.SignBatch, db: sqlite3.Connection) -> c.Applied:
    """The envelopes are looked at first: one that is lost costs the passkey's answer nothing."""
    wanted: list[tuple[writes.Sign, Envelope]] = []
    for sign in change.signs:
        current = _signable(sign, db)
        if isinstance(current, c.Lost):
            return current
        wanted.append((sign, current))
    if len({sign.credential for sign in change.signs}) != 1:
        raise ValueError("a batch is signed once, by one credential")
    if not _advance_credential(db, change.signs[0].credential, change.signs[0].signature.at):
        return c.Lost("used")
    signed = []
    for sign, current in wanted:
        made = _add_signature(sign, current, db)
        if not isinstance(made, c.Done) or made.envelope is None:
            return made
        signed.append(made.envelope)
    return c.Done(envelopes=tuple(signed))


def _signable(change: writes.Sign, db: sqlite3.Connection) -> Envelope | c.Lost:
    """The envelope, if it still is as the signer saw it, and in time."""
    envelope_id = change.signature.envelope
    current = _envelope(db, envelope_id)
    if current is None or current.version != change.version or current.state is not State.PENDING:
        return _lost(db, envelope_id)
    if change.signature.at >= current.expires_at:
        return c.Lost("expired", current)
    return current


def _add_signature(change: writes.Sign, current: Envelope, db: sqlite3.Connection) -> c.Applied:
    signature = change.signature
    made = once(
        db,
        "INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            signature.envelope,
            signature.person,
            signature.credential_id,
            signature.challenge,
            signature.sealed_payload,
            signature.payload_sha256,
            json.dumps(signature.assertion),
            signature.at,
            signature.sealed_batch,
        ),
    )
    if isinstance(made, c.Lost):
        return c.Lost("exists", current)
    db.execute("UPDATE envelopes SET version = version + 1 WHERE id = ?", (signature.envelope,))
    if change.cosigner:
        db.execute(
            "UPDATE envelopes SET state = ?, decided_at = ?, decided_by = ?, decision_method = 'passkey', "
            "cosigner = ?, cosigner_token = ?, cosigner_expires = ? WHERE id = ?",
            (
                str(after(current.state, Step.APPROVE)),
                signature.at,
                signature.person,
                change.cosigner,
                change.cosigner_token,
                change.cosigner_expires,
                signature.envelope,
            ),
        )
    return _done_with(db, signature.envelope)


@make.register
def _withdraw(change: writes.Withdraw, db: sqlite3.Connection) -> c.Applied:
    current = _envelope(db, change.envelope)
    if current is None or current.version != change.version or current.state is not State.PENDING:
        return _lost(db, change.envelope)
    gone = db.execute(
        "DELETE FROM signatures WHERE envelope = ? AND person = ?", (change.envelope, change.person)
    )
    if not gone.rowcount:
        return c.Lost("absent", current)
    db.execute("UPDATE envelopes SET version = version + 1 WHERE id = ?", (change.envelope,))
    return _done_with(db, change.envelope)


@make.register
def _spend(change: writes.Spend, db: sqlite3.Connection) -> c.Applied:
    won = db.execute(
        "UPDATE envelopes SET state = 'spent', version = version + 1, invocation = ?, spent_at = ?, "
        "sent_key = ? "
        "WHERE id = ? AND version = ? AND state = 'approved' AND cosigner = ? AND cosigner_expires > ? "
        "AND EXISTS (SELECT 1 FROM tokens t JOIN agents a ON a.name = t.agent WHERE t.id = ? "
        "            AND t.agent = envelopes.agent AND t.revoked_at IS NULL "
        "            AND (t.expires_at IS NULL OR t.expires_at > ?) "
        "            AND a.paused = 0 AND a.removed_at IS NULL) "
        "AND EXISTS (SELECT 1 FROM meta WHERE key = 'config_digest' AND value = ?)",
        (
            change.invocation,
            change.at,
            change.sent_key,
            change.envelope,
            change.version,
            change.cosigner,
            change.at,
            change.token_id,
            change.at,
            change.config_digest,
        ),
    )
    return _done_with(db, change.envelope) if won.rowcount else _lost(db, change.envelope)


def once(db: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> c.Applied:
    """Lost if there is one of the same name already."""
    try:
        db.execute(statement, values)
    except sqlite3.IntegrityError:
        return c.Lost("exists")
    return c.Done()


def touched(db: sqlite3.Connection, statement: str, values: tuple[Any, ...] | dict[str, Any]) -> c.Applied:
    """Lost if it changed nothing."""
    return c.Done() if db.execute(statement, values).rowcount else c.Lost("absent")


@make.register
def _add_agent(change: writes.AddAgent, db: sqlite3.Connection) -> c.Applied:
    agent = change.agent
    made = once(
        db,
        "INSERT INTO agents VALUES (?, ?, ?, ?, ?, NULL, NULL)",
        (agent.name, agent.team, agent.owner, agent.paused, agent.created_at),
    )
    return _add_token(writes.AddToken(change.token), db) if isinstance(made, c.Done) else made


@make.register
def _add_token(change: writes.AddToken, db: sqlite3.Connection) -> c.Applied:
    token = change.token
    known = db.execute(
        "SELECT 1 FROM agents WHERE name = ? AND removed_at IS NULL", (token.agent,)
    ).fetchone()
    if not known:
        return c.Lost("absent")
    if change.replaces_others:
        _revoke_tokens(writes.RevokeTokens(token.agent, token.created_at), db)
    return once(
        db,
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)",
        (token.id, token.agent, token.run, token.hash, token.created_at, token.expires_at),
    )


@make.register
def _revoke_tokens(change: writes.RevokeTokens, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "UPDATE tokens SET revoked_at = ? WHERE agent = ? AND revoked_at IS NULL AND (? IS NULL OR run = ?)",
        (change.at, change.agent, change.run, change.run),
    )


@make.register
def _pause_agent(change: writes.PauseAgent, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "UPDATE agents SET paused = :paused, resumed_at = CASE WHEN :paused THEN resumed_at ELSE :at END "
        "WHERE name = :agent AND removed_at IS NULL",
        {"paused": change.paused, "at": change.at, "agent": change.agent},
    )


@make.register
def _remove_agent(change: writes.RemoveAgent, db: sqlite3.Connection) -> c.Applied:
    _revoke_tokens(writes.RevokeTokens(change.agent, change.at), db)
    return touched(
        db,
        "UPDATE agents SET removed_at = ? WHERE name = ? AND removed_at IS NULL",
        (change.at, change.agent),
    )


@make.register
def _add_challenge(change: writes.AddChallenge, db: sqlite3.Connection) -> c.Applied:
    asked = change.challenge
    return once(
        db,
        "INSERT INTO challenges VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            asked.id,
            asked.kind,
            asked.person,
            asked.envelope,
            asked.challenge,
            asked.sealed_payload,
            asked.expires_at,
        ),
    )


@make.register
def _use_challenge(change: writes.UseChallenge, db: sqlite3.Connection) -> c.Applied:
    row = db.execute("DELETE FROM challenges WHERE id = ? RETURNING *", (change.id,)).fetchone()
    if row is None:
        return c.Lost("used")
    challenge = challenge_from(row)
    return c.Done(challenge=challenge) if challenge.expires_at > change.at else c.Lost("expired")


def _advance_credential(db: sqlite3.Connection, credential: Credential, at: int) -> bool:
    """The counter goes forward only; a credential revoked in the meantime counts for nothing."""
    moved = db.execute(
        "UPDATE credentials SET sign_count = ?, backed_up = ?, used_at = ? "
        "WHERE id = ? AND revoked_at IS NULL AND waits_for IS NULL "
        "AND (sign_count < ? OR (sign_count = 0 AND ? = 0))",
        (
            credential.sign_count,
            credential.backed_up,
            at,
            credential.id,
            credential.sign_count,
            credential.sign_count,
        ),
    )
    return bool(moved.rowcount)


@make.register
def _sign_in(change: writes.SignIn, db: sqlite3.Connection) -> c.Applied:
    session, asserted = change.session, change.asserted
    if asserted is not None and not _advance_credential(db, asserted, session.created_at):
        return c.Lost("used")
    db.execute("DELETE FROM sessions WHERE expires_at <= ?", (session.created_at,))
    return once(
        db,
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.token_hash,
            session.tab_hash,
            session.person,
            session.credential_id,
            session.created_at,
            session.expires_at,
            session.address,
            session.browser,
        ),
    )


@make.register
def _sign_out(change: writes.SignOut, db: sqlite3.Connection) -> c.Applied:
    return touched(db, "DELETE FROM sessions WHERE token_hash = ?", (change.token_hash,))


@make.register
def _reveal(change: writes.Reveal, db: sqlite3.Connection) -> c.Applied:
    db.execute(
        "INSERT OR IGNORE INTO reveals VALUES (?, ?, ?)", (change.envelope, change.person, change.selector)
    )
    return c.Done()


@make.register
def _shred(change: writes.Shred, db: sqlite3.Connection) -> c.Applied:
    shredded = db.execute(
        "UPDATE envelopes SET sealed = NULL, cosigner_token = NULL, sent_key = NULL "  # noqa: S608  # states of our own table
        f"WHERE sealed IS NOT NULL AND state IN ({ENDED_SQL}) AND expires_at < ?",
        (change.ended_before,),
    )
    swept = db.execute("DELETE FROM challenges WHERE expires_at < ?", (change.now,))
    return c.Done() if shredded.rowcount or swept.rowcount else c.Lost("absent")


@make.register
def _with_signature(change: writes.WithSignature, db: sqlite3.Connection) -> c.Applied:
    """Whatever is lost takes everything with it: the caller rolls back what a lost change began."""
    if not _advance_credential(db, change.credential, change.evidence.at):
        return c.Lost("used")
    given = change.evidence
    kept = once(
        db,
        "INSERT INTO signed_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            given.id,
            given.kind,
            given.person,
            given.credential_id,
            given.challenge,
            given.sealed_payload,
            given.payload_sha256,
            json.dumps(given.assertion),
            given.at,
        ),
    )
    return make(change.change, db) if isinstance(kept, c.Done) else kept


@make.register
def _forget(change: writes.Forget, db: sqlite3.Connection) -> c.Applied:
    tallies.forget(db, change.now)
    return c.Done()


@make.register
def _record(_change: writes.Record, _db: sqlite3.Connection) -> c.Applied:
    return c.Done()


@make.register
def _configure(change: writes.Configure, db: sqlite3.Connection) -> c.Applied:
    """Only a digest that differs from the one in force is a change."""
    row = db.execute("SELECT value FROM meta WHERE key = 'config_digest'").fetchone()
    if row and row["value"] == change.digest and change.signed is None:
        return c.Lost("exists")
    if change.signed:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('signed_config', ?)", (change.signed,))
    elif change.signed is not None:
        db.execute("DELETE FROM meta WHERE key = 'signed_config'")
    db.execute("INSERT OR REPLACE INTO meta VALUES ('config_digest', ?)", (change.digest,))
    return c.Done()


@make.register
def _new_epoch(_change: writes.NewEpoch, db: sqlite3.Connection) -> c.Applied:
    """Who was signed in, or held a link, may have been signed out or have used it since."""
    db.execute("DELETE FROM sessions")
    db.execute("DELETE FROM challenges")
    db.execute("DELETE FROM invitations WHERE used_at IS NULL")
    begin(db)
    return c.Done()
