"""Like requests under one signature: which belong together, what is signed for them, how it is read again.

A batch is a payload of its own type that lists its envelopes. Of each it holds the hash of exactly the
payload that this approver would sign for it alone, so one signature means the same as one for each.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.canonical import jcs, sha256
from gateway.model import Decision, Mapped
from gateway.payload import utc
from gateway.values import dataclass

TYPE = "secondsig/batch"
VERSION = 1
MOST = 50
"""Requests in one batch: more than anybody reads at once."""

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of all payloads of one batch, which a page shows whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """One envelope of a batch, and the payload that this approver would sign for it alone."""

    envelope: str
    digest: str
    payload: bytes

    def listed(self) -> dict[str, str]:
        return {"envelope": self.envelope, "digest": self.digest, "payload": sha256(self.payload)}


@dataclass(frozen=True, slots=True)
class Head:
    """Who signs a batch, where, and until when."""

    gateway: str
    rp_id: str
    approver: str
    expires_at: int


def alike(agent: str, mapped: Mapped, decision: Decision, purpose: str | None) -> bytes | None:
    """Equal for requests that may be signed together; None where a template does not let them be.

    The same agent wants the same actions under the same name, for the same claimed purpose, and the same
    policies ask the same people, as many of them.
    """
    names = [unit.approval.batch for unit in mapped.units]
    if None in names:
        return None
    return jcs(
        [
            agent,
            mapped.service,
            [unit.action for unit in mapped.units],
            names,
            [unit.approval.approvers for unit in mapped.units],
            purpose,
            decision.quorum,
            [[reason.id, reason.reason] for reason in decision.reasons],
        ]
    )


def batch_payload(head: Head, parts: Sequence[Part]) -> bytes:
    """The exact bytes that are signed for these envelopes, in this order."""
    return jcs(
        {
            "type": TYPE,
            "version": VERSION,
            "gateway": head.gateway,
            "rp_id": head.rp_id,
            "decision": "approve",
            "approver": head.approver,
            "expires_at": utc(head.expires_at),
            "envelopes": [part.listed() for part in parts],
        }
    )


def listed(batch: bytes) -> list[Mapping[str, Any]]:
    """What a batch of our own making lists."""
    entries: list[Mapping[str, Any]] = json.loads(batch)["envelopes"]
    return entries


def covers(batch: bytes, challenge: bytes, part: Part, *, approver: str, rp_id: str) -> bool:
    """The challenge binds this batch, which approves this envelope, once, with exactly this payload."""
    if challenge[32:] != hashlib.sha256(batch).digest():
        return False
    said = json.loads(batch)
    if (said["type"], said["version"], said["decision"]) != (TYPE, VERSION, "approve"):
        return False
    entries = [entry for entry in said["envelopes"] if entry["envelope"] == part.envelope]
    return (said["approver"], said["rp_id"]) == (approver, rp_id) and entries == [part.listed()]
