"""Signed webhooks, as standardwebhooks.com has them: an id, a time and an HMAC over both and the body."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from gateway.canonical import jcs
from gateway.notify.addresses import Forbidden
from gateway.notify.channel import Accepted, Failed, Outcome
from gateway.notify.message import Limit, Message, fitted
from gateway.notify.posting import Poster
from gateway.payload import utc

LIMIT = Limit(200, 2000)
LATER = frozenset({408, 425, 429})
"""Answers of the kind that says the sender is wrong, which may be right at another time."""


@dataclass
class Webhook:
    """One endpoint of the operator's. The same event keeps its id over every try and every start."""

    url: str = field(repr=False)
    key: bytes = field(repr=False)
    poster: Poster
    now: Callable[[], int]
    personal: bool = field(default=False, init=False)
    withdraws: bool = field(default=True, init=False)

    def has(self, person: str) -> bool:
        return True

    async def send(self, message: Message, to: str) -> Outcome:
        body = body_of(message)
        identifier, at = event_id(message), str(self.now())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "secondsig",
            "webhook-id": identifier,
            "webhook-timestamp": at,
            "webhook-signature": signature(self.key, identifier, at, body),
        }
        try:
            reply = await self.poster.post(self.url, body, headers)
        except Forbidden:
            return Failed("address refused", again=False)
        except TimeoutError:
            return Failed("no answer in time", again=True)
        except aiohttp.ClientConnectorCertificateError:
            return Failed("certificate refused", again=True)
        except (aiohttp.ClientError, OSError):
            return Failed("no connection", again=True)
        return outcome_of(reply.status)


def body_of(message: Message) -> bytes:
    title, text = fitted(message, LIMIT)
    data = {**message.facts, "title": title, "text": text, "url": message.link}
    return jcs({"type": f"approval.{message.kind}", "timestamp": utc(message.at), "data": data})


def event_id(message: Message) -> str:
    """What a receiver tells a repetition by; each test is an event of its own."""
    of = message.envelope or f"test_{message.at}"
    return f"msg_{of.removeprefix('env_')}_{message.kind}"


def signature(key: bytes, identifier: str, at: str, body: bytes) -> str:
    digest = hmac.new(key, b".".join((identifier.encode(), at.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def outcome_of(status: int) -> Outcome:
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted()
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Failed("redirected", again=False)
    return Failed(f"answered {status}", again=status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR)
