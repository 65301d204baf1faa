"""The entities that Cedar may look at: agents, people, teams, groups, limits, resources and actions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from gateway.model import EntityRef
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """`attrs` and `tags` hold Cedar's JSON in its explicit form: `__entity` and `__extn` written out."""

    ref: EntityRef
    parents: frozenset[EntityRef] = frozenset()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)

    def under(self, parents: Iterable[EntityRef]) -> "Entity":
        """The same entity with more parents."""
        added = self.parents.union(parents)
        return self if added == self.parents else replace(self, parents=added)

    def neighbours(self) -> Iterator[EntityRef]:
        """Everything that Cedar can reach from here in one step."""
        yield from self.parents
        yield from _references([self.attrs, self.tags])

    def as_json(self) -> dict[str, Any]:
        return {
            "uid": uid(self.ref),
            "attrs": self.attrs,
            "parents": [uid(parent) for parent in self.parents],
            "tags": self.tags,
        }


type Parents = Mapping[EntityRef, Iterable[EntityRef]]


def uid(ref: EntityRef) -> dict[str, str]:
    return {"type": ref.type, "id": ref.id}


def _references(values: list[Any]) -> Iterator[EntityRef]:
    """The entities that attribute values refer to, at any depth."""
    waiting: list[Any] = list(values)
    while waiting:
        match waiting.pop():
            case {"__entity": {"type": str(kind), "id": str(name)}}:
                yield EntityRef(kind, name)
            case dict() as record:
                waiting.extend(record.values())
            case [*members]:
                waiting.extend(members)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class World:
    """Entities by reference; one that is not listed has no parents and no attributes."""

    entities: Mapping[EntityRef, Entity]

    def reachable(self, roots: Iterable[EntityRef], parents: Parents) -> dict[EntityRef, Entity]:
        """The roots and all that can be reached from them, with a request's own parents united."""
        found: dict[EntityRef, Entity] = {}
        waiting = list(roots)
        while waiting:
            ref = waiting.pop()
            if ref not in found:
                known = self.entities.get(ref) or Entity(ref)
                found[ref] = known.under(parents.get(ref, ()))
                waiting.extend(found[ref].neighbours())
        return found

    def above(self, ref: EntityRef) -> set[EntityRef]:
        """An entity and everything that it is in."""
        found: set[EntityRef] = set()
        waiting = [ref]
        while waiting:
            here = waiting.pop()
            if here not in found:
                found.add(here)
                waiting.extend(self.entities[here].parents if here in self.entities else ())
        return found
