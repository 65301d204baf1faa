"""Builds a request that an action should win: its path, its conditions, what its context needs."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from gateway.errors import Refusal
from gateway.model import Caller, Request
from gateway.templates.action import Action
from gateway.templates.conditions import ABSENT, ValueSet
from gateway.templates.paths import parse_path
from gateway.templates.reading import key_tokens
from gateway.templates.service import Service
from gateway.templates.values import ContextField
from gateway.templates.view import BodyRule

CALLER = Caller("author", "tok_author", None, "127.0.0.1")
type Plain = str | int | bool | dict[str, Any] | None

_USUAL = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain",
    "opaque": "application/octet-stream",
}


class Unbuildable(Exception):
    """The action reads what this cannot write."""


@dataclass
class Parts:
    """A request while it is being put together."""

    method: str
    url: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    json: Any = None
    form: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = ""

    def request(self) -> Request:
        parts = urlsplit(self.url)
        scheme: Literal["https", "http"] = "http" if parts.scheme == "http" else "https"
        port = parts.port or (443 if scheme == "https" else 80)
        target = self.url.partition("://")[2].partition("/")[2]
        if self.query:
            target += ("&" if "?" in target else "?") + urlencode(self.query, quote_via=quote)
        body, content_type = self._body()
        headers = [*self.headers, *([("content-type", content_type)] if body else [])]
        host = (parts.hostname or "").lower()
        return Request(CALLER, self.method, scheme, host, port, f"/{target}", tuple(headers), body)

    def _body(self) -> tuple[bytes, str]:
        if self.json is not None:
            return json.dumps(self.json).encode(), self.content_type or _USUAL["json"]
        if self.form:
            return urlencode(self.form).encode(), self.content_type or _USUAL["form"]
        return b"", ""


def build(service: Service, action: Action, parts: Parts) -> Request:
    """Raises Unbuildable. Only mapping it shows whether the action really wins."""
    writer = _Writer(parts, _rule(service, parts))
    for each in action.fields:
        _fill_field(writer, each)
    for condition in action.match.where if action.match is not None else ():
        _fulfil(writer, condition.source.text, condition.allowed)
    return parts.request()


def _rule(service: Service, parts: Parts) -> BodyRule:
    """How the service reads bodies there; as it usually does, if that depends on what is not yet known."""
    request = parts.request()
    path, _, query = request.target.partition("?")
    try:
        return service.decoding.find(request, query or None, parse_path(path))
    except Refusal:
        return service.decoding.general


def _fill_field(writer: "_Writer", each: ContextField) -> None:
    if each.type == "count" or (each.type == "set" and not each.enum):
        return
    if each.money is not None:
        writer.put(each.money.currency.text, "usd")
    writer.put(each.source.text, each.enum[0] if each.enum else _typed(each))


def _typed(each: ContextField) -> Plain:
    if each.type == "bool":
        return True
    return 100 if each.type in {"int", "money"} else f"{each.name}-1"


def _fulfil(writer: "_Writer", selector: str, allowed: ValueSet) -> None:
    if allowed.has(ABSENT):
        writer.drop(selector)
        return
    for tag in (*sorted(allowed.listed), *allowed.samples(), "b:true", "n:1", "o:"):
        if tag != ABSENT and allowed.has(tag):
            writer.put(selector, _untagged(tag))
            return
    raise Unbuildable(selector)


def _untagged(tag: str) -> Plain:
    kind, _, text = tag.partition(":")
    made: dict[str, Plain] = {"b": text == "true", "z": None, "o": {}, "s": text}
    return int(text) if kind == "n" and text.lstrip("-").isdecimal() else made.get(kind, text)


class _Writer:
    """Puts values where selectors read them; a later value replaces an earlier one."""

    def __init__(self, parts: Parts, rule: BodyRule) -> None:
        self.parts, self.rule = parts, rule

    def put(self, selector: str, value: Plain) -> None:
        self.drop(selector)
        kind, _, name = selector.partition(":")
        if selector == "body":
            self._json({} if self.parts.json is None else self.parts.json)
        elif kind == "json":
            self._json(_set(self.parts.json, name.split("/")[1:], value))
        elif kind in {"form", "query"}:
            pairs = self.parts.form if kind == "form" else self.parts.query
            pairs.append((_key(name), _written(value)))
            if kind == "form":
                self.parts.json, self.parts.content_type = None, self._type("form")
        elif kind == "header":
            self.parts.headers.append((name, _written(value)))
        elif kind == "arg":
            self._argument(name, value)
        elif kind != "body.bytes" and not kind.startswith(("path.", "host.")):
            raise Unbuildable(selector)

    def drop(self, selector: str) -> None:
        kind, _, name = selector.partition(":")
        if kind in {"query", "arg"}:
            self.parts.query[:] = [(key, value) for key, value in self.parts.query if key != _key(name)]
        if kind in {"form", "arg"}:
            self.parts.form[:] = [(key, value) for key, value in self.parts.form if key != _key(name)]
        if kind == "header":
            self.parts.headers[:] = [(key, value) for key, value in self.parts.headers if key != name]
        if kind == "json":
            self.parts.json = _without(self.parts.json, name.split("/")[1:])
        if selector == "body":
            self.parts.json, self.parts.form[:] = None, []

    def _argument(self, name: str, value: Plain) -> None:
        """In the body if the service takes arguments there and the method has one, else in the query."""
        kinds, args = {kind for _, kind in self.rule.kinds}, self.rule.args
        bodily = self.parts.method not in {"GET", "HEAD", "DELETE", "OPTIONS"}
        if "form" in args and "form" in kinds and bodily and self.parts.json is None:
            self.put(f"form:{name}", value)
        elif "json" in args and "json" in kinds and bodily:
            self._json(_set(self.parts.json, list(key_tokens(name)), value))
        elif "query" in args:
            self.put(f"query:{name}", value)
        else:
            raise Unbuildable(name)

    def _json(self, value: Any) -> None:
        self.parts.json, self.parts.content_type = value, self._type("json")
        self.parts.form.clear()

    def _type(self, wanted: str) -> str:
        listed = (name for name, kind in self.rule.kinds if kind == wanted and "*" not in name)
        return next(listed, _USUAL[wanted])


def _written(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key(name: str) -> str:
    return name.replace("[*]", "[]")


def _set(document: Any, tokens: list[str], value: Plain) -> Any:
    """The document with the value at the pointer; a `*` is the first item of a list."""
    if not tokens:
        return value
    step, rest = tokens[0].replace("~1", "/").replace("~0", "~"), tokens[1:]
    if step == "*" or (step == "0" and isinstance(document, list)):
        first = document[0] if isinstance(document, list) and document else None
        return [_set(first, rest, value)]
    members = document if isinstance(document, dict) else {}
    return {**members, step: _set(members.get(step), rest, value)}


def _without(document: Any, tokens: list[str]) -> Any:
    if not isinstance(document, dict) or not tokens or tokens[0] not in document:
        return document
    if len(tokens) == 1:
        return {name: item for name, item in document.items() if name != tokens[0]}
    return {**document, tokens[0]: _without(document[tokens[0]], tokens[1:])}
