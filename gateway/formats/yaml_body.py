"""A body in YAML, read only as far as YAML 1.1 and YAML 1.2 agree about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.bodies import MAX_DEPTH, MAX_VALUES, Json, JsonNumber
from gateway.errors import ambiguous
from gateway.formats.refusals import is_bare, read_utf8, shown, too_many

_ODD_BREAKS = re.compile("[\ufeff\u0085\u2028\u2029]")
_BARE_RETURN = re.compile("\r(?!\n)")
_AS_WRITTEN = {"|", ">", "'"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+][0-9]+)?)?")
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "=", "<<"}
_LIKE_A_NUMBER = re.compile(
    r"[-+]?(?:"
    r"0[box][0-9a-f_]*"
    r"|[0-9][0-9_]*(?::[0-9_]+)+(?:\.[0-9_]*)?"
    r"|(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:e[-+]?[0-9_]+)?"
    r"|\.(?:inf|nan)"
    r")|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t \t].*)?",
    re.IGNORECASE | re.DOTALL,
)
"""What some version reads as a number or a date: octal, hexadecimal, sexagesimal, `1e3`, `2001-01-01`."""


def parse_yaml_body(raw: bytes) -> Json:
    """The one document; numbers as written. Refused if any other reader could see another value in it."""
    text = read_utf8(raw, "YAML body")
    if _ODD_BREAKS.search(text) or _BARE_RETURN.search(text):
        raise ambiguous(
            "The YAML body holds a byte order mark or an unusual line break; use plain line feeds."
        )
    builder = _Builder()
    try:
        value = builder.build(_events(text))
    except (yaml.YAMLError, ValueError) as error:
        raise ambiguous("The YAML body cannot be read; send valid YAML.") from error
    if builder.tabs != text.count("\t"):
        raise ambiguous("The YAML body holds a tab outside a block text, where readers differ; use spaces.")
    return value


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _events(text: str) -> Iterator[Any]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Open:
    """A collection that has begun; `key` waits for its value."""

    value: list[Json] | dict[str, Json]
    is_flow: bool
    key: str | None = None
    seen: set[str] = field(default_factory=set)


class _Builder:
    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.done: list[Json] = []
        self.values = 0
        self.tabs = 0
        """Those in a block or between single quotes, which no reader takes for blanks."""

    def build(self, events: Iterator[Any]) -> Json:
        for event in events:
            self._event(event)
        if not self.done:
            raise ambiguous("The YAML body is empty; send a document.")
        return self.done[0]

    def _event(self, event: Any) -> None:
        if isinstance(event, yaml.NodeEvent):
            self._check_node(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.DocumentEndEvent) and event.explicit:
            raise ambiguous("The YAML body ends its document with '...'; leave that out.")
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()

    def _document(self, event: Any) -> None:
        if self.done:
            raise ambiguous("The YAML body holds several documents; send one.")
        if event.version or event.tags:
            raise ambiguous("The YAML body has a directive; leave it out.")

    def _check_node(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise ambiguous("The YAML body has an anchor or an alias; write the value out.")
        if event.tag is not None:
            raise ambiguous(f"The YAML body has the tag {shown(event.tag)}; leave it out.")
        self.values += 1
        if self.values > MAX_VALUES:
            raise too_many("YAML values", MAX_VALUES)

    def _begin(self, event: Any) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise ambiguous(f"The YAML body is nested deeper than {MAX_DEPTH} levels; send a flatter one.")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._wants_key():
            raise ambiguous("A key of the YAML body is not a text; write it as one.")
        value: list[Json] | dict[str, Json] = {} if is_mapping else []
        if self.open:
            self._add(value)
        else:
            self.done.append(value)
        self.open.append(_Open(value, is_flow=bool(event.flow_style)))

    def _scalar(self, event: Any) -> None:
        text = event.value
        is_plain = event.style in {None, ""}
        if not self.open:
            raise ambiguous("The YAML body is one bare value; send a mapping or a list.")
        _check_text(text)
        if event.style in _AS_WRITTEN:
            self.tabs += text.count("\t")
        if is_plain and self.open[-1].is_flow and (":" in text or "?" in text):
            raise ambiguous(f"The YAML text {shown(text)} needs quotes within brackets.")
        if self._wants_key():
            self._key(text, is_plain=is_plain)
        else:
            self._add(_plain(text) if is_plain else text)

    def _wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None

    def _key(self, text: str, *, is_plain: bool) -> None:
        top = self.open[-1]
        if is_plain and (not isinstance(_plain(text), str) or isinstance(_plain(text), JsonNumber)):
            raise ambiguous(f"The YAML key {shown(text)} is not a text; put it in quotes.")
        if not is_bare(text):
            raise ambiguous(f"The YAML key {shown(text)} has blanks or control characters around it.")
        if text.casefold() in top.seen:
            raise ambiguous(f"The YAML body names {shown(text)} twice in one mapping; send each key once.")
        top.seen.add(text.casefold())
        top.key = text

    def _add(self, value: Json) -> None:
        top = self.open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ambiguous("The YAML body holds half of a surrogate pair; send whole characters.") from error


def _plain(text: str) -> Json:
    """What a scalar without quotes means, where all versions of YAML say the same."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NUMBER.fullmatch(text):
        return JsonNumber(text)
    if text.casefold() in _WORDS or _LIKE_A_NUMBER.fullmatch(text):
        raise ambiguous(
            f"Versions of YAML read {shown(text)} differently; put it in quotes or write it plainly."
        )
    return text
