"""Patterns of paths and hosts: literals, captures with affixes, and at most one capture of many segments."""

import re
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property, lru_cache

from gateway.errors import ConfigError, Place
from gateway.templates.language import ANY, Language, chars, concat, literal, one, repeat, without
from gateway.templates.params import Param
from gateway.values import dataclass

SEPARATOR = "\0"
"""Stands between the segments of a path in its language; no segment can hold it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A literal, or a capture between a prefix and a suffix; `star` takes one segment or more.

    With a `second` capture the two are one value here, parted at its last `joint`.
    """

    literal: str | None = None
    param: Param | None = None
    prefix: str = ""
    suffix: str = ""
    star: bool = False
    joint: str = ""
    second: Param | None = None
    hashed: int = field(init=False, repr=False, compare=False)
    """Kept, because comparing templates looks the same few segments up millions of times."""

    def __post_init__(self) -> None:
        parts = self.literal, self.param, self.prefix, self.suffix, self.star, self.joint, self.second
        object.__setattr__(self, "hashed", hash(parts))

    def __hash__(self) -> int:
        return self.hashed

    def take(self, segment: str) -> str | None:
        """The captured value, or None if the segment does not match."""
        if self.param is None:
            return segment if segment == self.literal else None
        if self.prefix or self.suffix:
            if not (segment.startswith(self.prefix) and segment.endswith(self.suffix)):
                return None
            segment = segment[len(self.prefix) : len(segment) - len(self.suffix)]
        first = segment if self.second is None else self._first(segment)
        return segment if self.param.allows(first) else None

    def _first(self, value: str) -> str:
        """What the first of two captures takes of their value; nothing where the second does not fit."""
        first, _, second = value.rpartition(self.joint)
        return first if self.second is not None and self.second.allows(second) else ""

    def take_many(self, segments: list[str], joint: str) -> str | None:
        """As `take`, for a star; the pieces are joined."""
        if self.prefix or self.suffix:
            segments = list(segments)
            if not (segments[0].startswith(self.prefix) and segments[-1].endswith(self.suffix)):
                return None
            segments[0] = segments[0][len(self.prefix) :]
            segments[-1] = segments[-1][: len(segments[-1]) - len(self.suffix)]
        pieces = segments if self.second is None else [*segments[:-1], self._first(segments[-1])]
        if self.param is None or not all(self.param.allows(piece) for piece in pieces):
            return None
        return joint.join(segments)

    def bound(self, value: str) -> list[tuple[Param, str]]:
        """The captures with their values, of a value that was taken."""
        if self.param is None:
            return []
        if self.second is None:
            return [(self.param, value)]
        first, _, second = value.rpartition(self.joint)
        return [(self.param, first), (self.second, second)]

    def language(self, separator: str) -> Language:
        if self.param is None:
            return literal(self.literal or "")
        value = _value(self.param, separator)
        if self.star:
            value = concat(value, repeat(concat(literal(separator), value), 0, None))
        if self.second is not None:
            value = concat(value, literal(self.joint), _value(self.second, separator + self.joint))
        return concat(literal(self.prefix), value, literal(self.suffix))


def _value(param: Param, barred: str) -> Language:
    """What a capture may be, without these signs, and without a slash where it may not hold one."""
    barred += "" if param.slash else "/"
    if param.language is None:
        return repeat(one(without(ANY, chars(barred))), 1, None)
    return _barred(param.language, barred)


def _barred(language: Language, barred: str) -> Language:
    taken = chars(barred)
    edges = [[(without(allowed, taken), target) for allowed, target in out] for out in language.edges]
    return Language(edges, language.empty, language.start, language.end)


@dataclass(frozen=True)
class Pattern:
    """The segments of a path, or the labels of a host."""

    text: str
    place: Place
    segments: tuple[Segment, ...]
    separator: str

    @cached_property
    def captures(self) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.param is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        params = (param for segment in self.segments for param in (segment.param, segment.second))
        return tuple(param.name for param in params if param is not None)

    @cached_property
    def star(self) -> int | None:
        return next((index for index, segment in enumerate(self.segments) if segment.star), None)

    @cached_property
    def language(self) -> Language:
        return self.language_from(0)

    @cached_property
    def _tails(self) -> dict[int, Language]:
        return {}

    def language_from(self, first: int) -> Language:
        """What the segments from this one on match, joined."""
        if first not in self._tails:
            parts: list[Language] = []
            for segment in self.segments[first:]:
                parts += [literal(self.separator)] if parts else []
                parts.append(segment.language(self.separator))
            self._tails[first] = concat(*parts)
        return self._tails[first]

    def match(self, segments: list[str]) -> list[str] | None:
        """The captured values in order, or None."""
        star = self.star
        if star is None:
            if len(segments) != len(self.segments):
                return None
            return _take(self.segments, segments)
        tail = len(self.segments) - star - 1
        if len(segments) < len(self.segments):
            return None
        head = _take(self.segments[:star], segments[:star])
        joint = "/" if self.separator == SEPARATOR else self.separator
        middle = self.segments[star].take_many(segments[star : len(segments) - tail], joint)
        rest = _take(self.segments[star + 1 :], segments[len(segments) - tail :])
        if head is None or middle is None or rest is None:
            return None
        return [*head, middle, *rest]

    def take_rest(self, star: int, segments: list[str], at: int) -> list[str] | None:
        """From the star on, where everything before it is known to match the segments before `at`."""
        end = len(segments) - (len(self.segments) - star - 1)
        if end <= at:
            return None
        middle = self.segments[star].take_many(
            segments[at:end], "/" if self.separator == SEPARATOR else self.separator
        )
        rest = None if middle is None else _take(self.segments[star + 1 :], segments[end:])
        return None if middle is None or rest is None else [middle, *rest]


