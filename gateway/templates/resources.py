"""Resources: Cedar entities named from a request, with the parents that its captures name too."""

import re
from collections.abc import Mapping
from dataclasses import field

from gateway.errors import ConfigError, Place, ambiguous
from gateway.model import ContextValue, EntityRef, Money
from gateway.templates.fields import Fields, items, members, suggestion, text, word
from gateway.templates.params import Param, fold_lower
from gateway.templates.patterns import Pattern, parse_path
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

HOST = "Host"
MAX_ID = 2000
_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
RESERVED = frozenset(
    {
        *("Action", "Agent", "Envelope", "Group", "Limits", "Money", "Now", "Person", "Program", "Team"),
        *("Recent", "Spent"),
        *("Bool", "Boolean", "Entity", "EntityOrCommon", "Extension", "Long", "Record", "Set", "String"),
    }
)
"""The gateway's own types and Cedar's: a service's type of the same name would make every policy invalid."""

type Values = Mapping[str, ContextValue]


@dataclass(frozen=True, slots=True)
class IdPattern:
    """Texts and, between them, names: texts[0] names[0] texts[1] …"""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def render(self, values: Values) -> str | None:
        """None where a name is not bound. Two different bindings never give the same id."""
        made = self.texts[0]
        for name, after in zip(self.names, self.texts[1:], strict=True):
            value = values.get(name)
            if value is None or value == "" or isinstance(value, (Money, tuple)):
                return None
            written = str(value) if not isinstance(value, bool) else str(value).lower()
            if after and name != self.names[-1] and after in written:
                raise ambiguous(f"The value of {name!r} holds {after!r}, so the resource cannot be named.")
            made += written + after
        if len(made) > MAX_ID:
            raise ambiguous("The resource's name is too long.")
        return made


