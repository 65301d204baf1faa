"""What a capture may be, and how its value is folded before it becomes part of an id."""

from dataclasses import field

from gateway.errors import ConfigError, Place, ambiguous
from gateway.templates.fields import Fields, items, scalar_text, text
from gateway.templates.language import Language, literal, union
from gateway.templates.regex import BadPattern, parse_pattern
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Param:
    """A capture's rules; `language` None means any text. `source` says which: params compare by it.

    Where the texts are listed, `words` holds them case-folded: no text of another case fold is allowed.
    """

    name: str
    fold: bool = False
    slash: bool = False
    language: Language | None = field(default=None, compare=False)
    source: str = ""
    words: frozenset[str] | None = field(default=None, compare=False)

    def allows(self, value: str) -> bool:
        if not value or ("/" in value and not self.slash):
            return False
        return self.language is None or self.language.matches(value)


_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def fold_lower(value: str, what: str) -> str:
    """Lower case; letters outside ASCII that have cases are refused: servers fold those differently."""
    folded = value.translate(_LOWER)
    if not folded.isascii() and folded != folded.casefold():
        raise ambiguous(f"{what} holds letters whose case servers read differently; write it in lower case.")
    return folded


def read_param(name: str, node: Yaml) -> Param:
    fields = Fields(node, f'The param "{name}"')
    fold = fields.word("fold", ["lower"]) is not None
    slash = fields.word("slash", ["encoded"]) is not None
    pattern, enum = fields.get("pattern"), fields.get("enum")
    fields.finish()
    if pattern is not None and enum is not None:
        raise ConfigError(f'The param "{name}" has both pattern and enum.', enum.place, "Keep one of them.")
    if pattern is not None:
        source = text(pattern, '"pattern"')
        return Param(name, fold, slash, _pattern(source, pattern.place, fold=fold), source)
    if enum is not None:
        words = [scalar_text(item, "A value of enum") for item in items(enum)]
        folded = frozenset(word.casefold() for word in words)
        return Param(name, fold, slash, _enum(words, enum.place, fold=fold), f"enum {words}", folded)
    return Param(name, fold, slash)


def _pattern(source: str, place: Place, *, fold: bool) -> Language:
    try:
        return parse_pattern(source, fold=fold)
    except BadPattern as error:
        raise ConfigError(f"The pattern {source!r} cannot be used: {error}.", place) from error


def _enum(words: list[str], place: Place, *, fold: bool) -> Language:
    if not words:
        raise ConfigError("An enum needs at least one value.", place)
    if not fold:
        return union(*(literal(word) for word in words))
    return union(
        *(
            _pattern("".join(f"\\{c}" if not c.isalnum() else c for c in word), place, fold=True)
            for word in words
        )
    )
