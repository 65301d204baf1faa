"""The rows of the log: everything that was decided, by whom and how; never a value that is to stay hidden."""

from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any

from gateway.values import dataclass


class Kind(StrEnum):
    """What a row records."""

    DECISION = "decision"
    SIGNATURE = "signature"
    MINT = "mint"
    AUTHORISED = "authorised"
    OUTCOME = "outcome"
    END = "end"
    KEPT = "kept"
    REFUSED = "refused"
    REVEAL = "reveal"
    MISMATCH = "mismatch"
    CONFIG = "config"
    AGENT = "agent"
    PERSON = "person"
    DELEGATION = "delegation"
    ESCALATION = "escalation"
    SESSION = "session"
    TUNNEL = "tunnel"
    STORE = "store"
    GRANT = "grant"
    BREAK_GLASS = "break_glass"
    REVIEW = "review"
    PROGRAM = "program"
    DELEGATE = "delegate"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry. `seq` and `at` are the store's; the rest says who, what, and how it was decided."""

    kind: Kind
    decision: str | None = None
    reason: str | None = None
    agent: str | None = None
    run: str | None = None
    address: str | None = None
    envelope: str | None = None
    action: str | None = None
    resource: str | None = None
    method: str | None = None
    host: str | None = None
    person: str | None = None
    decision_method: str | None = None
    credential_id: str | None = None
    cosigner: str | None = None
    grant_id: str | None = None
    outcome: str | None = None
    status: int | None = None
    config_digest: str | None = None
    detail: str | None = None

    def columns(self) -> dict[str, Any]:
        return asdict(self)


COLUMNS = tuple(field.name for field in fields(Row))
FILTERABLE = frozenset(COLUMNS) - {"detail", "config_digest"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with its place in the log; `at_ms` is milliseconds since the epoch, by the store's clock."""

    seq: int
    at_ms: int
    row: Row


def parse_filter(text: str) -> dict[str, str]:
    """`decision:step_up agent:ci-bot` as column and value; anything else is a sentence for the reader."""
    wanted: dict[str, str] = {}
    for word in text.split():
        column, mark, value = word.partition(":")
        if not mark or column not in FILTERABLE or not value:
            known = ", ".join(sorted(FILTERABLE))
            raise ValueError(f"“{word}” is not a filter: write column:value, with one of {known}.")
        wanted[column] = value
    return wanted
