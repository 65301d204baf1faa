"""What is stored besides envelopes: agents, people, their keys and rights, grants, deliveries."""

from typing import Any, Literal, NamedTuple

from gateway.envelopes import Envelope
from gateway.values import dataclass

type GrantKind = Literal["intent", "resource", "cedar"]


type GrantEnd = Literal["revoked", "expired", "agent_removed", "signer", "meaning"]


type ConsentForm = Literal["read_only", "project", "until", "cedar"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What an agent was meant for, as Cedar. Withdrawn or over it permits nothing: everything is asked."""

    form: ConsentForm
    cedar: str
    says: str
    person: str
    at: int
    expires_at: int | None
    withdrawn_at: int | None = None

    def holds(self, now: int) -> bool:
        return self.withdrawn_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Agent:
    name: str
    team: str | None
    owner: str | None
    paused: bool
    created_at: int
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    agent: str
    run: str | None
    hash: str
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    groups: tuple[str, ...]
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whoever comes by an inviter's link waits until the inviter has confirmed the new key.

    Without a person the guest chooses a name. A person who invites themself adds a key of their own.
    """

    token_hash: str
    person: str | None
    groups: tuple[str, ...]
    expires_at: int
    inviter: str | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Somebody lost their passkeys, and one administrator has said so."""

    person: str
    started_by: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question to a passkey, stored before it is shown; used once, by one person, for one verb."""

    id: str
    kind: Literal["login", "enrolment", "approval", "batch", "break_glass", "administration", "program"]
    person: str | None
    envelope: str | None
    challenge: bytes
    sealed_payload: bytes
    expires_at: int


@dataclass(frozen=True, slots=True)
class StoredSession:
    token_hash: str
    tab_hash: str
    person: str
    credential_id: bytes
    created_at: int
    expires_at: int
    address: str | None = None
    browser: str | None = None


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """When a passkey was enrolled, and when it signed last."""

    created_at: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Requests of one kind that no action names; `agent`, `resource` and `detail` are those of the last."""

    host: str | None
    method: str | None
    action: str | None
    reason: str | None
    count: int
    last_ms: int
    agent: str | None
    resource: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class SignedChange:
    """One person's assertion over one change of the gateway, kept whole so that it can be verified again."""

    id: str
    kind: str
    person: str
    credential_id: bytes
    challenge: bytes
    sealed_payload: bytes
    payload_sha256: str
    assertion: dict[str, Any]
    at: int


type What = Literal[
    "requests", "action", "paid", "questions", "worked", "asked", "largest", "did", "touched", "used", "from"
]


class Tally(NamedTuple):
    """Something of an agent that was counted in the step of time that begins with `slot`."""

    agent: str
    what: What
    name: str
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """What a request would add to its agent's sums and habits; money by purse, names without their text."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    credential: str
    address: str
    money: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the envelope of a request reserves, or has spent."""

    envelope: Envelope
    reserved: Reserved


@dataclass(frozen=True, slots=True)
class GrantedUnit:
    """One thing that a grant lets an agent do, with what decides who may approve it."""

    service: str
    action: str
    resource: str
    groups: tuple[str, ...]
    risk: str
    approvers: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A person's standing answer to one question. `fingerprint` names the templates that gave it its meaning.

    One of an envelope is for its host; of the kind `intent` it has an intent key, of the kind `cedar` a
    policy text and no units.
    """

    id: str
    kind: GrantKind
    agent: str
    signer: str
    credential_id: bytes
    signed_change: str
    made_at: int
    expires_at: int | None
    fingerprint: str
    units: tuple[GrantedUnit, ...]
    says: str
    envelope: str | None = None
    host: str | None = None
    intent_key: str | None = None
    cedar: str | None = None
    ended_at: int | None = None
    ended_why: str | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class GrantUse:
    """One request that a grant let pass; without an outcome it is still on its way."""

    id: str
    grant_id: str
    at: int
    action: str
    resource: str
    agent: str
    run: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Used:
    """How often a grant was used, and when last."""

    count: int
    last: int | None


@dataclass(frozen=True, slots=True)
class Breaking:
    """One person broke glass for one envelope, and said why."""

    envelope: str
    person: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Review:
    """What one person let through by breaking glass stays open until another has looked at it."""

    envelope: str
    agent: str
    owner: str | None
    opened_at: int
    closed_at: int | None = None
    closed_by: str | None = None
    verdict: str | None = None
    note: str | None = None


type ProgramVerb = Literal["deny", "route", "delegate"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that signs for itself; `key` is its public key as a did:key."""

    name: str
    key: str
    verbs: tuple[ProgramVerb, ...]
    created_at: int


@dataclass(frozen=True, slots=True)
class ProgramSignature:
    """One program's signature over one envelope's payload, kept so that it can be verified again."""

    envelope: str
    program: str
    verb: ProgramVerb
    challenge: bytes
    sealed_payload: bytes
    payload_sha256: str
    signature: bytes
    at: int


type DeliveryKind = Literal["asked", "decided"]


type DeliveryState = Literal["queued", "sent", "accepted", "failed", "seen"]


OVER = "over"


"""The error of what was not sent, because nothing was to be decided any more."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One person is told of one envelope over one channel; queued, it is tried from `next_at` on.

    `seen` is what they were told of once they have opened its page.
    """

    envelope: str
    kind: DeliveryKind
    channel: str
    person: str
    queued_at: int
    at: int
    next_at: int
    state: DeliveryState = "queued"
    attempts: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What a request meets: a denial of what it means, and a question that is open for exactly it."""

    denied: Envelope | None
    live: Envelope | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Of an async question: the request until it can be sent no more, the answer until it was fetched."""

    request: bytes | None
    answer: bytes | None
    fetched_at: int | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has limits of their own."""

    kind: Literal["agent", "team"]
    name: str
