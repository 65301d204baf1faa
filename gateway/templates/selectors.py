"""Selectors: how a template names a place in a request, and the values that stand there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from gateway.bodies import DecodedBody, Json, JsonLeaf, JsonNumber, Pairs, json_leaves
from gateway.errors import ConfigError, Place, ambiguous
from gateway.model import Request
from gateway.templates.fields import suggestion
from gateway.templates.paths import split_target
from gateway.templates.view import BodyRule, View, parse_query


class Compound:
    """A place holds an object or a list where a single value was expected."""


COMPOUND = Compound()

type Found = JsonLeaf | Compound


class Source(Protocol):
    """A parsed selector. `read` gives every value that stands there, none if nothing does."""

    @property
    def text(self) -> str: ...
    @property
    def reads_body(self) -> bool: ...
    def read(self, view: View) -> Sequence[Found]: ...


@dataclass(frozen=True, slots=True)
class Capture:
    name: str
    text: str
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        value = view.captures.get(self.name)
        return () if value is None else (value,)


@dataclass(frozen=True, slots=True)
class BodySize:
    text: str = "body.bytes"
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        return (JsonNumber(len(view.request.body)),)


@dataclass(frozen=True, slots=True)
class BodyPresence:
    """`body`, in conditions only: is there one at all?"""

    text: str = "body"
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        return (COMPOUND,) if view.request.body else ()


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    text: str
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        return tuple(value.strip() for value in view.request.header(self.name))


@dataclass(frozen=True, slots=True)
class JsonPlace:
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        body = view.body
        return read_json(body.json, self.tokens) if body.kind == "json" else ()


@dataclass(frozen=True, slots=True)
class FormPlace:
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        return read_pairs(view.body.form, self.tokens)


@dataclass(frozen=True, slots=True)
class QueryPlace:
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = False

    def read(self, view: View) -> Sequence[Found]:
        return read_pairs(view.query, self.tokens)


@dataclass(frozen=True, slots=True)
class Argument:
    """`arg:x`: in exactly one of the places where the upstream looks for arguments."""

    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        places = [found for source in view.rule.args if (found := self._in(source, view))]
        if len(places) > 1:
            raise ambiguous(f"{self.text[4:]!r} stands in more than one place of the request; send it once.")
        return places[0] if places else ()

    def _in(self, source: str, view: View) -> Sequence[Found]:
        if source == "query":
            return read_pairs(view.query, self.tokens)
        if source == "form":
            return read_pairs(view.body.form, self.tokens)
        return read_json(view.body.json, self.tokens) if view.body.kind == "json" else ()


def read_json(value: Json, tokens: tuple[str, ...]) -> list[Found]:
    """Values at a pointer; `*` is every item of a list, or of an object: its keys at the end, else its values."""
    if not tokens:
        return [COMPOUND if isinstance(value, (dict, list)) else value]
    token, rest = tokens[0], tokens[1:]
    if token == "*":
        if isinstance(value, dict) and not rest:
            return list(value)
        if isinstance(value, (dict, list)):
            below = value.values() if isinstance(value, dict) else value
            return [found for item in below for found in read_json(item, rest)]
        if value is None:
            return []
        raise ambiguous("The JSON body has a single value where a list is read.")
    if isinstance(value, dict):
        if token in value:
            return read_json(value[token], rest)
        if any(key.casefold() == token.casefold() for key in value):
            raise ambiguous(
                f"The JSON body spells {token!r} in another case, which some servers read as the same."
            )
        return []
    if isinstance(value, list):
        return read_json(value[int(token)], rest) if token.isdecimal() and int(token) < len(value) else []
    return []


def read_pairs(pairs: Pairs, wanted: tuple[str, ...]) -> list[Found]:
    """Values of a form's or query's key; `[*]` is `[]` and every number."""
    found: list[Found] = []
    for key, value in pairs:
        tokens = key_tokens(key)
        match = _compare(tokens, wanted)
        if match == "same":
            found.append(value)
        elif match == "conflict":
            raise ambiguous(
                f"The key {key!r} can be read in more than one way; write {_key_text(wanted)!r} once."
            )
    return found


def _compare(tokens: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Same, other, or a key that some reader takes for the wanted one or for a part of it."""
    if tokens[0].casefold() != wanted[0].casefold():
        return "other"
    for token, want in zip(tokens, wanted, strict=False):
        if want == "*" and (token == "" or token.isdecimal()):
            continue
        if token.casefold() != want.casefold():
            # `a[]` or `a[0]` beside `a[x]` is a list and an object at once.
            return "conflict" if token in {"", MALFORMED} else "other"
        if token != want:
            return "conflict"
    return "same" if len(tokens) == len(wanted) else "conflict"


