"""JSON with the place of every value, so that an error in a file can name its line."""

import json
import re
from dataclasses import field
from typing import Any

from gateway.errors import ConfigErrors
from gateway.policy.source import Source
from gateway.values import dataclass

type Pointer = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')


@dataclass
class _Open:
    """An object or array that is not closed yet, and where in it the reader stands."""

    at: str | int
    expects_key: bool
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PlacedJson:
    value: Any
    places: dict[Pointer, int]

    def offset(self, pointer: Pointer) -> int:
        """Where a value's key or, in a list, the value stands; of what is not there, its parent's place."""
        while pointer not in self.places:
            pointer = pointer[:-1]
        return self.places[pointer]


def read_json(source: Source) -> PlacedJson:
    """Broken JSON and keys that stand twice are ConfigErrors."""
    try:
        value = json.loads(source.text)
    except json.JSONDecodeError as error:
        raise ConfigErrors((source.error(f"This is not JSON: {error.msg}.", error.pos),)) from error
    except (RecursionError, ValueError) as error:
        raise ConfigErrors((source.error("This JSON is beyond what can be read.", 0),)) from error
    return PlacedJson(value, _places(source))


def _places(source: Source) -> dict[Pointer, int]:
    """The place of each value; the text is known to be JSON."""
    places: dict[Pointer, int] = {}
    stack: list[_Open] = []
    for match in _TOKEN.finditer(source.text):
        piece, top = match[0], stack[-1] if stack else None
        if top and top.expects_key and piece.startswith('"'):
            _enter_key(source, top, str(json.loads(piece)), match.start())
            places[tuple(each.at for each in stack)] = match.start()
        elif piece in "}]":
            stack.pop()
        elif piece == "," and top:
            _advance(top)
        elif piece != ":":
            places.setdefault(tuple(each.at for each in stack), match.start())
            if piece in "{[":
                stack.append(_Open("" if piece == "{" else 0, expects_key=piece == "{"))
    return places


def _enter_key(source: Source, top: _Open, key: str, offset: int) -> None:
    if key in top.keys:
        raise ConfigErrors(
            (source.error(f'The key "{key}" stands here twice.', offset, "Remove one of them."),)
        )
    top.keys.add(key)
    top.at, top.expects_key = key, False


def _advance(top: _Open) -> None:
    if isinstance(top.at, int):
        top.at += 1
    else:
        top.expects_key = True
