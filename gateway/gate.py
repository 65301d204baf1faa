"""The seam between the engine, which moves bytes, and the rules, which decide about them."""

import asyncio
from typing import Literal, Protocol

from gateway.errors import Refusal
from gateway.model import Caller, Request
from gateway.outcomes import AnswerReader, Said
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets without anything going upstream.

    A genuine answer of the gateway carries `Secondsig-Gateway`: the engine strips every `Secondsig-*`
    header from what upstreams say, so no upstream can pass off a problem as the gateway's.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason_phrase: str | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """The request goes upstream as it came, without what was meant for the gateway."""


type Outcome = Said | Literal["not_sent", "unknown"]
"""Answered: completed, failed where its template reads a no in the answer, unclear where it could not."""


class OutcomeSink(Protocol):
    """Hears once how a release ended. Never raises, never waits."""

    def __call__(self, outcome: Outcome, status: int | None, detail: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Release:
    """Exactly these bytes go upstream, once, on a connection of their own; `done` hears how it ended.

    With a `reader` that is known only at the end of the answer, which passes on as it comes all the same.
    """

    id: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    done: OutcomeSink
    reader: AnswerReader | None = None


MAX_CARRIED = 1024 * 1024
"""Bytes of an answer that are kept where no client takes it at once."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was answered to a release that no client waits for; `body` is None where `lost` says why."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    lost: Literal["too_long", "broke_off"] | None = None


class Courier(Protocol):
    async def carry(self, release: Release, request: Request) -> Carried | None:
        """Send a release where its request was to go, without a client; None where no answer came.

        With every promise that a release has on a client's connection; its sink has heard how it ended.
        """
        ...


class Gate(Protocol):
    """What the engine asks. Any exception but a Refusal is a fault, and refuses with 503."""

    def identify(self, proxy_authorization: tuple[str, ...], peer: str) -> Caller:
        """The agent these credentials prove; asked again for each request inside a tunnel."""
        ...

    def destination(self, caller: Caller, scheme: str, host: str, port: int) -> None:
        """Raise a Refusal unless requests may go there at all."""
        ...

    def internal(self, host: str) -> bool:
        """Whether the gate answers for this host itself; it is never dialled then."""
        ...

    def tunnel_untouched(self, host: str) -> bool:
        """Whether connections to this host pass as raw bytes, unread."""
        ...

    def tunnel_opened(self, caller: Caller, host: str, port: int) -> None:
        """A raw tunnel starts; nothing more will be heard of it."""
        ...

    def needs_http1(self, host: str) -> bool:
        """Whether requests to this host may wait for a person, so that HTTP/1.1 is offered."""
        ...

    def body_limit(self, caller: Caller, host: str) -> int:
        """The most bytes of a request's body that are read before it is refused."""
        ...

    async def decide(self, request: Request, gone: asyncio.Event) -> Answer | Forward | Release:
        """Judge one whole request; `gone` is set when its client leaves. May raise a Refusal."""
        ...

    def refused(self, caller: Caller | None, refusal: Refusal, where: str, request_line: str) -> Answer:
        """Record a refusal and put it into words. `where` is host:port, `request_line` method and target."""
        ...
