"""What a store promises. Nothing here knows a database.

- `apply` is one conditional write in one transaction with its rows: either the change and every row are
  durable when it returns, or nothing of it is. There is no third way that a caller must think of: an
  exception means that the caller may not act as if it happened, and may not act as if it did not.
- Of two changes to one thing the first wins; the second gets `Lost` with what is true now.
- `note` is for rows whose loss in a crash is bearable (an allowed request): they are durable within
  250 ms, and never overtaken by an `apply` that comes after them.
- `now` is the one clock that decides; it never runs backwards.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from gateway.audit import Entry, Row
from gateway.delegations import Delegation, EndedWhy
from gateway.envelopes import Caps, DecisionMethod, Envelope, Signature, State, Step
from gateway.passkeys import Credential
from gateway.subscriptions import Subscription
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


# What can change. Each is one conditional write.


@dataclass(frozen=True, slots=True)
class Open:
    """A new envelope, unless the same agent already waits for the same request: then `Joined`.

    Or unless a cap is reached: then `Lost`, with the cap and the seconds until it is worth another try.
    """

    envelope: Envelope
    caps: Caps
    reserved: Reserved | None = None
    tell: tuple[Delivery, ...] = ()
    """Who is to be told of it, queued with it."""


@dataclass(frozen=True, slots=True)
class Move:
    """An envelope takes a step of the table, if it is still the version that was looked at."""

    envelope: str
    version: int
    step: Step
    at: int
    by: str | None = None
    method: DecisionMethod | None = None
    note: str | None = None
    outcome: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """A signature joins an envelope; with the cosigner, when it completes the quorum."""

    version: int
    signature: Signature
    credential: Credential
    cosigner: str | None = None
    cosigner_token: bytes | None = None
    cosigner_expires: int | None = None


@dataclass(frozen=True, slots=True)
class SignBatch:
    """One assertion joins several envelopes, all of them or none: the first that is lost is named.

    The passkey's count moves once; each of the signatures carries the same credential.
    """

    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A signature that breaks glass, if the day has room for one more envelope; else `Lost` by `limit`.

    It takes the place of an ordinary signature of the same person. With a review where one is to stay open.
    """

    sign: Sign
    reason: str
    most_a_day: int
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class CloseReview:
    """A review is closed, once."""

    envelope: str
    person: str
    verdict: str
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class AddProgram:
    program: Program


@dataclass(frozen=True, slots=True)
class RevokeProgram:
    program: str
    at: int


@dataclass(frozen=True, slots=True)
class Route:
    """A group is named that is asked; once, and never another."""

    envelope: str
    version: int
    group: str


@dataclass(frozen=True, slots=True)
class Delegate:
    """An envelope goes on without a person, because policy accepts a program's word for it."""

    envelope: str
    version: int
    program: str
    at: int
    cosigner: str
    cosigner_token: bytes
    cosigner_expires: int


@dataclass(frozen=True, slots=True)
class ByProgram:
    """What a program signed: it happens with the signature on record, while the program is registered.

    A route and a delegate happen in no other way.
    """

    change: Move | Route | Delegate
    signature: ProgramSignature
    key: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A signer takes the signature back before the quorum is met."""

    envelope: str
    version: int
    person: str


@dataclass(frozen=True, slots=True)
class Spend:
    """The one compare-and-swap that lets a request go: this cosigner, this version, this configuration."""

    envelope: str
    version: int
    cosigner: str
    invocation: str
    token_id: str
    config_digest: str
    at: int
    sent_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Of an async question: the request until it can be sent no more, the answer until it was fetched."""

    request: bytes | None
    answer: bytes | None
    fetched_at: int | None


@dataclass(frozen=True, slots=True)
class Keep:
    """From now on the gateway sends the request, and this secret fetches its answer.

    `Lost` once the question is over, and for everybody but the first.
    """

    envelope: str
    request: bytes
    secret_hash: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The move that ends a release, with the upstream's answer."""

    move: Move
    answer: bytes


@dataclass(frozen=True, slots=True)
class TakeAnswer:
    """The answer leaves the store, once."""

    envelope: str
    at: int


