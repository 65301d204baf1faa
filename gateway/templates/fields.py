"""Reading a template's mappings: each key is taken once, whatever is left over is an error."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.yaml12 import Key, Yaml


class Problems:
    """Collects what is wrong, so that one reading reports all of it."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []

    def attempt[**P, T](self, build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The value, or None once its errors are noted."""
        try:
            return build(*args, **kwargs)
        except ConfigErrors as errors:
            self.found.extend(errors.errors)
        except ConfigError as error:
            self.found.append(error)
        return None

    def raise_if_any(self) -> None:
        if self.found:
            raise ConfigErrors(tuple(self.found))


def suggestion(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or all of them where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, 1, 0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"Known are: {', '.join(names)}." if names else "Nothing may stand here."


class Fields:
    """One mapping. Every key is asked for by name; `finish` complains about the keys nobody asked for."""

    def __init__(self, node: Yaml, what: str) -> None:
        if not isinstance(node.value, dict):
            raise ConfigError(f"{what} must be a mapping, and is {node.kind}.", node.place)
        self.place = node.place
        self.what = what
        self.members: dict[str, tuple[Key, Yaml]] = {
            key.text: (key, item) for key, item in node.value.items()
        }
        self.asked: set[str] = set()

    def get(self, name: str) -> Yaml | None:
        self.asked.add(name)
        found = self.members.get(name)
        return found[1] if found else None

    def need(self, name: str) -> Yaml:
        found = self.get(name)
        if found is None:
            raise ConfigError(f'{self.what} needs "{name}".', self.place)
        return found

    def place_of(self, name: str) -> Place:
        return self.members[name][0].place if name in self.members else self.place

    def text(self, name: str) -> str | None:
        node = self.get(name)
        return None if node is None else text(node, f'"{name}"')

    def word(self, name: str, allowed: Iterable[str]) -> str | None:
        node = self.get(name)
        return None if node is None else word(node, f'"{name}"', allowed)

    def flag(self, name: str) -> bool | None:
        node = self.get(name)
        if node is None or isinstance(node.value, bool):
            return None if node is None else bool(node.value)
        raise ConfigError(f'"{name}" must be true or false, and is {node.kind}.', node.place)

    def finish(self) -> None:
        unknown = [
            ConfigError(f'{self.what} has no "{name}".', key.place, suggestion(name, self.asked))
            for name, (key, _) in self.members.items()
            if name not in self.asked
        ]
        if unknown:
            raise ConfigErrors(tuple(unknown))


def text(node: Yaml, what: str) -> str:
    if not isinstance(node.value, str):
        raise ConfigError(f"{what} must be a text, and is {node.kind}.", node.place, "Put it in quotes.")
    return node.value


def scalar_text(node: Yaml, what: str) -> str:
    """Any scalar, as it was written."""
    if isinstance(node.value, (dict, list)) or node.value is None:
        raise ConfigError(f"{what} must be a text, and is {node.kind}.", node.place)
    return node.text


def word(node: Yaml, what: str, allowed: Iterable[str]) -> str:
    value, known = scalar_text(node, what), tuple(allowed)
    if value not in known:
        raise ConfigError(f"{what} cannot be {value!r}.", node.place, suggestion(value, known))
    return value


def whole(node: Yaml, what: str, least: int, most: int) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or not least <= node.value <= most:
        raise ConfigError(f"{what} must be a whole number from {least} to {most}.", node.place)
    return node.value


def items(node: Yaml | None) -> list[Yaml]:
    """A list, or the one value that stands for a list of itself."""
    if node is None:
        return []
    return node.value if isinstance(node.value, list) else [node]


def members(node: Yaml | None, what: str) -> list[tuple[Key, Yaml]]:
    if node is None:
        return []
    if not isinstance(node.value, dict):
        raise ConfigError(f"{what} must be a mapping, and is {node.kind}.", node.place)
    return list(node.value.items())


_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h)")
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600}


def duration(node: Yaml, what: str, most: int) -> int:
    """Seconds, from a text such as 50s, 2m or 24h."""
    found = _DURATION.fullmatch(scalar_text(node, what))
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not found or seconds > most:
        raise ConfigError(
            f"{what} must be a time of at most {most // 60}m.", node.place, "Write it as 50s, 2m or 1h."
        )
    return seconds
