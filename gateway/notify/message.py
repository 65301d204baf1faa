"""What a notification says: names, a risk and a time, never a value of a request unless an operator wants it.

The link opens the page and is good for nothing else.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Literal

from gateway.envelopes import Envelope
from gateway.payload import utc
from gateway.store.things import DeliveryKind
from gateway.values import dataclass

MAX_TITLE, MAX_TEXT = 120, 600
MORE = "…"

type Kind = DeliveryKind | Literal["test"]

_MARKUP = r"""@#<>&*_`~[]()|\/"'${}!"""
_STAND_INS = str.maketrans(
    _MARKUP,
    "\uff20\uff03\u2039\u203a\uff06\u2217\uff3f\u02cb\u223c\uff3b\uff3d\uff08\uff09\uff5c\uff3c\u2215\u201d\u2019\uff04\uff5b\uff5d\u01c3",
)
"""What some channel reads as markup, a mention or a link, and the character that only looks like it."""

_LINKED_DOT = re.compile(r"\.(?=[^\W\d_])")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Message:
    """One short message. `facts` are the same for machines: names and numbers, nothing of an agent's text."""

    kind: Kind
    envelope: str
    title: str
    text: str
    link: str
    at: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """How many characters a channel takes, counted after escaping."""

    title: int
    text: int


def message_of(
    envelope: Envelope, kind: DeliveryKind, *, origin: str, now: int, values: bool = False
) -> Message:
    """What people are told of an envelope; with `values` also the values that no template hides."""
    said = _sentence(envelope, values=values)
    names = f"{plain(envelope.service)}, risk {envelope.intent_risk}"
    if kind == "decided":
        title, text = f"{envelope.state.capitalize()}: {envelope.agent}", f"{said} ({names})"
    else:
        left = _left(max(0, envelope.expires_at - now))
        title, text = f"{envelope.agent} asks for approval", f"{said} ({names}; {left} left)"
    return Message(
        kind=kind,
        envelope=envelope.id,
        title=_cut(title, MAX_TITLE),
        text=_cut(text, MAX_TEXT),
        link=f"{origin}/approve/{envelope.id}",
        at=envelope.opened_at if kind == "asked" else envelope.decided_at or now,
        facts={
            "envelope": envelope.id,
            "state": str(envelope.state),
            "agent": envelope.agent,
            "service": envelope.service,
            "action": envelope.action,
            "risk": envelope.intent_risk,
            "quorum": envelope.quorum,
            "opened_at": utc(envelope.opened_at),
            "expires_at": utc(envelope.expires_at),
        },
    )


def trial_message(name: str, *, origin: str, now: int) -> Message:
    """What an operator sends to see whether a channel works."""
    return Message(
        kind="test",
        envelope="",
        title=f"Test of {plain(name)}",
        text="Secondsig can reach you here. Nothing has to be decided.",
        link=f"{origin}/app/approvals",
        at=now,
        facts={"gateway": plain(name)},
    )


def fitted(message: Message, limit: Limit, measure: Callable[[str], int] = len) -> tuple[str, str]:
    """Title and body that this channel takes, by their length as it will escape them. A link is never cut."""
    room = limit.text - measure(f"\n{message.link}")
    if room < 0:
        raise ValueError("the channel takes less than a link")
    title, text = _cut(message.title, limit.title, measure), _cut(message.text, room, measure)
    return title, f"{text}\n{message.link}" if text else message.link


def plain(value: str) -> str:
    """A value as text and nothing but text in every channel: no mention, markup or link, nothing unseen."""
    shown = "".join("·" if unicodedata.category(char) in _UNSEEN else char for char in value)
    return _LINKED_DOT.sub("\u2024", shown.translate(_STAND_INS))


def _sentence(envelope: Envelope, *, values: bool) -> str:
    """The template's words; what came from outside stands in it only where it is wanted."""
    parts = [
        part["text"] if "text" in part else plain(part["value"]) if values else MORE
        for part in envelope.list_summary
    ]
    return " ".join("".join(parts).split())


def _left(seconds: int) -> str:
    if seconds < 120:  # noqa: PLR2004  # two minutes
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"  # noqa: PLR2004  # two hours


def _cut(text: str, most: int, measure: Callable[[str], int] = len) -> str:
    """The longest beginning that fits, with a mark where something is missing; nothing if not even that."""
    if measure(text) <= most:
        return text
    fits = bisect_right(range(len(text)), most, key=lambda length: measure(text[:length] + MORE))
    return text[: fits - 1] + MORE if fits else ""