def _take(patterns: tuple[Segment, ...], segments: list[str]) -> list[str] | None:
    values: list[str] = []
    for pattern, segment in zip(patterns, segments, strict=True):
        value = pattern.take(segment)
        if value is None:
            return None
        if pattern.param is not None:
            values.append(value)
    return values


_CAPTURE = re.compile(
    r"([^{}]*)\{([A-Za-z_][A-Za-z0-9_]*)(\*?)\}(?:([^{}]+)\{([A-Za-z_][A-Za-z0-9_]*)\})?([^{}]*)"
)


def parse_path(text: str, place: Place, params: Mapping[str, Param]) -> Pattern:
    if not text.startswith("/"):
        raise ConfigError(f"The path {text!r} must start with '/'.", place)
    if re.search(r"[%;\\?#\s]|[^\x20-\x7e]", text):
        raise ConfigError(f"The path {text!r} must be written decoded, without query.", place)
    segments = tuple(_segment(part, place, params) for part in text[1:].split("/"))
    if any(segment.literal in {"", ".", ".."} for segment in segments[:-1]):
        raise ConfigError(f"The path {text!r} has an empty or a dot segment.", place)
    return _pattern(text, place, segments, SEPARATOR)


def parse_host(text: str, place: Place, params: Mapping[str, Param]) -> Pattern:
    if text != text.lower() and "{" not in text:
        raise ConfigError(f"The host {text!r} must be written in lower case.", place)
    segments = tuple(_segment(part, place, params) for part in text.split("."))
    for index, segment in enumerate(segments):
        if segment.literal is not None and not re.fullmatch(
            r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", segment.literal
        ):
            raise ConfigError(f"{text!r} is not the name of a host.", place, "Write it as api.example.com.")
        if segment.star and index:
            raise ConfigError(f"In the host {text!r} a {{x*}} may only be the leftmost label.", place)
    return _pattern(text, place, segments, ".")


def _segment(part: str, place: Place, params: Mapping[str, Param]) -> Segment:
    if "{" not in part and "}" not in part:
        return _literal(part)
    found = _CAPTURE.fullmatch(part)
    if found is None:
        hint = "Two are possible with a sign between them, as in {name}:{verb}, the first of many segments."
        raise ConfigError(f"{part!r} must hold one capture, such as {{name}}.", place, hint)
    prefix, name, star, joint, other, suffix = found.groups()
    param = params.get(name, Param(name))
    if star and param.language is not None:
        raise ConfigError(f"{{{name}*}} takes many segments and cannot have a pattern or an enum.", place)
    if other is None:
        return _capture(param, prefix, suffix, bool(star))
    if len(joint) > 1:
        raise ConfigError(f"{part!r} must have a single sign between its two captures.", place)
    return Segment(None, param, prefix, suffix, bool(star), joint, params.get(other, Param(other)))


@lru_cache(maxsize=10_000)
def _literal(part: str) -> Segment:
    """One for all patterns: a template has few words, and many paths."""
    return Segment(literal=part)


@lru_cache(maxsize=10_000)
def _capture(param: Param, prefix: str, suffix: str, star: bool) -> Segment:  # noqa: FBT001  # as it was written
    return Segment(param=param, prefix=prefix, suffix=suffix, star=star)


def _pattern(text: str, place: Place, segments: tuple[Segment, ...], separator: str) -> Pattern:
    made = Pattern(text, place, segments, separator)
    if sum(segment.star for segment in segments) > 1:
        raise ConfigError(f"{text!r} has more than one {{x*}}.", place)
    if len(set(made.names)) < len(made.names):
        raise ConfigError(f"{text!r} names a capture twice.", place)
    return made
