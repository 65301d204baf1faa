"""Who is known, kept in memory so that every request can be asked about without a query."""

import base64
import hashlib
import hmac
import secrets

from gateway.delegations import Delegation
from gateway.errors import Reason, Refusal
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.model import Caller
from gateway.passkeys import Credential
from gateway.settings import Settings
from gateway.store.contract import Store
from gateway.store.things import Agent, Holder, Person, Program, Token
from gateway.subscriptions import Subscription
from gateway.values import dataclass

TOKEN_PREFIX = "ssig_"  # noqa: S105  # what secret scanners look for, not a secret
TOKEN_BYTES = 32
NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
MAX_NAME = 64

HOW = "Set HTTPS_PROXY=http://AGENT:TOKEN@HOST:PORT, as `secondsig agent add` printed it."


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def is_name(name: str) -> bool:
    """What an agent or a team may be called: it stands in addresses and environment variables."""
    return bool(name) and len(name) <= MAX_NAME and set(name) <= NAME


def how_to_connect(name: str, token: str, settings: Settings) -> dict[str, str]:
    return {"proxy": f"http://{name}:{token}@{settings.listen.proxy}", "pages": settings.origin}


def issue(agent: str, run: str | None, now: int, expires_at: int | None) -> tuple[str, Token]:
    """A new token in words, which is told once, and as it is stored."""
    token = new_token()
    identifier = make_id("tok", secrets.token_bytes(ENTROPY_BYTES))
    return token, Token(identifier, agent, run, token_hash(token), now, expires_at)


def token_hash(token: str) -> str:
    """A token is 256 random bits, so one hash is enough to make the stored form useless to a thief."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Known:
    """A person, the passkeys that speak for them, and those that do not yet."""

    person: Person
    credentials: tuple[Credential, ...]
    waiting: tuple[Credential, ...] = ()


class Directory:
    """Agents with tokens, people with browsers, programs: what the store says, also after every change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.agents: dict[str, Agent] = {}
        self.people: dict[str, Known] = {}
        self.delegations: tuple[Delegation, ...] = ()
        self.limits: dict[Holder, dict[str, int]] = {}
        self.programs: dict[str, Program] = {}
        self.subscriptions: dict[str, tuple[Subscription, ...]] = {}
        self._tokens: dict[str, Token] = {}

    async def refresh(self) -> None:
        agents = {agent.name: agent for agent in await self._store.agents()}
        tokens = {token.hash: token for token in await self._store.tokens() if token.agent in agents}
        credentials = await self._store.credentials()
        people = {
            person.name: Known(
                person,
                tuple(c for c in credentials if c.person == person.name and c.waits_for is None),
                tuple(c for c in credentials if c.person == person.name and c.waits_for is not None),
            )
            for person in await self._store.people()
            if person.revoked_at is None
        }
        programs = {program.name: program for program in await self._store.programs()}
        delegations = tuple(await self._store.delegations())
        self.limits = await self._store.limits()
        self.agents, self._tokens, self.people, self.programs = agents, tokens, people, programs
        self.delegations = delegations
        await self.refresh_subscriptions()

    async def refresh_subscriptions(self) -> None:
        """By person; whoever turned no browser on is left out."""
        found: dict[str, tuple[Subscription, ...]] = {}
        for each in await self._store.subscriptions():
            found[each.person] = (*found.get(each.person, ()), each)
        self.subscriptions = found

    def identify(self, proxy_authorization: tuple[str, ...], peer: str) -> Caller:
        """The agent whose token this is; anybody else is refused, whatever was wrong."""
        name, token = _basic(proxy_authorization)
        digest = token_hash(token)
        known = self._tokens.get(digest)
        if known is None or not hmac.compare_digest(known.hash, digest) or not _same(known.agent, name):
            raise _unknown("The token is not known: it may have been rotated or revoked.")
        self._check_lives(known)
        return Caller(known.agent, known.id, known.run, peer)

    def _check_lives(self, token: Token) -> None:
        if token.expires_at is not None and token.expires_at <= self._store.now():
            raise _unknown("The token has expired: ask the operator for a new one.")

    def check_not_paused(self, agent: str) -> None:
        known = self.agents.get(agent)
        if known is None:
            raise _unknown("This agent was removed.")
        if known.paused:
            raise Refusal(
                Reason.AGENT_PAUSED,
                f"An operator paused {agent}: stop, and ask a person to resume it. Nothing was sent.",
            )

    def check_token(self, caller: Caller) -> None:
        """The token that a request came with still counts; asked again when it is sent later."""
        known = next((token for token in self._tokens.values() if token.id == caller.token_id), None)
        if known is None or known.agent != caller.agent:
            raise _unknown("The token that this request came with was rotated or revoked.")
        self._check_lives(known)

    def has_passkey(self, person: str) -> bool:
        known = self.people.get(person)
        return bool(known and known.credentials)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="replace"))


def _basic(values: tuple[str, ...]) -> tuple[str, str]:
    if not values:
        raise _unknown("No agent token was sent.")
    if len(values) > 1:
        raise _unknown("More than one Proxy-Authorization header was sent.")
    scheme, _, encoded = values[0].partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        raise _unknown("The Proxy-Authorization header cannot be read.") from None
    name, mark, token = text.partition(":")
    if scheme.lower() != "basic" or not mark:
        raise _unknown("The Proxy-Authorization header is not Basic.")
    return name, token


def _unknown(why: str) -> Refusal:
    return Refusal(
        Reason.UNAUTHENTICATED_AGENT,
        f"{why} {HOW}",
        extra={"reason_phrase": "Secondsig needs HTTPS_PROXY=http://agent:TOKEN@host:port"},
    )
