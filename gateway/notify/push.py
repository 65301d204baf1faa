"""Web push: a message to each browser that a person turned on, through the push service of its maker.

The push service carries what it cannot read, and learns who posts, when, to which browser, and for how long.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.audit import Kind, Row
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.errors import StoreError
from gateway.notify.addresses import Forbidden
from gateway.notify.channel import Accepted, Failed, Outcome
from gateway.notify.encryption import encrypt
from gateway.notify.message import Message
from gateway.notify.vapid import authorization
from gateway.store.contract import Done, Store
from gateway.store.writes import RemoveSubscription
from gateway.subscriptions import Subscription, service_of
from gateway.values import dataclass

PUSH = "push"
"""What the channel is called where deliveries are listed."""

ROOM = 3000
"""Bytes that every message has before it is encrypted: push services take 4096 after that."""

TOKEN_LIFE = 12 * 3600
TOPIC_BYTES, SALT_BYTES = 16, 16
TRIAL_LIFE, DECIDED_LIFE = 60, 3600
MORE = "…"
GONE = frozenset({404, 410})
TOO_MANY, SERVER_FAULT, ANSWERED_WELL = 429, 500, range(200, 300)

log = structlog.get_logger()

type Answer = Literal["accepted", "gone", "later", "refused"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one message to one browser; `why` names nothing secret."""

    answer: Answer
    why: str = ""


class Posted(Protocol):
    @property
    def status(self) -> int: ...


class Poster(Protocol):
    """Posts once, to a checked address, and follows nothing."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted: ...


@dataclass(frozen=True, slots=True)
class Push:
    """`services` are the operator's own push services; `contact` is for those who run the others."""

    poster: Poster
    key: ec.EllipticCurvePrivateKey
    contact: str | None
    services: Sequence[str]
    now: Callable[[], int]

    async def send(self, subscription: Subscription, message: bytes, ttl: int, topic: str) -> Pushed:
        """Never raises for what a push service does or does not do."""
        try:
            service_of(subscription.endpoint, self.services)
            body = self._encrypted(subscription, message)
            reply = await self.poster.post(
                subscription.endpoint, body, self._headers(subscription, ttl, topic)
            )
        except (ValueError, Forbidden):
            return Pushed("refused", "not a push service that may be posted to")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Pushed("later", type(error).__name__)
        return _read(reply.status)

    def _headers(self, subscription: Subscription, ttl: int, topic: str) -> dict[str, str]:
        parts = urlsplit(subscription.endpoint)
        return {
            "Authorization": authorization(
                self.key,
                audience=f"{parts.scheme}://{parts.netloc}",
                expires=self.now() + TOKEN_LIFE,
                contact=self.contact,
            ),
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(max(0, ttl)),
            "Topic": topic,
            "Urgency": "high",
        }

    @staticmethod
    def _encrypted(subscription: Subscription, message: bytes) -> bytes:
        return encrypt(
            message,
            p256dh=subscription.p256dh,
            auth=subscription.auth,
            sender=ec.generate_private_key(ec.SECP256R1()),
            salt=secrets.token_bytes(SALT_BYTES),
            length=ROOM,
        )


@dataclass(frozen=True, slots=True)
class PushChannel:
    """Fulfils `channel.Channel`: every browser of one person; a browser that is gone is forgotten."""

    push: Push
    store: Store
    directory: Directory
    personal: bool = True
    withdraws: bool = True

    def has(self, person: str) -> bool:
        return person in self.directory.subscriptions

    async def send(self, message: Message, to: str) -> Outcome:
        """Accepted if one of the person's browsers will have it: they are one person."""
        browsers = self.directory.subscriptions.get(to, ())
        pushed = await asyncio.gather(*(self.one(browser, message) for browser in browsers))
        if any(each.answer == "accepted" for each in pushed):
            return Accepted()
        why = "; ".join(sorted({each.why for each in pushed})) or "no browser is turned on"
        return Failed(why, again=any(each.answer == "later" for each in pushed))

    async def one(self, browser: Subscription, message: Message) -> Pushed:
        left = time_left(message, self.push.now())
        pushed = await self.push.send(browser, encoded(message), left, topic_of(message))
        if pushed.answer == "gone":
            await self._forget(browser)
        return pushed

    async def _forget(self, browser: Subscription) -> None:
        """The push service says that the browser is not there any more; it is asked no second time."""
        row = Row(
            Kind.PERSON,
            decision="device_gone",
            person="gateway",
            detail=f"{browser.person}, {browser.device}",
        )
        try:
            if isinstance(await self.store.apply(RemoveSubscription(browser.id), [row]), Done):
                await self.directory.refresh_subscriptions()
        except StoreError as error:
            log.warning("push.not_forgotten", error=str(error))


def encoded(message: Message) -> bytes:
    """What the service worker reads, within ROOM whatever it says: the text gives way, then the title."""
    said = {
        "title": message.title,
        "body": message.text,
        "tag": message.envelope or "test",
        "url": urlsplit(message.link).path,
        "decided": message.kind == "decided",
    }
    for name in ("body", "title"):
        over = len(_json(said)) - ROOM
        if over > 0:
            said[name] = _shorter(str(said[name]), over)
    return _json(said)


def topic_of(message: Message) -> str:
    """The same for all that is said of one envelope, so that what was not delivered yet is replaced."""
    return b64u(hashlib.sha256(message.envelope.encode()).digest()[:TOPIC_BYTES])


def time_left(message: Message, now: int) -> int:
    """For how many seconds a push service keeps it for a browser that is away."""
    if message.kind == "asked":
        return max(0, int(datetime.fromisoformat(message.facts["expires_at"]).timestamp()) - now)
    return DECIDED_LIFE if message.kind == "decided" else TRIAL_LIFE


def _read(status: int) -> Pushed:
    if status in ANSWERED_WELL:
        return Pushed("accepted")
    if status in GONE:
        return Pushed("gone", "the browser is gone")
    later = status == TOO_MANY or status >= SERVER_FAULT
    return Pushed("later" if later else "refused", f"the push service answered {status}")


def _json(said: Mapping[str, object]) -> bytes:
    """What is no text, as half a surrogate pair, is a question mark."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _shorter(text: str, over: int) -> str:
    """Without so many bytes of its end, as JSON counts them, and with a sign that something is missing."""
    over += len(MORE.encode())
    kept = len(text)
    while kept and over > 0:
        kept -= 1
        over -= len(_json({"": text[kept]})) - len(_json({"": ""}))
    return text[:kept] + MORE
