"""Grants and consents as SQL: what a person signed stands here until it ends, and its uses are counted."""

import sqlite3

from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make
from gateway.store.records import GRANT_COLUMNS, grant_columns

INSERT_GRANT = (
    f"INSERT INTO grants ({', '.join(GRANT_COLUMNS)}) "  # noqa: S608  # our own column names
    f"VALUES ({', '.join(':' + name for name in GRANT_COLUMNS)})"
)


@make.register
def _add_grant(change: writes.AddGrant, db: sqlite3.Connection) -> c.Applied:
    """The agent may have been removed since the page was shown."""
    known = db.execute(
        "SELECT 1 FROM agents WHERE name = ? AND removed_at IS NULL", (change.grant.agent,)
    ).fetchone()
    if not known:
        return c.Lost("absent")
    db.execute(INSERT_GRANT, grant_columns(change.grant))
    return c.Done()


@make.register
def _end_grant(change: writes.EndGrant, db: sqlite3.Connection) -> c.Applied:
    ended = db.execute(
        "UPDATE grants SET ended_at = ?, ended_why = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL",
        (change.at, change.why, change.by, change.grant_id),
    )
    return c.Done() if ended.rowcount else c.Lost("absent")


@make.register
def _use_grant(change: writes.UseGrant, db: sqlite3.Connection) -> c.Applied:
    """The one conditional write that stands in for a signature: everything it rests on is still there."""
    use = change.use
    made = db.execute(
        "INSERT INTO grant_uses (id, grant_id, at, action, resource, agent, run, address) "
        "SELECT :id, :grant_id, :at, :action, :resource, :agent, :run, :address "
        "FROM grants g WHERE g.id = :grant_id AND g.agent = :agent AND g.ended_at IS NULL "
        "AND (g.expires_at IS NULL OR g.expires_at > :at) "
        "AND EXISTS (SELECT 1 FROM credentials c JOIN people p ON p.name = c.person "
        "            WHERE c.id = g.credential_id AND p.name = g.signer "
        "            AND c.revoked_at IS NULL AND c.waits_for IS NULL AND p.revoked_at IS NULL) "
        "AND EXISTS (SELECT 1 FROM tokens t JOIN agents a ON a.name = t.agent WHERE t.id = :token "
        "            AND t.agent = g.agent AND t.revoked_at IS NULL "
        "            AND (t.expires_at IS NULL OR t.expires_at > :at) "
        "            AND a.paused = 0 AND a.removed_at IS NULL) "
        "AND EXISTS (SELECT 1 FROM meta WHERE key = 'config_digest' AND value = :config)",
        {
            "id": use.id,
            "grant_id": use.grant_id,
            "at": use.at,
            "action": use.action,
            "resource": use.resource,
            "agent": use.agent,
            "run": use.run,
            "address": use.address,
            "token": change.token_id,
            "config": change.config_digest,
        },
    )
    return c.Done() if made.rowcount else c.Lost("changed")


@make.register
def _finish_use(change: writes.FinishUse, db: sqlite3.Connection) -> c.Applied:
    finished = db.execute(
        "UPDATE grant_uses SET outcome = ?, status = ? WHERE id = ? AND outcome IS NULL",
        (change.outcome, change.status, change.use),
    )
    return c.Done() if finished.rowcount else c.Lost("absent")


@make.register
def _set_consent(change: writes.SetConsent, db: sqlite3.Connection) -> c.Applied:
    known = db.execute(
        "SELECT 1 FROM agents WHERE name = ? AND removed_at IS NULL", (change.agent,)
    ).fetchone()
    if not known:
        return c.Lost("absent")
    db.execute("DELETE FROM consents WHERE agent = ?", (change.agent,))
    given = change.consent
    if given is not None:
        db.execute(
            "INSERT INTO consents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                change.agent,
                given.form,
                given.cedar,
                given.says,
                given.person,
                given.at,
                given.expires_at,
                given.withdrawn_at,
            ),
        )
    return c.Done()


@make.register
def _withdraw_consent(change: writes.WithdrawConsent, db: sqlite3.Connection) -> c.Applied:
    withdrawn = db.execute(
        "UPDATE consents SET withdrawn_at = ? WHERE agent = ? AND withdrawn_at IS NULL",
        (change.at, change.agent),
    )
    return c.Done() if withdrawn.rowcount else c.Lost("absent")
