"""How an upstream reads bodies: the most specific rule that fits a request wins."""

from collections.abc import Mapping
from typing import cast

from gateway.decoded import Kind
from gateway.errors import ConfigError, Place
from gateway.model import Request
from gateway.templates.fields import Fields, items, members, scalar_text
from gateway.templates.hosts import HostPattern
from gateway.templates.matching import Match, both, read_match, within
from gateway.templates.params import Param
from gateway.templates.view import ArgSource, BodyRule, Split, View
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

KINDS: tuple[Kind, ...] = ("json", "form", "text", "opaque", "xml", "multipart", "yaml", "git", "stream")
ARGS: tuple[ArgSource, ...] = ("form", "query", "json", "multipart")
SPLITS: Mapping[Split, Kind] = {
    "graphql": "json",
    "jsonrpc": "json",
    "git": "git",
    "multipart/mixed": "multipart",
}
"""How a body is split into units, and the reader that this needs."""


@dataclass(frozen=True, slots=True)
class DecodeRule:
    place: Place
    at: Match | None
    rule: BodyRule


class Decoding:
    """The rules of a service, the most specific first; without any, the content type decides."""

    def __init__(self, rules: tuple[DecodeRule, ...]) -> None:
        self.special = _ordered([rule for rule in rules if rule.at is not None])
        general = [rule for rule in rules if rule.at is None]
        if len(general) > 1:
            raise ConfigError('Two decode rules have no "at".', general[1].place, "Keep one of them.")
        self.general = general[0].rule if general else BodyRule()

    def find(self, request: Request, query: str | None, segments: list[str]) -> BodyRule:
        for rule in self.special:
            if rule.at is not None and _fits(rule.at, request, query, segments):
                return rule.rule
        return self.general


def _fits(at: Match, request: Request, query: str | None, segments: list[str]) -> bool:
    if at.methods is not None and request.method not in at.methods:
        return False
    if all(host.match(request.scheme, request.host, request.port) is None for host in at.hosts):
        return False
    if at.paths is not None and all(path.match(segments) is None for path in at.paths):
        return False
    return at.conditions_hold(View(request, query, BodyRule(kinds=())))


def _ordered(rules: list[DecodeRule]) -> tuple[DecodeRule, ...]:
    """Insertion by containment; two that overlap unordered are an error."""
    made: list[DecodeRule] = []
    for rule in rules:
        position = 0
        for index, other in enumerate(made):
            one, two = cast("Match", rule.at), cast("Match", other.at)
            inside, outside = within(one, two), within(two, one)
            witness = both(one, two)
            if inside == outside and witness is not None:
                raise ConfigError(
                    f"Two decode rules fit one request, as {witness}.", rule.place, f"See also {other.place}."
                )
            if outside:
                position = index + 1
        made.insert(position, rule)
    return tuple(made)


def read_decoding(node: Yaml | None, hosts: tuple[HostPattern, ...], params: Mapping[str, Param]) -> Decoding:
    return Decoding(tuple(_read(item, hosts, params) for item in items(node)))


def _read(node: Yaml, hosts: tuple[HostPattern, ...], params: Mapping[str, Param]) -> DecodeRule:
    fields = Fields(node, "A decode rule")
    at, body, args, split = fields.get("at"), fields.get("body"), fields.get("args"), fields.get("split")
    fields.finish()
    match = None if at is None else read_match(at, hosts, params)
    if match is not None and any(found.source.reads_body for found in match.where):
        raise ConfigError("A decode rule cannot depend on the body that it decodes.", match.place)
    return DecodeRule(node.place, match, _rule(body, args, split))


def _rule(body: Yaml | None, args: Yaml | None, split: Yaml | None) -> BodyRule:
    usual = BodyRule()
    places = tuple(cast("ArgSource", _named(item, ARGS)) for item in items(args)) if args else usual.args
    if split is None:
        return BodyRule(_kinds(body) if body else usual.kinds, places)
    named = cast("Split", _named(split, tuple(SPLITS)))
    kinds = _kinds(body) if body else (("*", SPLITS[named]),)
    if not all(kind in {SPLITS[named], "opaque"} for _, kind in kinds):
        raise ConfigError(f"The split {named} needs the reader {SPLITS[named]}.", split.place)
    return BodyRule(kinds, places, named)


def _kinds(node: Yaml) -> tuple[tuple[str, Kind], ...]:
    if not isinstance(node.value, dict):
        return (("*", cast("Kind", _named(node, KINDS))),)
    return tuple(
        (key.text.lower(), cast("Kind", _named(item, KINDS))) for key, item in members(node, '"body"')
    )


def _named(node: Yaml, known: tuple[str, ...]) -> str:
    name = scalar_text(node, "A reader")
    if name not in known:
        raise ConfigError(f'There is no reader "{name}".', node.place, f"There are: {', '.join(known)}.")
    return name
