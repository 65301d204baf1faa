"""What a store promises. Nothing here knows a database.

- `apply` is one conditional write in one transaction with its rows: either the change and every row are
  durable when it returns, or nothing of it is. There is no third way that a caller must think of: an
  exception means that the caller may not act as if it happened, and may not act as if it did not.
- Of two changes to one thing the first wins; the second gets `Lost` with what is true now.
- `note` is for rows whose loss in a crash is bearable (an allowed request): they are durable within
  250 ms, and never overtaken by an `apply` that comes after them.
- `now` is the one clock that decides; it never runs backwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gateway.audit import Entry, Row
from gateway.envelopes import Caps, DecisionMethod, Envelope, Signature, State, Step
from gateway.passkeys import Credential


@dataclass(frozen=True, slots=True)
class Agent:
    name: str
    team: str | None
    owner: str | None
    paused: bool
    created_at: int


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
    token_hash: str
    person: str | None
    groups: tuple[str, ...]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question to a passkey, stored before it is shown; used once, by one person, for one verb."""

    id: str
    kind: Literal["login", "enrolment", "approval", "batch"]
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


# What can change. Each is one conditional write.


@dataclass(frozen=True, slots=True)
class Open:
    """A new envelope, unless the same agent already waits for the same request: then `Joined`.

    Or unless a cap is reached: then `Lost`, with the cap and the seconds until it is worth another try.
    """

    envelope: Envelope
    caps: Caps


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
class Configure:
    """A configuration takes effect."""

    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """Nothing changes; the rows alone are what is to be durable."""


type Change = (
    Open
    | Move
    | Sign
    | SignBatch
    | Withdraw
    | Spend
    | AddAgent
    | AddToken
    | RevokeTokens
    | PauseAgent
    | RemoveAgent
    | Invite
    | Enrol
    | RevokePerson
    | AddChallenge
    | UseChallenge
    | SignIn
    | SignOut
    | Reveal
    | Shred
    | Configure
    | Record
)


@dataclass(frozen=True, slots=True)
class Done:
    """It happened, and is durable."""

    envelope: Envelope | None = None
    challenge: Challenge | None = None
    envelopes: tuple[Envelope, ...] = ()


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

    async def apply(self, change: Change, rows: Sequence[Row] = ()) -> Applied: ...
    def note(self, row: Row) -> None: ...
    def healthy(self) -> bool:
        """False after a write failed, until one works again: then nothing may be let through."""
        ...

    async def envelope(self, envelope_id: str) -> Envelope | None: ...
    async def live_envelope(self, agent: str, join_key: str, join_scope: str) -> Envelope | None: ...
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
    async def signatures(self, envelope_id: str) -> tuple[Signature, ...]: ...
    async def revealed(self, envelope_id: str, person: str) -> frozenset[str]: ...

    async def agents(self) -> list[Agent]: ...
    async def tokens(self) -> list[Token]: ...
    async def people(self) -> list[Person]: ...
    async def credentials(self, person: str | None = None) -> list[Credential]: ...
    async def credential(self, credential_id: bytes) -> Credential | None: ...
    async def invitation(self, token_hash: str) -> Invitation | None: ...
    async def challenge(self, challenge_id: str) -> Challenge | None: ...
    async def sessions(self) -> list[StoredSession]: ...
    async def rows(self, where: Mapping[str, str], before: int | None, limit: int) -> list[Entry]: ...
    async def rows_of(self, envelope_ids: Sequence[str]) -> list[Entry]: ...
    async def meta(self, key: str, default: str | None = None) -> str | None: ...
    async def close(self) -> None: ...


type Columns = dict[str, Any]
