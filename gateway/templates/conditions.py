"""Conditions: sets of values at a place, comparable with one another; each is true, false or unknown."""

from dataclasses import field

from gateway.bodies import JsonLeaf, JsonNumber
from gateway.errors import ConfigError, Refusal, ambiguous
from gateway.templates.fields import Fields, items, members, text
from gateway.templates.language import ANY, Language, concat, literal, one, repeat
from gateway.templates.language import escape as escapes
from gateway.templates.language import overlap as shared_text
from gateway.templates.reading import Compound, Found
from gateway.templates.selectors import (
    BodyPresence,
    Capture,
    Source,
    has_wildcard,
    is_typed,
    parse_selector,
)
from gateway.templates.view import View
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

ABSENT = ""
"""Stands among tagged values for "nothing is there"."""


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Listed values, or everything but the listed ones, or what a glob matches.

    Values are tagged by type (`s:` text, `n:` number, `b:` true or false, `z:` null), because in JSON
    "false" and false differ.
    """

    listed: frozenset[str] = frozenset()
    negated: bool = False
    glob: str | None = None
    language: Language | None = field(default=None, compare=False)

    def has(self, tag: str) -> bool:
        if self.language is not None:
            return tag.startswith("s:") and self.language.matches(tag[2:])
        return (tag in self.listed) is not self.negated

    def contains(self, other: "ValueSet") -> bool:
        """Sure that every value of the other is one of ours."""
        if other.language is not None:
            return self._contains_glob(other.language)
        if not other.negated:
            return all(self.has(tag) for tag in other.listed)
        return self.negated and self.language is None and self.listed <= other.listed

    def _contains_glob(self, other: Language) -> bool:
        if self.language is not None:
            return escapes(other, self.language) is None
        return self.negated and not any(tag[:2] == "s:" and other.matches(tag[2:]) for tag in self.listed)

    def shared(self, other: "ValueSet") -> str | None:
        """A value of both, or None if there is none."""
        if self.language is not None and other.language is not None:
            common = shared_text(self.language, other.language)
            return None if common is None else f"s:{common}"
        for one_set, two in ((self, other), (other, self)):
            if one_set.language is None and not one_set.negated:
                return min((tag for tag in one_set.listed if two.has(tag)), default=None)
        return next(
            (tag for tag in self.samples() + other.samples() if self.has(tag) and other.has(tag)), None
        )

    def samples(self) -> list[str]:
        words = [f"s:x{'x' * n}" for n in range(len(self.listed) + 1)]
        if self.glob is not None:
            return [f"s:{self.glob.replace('*', word[2:])}" for word in words] + [
                f"s:{self.glob.replace('*', '')}"
            ]
        return [*words, ABSENT]


PRESENT = ValueSet(frozenset({ABSENT}), negated=True)
MISSING = ValueSet(frozenset({ABSENT}))
ANYTHING = ValueSet(negated=True)


@dataclass(frozen=True, slots=True)
class Condition:
    source: Source
    allowed: ValueSet

    def holds(self, view: View) -> bool:
        """Raises the refusal where the answer is unknown."""
        found = view.found(self.source)
        if len(found) > 1:
            raise ambiguous(f"{self.source.text!r} stands there more than once; send it once.")
        if not found:
            return self.allowed.has(ABSENT)
        return self._holds(found[0])

    def _holds(self, value: Found) -> bool:
        if isinstance(value, Compound):
            return self.allowed.has("o:")
        if value is None and (self.allowed.has("z:") != self.allowed.has(ABSENT)):
            raise ambiguous(
                f"{self.source.text!r} is null, which some servers read as missing; leave it out."
            )
        if isinstance(value, JsonNumber):
            self._check_number(value)
        if self.allowed.language is not None and not isinstance(value, str):
            raise ambiguous(f"{self.source.text!r} is not a text.")
        return self.allowed.has(tag_of(value))

    def _check_number(self, value: JsonNumber) -> None:
        """1.0 is 1 to some servers: a number that only looks different from a listed one is unknown."""
        for tag in self.allowed.listed:
            if tag.startswith("n:") and tag[2:] != value and float(tag[2:]) == float(value):
                raise ambiguous(f"{self.source.text!r} writes a number in an unusual way; write {tag[2:]}.")


def tag_of(value: JsonLeaf) -> str:
    if value is None:
        return "z:"
    if isinstance(value, bool):
        return "b:true" if value else "b:false"
    return f"n:{value}" if isinstance(value, JsonNumber) else f"s:{value}"


def all_hold(conditions: tuple[Condition, ...], view: View) -> bool:
    """One false makes the whole false, whatever is unknown; else one unknown raises its refusal."""
    unknown: Refusal | None = None
    for condition in conditions:
        try:
            if not condition.holds(view):
                return False
        except Refusal as refusal:
            unknown = unknown or refusal
    if unknown is not None:
        raise unknown
    return True


def read_where(node: Yaml | None) -> tuple[Condition, ...]:
    """Cheap conditions first: a body is decoded only if the rest holds."""
    found = []
    for key, item in members(node, '"where"'):
        source: Source = BodyPresence() if key.text == "body" else parse_selector(key.text, key.place)
        if isinstance(source, Capture):
            raise ConfigError(
                f"{key.text!r} is no condition.", key.place, "Narrow the path, or give its param a pattern."
            )
        if has_wildcard(source):
            raise ConfigError(f"{key.text!r} can name many values; a condition is about one.", key.place)
        found.append(Condition(source, _read_set(item, typed=is_typed(source), source=source)))
    return tuple(sorted(found, key=lambda condition: condition.source.reads_body))


def _read_set(node: Yaml, *, typed: bool, source: Source) -> ValueSet:
    if isinstance(node.value, dict):
        return _read_special(node, typed=typed)
    if node.value == "present":
        return PRESENT
    if isinstance(source, BodyPresence) and node.value != "absent":
        raise ConfigError('"body" can only be present or absent.', node.place)
    if not items(node):
        raise ConfigError("An empty list matches nothing.", node.place, "Name at least one value.")
    return ValueSet(frozenset(_read_tag(item, typed=typed) for item in items(node)))


def _read_special(node: Yaml, *, typed: bool) -> ValueSet:
    fields = Fields(node, "A condition")
    negated, glob = fields.get("not"), fields.get("glob")
    fields.finish()
    if (negated is None) == (glob is None):
        raise ConfigError("A condition is {not: […]} or {glob: …}.", node.place)
    if glob is not None:
        pattern = text(glob, '"glob"')
        return ValueSet(glob=pattern, language=_glob(pattern))
    return ValueSet(frozenset(_read_tag(item, typed=typed) for item in items(negated)), negated=True)


def _glob(pattern: str) -> Language:
    anything = repeat(one(ANY), 0, None)
    parts: list[Language] = []
    for index, piece in enumerate(pattern.split("*")):
        parts += [anything] if index else []
        parts.append(literal(piece))
    return concat(*parts)


def _read_tag(node: Yaml, *, typed: bool) -> str:
    if node.value == "absent":
        return ABSENT
    if isinstance(node.value, (dict, list)):
        raise ConfigError("A condition compares single values.", node.place)
    if node.value is None:
        raise ConfigError("Write absent for a value that is missing.", node.place)
    if not typed or isinstance(node.value, str):
        return f"s:{node.text}"
    if isinstance(node.value, bool):
        return tag_of(node.value)
    return f"n:{node.value if isinstance(node.value, int) else node.text}"
