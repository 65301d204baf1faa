"""The nouns of the gateway: values only, no behaviour that needs a clock, a socket or a file."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Literal

from gateway.values import dataclass


class Risk(StrEnum):
    """The floor a template sets under the policy's decision; the order is the strictness."""

    LOW = "low"
    STEP_UP = "step_up"
    FORBID = "forbid"


class Effect(StrEnum):
    ALLOW = "allow"
    STEP_UP = "step_up"
    DENY = "deny"


class Mode(StrEnum):
    HOLD = "hold"
    REJECT = "reject"
    ASYNC = "async"


class ServiceMode(StrEnum):
    ENFORCE = "enforce"
    WATCH = "watch"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: the agent that its token proves, the run that token belongs to, the address."""

    agent: str
    token_id: str
    run: str | None
    peer: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off the wire.

    `host` is lower-case ASCII without a trailing dot; `target` is the raw path and query; header names
    keep their case and order, values are decoded as latin-1; `body` is raw, still content-encoded.
    """

    caller: Caller
    method: str
    scheme: Literal["https", "http"]
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    @property
    def url(self) -> str:
        default = 443 if self.scheme == "https" else 80
        port = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A Cedar entity: type with its namespace, and id."""

    type: str
    id: str

    def __str__(self) -> str:
        escaped = self.id.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.type}::"{escaped}"'


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's smallest unit; `currency` is lower-case, `exponent` its decimal places."""

    currency: str
    minor: int
    exponent: int


type ContextValue = str | int | bool | Money | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SummaryPart:
    """A piece of the sentence a person reads: the template's own words, or a value that came from outside."""

    text: str
    is_value: bool = False


type Summary = tuple[SummaryPart, ...]


def summary_text(summary: Summary) -> str:
    return "".join(part.text for part in summary)


@dataclass(frozen=True, slots=True)
class Approval:
    """How people are asked; None means that the operator's default holds."""

    ttl: int | None = None
    quorum: int = 1
    mode: Mode | None = None
    hold_for: int | Literal["auto"] | None = None
    approvers: str | None = None
    batch: str | None = None
    single_use: bool = False


@dataclass(frozen=True, slots=True)
class Bind:
    """What of a request its approval binds: `volatile` selectors are left out, everything else is in."""

    body: Literal["exact", "decoded"] = "exact"
    volatile: tuple[str, ...] = ()
    credential: str = "whole"


@dataclass(frozen=True, slots=True)
class Undo:
    how: Literal["easy", "hard", "never"]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that a request would do, as its template reads it. Cedar is asked about each unit alone."""

    service: str
    action: str
    title: str
    groups: tuple[str, ...]
    access: Literal["read", "write"]
    resource: EntityRef
    parents: Mapping[EntityRef, tuple[EntityRef, ...]]
    context: Mapping[str, ContextValue]
    risk: Risk
    summary: Summary
    approval: Approval = Approval()
    bind: Bind = Bind()
    redact: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    show: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    undo: Undo | None = None
    outcome_failed_when: Mapping[str, ContextValue] | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a request means: its units (never none), and the exact template that said so."""

    units: tuple[Unit, ...]
    service: str
    template_version: str
    template_digest: str


@dataclass(frozen=True, slots=True)
class PolicyReason:
    """A policy that decided, in the words of its @id and @reason annotations."""

    id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says of a whole request, the strictest unit deciding."""

    effect: Effect
    reasons: tuple[PolicyReason, ...] = ()
    quorum: int = 0
    error: str | None = None
    raised_by_template: bool = False
