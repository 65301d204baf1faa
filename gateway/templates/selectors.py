"""Selectors: how a template names a place in a request, and the values that stand there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.bodies import JsonNumber
from gateway.errors import ConfigError, Place, ambiguous
from gateway.templates.fields import suggestion
from gateway.templates.reading import COMPOUND, MALFORMED, Found, key_tokens, read_json, read_pairs
from gateway.templates.view import View


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
        if body.kind == "form":
            raise ambiguous(f"{self.text!r} is read in JSON, and the body is a form; send it as JSON.")
        return read_json(body.json, self.tokens)


@dataclass(frozen=True, slots=True)
class FormPlace:
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        body = view.body
        if body.kind == "json":
            raise ambiguous(f"{self.text!r} is read in a form, and the body is JSON; send it as a form.")
        return read_pairs(body.form, self.tokens)


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
    return pointer_tokens(pointer)


def pointer_tokens(pointer: str) -> tuple[str, ...]:
    """A JSON pointer's steps; the empty pointer is the whole document."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def looks_into(source: Source, view: View) -> bool:
    """Is this body one that the selector finds values in? Raises where the body cannot be read."""
    if isinstance(source, Argument):
        return bool({"form", "json"} & set(view.rule.args)) and view.body.kind in view.rule.args
    if isinstance(source, BodyPresence):
        return view.rule.kind(view.request) in {"json", "form", "text"}
    return source.reads_body and view.body.kind == ("json" if isinstance(source, JsonPlace) else "form")


def has_wildcard(source: Source) -> bool:
    return isinstance(source, (JsonPlace, FormPlace, QueryPlace, Argument)) and "*" in source.tokens
