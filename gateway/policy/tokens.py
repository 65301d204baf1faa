"""Cedar's text as tokens: enough to cut a file into its policies and to point at a word of them."""

import re
from collections.abc import Sequence

from gateway.errors import ConfigErrors
from gateway.policy.source import Source
from gateway.values import dataclass

# Comments end at either line end, as Cedar's own lexer has it; a string may run over lines.
_TOKEN = re.compile(
    r'//[^\n\r]*|\s+|("(?:\\.|[^"\\])*"|\?\w+|[A-Za-z_]\w*|\d+|::|==|!=|<=|>=|&&|\|\||.)',
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_slot(self) -> bool:
        return len(self.text) > 1 and self.text[0] == "?"


type Tokens = tuple[Token, ...]


def tokens_of(source: Source) -> Tokens:
    """Every token but white space and comments; a string that never ends is a ConfigErrors."""
    found = tuple(Token(match[1], match.start()) for match in _TOKEN.finditer(source.text) if match[1])
    for token in found:
        if token.text == '"':
            raise ConfigErrors((source.error("This string never ends.", token.start, 'Close it with a ".'),))
    return found


def words_of(text: str) -> list[str]:
    """The same tokens without their places, of a text that Cedar can parse: much faster for a long one."""
    return [word for word in _TOKEN.findall(text) if word]


def statements(tokens: Tokens) -> list[Tokens]:
    """The tokens cut after each semicolon; the last may lack one."""
    cut: list[Tokens] = []
    start = 0
    for index, token in enumerate(tokens):
        if token.text == ";":
            cut.append(tokens[start : index + 1])
            start = index + 1
    return [*cut, tokens[start:]] if start < len(tokens) else cut


def text_of(source: Source, tokens: Tokens) -> str:
    """The source between the first and the last of some tokens."""
    return source.text[tokens[0].start : tokens[-1].end]


def find(words: Sequence[str], tokens: Tokens) -> int | None:
    """The index at which a run of words first stands among the tokens."""
    size = len(words)
    spelled = [token.text for token in tokens]
    return next((at for at in range(len(spelled) - size + 1) if spelled[at : at + size] == list(words)), None)
