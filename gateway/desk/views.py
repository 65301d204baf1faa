"""What people are shown of envelopes and rows: plain JSON, with nothing in it that is to stay hidden."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gateway.audit import Entry
from gateway.envelopes import Envelope
from gateway.history import Unusual
from gateway.payload import utc
from gateway.store.things import Agent, Breaking, Consent, Grant, Program, Review, Used


def row_view(
    envelope: Envelope, *, team: str | None, signed: int, unusual: Unusual | None = None
) -> dict[str, Any]:
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
        "unusual": asdict(unusual) if unusual is not None else None,
        "decided_by": envelope.decided_by,
        "decided_at": utc(envelope.decided_at) if envelope.decided_at else None,
        "decision_method": envelope.decision_method,
        "outcome": envelope.outcome,
        "status": envelope.status,
        "note": envelope.note,
        "batch": envelope.batch_key,
        "cosigner_expires_at": utc(envelope.cosigner_expires) if envelope.cosigner_expires else None,
    }


def review_view(review: Review, row: dict[str, Any], broken: tuple[Breaking, ...]) -> dict[str, Any]:
    return {
        "row": row,
        "opened_at": utc(review.opened_at),
        "owner": review.owner,
        "broken_by": [{"person": each.person, "reason": each.reason, "at": utc(each.at)} for each in broken],
        "closed_at": utc(review.closed_at) if review.closed_at else None,
        "closed_by": review.closed_by,
        "verdict": review.verdict,
        "note": review.note,
    }


def program_view(program: Program) -> dict[str, Any]:
    return {
        "name": program.name,
        "key": program.key,
        "verbs": list(program.verbs),
        "created_at": utc(program.created_at),
    }


def entry_view(entry: Entry) -> dict[str, Any]:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{entry.at_ms % 1000:03d}Z"
    return {"seq": entry.seq, "at": stamp, **entry.row.columns(), "kind": str(entry.row.kind)}


def grant_view(grant: Grant, used: Used | None) -> dict[str, Any]:
    return {
        "id": grant.id,
        "agent": grant.agent,
        "covers": grant.kind,
        "says": grant.says,
        "units": [{"action": unit.action, "resource": unit.resource} for unit in grant.units],
        "cedar": grant.cedar,
        "signer": grant.signer,
        "made_at": utc(grant.made_at),
        "expires_at": utc(grant.expires_at) if grant.expires_at else None,
        "envelope": grant.envelope,
        "uses": used.count if used else 0,
        "last_used_at": utc(used.last) if used and used.last else None,
        "ended_at": utc(grant.ended_at) if grant.ended_at else None,
        "ended_why": grant.ended_why,
        "ended_by": grant.ended_by,
    }


def consent_view(agent: Agent, consent: Consent) -> dict[str, Any]:
    return {
        "agent": agent.name,
        "form": consent.form,
        "says": consent.says,
        "cedar": consent.cedar,
        "person": consent.person,
        "at": utc(consent.at),
        "expires_at": utc(consent.expires_at) if consent.expires_at else None,
        "withdrawn_at": utc(consent.withdrawn_at) if consent.withdrawn_at else None,
    }
