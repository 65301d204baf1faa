"""What redact, secret, volatile and show selectors name in a request: a leaf, or all leaves below a place."""

from functools import lru_cache

from gateway.bodies import Json, Pairs, json_leaves, leaf_text
from gateway.decoded import DecodedBody, xml_leaves
from gateway.errors import Place
from gateway.model import Request
from gateway.templates.paths import split_target
from gateway.templates.reading import key_tokens
from gateway.templates.selectors import (
    Argument,
    FormPlace,
    Header,
    JsonPlace,
    MultipartPlace,
    QueryPlace,
    Source,
    XmlPlace,
    parse_selector,
    pointer_tokens,
)
from gateway.templates.view import BodyRule, View, parse_query

_NOWHERE = Place("selector")
ANYWHERE = ("json", "form", "query", "multipart")
"""Where an `arg:` may stand."""


@lru_cache(maxsize=4096)
def _parsed(selector: str) -> Source:
    return parse_selector(selector, _NOWHERE)


def covers(selector: str, leaf: str) -> bool:
    """Does a redact, secret or volatile selector name this leaf, or something that the leaf is a part of?

    The leaf's name may hold whatever an agent put into a key.
    """
    source = _parsed(selector)
    kind, _, name = leaf.partition(":")
    if isinstance(source, Header):
        return kind == "header" and name.lower() == source.name.lower()
    outer = _where(source)
    if outer is None:
        return False
    places, path = outer
    return any(place in places and _leads_to(path, tokens) for place, tokens in _leaf_places(kind, name))


def _leads_to(path: tuple[str, ...], tokens: tuple[str, ...]) -> bool:
    return len(path) <= len(tokens) and all(
        want in {"*", token} for want, token in zip(path, tokens, strict=False)
    )


def _leaf_places(kind: str, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Where a leaf's name points to; an `arg:` may be in any of four places."""
    if kind == "json":
        return [("json", pointer_tokens(name))]
    if kind in {"form", "query"}:
        return [(kind, key_tokens(name))]
    if kind == "xml":
        return [("xml", tuple(name.split("/")))]
    if kind == "multipart":
        return [("multipart", (name,)), ("multipart", (name.rpartition(".")[0],))]
    return [(place, key_tokens(name)) for place in ANYWHERE] if kind == "arg" else []


def _where(source: Source) -> tuple[frozenset[str], tuple[str, ...]] | None:
    """The places a selector can stand for, and its path there; an `arg:` may be any of four."""
    if isinstance(source, JsonPlace):
        return frozenset({"json"}), source.tokens
    if isinstance(source, FormPlace):
        return frozenset({"form"}), source.tokens
    if isinstance(source, QueryPlace):
        return frozenset({"query"}), source.tokens
    if isinstance(source, Argument):
        return frozenset(ANYWHERE), source.tokens
    if isinstance(source, XmlPlace):
        return frozenset({"xml"}), source.tokens
    if isinstance(source, MultipartPlace):
        return frozenset({"multipart"}), (source.name,)
    return None


@lru_cache(maxsize=65_536)
def touches(first: str, second: str) -> bool:
    """Can the two selectors read the same leaf? Both are a template's."""
    return covers(first, second) or covers(second, first)


def select(selector: str, request: Request, body: DecodedBody) -> tuple[str, ...]:
    """Every leaf value that a redact, secret, volatile or show selector names, as text."""
    source = _parsed(selector)
    if isinstance(source, JsonPlace) or (isinstance(source, Argument) and body.kind == "json"):
        inside = _json_texts(body.json, source.tokens) if body.kind == "json" else ()
        return inside or (_query_texts(request, selector) if isinstance(source, Argument) else ())
    if isinstance(source, FormPlace):
        return _pair_texts(body.form, selector)
    if isinstance(source, QueryPlace):
        return _query_texts(request, selector)
    if isinstance(source, Argument):
        parts = _part_texts(body, source.tokens[0]) if len(source.tokens) == 1 else ()
        return parts + _pair_texts(body.form, selector) + _query_texts(request, selector)
    if isinstance(source, XmlPlace):
        return _xml_texts(body, source.tokens)
    if isinstance(source, MultipartPlace):
        return _part_texts(body, source.name)
    view = View(request, split_target(request.target)[1], BodyRule())
    return tuple(str(value) for value in source.read(view))


def _part_texts(body: DecodedBody, name: str) -> tuple[str, ...]:
    return tuple(part.body.decode("utf-8", "replace") for part in body.parts if part.name == name)


def _xml_texts(body: DecodedBody, tokens: tuple[str, ...]) -> tuple[str, ...]:
    leaves = xml_leaves(body.xml) if body.xml is not None else ()
    return tuple(text for path, text in leaves if _leads_to(tokens, tuple(path.split("/"))))


def _query_texts(request: Request, selector: str) -> tuple[str, ...]:
    return _pair_texts(parse_query(split_target(request.target)[1]), selector)


def _pair_texts(pairs: Pairs, selector: str) -> tuple[str, ...]:
    where = _where(_parsed(selector))
    return tuple(value for key, value in pairs if where is not None and _leads_to(where[1], key_tokens(key)))


def _json_texts(value: Json, tokens: tuple[str, ...]) -> tuple[str, ...]:
    level: list[Json] = [value]
    for step in tokens:
        level = [found for item in level for found in _below(item, step)]
    return tuple(leaf_text(leaf) for item in level for _, leaf in json_leaves(item))


def _below(item: Json, step: str) -> list[Json]:
    if isinstance(item, dict):
        return list(item.values()) if step == "*" else [item[step]] if step in item else []
    if not isinstance(item, list):
        return []
    return item if step == "*" else item[int(step) : int(step) + 1] if step.isdecimal() else []
