"""The operator's entities.json: Cedar's own format, checked against the schema, its errors placed.

One thing is added to the format: a Team may have `limits` too, which its agents inherit.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cedarpy import Entities, Schema

from gateway.errors import ConfigError, ConfigErrors
from gateway.model import EntityRef
from gateway.policy.json_places import PlacedJson, Pointer, read_json
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source, did_you_mean
from gateway.policy.vocabulary import Vocabulary
from gateway.policy.world import Entity
from gateway.values import dataclass

_KEYS = frozenset({"uid", "attrs", "parents", "tags"})
_MADE_BY_THE_GATEWAY = frozenset({"Action", "Envelope"})
_LONG = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class FileEntities:
    entities: Mapping[EntityRef, Entity]
    team_limits: Mapping[EntityRef, EntityRef]


def read_entities(source: Source, schemas: Schemas, vocabulary: Vocabulary) -> FileEntities:
    """The entities of a file that fits the schema; otherwise ConfigErrors with all that is wrong."""
    placed = read_json(source)
    if not isinstance(placed.value, list):
        raise ConfigErrors((source.error("This must be a list of entities: [ … ].", placed.offset(())),))
    reader = _Reader(source, placed, schemas.types, vocabulary)
    for stage in (reader.misshapen, reader.unknown, reader.unfitting):
        errors = tuple(stage())
        if errors:
            raise ConfigErrors(errors)
    return FileEntities(reader.entities(), reader.team_limits())


def _uid(value: Any) -> EntityRef | None:
    """An entity's reference in either of Cedar's two spellings."""
    match value:
        case {"__entity": inner} if len(value) == 1:
            return _uid(inner)
        case {"type": str(kind), "id": str(name)} if len(value) == 2:  # noqa: PLR2004 - these keys and no other
            return EntityRef(kind, name)
        case _:
            return None


def _unreadable(value: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """What JSON can say and Cedar cannot."""
    match value:
        case float():
            yield at, "Cedar has no fractions: write a whole number of the smallest unit."
        case None:
            yield at, "Cedar has no null: leave the key out."
        case int() if value not in _LONG:
            yield at, "This number is too large for Cedar."
        case dict():
            for key, inner in value.items():
                yield from _unreadable(inner, (*at, key))
        case list():
            for index, inner in enumerate(value):
                yield from _unreadable(inner, (*at, index))
        case _:
            return


@dataclass(frozen=True, slots=True)
class _Reader:
    source: Source
    placed: PlacedJson
    schema: Schema
    vocabulary: Vocabulary

    def _error(self, at: Pointer, message: str, hint: str | None = None) -> ConfigError:
        return self.source.error(message, self.placed.offset(at), hint)

    def _items(self) -> Iterator[tuple[int, Any]]:
        yield from enumerate(self.placed.value)

    def misshapen(self) -> Iterator[ConfigError]:
        """What is not an entity in Cedar's JSON at all."""
        for index, item in self._items():
            if not isinstance(item, dict):
                yield self._error((index,), "An entity is an object with uid, attrs and parents.")
                continue
            for key in item.keys() - _KEYS:
                yield self._error((index, key), f'An entity has no "{key}".', did_you_mean(key, _KEYS))
            if _uid(item.get("uid")) is None:
                yield self._error((index, "uid"), 'An entity needs "uid": {"type": "…", "id": "…"}.')
            yield from self._misshapen_members(index, item)
            for at, message in _unreadable(item, (index,)):
                yield self._error(at, message)

    def _misshapen_members(self, index: int, item: dict[str, Any]) -> Iterator[ConfigError]:
        for key in ("attrs", "tags"):
            if not isinstance(item.get(key, {}), dict):
                yield self._error((index, key), f'"{key}" must be an object.')
        parents = item.get("parents", [])
        if not isinstance(parents, list):
            yield self._error((index, "parents"), '"parents" must be a list.')
            return
        for at, parent in enumerate(parents):
            if _uid(parent) is None:
                yield self._error((index, "parents", at), 'A parent is {"type": "…", "id": "…"}.')

    def _ref(self, index: int) -> EntityRef:
        ref = _uid(self.placed.value[index]["uid"])
        if ref is None:
            raise AssertionError("shapes are checked before names")
        return ref

    def unknown(self) -> Iterator[ConfigError]:
        """Entities that stand twice, types that no schema has, limits that lead nowhere."""
        seen: set[EntityRef] = set()
        for index, item in self._items():
            ref = self._ref(index)
            if ref in seen:
                yield self._error((index, "uid"), f"{ref} stands in this file twice.")
            seen.add(ref)
            yield from self._unknown_type((index, "uid"), ref)
            for at, parent in enumerate(item.get("parents", [])):
                yield from self._unknown_type((index, "parents", at), _uid(parent))
        for index, item in self._items():
            yield from self._lost_limits(index, item, seen)

    def _unknown_type(self, at: Pointer, ref: EntityRef | None) -> Iterator[ConfigError]:
        if ref and ref.type in _MADE_BY_THE_GATEWAY:
            yield self._error(at, f"{ref.type} entities are made by the gateway; remove this one.")
        elif ref and ref.type not in self.vocabulary.types:
            hint = did_you_mean(ref.type, self.vocabulary.types)
            yield self._error(at, f'No entity type "{ref.type}" exists.', hint)

    def _lost_limits(self, index: int, item: dict[str, Any], seen: set[EntityRef]) -> Iterator[ConfigError]:
        if self._ref(index).type not in {"Agent", "Team"} or "limits" not in item.get("attrs", {}):
            return
        limits = _uid(item["attrs"]["limits"])
        at = (index, "attrs", "limits")
        if limits is None or limits.type != "Limits":
            yield self._error(at, '"limits" must be {"type": "Limits", "id": "…"}.')
        elif limits not in seen:
            yield self._error(at, f"{limits} is not in this file.")

    def _for_cedar(self, index: int) -> dict[str, Any]:
        """An entity as the schema has it: a team's limits are ours, not Cedar's."""
        item = self.placed.value[index]
        attrs = item.get("attrs", {})
        if self._ref(index).type == "Team":
            attrs = {name: value for name, value in attrs.items() if name != "limits"}
        return {
            "uid": item["uid"],
            "attrs": attrs,
            "parents": item.get("parents", []),
            "tags": item.get("tags", {}),
        }

    def _fault(self, items: list[dict[str, Any]]) -> str | None:
        try:
            Entities.from_json_str(json.dumps(items), self.schema)
        except ValueError as error:
            return str(error)
        return None

    def unfitting(self) -> Iterator[ConfigError]:
        """What the schema refuses: all at once is quick, one by one finds who it is."""
        items = [self._for_cedar(index) for index, _ in self._items()]
        fault = self._fault(items)
        if fault is None:
            return
        errors = [error for index, item in enumerate(items) for error in self._unfitting_parts(index, item)]
        yield from errors
        if not errors and "transitive closure" in fault:
            yield self._error((), "The parents of some entities lead back to themselves.")
        elif not errors:
            yield self._error((), f"Cedar refuses these entities: {fault}.")

    def _unfitting_parts(self, index: int, item: dict[str, Any]) -> Iterator[ConfigError]:
        """The members without which the entity would fit; or the entity, where it lacks something."""
        bare = item | {"attrs": {}, "parents": [], "tags": {}}
        if self._fault([item]) is None:
            return
        if self._fault([bare]) is not None:
            yield self._error((index, "uid"), f"{self._ref(index)} does not fit the schema.")
            return
        for name, value in item["attrs"].items():
            if self._fault([bare | {"attrs": {name: value}}]) is not None:
                yield self._unfitting_attribute(index, name)
        for at, parent in enumerate(item["parents"]):
            if self._fault([bare | {"parents": [parent]}]) is not None:
                message = f"{self._ref(index)} cannot be in {_uid(parent)}."
                yield self._error((index, "parents", at), message)
        for name, value in item["tags"].items():
            if self._fault([bare | {"tags": {name: value}}]) is not None:
                yield self._error(
                    (index, "tags", name), f'The tag "{name}" is not of the type in the schema.'
                )

    def _unfitting_attribute(self, index: int, name: str) -> ConfigError:
        known = name in self.vocabulary.attributes
        hint = None if known else did_you_mean(name, self.vocabulary.attributes)
        message = f'{self._ref(index)} has no attribute "{name}" of this shape.'
        return self._error((index, "attrs", name), message, hint)

    def entities(self) -> dict[EntityRef, Entity]:
        """Attributes as Cedar prints them, with every reference written out; parents as the file has them."""
        items = [self._for_cedar(index) for index, _ in self._items()]
        printed = json.loads(str(Entities.from_json_str(json.dumps(items), self.schema)))
        by_ref = {_uid(entity["uid"]): entity for entity in printed}
        return {
            ref: _entity(ref, self.placed.value[index].get("parents", []), by_ref[ref])
            for index, ref in ((index, self._ref(index)) for index, _ in self._items())
        }

    def team_limits(self) -> dict[EntityRef, EntityRef]:
        found: dict[EntityRef, EntityRef] = {}
        for index, item in self._items():
            ref = self._ref(index)
            limits = _uid(item.get("attrs", {}).get("limits"))
            if ref.type == "Team" and limits:
                found[ref] = limits
        return found


def _entity(ref: EntityRef, parents: list[Any], printed: dict[str, Any]) -> Entity:
    return Entity(
        ref=ref,
        parents=frozenset(parent for each in parents if (parent := _uid(each))),
        attrs=printed["attrs"],
        tags=printed.get("tags", {}),
    )
