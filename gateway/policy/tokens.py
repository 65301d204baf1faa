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

DEEPEST, LONGEST = 100, 4000
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_LINKS = {"&&": 1, "||": 1, "+": 1, "-": 1, "*": 1, ".": 1, "[": 1, "if": 4}
"""What makes the next thing a part of this one, and how much of the stack it takes."""


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
    _refuse_deep(source, found)
    return found


def _refuse_deep(source: Source, tokens: Tokens) -> None:
    """Some hundred brackets within each other overflow the stack of Cedar's parser, and the process ends."""
    depth = links = 0
    for token in tokens:
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth = max(0, depth - 1)
        elif token.text == ";" and depth == 0:
            links = 0
        links += _LINKS.get(token.text, 0)
        if depth > DEEPEST or links > LONGEST:
            hint = "Write it in fewer steps, or as several policies."
            raise ConfigErrors((source.error("This nests too deeply to be read.", token.start, hint),))


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
