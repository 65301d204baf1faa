"""What the pages ask of the gateway, and nothing else: the server above it knows HTTP, the desk knows people.

Every coroutine returns a body that `json.dumps` can write. What a person may not do, and what they come too
late for, is a DeskError; anything else that is raised is a fault, and people see 503 without a word of it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, Protocol

from gateway.errors import SecondsigError
from gateway.values import dataclass

type JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in, in one tab, and the passkey that did it."""

    id: str
    person: str
    credential_id: bytes
    signed_in_at: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where somebody signs in from, as the pages' server sees it; `browser` is what it calls itself."""

    address: str | None = None
    browser: str | None = None


NOBODY_SEEN = Visitor()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`body` holds the tab's token and goes to the page; `cookie` is a new token, never one seen before."""

    body: JsonObject
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What a program shows instead of a session: its name, the challenge it was given, its signature."""

    program: str
    challenge_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed; ids rise, so a page that was away names the last one it saw."""

    id: int
    name: Literal["hello", "envelope", "config"]
    data: JsonObject


class DeskError(SecondsigError):
    """The answer is no: the HTTP status, a word for the page, a sentence for the person."""

    def __init__(self, status: int, word: str, detail: str, extra: Mapping[str, Any] | None = None) -> None:
        self.status, self.word, self.detail, self.extra = status, word, detail, dict(extra or {})
        super().__init__(detail)


