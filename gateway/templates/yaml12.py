"""YAML 1.2 with positions: `no` is a word, `1:30` is text, a duplicate key is an error."""

import re
from typing import Any

import yaml

from gateway.errors import ConfigError, Place
from gateway.values import dataclass

MAX_NODES = 200_000
"""What a file may hold once its aliases are written out: a few lines of aliases can mean billions."""


@dataclass(frozen=True, slots=True)
class Key:
    text: str
    place: Place


type YamlValue = bool | int | float | str | list[Yaml] | dict[Key, Yaml] | None


@dataclass(frozen=True, slots=True)
class Yaml:
    """A value and where it stands; `text` is a scalar as it was written."""

    value: YamlValue
    place: Place
    text: str = ""

    @property
    def kind(self) -> str:
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        return {bool: "true or false", str: "a text", type(None): "nothing"}.get(type(self.value), "a number")


def parse_yaml(raw: bytes, file: str) -> Yaml:
    """The one document of a file; anything YAML 1.2 would not read, or read in two ways, is a ConfigError."""
    too_deep = ConfigError("The file nests too deeply to be read.", Place(file), "Write it flatter.")
    try:
        text = raw.decode("utf-8")
        if _nests_deeply(text):
            raise too_deep
        node = _load(text)
    except UnicodeDecodeError as error:
        raise ConfigError("The file is not UTF-8.", Place(file), "Save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise ConfigError(f"This is not YAML: {error.problem or error.context}.", place) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"This is not YAML: {error}.", Place(file)) from error
    if node is None:
        raise ConfigError("The file is empty.", Place(file))
    try:
        return _Reader(file).read(node)
    except RecursionError as error:
        raise too_deep from error


def _nests_deeply(text: str) -> bool:
    """The composer is C and recurses: what nests too deeply overflows its stack, and the process ends.

    The parser's events come without recursion, but cost a third of a reading: they are counted only where
    there are openings, or an indentation, for so much.
    """
    if text.count("[") + text.count("{") < MAX_DEPTH and _INDENTED.search(text) is None:
        return False
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


MAX_DEPTH = 1000
_INDENTED = re.compile(r"^(?:[ \t]|[-?:][ \t]){500}", re.MULTILINE)
"""A line that stands so far in that it may be as deep: a column opens two collections at most."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one where built
    """Composes nodes; what a plain scalar means is decided here, by YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  # the name that PyYAML reads


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_STR_TAG = "tag:yaml.org,2002:str"
_DEFAULT_TAGS = {_STR_TAG, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
MAX_NUMBER = 18


def _scalar(text: str) -> bool | float | str | None:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text) and len(text) <= MAX_NUMBER:
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.done: dict[int, tuple[Yaml, int]] = {}
        self.open: set[int] = set()

    def read(self, node: Any) -> Yaml:
        return self._sized(node)[0]

    def _sized(self, node: Any) -> tuple[Yaml, int]:
        """The value, and how many nodes it has with every alias written out."""
        place = self._place(node)
        if id(node) in self.open:
            raise ConfigError("An alias stands inside what it names.", place, "Write the value out.")
        if id(node) not in self.done:
            self.open.add(id(node))
            made = self._make(node, place)
            if made[1] > MAX_NODES:
                raise ConfigError("The file's aliases stand for too much.", place, "Write fewer of them.")
            self.open.discard(id(node))
            self.done[id(node)] = made
        return self.done[id(node)]

    def _make(self, node: Any, place: Place) -> tuple[Yaml, int]:
        if node.tag not in _DEFAULT_TAGS:
            raise ConfigError(f"The tag {node.tag} is not used here.", place, "Take it away.")
        if isinstance(node, yaml.ScalarNode):
            plain = node.style in {None, ""}  # the C and the Python composer differ here
            return Yaml(_scalar(node.value) if plain else node.value, place, node.value), 1
        if isinstance(node, yaml.SequenceNode):
            items = [self._sized(item) for item in node.value]
            return Yaml([item for item, _ in items], place), 1 + sum(size for _, size in items)
        members: dict[Key, Yaml] = {}
        size = 1
        seen: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, seen)
            members[key], more = self._sized(value_node)
            size += 1 + more
        return Yaml(members, place), size

    def _key(self, node: Any, seen: dict[str, Place]) -> Key:
        place = self._place(node)
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError("A key must be a text.", place)
        if node.value in seen:
            raise ConfigError(
                f"The key {node.value!r} stands here twice.",
                place,
                f"The first is in line {seen[node.value].line}.",
            )
        seen[node.value] = place
        return Key(node.value, place)

    def _place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)
