"""Browsers that are told of questions, as SQL."""

import sqlite3

from gateway.store import contract as c
from gateway.store import writes
from gateway.store.changes import make, touched
from gateway.subscriptions import Subscription

SELECT = "SELECT * FROM push_subscriptions ORDER BY created_at, rowid"


@make.register
def _add_subscription(change: writes.AddSubscription, db: sqlite3.Connection) -> c.Applied:
    """A browser belongs to whoever turned it on last: it is not told twice, and not for somebody else."""
    new = change.subscription
    db.execute("DELETE FROM push_subscriptions WHERE endpoint = ?", (new.endpoint,))
    (count,) = db.execute(
        "SELECT count(*) FROM push_subscriptions WHERE person = ?", (new.person,)
    ).fetchone()
    if count >= change.most:
        return c.Lost("limit")
    return touched(
        db,
        "INSERT INTO push_subscriptions SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS "
        "(SELECT 1 FROM credentials WHERE id = ? AND person = ? AND revoked_at IS NULL)",
        (
            new.id,
            new.person,
            new.endpoint,
            new.p256dh,
            new.auth,
            new.device,
            new.credential_id,
            new.created_at,
            new.credential_id,
            new.person,
        ),
    )


@make.register
def _remove_subscription(change: writes.RemoveSubscription, db: sqlite3.Connection) -> c.Applied:
    return touched(
        db,
        "DELETE FROM push_subscriptions WHERE id = :id AND (:person IS NULL OR person = :person)",
        {"id": change.id, "person": change.person},
    )


def subscription_from(row: sqlite3.Row) -> Subscription:
    return Subscription(**dict(row))
