"""Every error has its place in one tree, and says in one sentence what happened and what to do."""

from dataclasses import field
from enum import StrEnum

from gateway.values import dataclass


class SecondsigError(Exception):
    """The root: whatever the gateway raises on purpose."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class ConfigError(SecondsigError):
    """A file of the operator's is wrong: where, what, and how to mend it."""

    def __init__(self, message: str, place: Place | None = None, hint: str | None = None) -> None:
        self.message, self.place, self.hint = message, place, hint
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return where + self.message + (f" {self.hint}" if self.hint else "")


class UsageError(SecondsigError):
    """A command cannot be carried out as it was given."""


class StoreError(SecondsigError):
    """The store cannot promise what it was asked for; nothing may go on that depends on it."""


class Reason(StrEnum):
    """Why a request was refused. The agent sees the word; docs/reference/refusals.md says what to do."""

    REQUIRES_STEP_UP = "requires_step_up"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_TIMEOUT = "approval_timeout"
    POLICY_DENIED = "policy_denied"
    UNMAPPED = "unmapped"
    RATE_LIMITED = "rate_limited"
    AMBIGUOUS_REQUEST = "ambiguous_request"
    DESTINATION_REFUSED = "destination_refused"
    UNAUTHENTICATED_AGENT = "unauthenticated_agent"
    NO_APPROVER_REACHABLE = "no_approver_reachable"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    REVOKED = "revoked"
    CONFIG_CHANGED = "config_changed"
    BODY_TOO_LARGE = "body_too_large"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_UNKNOWN = "upstream_unknown"
    COSIGNER_INVALID = "cosigner_invalid"
    AGENT_PAUSED = "agent_paused"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"


STATUS = {
    Reason.UNAUTHENTICATED_AGENT: 407,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UPSTREAM_UNREACHABLE: 502,
    Reason.UPSTREAM_UNKNOWN: 502,
    Reason.GATEWAY_UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class About:
    """What a refusal adds when it belongs to an envelope."""

    envelope: str
    expires_at: str | None = None
    secret: str | None = None
    note: str | None = None


@dataclass(eq=False)
class Refusal(SecondsigError):
    """A request does not go upstream. `detail` is one sentence that a language model can act on."""

    reason: Reason
    detail: str
    retryable: bool = False
    retry_after: int | None = None
    about: About | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.detail)

    @property
    def status(self) -> int:
        return STATUS.get(self.reason, 403)


def ambiguous(detail: str) -> Refusal:
    """The request can be read in more than one way, so nobody can say what would be approved."""
    return Refusal(Reason.AMBIGUOUS_REQUEST, detail)


class ConfigErrors(SecondsigError):
    """Everything that is wrong with the operator's files, found in one reading; never empty."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        self.errors = errors
        super().__init__("\n".join(str(error) for error in errors))