@dataclass(frozen=True, slots=True)
class Tell:
    """More people are to be told; who was told, or is to be, is not told again over the same channel."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """How one try went, for everybody whom it told; None in `next_at` where it was the last."""

    tried: tuple[Delivery, ...]
    state: DeliveryState
    at: int
    error: str | None = None
    next_at: int | None = None


@dataclass(frozen=True, slots=True)
class SawPage:
    """Somebody opened the page of an envelope."""

    envelope: str
    person: str
    at: int


@dataclass(frozen=True, slots=True)
class Conclude:
    """What is decided is not asked any more; whoever was told over one of these channels is told so, once.

    Of these envelopes, or of all that were told of since a moment.
    """

    channels: tuple[str, ...]
    at: int
    envelopes: tuple[str, ...] | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class AddAgent:
    agent: Agent
    token: Token


@dataclass(frozen=True, slots=True)
class AddToken:
    token: Token
    replaces_others: bool = False


@dataclass(frozen=True, slots=True)
class RevokeTokens:
    """Every token of an agent, or only those of one run."""

    agent: str
    at: int
    run: str | None = None


@dataclass(frozen=True, slots=True)
class PauseAgent:
    """Paused, or resumed: then its denials are counted anew from `at`."""

    agent: str
    paused: bool
    at: int


@dataclass(frozen=True, slots=True)
class RemoveAgent:
    agent: str
    at: int


@dataclass(frozen=True, slots=True)
class Invite:
    invitation: Invitation


@dataclass(frozen=True, slots=True)
class Enrol:
    """An invitation is used, once, for this person and credential; adopts agents that have no owner."""

    token_hash: str
    person: Person
    credential: Credential
    adopt_agents: bool


@dataclass(frozen=True, slots=True)
class RevokePerson:
    person: str
    at: int


@dataclass(frozen=True, slots=True)
class SetDelegation:
    """Somebody else may sign for a person, if both of them are enrolled."""

    delegation: Delegation


@dataclass(frozen=True, slots=True)
class EndDelegation:
    """Over, once; by itself only when its time has come."""

    id: str
    at: int
    why: EndedWhy


@dataclass(frozen=True, slots=True)
class Escalate:
    """An envelope that nobody decided goes to the next group, once."""

    envelope: str
    after: int
    to: str
    at: int


@dataclass(frozen=True, slots=True)
class ConfirmKey:
    """A key that waited counts from now on, if it waited for this person."""

    credential_id: bytes
    inviter: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """The key and every session that it began are over."""

    credential_id: bytes
    at: int


@dataclass(frozen=True, slots=True)
class RenameKey:
    """Its owner calls it something else; what it signed before keeps the name that it had in the rows."""

    credential_id: bytes
    person: str
    name: str


@dataclass(frozen=True, slots=True)
class StartRecovery:
    recovery: Recovery


@dataclass(frozen=True, slots=True)
class CancelRecovery:
    person: str


@dataclass(frozen=True, slots=True)
class FinishRecovery:
    """The person's keys are revoked and a new invitation is made, if this very recovery is still open."""

    recovery: Recovery
    invitation: Invitation
    at: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has limits of their own."""

    kind: Literal["agent", "team"]
    name: str


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Some of a holder's limits are other ones now; None takes one away."""

    holder: Holder
    values: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class AddChallenge:
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class UseChallenge:
    """Takes the challenge out of the store, so that it can never be answered again."""

    id: str
    at: int


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session begins; with the credential's new count, where an assertion began it."""

    session: StoredSession
    asserted: Credential | None


@dataclass(frozen=True, slots=True)
class SignOut:
    token_hash: str


@dataclass(frozen=True, slots=True)
class Reveal:
    envelope: str
    person: str
    selector: str


@dataclass(frozen=True, slots=True)
class Shred:
    """What was sealed is gone for envelopes that ended before one moment; so are challenges over by now."""

    ended_before: int
    now: int = 0


@dataclass(frozen=True, slots=True)
class Forget:
    """What is remembered of agents is gone once it is too old to count."""

    now: int


@dataclass(frozen=True, slots=True)
class Configure:
    """A configuration takes effect; `signed` keeps the files of one that was signed, "" forgets them."""

    digest: str
    signed: str | None = None


@dataclass(frozen=True, slots=True)
class AddGrant:
    grant: Grant


@dataclass(frozen=True, slots=True)
class EndGrant:
    """Revoked, over, or no longer what was signed: for good."""

    grant_id: str
    at: int
    why: GrantEnd
    by: str | None = None


@dataclass(frozen=True, slots=True)
class UseGrant:
    """A request may go by a grant: if it, its signer, the agent's token and this configuration all stand."""

    use: GrantUse
    token_id: str
    config_digest: str


