"""Everything that can be written to a store: each is one conditional write, see `contract`."""

from gateway.delegations import Delegation, EndedWhy
from gateway.envelopes import Caps, DecisionMethod, Envelope, Signature, Step
from gateway.passkeys import Credential
from gateway.store.things import (
    Agent,
    Challenge,
    Consent,
    Delivery,
    DeliveryState,
    Grant,
    GrantEnd,
    GrantUse,
    Holder,
    Invitation,
    Person,
    Program,
    ProgramSignature,
    Recovery,
    Reserved,
    Review,
    SignedChange,
    StoredSession,
    Token,
)
from gateway.subscriptions import Subscription
from gateway.values import dataclass


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
