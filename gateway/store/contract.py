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
from typing import Any, Literal, Protocol

from gateway.audit import Entry, Row
from gateway.delegations import Delegation
from gateway.envelopes import Envelope, Signature, State
from gateway.passkeys import Credential
from gateway.store.things import (
    Agent,
    Before,
    Breaking,
    Challenge,
    Delivery,
    Grant,
    GrantUse,
    Holder,
    Invitation,
    Kept,
    KeyTimes,
    Person,
    Program,
    ProgramSignature,
    Recovery,
    Reservation,
    Review,
    SignedChange,
    StoredSession,
    Tally,
    Token,
    Unmatched,
    Used,
)
from gateway.store.writes import Change, Delivered
from gateway.subscriptions import Subscription
from gateway.values import dataclass


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

    def delivered(self, change: Delivered) -> None:
        """Of a message that went: durable with the rows that are noted. Nobody waits for it."""
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
