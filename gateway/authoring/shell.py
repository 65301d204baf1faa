"""Splits one command line into its words, as a POSIX shell or bash would, and runs nothing."""

import re

from gateway.errors import UsageError

_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_PIECE = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    |\\\r?\n
    |\$'(?P<ansi>(?:[^'\\]|\\.)*)'
    |'(?P<single>[^']*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |\\(?P<escaped>.)
    |(?P<operator>[;&|<>()`])
    |(?P<plain>[^\s'"\\;&|<>()`]+)""",
    re.VERBOSE | re.DOTALL,
)
_ANSI = re.compile(
    r"\\(?:u(?P<u>[0-9A-Fa-f]{1,4})|x(?P<x>[0-9A-Fa-f]{1,2})|(?P<o>[0-7]{1,3})|(?P<c>.))", re.DOTALL
)
_DOUBLE = re.compile(r'\\(?:\r?\n|(?P<c>[\\"$`]))')


def words(command: str) -> list[str]:
    """The words of one command. Variables stay as they are written; a second command is refused."""
    made: list[str] = []
    word: str | None = None
    at = 0
    while at < len(command):
        found = _PIECE.match(command, at)
        if found is None:
            raise UsageError("A quote of the command line is not closed.")
        at = found.end()
        if found["operator"]:
            raise UsageError(
                f"The command line holds {found['operator']!r}: give one command alone, and quote the rest."
            )
        if found["blank"]:
            made += [] if word is None else [word]
            word = None
            continue
        piece = _text(found)
        word = piece if word is None else word + piece
        if found[0].startswith("\\") and found["escaped"] is None and word == "":
            word = None  # a line that goes on is no word
    return made if word is None else [*made, word]


def _text(found: re.Match[str]) -> str:
    if found["ansi"] is not None:
        return _ANSI.sub(_unescaped, found["ansi"])
    if found["double"] is not None:
        return _DOUBLE.sub(lambda escape: escape["c"] or "", found["double"])
    return found["single"] or found["escaped"] or found["plain"] or ""


def _unescaped(found: re.Match[str]) -> str:
    number = found["u"] or found["x"]
    if number or found["o"]:
        return chr(int(number, 16) if number else int(found["o"], 8))
    return _ESCAPES.get(found["c"], found[0])