MALFORMED = "["
_KEY = re.compile(r"([^\[\]]*)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


@lru_cache(maxsize=4096)
def key_tokens(key: str) -> tuple[str, ...]:
    """`a[b][]` as ("a", "b", ""); brackets that do not pair give a token that conflicts with every other."""
    found = _KEY.fullmatch(key)
    if found is None:
        return re.split(r"[\[\]]", key)[0], MALFORMED
    return found[1], *_PART.findall(found[2])


def _key_text(tokens: tuple[str, ...]) -> str:
    return tokens[0] + "".join(f"[{token}]" for token in tokens[1:])


_PREFIXES = ("path.", "host.", "body.bytes", "query:", "header:", "json:", "form:", "arg:")
_LATER = (
    "graphql:", "mcp:", "jsonrpc:", "git:", "aws:", "grpc:", "xml:", "multipart:", "yaml:",
)  # fmt: skip
SUPPORTED = f"Supported are: {', '.join(_PREFIXES)}."


def parse_selector(text: str, place: Place) -> Source:
    """A selector of the format; what cannot be read (yet) is an error that names it."""
    if text == "body.bytes":
        return BodySize()
    if text.startswith(("path.", "host.")) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text[5:]):
        return Capture(text[5:], text)
    kind, colon, name = text.partition(":")
    if colon and f"{kind}:" in _LATER:
        raise ConfigError(
            f"The reader {kind!r} in {text!r} is not supported by this version.", place, SUPPORTED
        )
    if not colon or f"{kind}:" not in _PREFIXES:
        near = suggestion(f"{kind}{colon}", _PREFIXES) if colon else SUPPORTED
        raise ConfigError(f"{text!r} does not say where to read.", place, near)
    if not name:
        raise ConfigError(f"{text!r} names nothing.", place)
    if kind == "json":
        return JsonPlace(_pointer(text, name, place), text)
    if kind == "header":
        return _header(text, name, place)
    if key_tokens(name)[-1] == MALFORMED or not key_tokens(name)[0]:
        raise ConfigError(
            f"The brackets in {text!r} do not pair.", place, "Write nested keys as a[b] or a[*]."
        )
    tokens = tuple("*" if token == "" and index else token for index, token in enumerate(key_tokens(name)))
    if kind == "query":
        return QueryPlace(tokens, text)
    return FormPlace(tokens, text) if kind == "form" else Argument(tokens, text)


def _header(text: str, name: str, place: Place) -> Source:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ConfigError(f"{name!r} is not the name of a header.", place)
    return Header(name, text)


def _pointer(text: str, pointer: str, place: Place) -> tuple[str, ...]:
    if not pointer.startswith("/") or re.search(r"~(?![01])", pointer):
        raise ConfigError(f"{text!r} is not a JSON pointer.", place, "Write it as json:/a/b.")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def has_wildcard(source: Source) -> bool:
    return isinstance(source, (JsonPlace, FormPlace, QueryPlace, Argument)) and "*" in source.tokens


_ANYWHERE = Place("selector")


@lru_cache(maxsize=4096)
def _parsed(selector: str) -> Source:
    return parse_selector(selector, _ANYWHERE)


def covers(selector: str, leaf: str) -> bool:
    """Does a redact, secret or volatile selector name this leaf, or something that the leaf is a part of?"""
    outer, inner = _parsed(selector), _parsed(leaf)
    if isinstance(outer, Header) or isinstance(inner, Header):
        return isinstance(outer, type(inner)) and outer.text.lower() == inner.text.lower()
    first, second = _where(outer), _where(inner)
    if first is None or second is None or not first[0] & second[0] or len(first[1]) > len(second[1]):
        return False
    return all(_token_covers(a, b) for a, b in zip(first[1], second[1], strict=False))


def _token_covers(outer: str, inner: str) -> bool:
    return outer in {inner, "*"}


def _where(source: Source) -> tuple[frozenset[str], tuple[str, ...]] | None:
    """The places a selector can stand for, and its path there; an `arg:` may be any of three."""
    if isinstance(source, JsonPlace):
        return frozenset({"json"}), source.tokens
    if isinstance(source, FormPlace):
        return frozenset({"form"}), source.tokens
    if isinstance(source, QueryPlace):
        return frozenset({"query"}), source.tokens
    if isinstance(source, Argument):
        return frozenset({"json", "form", "query"}), source.tokens
    return None


def touches(first: str, second: str) -> bool:
    """Can the two selectors read the same leaf?"""
    return covers(first, second) or covers(second, first)


def select(selector: str, request: Request, body: DecodedBody) -> tuple[str, ...]:
    """Every leaf value that a redact, secret, volatile or show selector names, as text; () if none is there."""
    source = _parsed(selector)
    if isinstance(source, JsonPlace) or (isinstance(source, Argument) and body.kind == "json"):
        inside = _json_texts(body.json, source.tokens) if body.kind == "json" else ()
        return inside or (_query_texts(request, selector) if isinstance(source, Argument) else ())
    if isinstance(source, FormPlace):
        return _pair_texts(body.form, selector)
    if isinstance(source, QueryPlace):
        return _query_texts(request, selector)
    if isinstance(source, Argument):
        return _pair_texts(body.form, selector) + _query_texts(request, selector)
    view = View(request, split_target(request.target)[1], BodyRule())
    return tuple(str(value) for value in source.read(view))


def _query_texts(request: Request, selector: str) -> tuple[str, ...]:
    return _pair_texts(parse_query(split_target(request.target)[1]), selector)


def _pair_texts(pairs: Pairs, selector: str) -> tuple[str, ...]:
    wanted = _where(_parsed(selector))
    tokens = wanted[1] if wanted else ()
    return tuple(
        value
        for key, value in pairs
        if len(key_tokens(key)) >= len(tokens)
        and all(want in {token, "*"} for token, want in zip(key_tokens(key), tokens, strict=False))
    )


def _json_texts(value: Json, tokens: tuple[str, ...]) -> tuple[str, ...]:
    level: list[Json] = [value]
    for token in tokens:
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values() if token == "*" else [item[token]] if token in item else [])
            elif isinstance(item, list):
                below.extend(
                    item if token == "*" else item[int(token) : int(token) + 1] if token.isdecimal() else []
                )
        level = below
    return tuple(leaf_text(leaf) for item in level for _, leaf in json_leaves(item))


def leaf_text(leaf: JsonLeaf) -> str:
    if leaf is None:
        return "null"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return str(leaf)