class Desk(Protocol):
    async def state(self) -> JsonObject: ...

    async def login_begin(self) -> JsonObject: ...

    async def login_finish(
        self, challenge_id: str, credential: JsonObject, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn: ...

    async def enrol_begin(self, token: str, name: str) -> JsonObject: ...

    async def enrol_finish(
        self, challenge_id: str, credential: JsonObject, token: str, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn | JsonObject:
        """Signed in, or told for whose confirmation the new key waits."""
        ...

    def session(self, cookie_token: str, tab_token: str) -> Session | None:
        """The session of which these are the two halves, still valid; None for anything else."""
        ...

    async def logout(self, session: Session) -> JsonObject: ...

    async def me(self, session: Session) -> JsonObject: ...

    async def own_sessions(self, session: Session) -> JsonObject:
        """Where this person is signed in."""
        ...

    async def revoke_session(self, session: Session, session_id: str) -> JsonObject: ...

    async def revoke_other_sessions(self, session: Session) -> JsonObject: ...

    async def templates(self, session: Session) -> JsonObject:
        """What is loaded, what of the files was refused, and what no template names."""
        ...

    async def explain(self, session: Session, request: str, agent: str | None) -> JsonObject:
        """What the gateway would make of a request that somebody wrote down. Nothing is sent."""
        ...

    async def envelopes(self, session: Session) -> JsonObject: ...

    async def clock(self, envelope_id: str) -> JsonObject: ...

    async def envelope(self, session: Session, envelope_id: str) -> JsonObject: ...

    async def sign(self, session: Session, envelope_id: str) -> JsonObject: ...

    async def approve(
        self, session: Session, envelope_id: str, challenge_id: str, credential: JsonObject
    ) -> JsonObject: ...

    async def deny(self, session: Session, envelope_id: str, note: str | None) -> JsonObject: ...

    async def withdraw(self, session: Session, envelope_id: str) -> JsonObject: ...

    async def begin_batch(self, session: Session, envelope_ids: Sequence[str]) -> JsonObject:
        """What is to be signed for all of these at once, and each of them whole."""
        ...

    async def approve_batch(
        self, session: Session, challenge_id: str, credential: JsonObject
    ) -> JsonObject: ...

    async def deny_batch(
        self, session: Session, envelope_ids: Sequence[str], note: str | None
    ) -> JsonObject: ...

    async def pause_agent(self, session: Session, agent: str) -> JsonObject:
        """Nothing of this agent goes on, and what waits of it is cancelled."""
        ...

    async def delegations(self, session: Session) -> JsonObject:
        """Who stands in for whom now or later."""
        ...

    async def withdraw_delegation(self, session: Session, delegation_id: str) -> JsonObject: ...

    async def config(self, session: Session) -> JsonObject:
        """The configuration in force, and what the files say that it does not."""
        ...

    async def agents(self, session: Session) -> JsonObject: ...

    async def people(self, session: Session) -> JsonObject: ...

    async def revoke_person(self, session: Session, name: str) -> JsonObject: ...

    async def revoke_key(self, session: Session, credential: str) -> JsonObject: ...

    async def cancel_recovery(self, session: Session, name: str) -> JsonObject: ...

    async def stop_all(self, session: Session) -> JsonObject:
        """Every agent is paused, and everything that waits is denied."""
        ...

    async def glass_begin(self, session: Session, envelope_id: str, reason: str) -> JsonObject:
        """The bytes to sign for breaking glass, with the reason in them."""
        ...

    async def glass_finish(
        self, session: Session, envelope_id: str, challenge_id: str, credential: JsonObject
    ) -> JsonObject: ...

    async def reviews(self, session: Session) -> JsonObject:
        """What was let through by broken glass: what is to be reviewed, then what was."""
        ...

    async def program_challenge(self, program: str, verb: str) -> JsonObject:
        """A nonce for one program and one verb, to be signed once."""
        ...

    async def program_envelopes(self, answer: ProgramAnswer) -> JsonObject: ...

    async def program_act(
        self, answer: ProgramAnswer, verb: str, envelope_id: str, said: dict[str, str]
    ) -> JsonObject:
        """A program denies, routes or delegates; `said` is what it signed beside the verb."""
        ...

    async def programs(self, session: Session) -> JsonObject: ...

    async def notifications(self, session: Session) -> JsonObject:
        """The channels, and what went out over them lately."""
        ...

    async def test_notification(self, session: Session, channel: str) -> JsonObject: ...

    async def change_begin(self, session: Session, kind: str, asked: JsonObject) -> JsonObject:
        """The bytes to sign for a change of the gateway itself."""
        ...

    async def change_finish(
        self, session: Session, challenge_id: str, credential: JsonObject
    ) -> JsonObject: ...

    async def grants(self, session: Session) -> JsonObject:
        """What was answered in advance, and what agents are meant for."""
        ...

    async def revoke_grant(self, session: Session, grant_id: str) -> JsonObject: ...

    async def withdraw_consent(self, session: Session, agent: str) -> JsonObject:
        """From now on nothing of this agent's passes without a person."""
        ...

    async def push_key(self, session: Session) -> JsonObject:
        """The public key that browsers bind their subscriptions to."""
        ...

    async def push_subscriptions(self, session: Session) -> JsonObject:
        """The person's own browsers that are told."""
        ...

    async def add_push_subscription(
        self, session: Session, *, endpoint: str, p256dh: str, auth: str, device: str
    ) -> JsonObject: ...

    async def remove_push_subscription(self, session: Session, subscription_id: str) -> JsonObject: ...

    async def test_push_subscription(self, session: Session, subscription_id: str) -> JsonObject:
        """Sends one message to one of the person's own browsers."""
        ...

    async def reveal(self, session: Session, envelope_id: str, selector: str) -> JsonObject: ...

    async def mismatch(self, session: Session, envelope_id: str, expected: str, shown: str) -> JsonObject: ...

    async def rows(self, session: Session, chosen: str | None, before: int | None, limit: int) -> JsonObject:
        """The log's rows, newest first; `chosen` is the filter, as `decision:step_up`."""
        ...

    def subscribe(self, session: Session, last_event_id: int | None) -> AsyncIterator[Event]:
        """First `hello`, whose id is the place the page is at now; then what it missed and what comes.

        The iterator may be abandoned at any point. What it keeps for a page that is slow to take it has a
        bound, and beyond that it ends: the page comes back.
        """
        ...

    async def metrics(self, token: str) -> str:
        """What the gateway counts, for whoever holds the token of its state folder."""
        ...

    async def ready(self) -> tuple[bool, str]:
        """Whether requests can be decided now, and a sentence that names nothing secret."""
        ...