@dataclass(frozen=True, slots=True)
class FinishUse:
    """How a request that went by a grant ended; only the first word counts."""

    use: str
    outcome: str
    status: int | None


@dataclass(frozen=True, slots=True)
class SetConsent:
    """An agent's consent from now on; None leaves it without one."""

    agent: str
    consent: Consent | None


@dataclass(frozen=True, slots=True)
class WithdrawConsent:
    agent: str
    at: int


@dataclass(frozen=True, slots=True)
class AddSubscription:
    """A browser is told from now on, and only for this person; `Lost` by `limit` where they have `most`.

    `Lost` as `absent` once the passkey is revoked that the session was opened with.
    """

    subscription: Subscription
    most: int


@dataclass(frozen=True, slots=True)
class RemoveSubscription:
    """A browser is told no more; with a person only if it is theirs."""

    id: str
    person: str | None = None


@dataclass(frozen=True, slots=True)
class WithSignature:
    """A change that a passkey asked for: it happens with the signature on record, or not at all."""

    change: "Change"
    evidence: SignedChange
    credential: Credential


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """What was doubted is settled: a new lineage begins, without a session, a challenge or an open link."""


@dataclass(frozen=True, slots=True)
class Record:
    """Nothing changes; the rows alone are what is to be durable."""


type Change = (
    Open
    | Move
    | Sign
    | SignBatch
    | BreakGlass
    | CloseReview
    | AddProgram
    | RevokeProgram
    | ByProgram
    | Withdraw
    | Spend
    | Keep
    | Answered
    | TakeAnswer
    | Tell
    | Delivered
    | SawPage
    | Conclude
    | AddAgent
    | AddToken
    | RevokeTokens
    | PauseAgent
    | RemoveAgent
    | Invite
    | Enrol
    | RevokePerson
    | SetDelegation
    | EndDelegation
    | Escalate
    | ConfirmKey
    | RevokeKey
    | RenameKey
    | StartRecovery
    | CancelRecovery
    | FinishRecovery
    | SetLimits
    | AddChallenge
    | UseChallenge
    | SignIn
    | SignOut
    | Reveal
    | Shred
    | Forget
    | Configure
    | AddGrant
    | EndGrant
    | UseGrant
    | FinishUse
    | SetConsent
    | WithdrawConsent
    | AddSubscription
    | RemoveSubscription
    | WithSignature
    | NewEpoch
    | Record
)


@dataclass(frozen=True, slots=True)
class Done:
    """It happened, and is durable."""

    envelope: Envelope | None = None
    challenge: Challenge | None = None
    envelopes: tuple[Envelope, ...] = ()
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """The same question was already open."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Full:
    """Which cap is reached, and in how many seconds there is room again."""

    who: Literal["agent", "team", "everybody"]
    what: Literal["waiting", "minute", "hour"]
    again: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else was first, or it is not there: what is true now."""

    why: Literal["changed", "absent", "exists", "expired", "limit", "used"]
    envelope: Envelope | None = None
    full: "Full | None" = None


type Applied = Done | Joined | Lost


