"""What people are shown of envelopes and rows: plain JSON, with nothing in it that is to stay hidden."""

from datetime import UTC, datetime
from typing import Any

from gateway.audit import Entry
from gateway.envelopes import Envelope
from gateway.payload import utc


def row_view(envelope: Envelope, *, team: str | None, signed: int) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "state": str(envelope.state),
        "agent": envelope.agent,
        "team": team,
        "summary": list(envelope.list_summary),
        "action": envelope.action,
        "resource": envelope.resource,
        "purpose": envelope.purpose,
        "risk": envelope.risk,
        "intent_risk": envelope.intent_risk,
        "opened_at": utc(envelope.opened_at),
        "expires_at": utc(envelope.expires_at),
        "ttl": envelope.expires_at - envelope.opened_at,
        "signed": signed,
        "quorum": envelope.quorum,
        "address": envelope.address,
        "decided_by": envelope.decided_by,
        "decided_at": utc(envelope.decided_at) if envelope.decided_at else None,
        "decision_method": envelope.decision_method,
        "outcome": envelope.outcome,
        "status": envelope.status,
        "note": envelope.note,
        "batch": envelope.batch_key,
        "cosigner_expires_at": utc(envelope.cosigner_expires) if envelope.cosigner_expires else None,
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{entry.at_ms % 1000:03d}Z"
    return {"seq": entry.seq, "at": stamp, **entry.row.columns(), "kind": str(entry.row.kind)}
