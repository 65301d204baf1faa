"""What the operator may set in a template: `${name}` is replaced before anything else is read."""

import re
from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import ConfigError, Place
from gateway.templates.fields import Fields, members, suggestion
from gateway.templates.yaml12 import Key, Yaml
from gateway.values import dataclass

_USE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

type Value = str | tuple[str, ...] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Variables:
    values: Mapping[str, Value]

    def fill(self, node: Yaml) -> Yaml:
        """The same node with every `${name}` replaced; a list of hosts takes the place of one item."""
        if isinstance(node.value, dict):
            return replace(node, value={key: self.fill(item) for key, item in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[filled for item in node.value for filled in self._spread(item)])
        if isinstance(node.value, str) and "${" in node.value:
            return self._text(node, node.value)
        return node

    def _spread(self, item: Yaml) -> list[Yaml]:
        whole = _USE.fullmatch(item.value) if isinstance(item.value, str) else None
        value = self._value(whole[1], item.place) if whole else None
        if isinstance(value, tuple):
            return [Yaml(text, item.place, text) for text in value]
        return [self.fill(item)]

    def _text(self, node: Yaml, text: str) -> Yaml:
        whole = _USE.fullmatch(text)
        value = self._value(whole[1], node.place) if whole else None
        if isinstance(value, Mapping):
            entries = {Key(key, node.place): Yaml(item, node.place, item) for key, item in value.items()}
            return Yaml(entries, node.place)
        filled = _USE.sub(lambda found: self._plain(found[1], node.place), text)
        return Yaml(filled, node.place, filled)

    def _plain(self, name: str, place: Place) -> str:
        value = self._value(name, place)
        if not isinstance(value, str):
            raise ConfigError(
                f"${{{name}}} stands for more than one text.", place, "Give it a place of its own."
            )
        return value

    def _value(self, name: str, place: Place) -> Value:
        if name not in self.values:
            raise ConfigError(f'There is no variable "{name}".', place, suggestion(name, self.values))
        return self.values[name]


def read_variables(node: Yaml | None, given: Mapping[str, object], file: str) -> Variables:
    """The declared variables, with what the operator set over their defaults."""
    declared = {key.text: item for key, item in members(node, '"vars"')}
    for name in given:
        if name not in declared:
            raise ConfigError(
                f'The template has no variable "{name}" to set.', Place(file), suggestion(name, declared)
            )
    return Variables({name: _read(name, item, given) for name, item in declared.items()})


def _read(name: str, node: Yaml, given: Mapping[str, object]) -> Value:
    fields = Fields(node, f'The variable "{name}"')
    kind = fields.word("type", ["hosts", "string", "map"]) or "string"
    default = fields.get("default")
    fields.finish()
    if name in given:
        return _check(name, kind, given[name], node.place)
    if default is None:
        raise ConfigError(f'The variable "{name}" has no default and is not set.', node.place, "Set it.")
    return _check(name, kind, plain_value(default), default.place)


def plain_value(node: Yaml) -> object:
    """A value without its places."""
    if isinstance(node.value, list):
        return [plain_value(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key.text: plain_value(item) for key, item in node.value.items()}
    return node.value


def _check(name: str, kind: str, value: object, place: Place) -> Value:
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "hosts" and isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind == "map" and isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
        return {str(key): str(item) for key, item in value.items()}
    wanted = {"string": "a text", "hosts": "a list of hosts", "map": "a mapping of texts"}[kind]
    raise ConfigError(f'The variable "{name}" must be {wanted}.', place)
