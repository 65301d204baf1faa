"""The life of a question to people, as a table: what is not in the table cannot happen.

    pending  -> approved | denied | expired | cancelled
    approved -> spent | lapsed | revoked
    spent    -> completed | unknown
    spent    -> approved | lapsed          only when not one byte was sent

A signer may withdraw until the spend: before the quorum the envelope stays pending with one signature
less, after it the envelope is revoked.
"""

from enum import StrEnum
from typing import Any, Literal

from gateway.values import dataclass

COSIGNER_LIFE = 300
"""Seconds that a cosigner may be spent in, from its mint."""

MAX_HELD_TTL = 300
MAX_TTL = 86_400

type DecisionMethod = Literal[
    "passkey", "session", "timeout", "delegate", "break_glass", "grant", "operator", "rate_limit"
]


@dataclass(frozen=True, slots=True)
class Cap:
    """How many questions may wait at once, and how many may be opened in a minute and in an hour."""

    waiting: int
    minute: int
    hour: int


@dataclass(frozen=True, slots=True)
class Caps:
    """For one agent, for its team if it has one, and for everybody together."""

    agent: Cap
    team: Cap
    everybody: Cap


class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SPENT = "spent"
    LAPSED = "lapsed"
    REVOKED = "revoked"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


class Step(StrEnum):
    """What can happen to an envelope."""

    APPROVE = "approve"
    DENY = "deny"
    EXPIRE = "expire"
    CANCEL = "cancel"
    SPEND = "spend"
    LAPSE = "lapse"
    REVOKE = "revoke"
    COMPLETE = "complete"
    LOSE = "lose"
    RETURN = "return"


TABLE: dict[tuple[State, Step], State] = {
    (State.PENDING, Step.APPROVE): State.APPROVED,
    (State.PENDING, Step.DENY): State.DENIED,
    (State.PENDING, Step.EXPIRE): State.EXPIRED,
    (State.PENDING, Step.CANCEL): State.CANCELLED,
    (State.APPROVED, Step.SPEND): State.SPENT,
    (State.APPROVED, Step.LAPSE): State.LAPSED,
    (State.APPROVED, Step.REVOKE): State.REVOKED,
    (State.SPENT, Step.COMPLETE): State.COMPLETED,
    (State.SPENT, Step.LOSE): State.UNKNOWN,
    (State.SPENT, Step.RETURN): State.APPROVED,
    (State.SPENT, Step.LAPSE): State.LAPSED,
}

OPEN = frozenset({State.PENDING, State.APPROVED})
"""States that an identical retry joins."""

ENDED = frozenset(State) - {State.PENDING, State.APPROVED, State.SPENT}


class IllegalStep(Exception):  # a step that the table does not have is a bug, not an answer
    """The table has no such step."""


def after(state: State, step: Step) -> State:
    try:
        return TABLE[state, step]
    except KeyError:
        raise IllegalStep(f"{state} -> {step}") from None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One question to people. Times are whole seconds since the epoch, by the store's clock."""

    id: str
    state: State
    version: int
    agent: str
    run: str | None
    address: str
    token_id: str
    join_key: str
    join_scope: str
    intent_key: str
    fingerprint: str
    digest: str
    salt: bytes
    service: str
    action: str
    resource: str
    list_summary: tuple[dict[str, str], ...]
    purpose: str | None
    risk: str
    intent_risk: str
    mode: str
    quorum: int
    config_digest: str
    opened_at: int
    expires_at: int
    sealed: bytes | None
    secret_hash: str
    decided_at: int | None = None
    decided_by: str | None = None
    decision_method: str | None = None
    note: str | None = None
    cosigner: str | None = None
    cosigner_token: bytes | None = None
    cosigner_expires: int | None = None
    invocation: str | None = None
    spent_at: int | None = None
    outcome: str | None = None
    status: int | None = None
    sent_key: bytes | None = None
    grantable: bool = False
    """Whether policy would have let this pass on a grant when it was asked."""
    batch_key: str | None = None
    routed_to: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's assertion over one envelope's payload, kept whole so that it can be verified again.

    `sealed_batch` is the batch that was signed, where the payload was one of its list: else the payload
    itself was signed.
    """

    envelope: str
    person: str
    credential_id: bytes
    challenge: bytes
    sealed_payload: bytes
    payload_sha256: str
    assertion: dict[str, Any]
    at: int
    sealed_batch: bytes | None = None


def signed_by(signatures: tuple[Signature, ...]) -> frozenset[str]:
    """Distinct people: two passkeys of one person are one signature."""
    return frozenset(signature.person for signature in signatures)