class Store(Protocol):
    def now(self) -> int: ...
    def steady(self) -> bool:
        """False while the wall clock and the monotonic clock disagree by more than two seconds."""
        ...

    def doubt(self) -> str | None:
        """Why what was approved before this start cannot be relied on; until `NewEpoch` nothing is spent."""
        ...

    async def apply(self, change: Change, rows: Sequence[Row] = ()) -> Applied: ...
    def note(self, row: Row) -> None: ...
    def tally(self, tallies: Iterable[Tally]) -> None:
        """Durable with the rows that are noted."""
        ...

    def healthy(self) -> bool:
        """False after a write failed, until one works again: then nothing may be let through."""
        ...

    async def envelope(self, envelope_id: str) -> Envelope | None: ...
    async def asked_before(self, agent: str, intent_key: str, since: int, join: tuple[str, str]) -> Before:
        """What was denied since that moment with the same meaning, and what is open for the same request."""
        ...

    async def envelopes(self, states: Sequence[State] | None = None, limit: int = 100) -> list[Envelope]: ...
    async def waiting_alike(self, batch_key: str, limit: int) -> list[Envelope]:
        """What waits and may be signed together, the shortest time first."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many envelopes are in each state; a state without any is left out."""
        ...

    async def denied_since(self, agent: str, intent_key: str, since: int) -> Envelope | None: ...
    async def repeats_since(
        self, agent: str, intent_key: str, since: int, other_than: str
    ) -> Envelope | None: ...
    async def denials_in_a_row(self, agent: str) -> int: ...
    async def overdue(self, now: int) -> list[Envelope]: ...
    async def kept(self, envelope_id: str) -> Kept | None: ...
    async def to_send(self) -> list[Envelope]:
        """What is approved, and kept to be sent by the gateway itself."""
        ...

    async def signatures(self, envelope_id: str) -> tuple[Signature, ...]: ...
    async def revealed(self, envelope_id: str, person: str) -> frozenset[str]: ...

    async def tallies(self) -> list[Tally]:
        """All that is not forgotten yet, oldest first."""
        ...

    async def reservations(self, since: int) -> list[Reservation]:
        """Of every question that is open or on its way, and of those that were spent since then."""
        ...

    async def agents(self) -> list[Agent]: ...
    async def tokens(self) -> list[Token]: ...
    async def people(self) -> list[Person]: ...
    async def credentials(self, person: str | None = None) -> list[Credential]: ...
    async def credential(self, credential_id: bytes) -> Credential | None: ...
    async def recoveries(self) -> list[Recovery]: ...
    async def limits(self) -> dict[Holder, dict[str, int]]: ...
    async def invitation(self, token_hash: str) -> Invitation | None: ...
    async def challenge(self, challenge_id: str) -> Challenge | None: ...
    async def key_times(self) -> dict[bytes, KeyTimes]: ...
    async def sessions(self) -> list[StoredSession]: ...
    async def delegations(self) -> list[Delegation]:
        """Those that nobody ended and no clock has ended yet, the oldest first."""
        ...

    async def waiting_since(self, after: int, to: str, now: int) -> list[Envelope]:
        """Pending envelopes that are older than `after` seconds and have not gone to this group yet."""
        ...

    async def escalated(self, envelope_id: str) -> dict[tuple[int, str], int]:
        """When an envelope went to which group, by the step's seconds and its group."""
        ...

    async def signed_change(self, change_id: str) -> SignedChange | None: ...
    async def signed_changes(self, limit: int = 100) -> list[SignedChange]:
        """The newest first."""
        ...

    async def grants(self) -> list[Grant]:
        """Those that have not ended, the newest first."""
        ...

    async def ended_grants(self, limit: int = 100) -> list[Grant]:
        """The newest first."""
        ...

    async def grant_uses(self) -> dict[str, Used]:
        """By grant; one that was never used is left out."""
        ...

    async def unfinished_uses(self) -> list[GrantUse]:
        """What went by a grant, and of which nothing was heard since."""
        ...

    async def breakings(self, envelope_id: str) -> tuple[Breaking, ...]: ...
    async def glass_broken_since(self, since: int, other_than: str) -> int:
        """For how many other envelopes somebody broke glass after that moment."""
        ...

    async def review(self, envelope_id: str) -> Review | None: ...
    async def open_reviews(self) -> int: ...
    async def reviews(self, limit: int = 100) -> list[Review]:
        """Those that are open first, the oldest of them first; then those closed last."""
        ...

    async def deliveries_due(
        self, channel: str, now: int, limit: int, busy: Sequence[str] = ()
    ) -> list[Delivery]:
        """Queued for this channel, of so many messages, the longest due first, and of none that is busy."""
        ...

    async def deliveries(self, envelope_id: str | None = None, limit: int = 100) -> list[Delivery]:
        """Of one envelope or of all, the last changed first."""
        ...

    async def last_deliveries(self) -> dict[str, Delivery]:
        """Of each channel the one that went or failed last."""
        ...

    async def programs(self) -> list[Program]: ...
    async def subscriptions(self) -> list[Subscription]:
        """Every browser that is to be told, the oldest first."""
        ...

    async def program_signatures(self, envelope_id: str) -> tuple[ProgramSignature, ...]: ...

    async def rows(self, where: Mapping[str, str], before: int | None, limit: int) -> list[Entry]: ...
    async def rows_of(self, envelope_ids: Sequence[str]) -> list[Entry]: ...
    async def unmatched(self, lately: int, limit: int) -> list[Unmatched]:
        """What no action names, grouped, of the last so many rows of the log; the latest first."""
        ...

    async def meta(self, key: str, default: str | None = None) -> str | None: ...
    async def close(self) -> None: ...


type Columns = dict[str, Any]
