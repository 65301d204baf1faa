"""The sentence a person reads: the template's own words and, kept apart from them, values from outside."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from gateway.errors import ConfigError, Place
from gateway.model import ContextValue, Money, Summary, SummaryPart
from gateway.templates.fields import suggestion
from gateway.templates.money import format_money
from gateway.values import dataclass

MAX_VALUE = 200
MISSING = "(not given)"

_TOKEN = re.compile(r"\[\[|\]\]|\{\{|\}\}|[\[\]{}]|[^\[\]{}]+")
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)

type Values = Mapping[str, ContextValue]


class Knows(Protocol):
    def knows(self, currency: str) -> bool: ...


def clean(value: str) -> str:
    """Invisible and direction-changing characters made visible, long values cut with their length told."""
    if len(value) <= MAX_VALUE and value.isascii() and value.isprintable():
        return value
    shown = _INVISIBLE.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", value[:MAX_VALUE])
    return shown if len(value) <= MAX_VALUE else f"{shown}… ({len(value)} characters)"


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A value in its place; `knows` is asked whether the decimals of money's currency are known."""

    name: str
    filters: tuple[Filter, ...]
    knows: Knows | None = None

    def render(self, values: Values) -> Summary | None:
        """None where there is no value and no word for that."""
        value = values.get(self.name)
        if value is None or value == ():
            return next((text_part(f.argument) for f in self.filters if f.name == "or"), None)
        for wanted in self.filters:
            made = _FILTERS[wanted.name](value, wanted.argument)
            if made is not None:
                return made
        if isinstance(value, Money):
            return value_part(
                format_money(value, known=self.knows is None or self.knows.knows(value.currency))
            )
        if isinstance(value, tuple):
            return _listed(value, "3")
        if isinstance(value, bool):
            return value_part("true" if value else "false")
        return value_part(clean(str(value)))


def text_part(text: str) -> Summary:
    return (SummaryPart(text),)


def value_part(text: str) -> Summary:
    return (SummaryPart(text, is_value=True),)


def _count(value: ContextValue) -> int | None:
    if isinstance(value, tuple):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _plural(value: ContextValue, argument: str) -> Summary | None:
    number = _count(value)
    one, _, many = argument.partition(",")
    return (
        None
        if number is None
        else (*value_part(str(number)), SummaryPart(f" {one if number == 1 else many}"))
    )


def _short(value: ContextValue, argument: str) -> Summary | None:
    if not isinstance(value, str) or len(value) <= int(argument):
        return None
    return value_part(clean(value[: int(argument)]) + "…")


def _listed(value: ContextValue, argument: str) -> Summary | None:
    if not isinstance(value, tuple):
        return None
    shown, more = value[: int(argument)], len(value) - int(argument)
    parts: list[SummaryPart] = []
    for item in shown:
        parts += [SummaryPart(", ")] if parts else []
        parts.append(SummaryPart(clean(item), is_value=True))
    return (*parts, *([SummaryPart(f" and {more} more")] if more > 0 else []))


def _bytes(value: ContextValue, _: str) -> Summary | None:
    number = _count(value)
    if number is None:
        return None
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return (*value_part(f"{number / size:.1f}"), SummaryPart(f" {unit}"))
    return (*value_part(str(number)), SummaryPart(" byte" if number == 1 else " bytes"))


_FILTERS: Mapping[str, Callable[[ContextValue, str], Summary | None]] = {
    "or": lambda _value, _argument: None,
    "plural": _plural,
    "short": _short,
    "list": _listed,
    "bytes": _bytes,
}
_ARGUMENTS = {
    "or": r".+",
    "plural": r"[^,]+,[^,]+",
    "short": r"[1-9][0-9]{0,3}",
    "list": r"[1-9][0-9]?",
    "bytes": "",
}


@dataclass(frozen=True, slots=True)
class Optional:
    """`[…]`: vanishes when a value in it is missing."""

    parts: tuple[str | Value, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    parts: tuple[str | Value | Optional, ...]

    def render(self, values: Values) -> Summary:
        made: list[SummaryPart] = []
        for part in self.parts:
            if isinstance(part, str):
                made.append(SummaryPart(part))
            elif isinstance(part, Value):
                made.extend(part.render(values) or text_part(MISSING))
            else:
                made.extend(_optional(part, values))
        return _merged(made)

    @property
    def names(self) -> frozenset[str]:
        inside = (
            piece for part in self.parts for piece in (part.parts if isinstance(part, Optional) else (part,))
        )
        return frozenset(piece.name for piece in inside if isinstance(piece, Value))


def _optional(part: Optional, values: Values) -> list[SummaryPart]:
    made: list[SummaryPart] = []
    for piece in part.parts:
        rendered = text_part(piece) if isinstance(piece, str) else piece.render(values)
        if rendered is None:
            return []
        made.extend(rendered)
    return made


def _merged(parts: Iterable[SummaryPart]) -> Summary:
    """Neighbouring words of the template become one part; values stay apart."""
    merged: list[SummaryPart] = []
    for part in parts:
        if merged and not part.is_value and not merged[-1].is_value:
            merged[-1] = SummaryPart(merged[-1].text + part.text)
        elif part.text:
            merged.append(part)
    return tuple(merged)


def parse_summary(text: str, place: Place, known: Iterable[str], currencies: Mapping[str, Knows]) -> Sentence:
    """A sentence whose every name is a capture or a context field."""
    return _Parser(text, place, frozenset(known), currencies).sentence()


class _Parser:
    def __init__(
        self, text: str, place: Place, known: frozenset[str], currencies: Mapping[str, Knows]
    ) -> None:
        self.tokens: list[str] = _TOKEN.findall(text)
        self.place, self.known, self.currencies = place, known, currencies

    def sentence(self) -> Sentence:
        parts: list[str | Value | Optional] = []
        while self.tokens:
            parts.append(self.optional() if self.tokens[0] == "[" else self.piece())
        return Sentence(tuple(parts))

    def optional(self) -> Optional:
        self.tokens.pop(0)
        parts: list[str | Value] = []
        while self.tokens and self.tokens[0] != "]":
            # `]]` can only be a closing bracket and a next one here, as `[a {b}]]` would be a mistake.
            parts.append(self.piece())
        if not self.tokens:
            raise ConfigError("A '[' in the summary is not closed.", self.place)
        self.tokens.pop(0)
        return Optional(tuple(parts))

    def piece(self) -> str | Value:
        sign = self.tokens.pop(0)
        if sign in {"[[", "]]", "{{", "}}"}:
            return sign[0]
        if sign == "{" and len(self.tokens) > 1 and self.tokens[1] == "}":
            inner = self.tokens.pop(0)
            self.tokens.pop(0)
            return self.value(inner)
        if sign in "[]{}":
            raise ConfigError(
                f"A {sign!r} in the summary stands alone.", self.place, "Double it to mean the sign."
            )
        return sign

    def value(self, inner: str) -> Value:
        name, *filters = inner.split("|")
        if name not in self.known:
            raise ConfigError(f'The summary names "{name}".', self.place, suggestion(name, self.known))
        return Value(name, tuple(self.filter(each) for each in filters), self.currencies.get(name))

    def filter(self, written: str) -> Filter:
        name, _, argument = written.partition(":")
        if name not in _FILTERS:
            raise ConfigError(f'The summary has no filter "{name}".', self.place, suggestion(name, _FILTERS))
        if not re.fullmatch(_ARGUMENTS[name], argument):
            raise ConfigError(f'The filter "{name}" cannot take {argument!r}.', self.place)
        return Filter(name, argument)
