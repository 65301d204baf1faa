"""Selectors: how a template names a place in a request, and the values that stand there."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, cast

from gateway.bodies import JsonNumber
from gateway.errors import ConfigError, Place, ambiguous
from gateway.templates.fields import suggestion
from gateway.templates.part_selectors import GitPlace, GraphqlPlace, McpPlace, part_selector
from gateway.templates.reading import (
    COMPOUND,
    MALFORMED,
    Found,
    key_tokens,
    read_json,
    read_pairs,
    read_parts,
    read_xml_place,
)
from gateway.templates.service_selectors import service_selector
from gateway.templates.view import View
from gateway.values import dataclass


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
        if body.kind == "none":
            return ()
        if body.kind != "json":
            raise ambiguous(f"{self.text!r} is read in JSON, and the body is not JSON; send it as JSON.")
        return read_json(body.json, self.tokens)


@dataclass(frozen=True, slots=True)
class FormPlace:
    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        body = view.body
        if body.kind not in {"form", "none"}:
            raise ambiguous(f"{self.text!r} is read in a form, and the body is not one; send it as a form.")
        return read_pairs(body.form, self.tokens)


@dataclass(frozen=True, slots=True)
class XmlPlace:
    """Elements below the root, by their local names; a last step `@name` is an attribute."""

    tokens: tuple[str, ...]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        body = view.body
        if body.kind == "none":
            return ()
        if body.xml is None:
            raise ambiguous(f"{self.text!r} is read in XML, and the body is not XML; send it as XML.")
        return read_xml_place(body.xml, self.tokens)


@dataclass(frozen=True, slots=True)
class MultipartPlace:
    """A part of a multipart form: its value, or the name or size of the file that it is."""

    name: str
    what: Literal["value", "filename", "bytes"]
    text: str
    reads_body: bool = True

    def read(self, view: View) -> Sequence[Found]:
        body = view.body
        if body.kind not in {"multipart", "none"}:
            raise ambiguous(f"{self.text!r} is read in multipart form data; send the body as that.")
        return read_parts(body.parts, self.name, self.what)


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
        if source == "multipart":
            return read_parts(view.body.parts, self.tokens[0]) if len(self.tokens) == 1 else ()
        return read_json(view.body.json, self.tokens) if view.body.kind == "json" else ()


_PREFIXES = (
    "path.", "host.", "body.bytes", "query:", "header:", "json:", "form:", "arg:", "xml:", "multipart:",
    "graphql:", "mcp:", "git:", "aws:", "grpc:",
)  # fmt: skip
SUPPORTED = f"There are: {', '.join(_PREFIXES)}."


def parse_selector(text: str, place: Place) -> Source:
    """A selector of the format; what cannot be read is an error that names it."""
    if text == "body.bytes":
        return BodySize()
    if text.startswith(("path.", "host.")) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text[5:]):
        return Capture(text[5:], text)
    kind, colon, name = text.partition(":")
    if not colon or f"{kind}:" not in _PREFIXES:
        near = suggestion(f"{kind}{colon}", _PREFIXES) if colon else SUPPORTED
        raise ConfigError(f"{text!r} does not say where to read.", place, near)
    if not name:
        raise ConfigError(f"{text!r} names nothing.", place)
    return _READERS[kind](text, name, place)


def _keyed(text: str, name: str, place: Place) -> Source:
    """A key of a query, a form, or wherever the upstream looks for arguments; it may be nested."""
    if key_tokens(name)[-1] == MALFORMED or not key_tokens(name)[0]:
        raise ConfigError(
            f"The brackets in {text!r} do not pair.", place, "Write nested keys as a[b] or a[*]."
        )
    tokens = tuple("*" if token == "" and index else token for index, token in enumerate(key_tokens(name)))
    if text.startswith("query:"):
        return QueryPlace(tokens, text)
    return FormPlace(tokens, text) if text.startswith("form:") else Argument(tokens, text)


def _json(text: str, name: str, place: Place) -> Source:
    return JsonPlace(_pointer(text, name, place), text)


def _header(text: str, name: str, place: Place) -> Source:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ConfigError(f"{name!r} is not the name of a header.", place)
    return Header(name, text)


def _xml(text: str, name: str, place: Place) -> Source:
    steps = tuple(name.split("/"))
    if not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", step.removeprefix("@")) for step in steps) or any(
        step.startswith("@") for step in steps[:-1]
    ):
        raise ConfigError(f"{text!r} is no path of elements.", place, "Write it as xml:Object/Key.")
    return XmlPlace(steps, text)


def _multipart(text: str, name: str, _: Place) -> Source:
    stem, _dot, what = name.rpartition(".")
    if stem and what in {"filename", "bytes"}:
        return MultipartPlace(stem, cast("Literal['filename', 'bytes']", what), text)
    return MultipartPlace(name, "value", text)


def _pointer(text: str, pointer: str, place: Place) -> tuple[str, ...]:
    if not pointer.startswith("/") or re.search(r"~(?![01])", pointer):
        raise ConfigError(f"{text!r} is not a JSON pointer.", place, "Write it as json:/a/b.")
    return pointer_tokens(pointer)


def pointer_tokens(pointer: str) -> tuple[str, ...]:
    """A JSON pointer's steps; the empty pointer is the whole document."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


_READERS: dict[str, Callable[[str, str, Place], Source]] = {
    "json": _json,
    "header": _header,
    "xml": _xml,
    "multipart": _multipart,
    **dict.fromkeys(("query", "form", "arg"), _keyed),
    **dict.fromkeys(("graphql", "mcp", "git"), part_selector),
    **dict.fromkeys(("aws", "grpc"), service_selector),
}


def looks_into(source: Source, view: View) -> bool:
    """Is this body one that the selector finds values in? Raises where the body cannot be read."""
    if isinstance(source, Argument):
        return view.body.kind in view.rule.args
    if isinstance(source, BodyPresence):
        return view.rule.kind(view.request) not in {None, "opaque", "stream"}
    if isinstance(source, (GraphqlPlace, McpPlace, GitPlace)):
        return view.part is not None and view.rule.kind(view.request) != "none"
    return source.reads_body and view.body.kind == _READ_IN.get(type(source), "form")


_READ_IN: dict[type, str] = {JsonPlace: "json", XmlPlace: "xml", MultipartPlace: "multipart"}


def has_wildcard(source: Source) -> bool:
    return "*" in getattr(source, "tokens", ())


def names_a_leaf(source: Source) -> bool:
    """Does it stand for a value of the request itself, which can be hidden or shown?"""
    return may_be_free(source) or isinstance(source, (XmlPlace, MultipartPlace))


def may_be_free(source: Source) -> bool:
    """Can an approval leave it out?"""
    return isinstance(source, (Header, QueryPlace, FormPlace, JsonPlace, Argument))


def is_typed(source: Source) -> bool:
    """Do values keep their JSON types there? Elsewhere everything is text."""
    return isinstance(source, (JsonPlace, GraphqlPlace, McpPlace)) or (
        isinstance(source, GitPlace) and source.what == "delete"
    )
