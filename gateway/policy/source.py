"""The operator's text files: where something stands in them, and what a misspelt word was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches

from gateway.errors import ConfigError, Place
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name and text; offsets are characters from its start."""

    file: str
    text: str

    def place(self, offset: int) -> Place:
        line_start = self.text.rfind("\n", 0, offset) + 1
        return Place(self.file, self.text.count("\n", 0, offset) + 1, offset - line_start + 1)

    def error(self, message: str, offset: int, hint: str | None = None) -> ConfigError:
        return ConfigError(message, self.place(offset), hint)


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The closest known word as a hint; None if nothing is close."""
    close = get_close_matches(word, sorted(known), n=1, cutoff=likeness)
    return f'Did you mean "{close[0]}"?' if close else None
