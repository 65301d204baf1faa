"""An operator's file over a template, read by itself: what it says about which actions and versions."""

import hashlib
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.errors import ConfigError, Place
from gateway.templates.fields import Fields, Problems, items, scalar_text, text
from gateway.templates.yaml12 import Key, Yaml, parse_yaml
from gateway.values import dataclass

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """What an overlay says about one action. `changes` has the keys that are an action's own."""

    id: str
    changes: Mapping[Key, Yaml]
    loosen: str | None
    examples: tuple[Yaml, ...]
    place: Place

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key.text for key in self.changes)

    def node(self) -> Yaml:
        return Yaml(dict(self.changes), self.place)


@dataclass(frozen=True, slots=True)
class Overlay:
    """One file, read but not yet laid over anything."""

    service: str
    requires: str
    requires_place: Place
    entries: tuple[Entry, ...]
    unmatched: Entry | None
    examples: tuple[Yaml, ...]
    digest: str
    place: Place


def read_overlay(path: Path, raw: bytes) -> Overlay:
    """The file alone; whether it fits a template is another question."""
    fields = Fields(parse_yaml(raw, str(path)), "The overlay")
    problems = Problems()
    service = problems.attempt(text, fields.need("overlay"), '"overlay"') or ""
    requires = fields.need("requires")
    wanted = problems.attempt(text, requires, '"requires"') or ""
    problems.attempt(_bounds, wanted, requires.place)
    entries = [problems.attempt(_entry, node) for node in items(fields.get("actions"))]
    found = tuple(entry for entry in entries if entry is not None)
    problems.found.extend(_twice(found))
    unmatched = fields.get("unmatched")
    floors = None if unmatched is None else problems.attempt(_floors, unmatched)
    examples = tuple(items(fields.get("examples")))
    problems.attempt(fields.finish)
    problems.raise_if_any()
    digest = hashlib.sha256(raw).hexdigest()
    return Overlay(service, wanted, requires.place, found, floors, examples, digest, fields.place)


def _entry(node: Yaml) -> Entry:
    fields = Fields(node, "The entry")
    name = scalar_text(fields.need("id"), '"id"')
    return _changes(fields, node, name)


def _floors(node: Yaml) -> Entry:
    return _changes(Fields(node, '"unmatched"'), node, "unmatched")


def _changes(fields: Fields, node: Yaml, name: str) -> Entry:
    reason = fields.text("loosen")
    if reason is not None and not 0 < len(reason.strip()) <= MAX_REASON:
        raise ConfigError(
            f'"loosen" must be a reason of at most {MAX_REASON} characters.', fields.place_of("loosen")
        )
    own = fields.members.values()
    kept = {key: item for key, item in own if key.text not in {"loosen", "examples"}}
    return Entry(name, kept, reason, tuple(items(fields.get("examples"))), node.place)


def _twice(entries: Sequence[Entry]) -> list[ConfigError]:
    first: dict[str, Entry] = {}
    return [
        ConfigError(f'"{entry.id}" stands here twice.', entry.place, "Write one entry for it.")
        for entry in entries
        if first.setdefault(entry.id, entry) is not entry
    ]


# Which versions of the template it is for.

_BOUND = re.compile(r"(>=|<=|>|<|==?)([0-9]{1,6}(?:\.[0-9]{1,6}){0,2})")

type Version = tuple[int, ...]

_HOLDS: Mapping[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "==": operator.eq,
}


def _bounds(requires: str, place: Place) -> list[tuple[str, Version]]:
    found = [_BOUND.fullmatch(word) for word in requires.replace(",", " ").split()]
    if not found or None in found:
        raise ConfigError(
            f'"requires" cannot be {requires!r}.', place, 'Write a range of versions, as ">=1.2 <2".'
        )
    return [(bound[1], _version(bound[2])) for bound in found if bound is not None]


def _version(written: str) -> Version:
    numbers = [int(part) for part in written.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def fits(version: str, requires: str, place: Place) -> bool:
    """Whether this version of a template is in the range."""
    own = _version(version)
    return all(_HOLDS[sign](own, bound) for sign, bound in _bounds(requires, place))
