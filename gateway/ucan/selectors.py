"""The selectors of UCAN's policy language: paths into an invocation's arguments."""

import json
import re
from collections.abc import Callable

from gateway.ucan.dag import UcanError
from gateway.values import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_INDEX = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_SLICE = re.compile(r"(-?[0-9]{1,15})?:(-?[0-9]{1,15})?", re.ASCII)
_OPTIONAL = re.compile(r"\?*")


class Unresolved(Exception):
    """There is no value at that path."""


@dataclass(frozen=True, slots=True)
class Segment:
    take: Callable[[object], object]
    optional: bool

    def resolve(self, value: object) -> object:
        try:
            return self.take(value)
        except Unresolved:
            if self.optional:
                return None
            raise


type Selector = tuple[Segment, ...]


def parse(text: object) -> Selector:
    """The segments of a selector, left to right; UcanError if it is not one."""
    if not isinstance(text, str) or not text.startswith("."):
        raise UcanError("A selector is text that begins with a dot.")
    if text == ".":
        return ()
    position = 1 if text[1] == "[" else 0
    segments = []
    while position < len(text):
        take, position = _bracket(text, position) if text[position] == "[" else _dotted(text, position)
        marks = _OPTIONAL.match(text, position)
        end = marks.end() if marks else position
        segments.append(Segment(take, optional=end > position))
        position = end
    return tuple(segments)


def resolve(selector: Selector, value: object) -> object:
    """The value at that path; raises Unresolved where there is none."""
    for segment in selector:
        value = segment.resolve(value)
    return value


type _Step = tuple[Callable[[object], object], int]


def _dotted(text: str, position: int) -> _Step:
    name = _NAME.match(text, position + 1) if text[position] == "." else None
    if name is None:
        raise UcanError(f"The selector cannot be read from character {position + 1} on.")
    return _field(name.group()), name.end()


def _bracket(text: str, position: int) -> _Step:
    if text.startswith('["', position):
        return _quoted(text, position + 1)
    end = text.find("]", position)
    inside = text[position + 1 : max(end, position + 1)]
    if end < 0:
        raise UcanError("A selector's bracket is not closed.")
    if not inside:
        return _values, end + 1
    if _INDEX.fullmatch(inside):
        return _element(int(inside)), end + 1
    bounds = _SLICE.fullmatch(inside)
    if bounds is None or inside == ":":
        raise UcanError("A selector's bracket holds a quoted name, an index or a slice.")
    low, high = (int(bound) if bound else None for bound in bounds.groups())
    return _part(slice(low, high)), end + 1


def _quoted(text: str, position: int) -> _Step:
    try:
        name, end = json.JSONDecoder().raw_decode(text, position)
    except ValueError as error:
        raise UcanError("A selector's quoted name cannot be read.") from error
    if text[end : end + 1] != "]":
        raise UcanError("A selector's bracket is not closed.")
    return _field(str(name)), end + 1


def _field(name: str) -> Callable[[object], object]:
    def take(value: object) -> object:
        if not isinstance(value, dict):
            raise Unresolved
        return value.get(name)

    return take


def _values(value: object) -> object:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    raise Unresolved


def _element(index: int) -> Callable[[object], object]:
    def take(value: object) -> object:
        if not isinstance(value, list | bytes):
            raise Unresolved
        try:
            return value[index]
        except IndexError:
            raise Unresolved from None

    return take


def _part(bounds: slice) -> Callable[[object], object]:
    def take(value: object) -> object:
        if not isinstance(value, list | bytes):
            raise Unresolved
        return value[bounds]

    return take