@dataclass(frozen=True, slots=True)
class ResourceType:
    name: str
    place: Place
    ids: tuple[IdPattern, ...]
    parents: tuple[str, ...] = ()
    at: tuple[Pattern, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bound:
    """An entity, its parents and theirs; `complete` is false where a declared parent could not be named."""

    entity: EntityRef
    parents: Mapping[EntityRef, tuple[EntityRef, ...]]
    complete: bool


class Resources:
    """The resource types of a service. Every service has `Host` besides its own."""

    def __init__(self, namespace: str, types: Mapping[str, ResourceType]) -> None:
        self.types = types
        self.full = {name: f"{namespace}::{name}" for name in (*types, HOST)}
        self.at = _ordered_at(types)

    def bind(self, name: str, values: Values) -> Bound | None:
        """None where the resource itself cannot be named."""
        entity = self._entity(name, values)
        if entity is None:
            return None
        if name == HOST or not self.types[name].parents:
            return Bound(entity, {entity: ()}, complete=True)
        parents: dict[EntityRef, tuple[EntityRef, ...]] = {}
        return Bound(entity, parents, self._climb(name, entity, values, parents))

    def _entity(self, name: str, values: Values) -> EntityRef | None:
        if name == HOST:
            return EntityRef(self.full[HOST], str(values["host"]))
        for pattern in self.types[name].ids:
            made = pattern.render(values)
            if made is not None:
                return EntityRef(self.full[name], made)
        return None

    def _climb(
        self, name: str, entity: EntityRef, values: Values, parents: dict[EntityRef, tuple[EntityRef, ...]]
    ) -> bool:
        above: list[EntityRef] = []
        complete = True
        for parent in () if name == HOST else self.types[name].parents:
            bound = self._entity(parent, values)
            if bound is None:
                complete = False
                continue
            above.append(bound)
            if bound not in parents:
                complete = self._climb(parent, bound, values, parents) and complete
        parents[entity] = tuple(above)
        return complete

    def deepest(self, segments: list[str]) -> tuple[str, dict[str, str]] | None:
        """The resource that the longest `at` names, with what its path captured."""
        for name, pattern in self.at:
            values = pattern.match(segments[: len(pattern.segments)])
            if values is not None:
                return name, bind_captures(pattern, values)
        return None


def bind_captures(pattern: Pattern, values: list[str]) -> dict[str, str]:
    """Captured values by name, folded where the param says so."""
    bound: dict[str, str] = {}
    for segment, value in zip(pattern.captures, values, strict=True):
        for param, taken in segment.bound(value):
            bound[param.name] = fold_lower(taken, f"The {param.name!r} in the path") if param.fold else taken
    return bound


def _ordered_at(types: Mapping[str, ResourceType]) -> list[tuple[str, Pattern]]:
    """Deepest first, literals before captures."""
    every = [(kind.name, pattern) for kind in types.values() for pattern in kind.at]
    return sorted(every, key=lambda pair: (-len(pair[1].segments), len(pair[1].names)))


def read_resources(node: Yaml | None, params: Mapping[str, Param]) -> dict[str, ResourceType]:
    entries = members(node, '"resources"')
    names = {key.text for key, _ in entries} | {HOST}
    made = {}
    for key, item in entries:
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", key.text) or key.text == HOST:
            raise ConfigError(
                f"{key.text!r} cannot name a resource.", key.place, "Use a word such as Repo, not Host."
            )
        if key.text in RESERVED or re.fullmatch(r"Ctx[0-9]+", key.text):
            raise ConfigError(
                f"{key.text!r} is a type of the gateway's own, so no resource may be called so.",
                key.place,
                f"Use another word, such as Org{key.text}.",
            )
        made[key.text] = _read(key.text, key.place, item, params, names)
    _check_cycles(made)
    return made


def _read(name: str, place: Place, node: Yaml, params: Mapping[str, Param], names: set[str]) -> ResourceType:
    if isinstance(node.value, str):
        return ResourceType(name, place, (parse_id(node),))
    fields = Fields(node, f'The resource "{name}"')
    ids = tuple(parse_id(item) for item in items(fields.need("id")))
    parents = tuple(_parent(item, names) for item in items(fields.get("in")))
    at = tuple(parse_path(text(item, '"at"'), item.place, params) for item in items(fields.get("at")))
    kinds = ("string", "int", "bool", "set")
    attributes = {
        key.text: word(item, "A type", kinds)
        for key, item in members(fields.get("attributes"), '"attributes"')
    }
    fields.finish()
    for pattern in at:
        if pattern.star is not None:
            raise ConfigError(f'The path {pattern.text!r} of "at" cannot hold a {{x*}}.', pattern.place)
        if not any(set(each.names) <= {*pattern.names, "host"} for each in ids):
            raise ConfigError(f"The path {pattern.text!r} does not capture what the id needs.", pattern.place)
    return ResourceType(name, place, ids, parents, at, attributes)


def _parent(node: Yaml, names: set[str]) -> str:
    name = text(node, '"in"')
    if name not in names:
        raise ConfigError(f'There is no resource "{name}".', node.place, suggestion(name, names))
    return name


def parse_id(node: Yaml) -> IdPattern:
    written = text(node, '"id"')
    parts = _NAME.split(written)
    texts, found = tuple(parts[::2]), tuple(parts[1::2])
    if any("{" in piece or "}" in piece for piece in texts) or not found:
        raise ConfigError(f"The id {written!r} must hold names such as {{owner}}.", node.place)
    if any(not piece for piece in texts[1:-1]):
        raise ConfigError(
            f"The id {written!r} must have a sign between two names.", node.place, "For example '/'."
        )
    return IdPattern(texts, found)


def _check_cycles(types: Mapping[str, ResourceType]) -> None:
    def above(name: str, seen: tuple[str, ...]) -> None:
        if name in seen:
            raise ConfigError(f'The resource "{name}" is among its own parents.', types[name].place)
        for parent in types[name].parents if name in types else ():
            above(parent, (*seen, name))

    for name in types:
        above(name, ())
