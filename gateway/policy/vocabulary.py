"""What a schema declares: the actions with their groups, the entity types, the names of attributes.

Cedar alone decides whether a policy or an entity fits its schema. These names slice the policies by action,
and they say what a misspelt word was meant to be.
"""

import json
from collections.abc import Mapping

from cedarpy import Entities

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.policy.schemas import Schemas
from gateway.policy.tokens import words_of
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Vocabulary:
    groups: Mapping[str, frozenset[str]]
    """Each action's id, with the ids of every group above it."""
    applying: frozenset[str]
    """The actions that can be asked about; the others are only groups."""
    types: frozenset[str]
    attributes: frozenset[str]

    def as_plain(self) -> tuple[object, ...]:
        """As it may be kept, and made again by `from_plain`."""
        return dict(self.groups), self.applying, self.types, self.attributes

    @classmethod
    def from_plain(cls, kept: object) -> "Vocabulary | None":
        match kept:
            case (dict() as groups, frozenset() as applying, frozenset() as types, frozenset() as attributes):
                return cls(groups, applying, types, attributes)
            case _:
                return None

    def members(self, group: str) -> frozenset[str]:
        """The actions that can be asked about and are the group itself or below it."""
        return frozenset(name for name in self.applying if name == group or group in self.groups[name])


def read_vocabulary(schemas: Schemas) -> Vocabulary:
    """A broken schema is a ConfigErrors: it is generated, so the templates are where to look."""
    try:
        declared = json.loads(str(Entities.from_json_str("[]", schemas.whole)))
    except ValueError as error:
        broken = ConfigError(
            f"Cedar refuses the schema made from the templates: {error}.", Place("the generated schema")
        )
        raise ConfigErrors((broken,)) from error
    words = words_of(schemas.text)
    return Vocabulary(
        groups=_closed({_name(each["uid"]): _names(each["parents"]) for each in declared}),
        applying=_applying(words),
        types=_types(words),
        attributes=_attributes(words),
    )


def _name(uid: Mapping[str, str]) -> str:
    """Actions live in the root namespace; one that does not keeps its type, to be taken for no other."""
    return uid["id"] if uid["type"] == "Action" else f"{uid['type']}::{uid['id']}"


def _names(uids: list[Mapping[str, str]]) -> list[str]:
    return [_name(uid) for uid in uids]


def _closed(parents: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    """Every ancestor of each action; Cedar has refused circles before."""

    def above(name: str) -> frozenset[str]:
        return frozenset(parents[name]).union(*(above(parent) for parent in parents[name]))

    return {name: above(name) for name in parents}


def _unquoted(word: str) -> str:
    return word.strip('"')


def _attributes(words: list[str]) -> frozenset[str]:
    """Whatever stands before a colon, with or without a question mark."""
    colons = [at for at, word in enumerate(words) if word == ":"]
    before = {words[at - 2] if words[at - 1] == "?" else words[at - 1] for at in colons}
    return frozenset(_unquoted(name) for name in before if name[0] == '"' or name.isidentifier())


def _declared(words: list[str], at: int) -> list[str]:
    """The names after `entity` or `action`, separated by commas."""
    names = [_unquoted(words[at + 1])]
    while words[at + 2] == ",":
        at += 2
        names.append(_unquoted(words[at + 1]))
    return names


def _applying(words: list[str]) -> frozenset[str]:
    applying: set[str] = set()
    for at, word in enumerate(words):
        if word == "action" and _starts_declaration(words, at):
            end = words.index(";", at)
            if "appliesTo" in words[at:end]:
                applying.update(_declared(words, at))
    return frozenset(applying)


def _types(words: list[str]) -> frozenset[str]:
    namespace, depth = "", 0
    types: set[str] = set()
    for at, word in enumerate(words):
        if word == "namespace" and depth == 0:
            namespace = "".join(words[at + 1 : words.index("{", at)]) + "::"
        elif word == "entity" and _starts_declaration(words, at):
            types.update(namespace + name for name in _declared(words, at))
        depth += (word == "{") - (word == "}")
        if depth == 0 and word == "}":
            namespace = ""
    return frozenset(types)


def _starts_declaration(words: list[str], at: int) -> bool:
    """A declaration follows another's end, a namespace's brace or an annotation, and is no attribute."""
    return (at == 0 or words[at - 1] in {";", "{", "}", ")"}) and words[at + 1] not in {":", "?"}
