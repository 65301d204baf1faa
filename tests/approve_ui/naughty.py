"""Strings that try to be more than text, and what a page must show of each.

The rule stands here a second time, written apart from values.js: two readings that must agree.
"""

import json
import unicodedata
from itertools import chain
from pathlib import Path

LIST = Path(__file__).with_name("naughty.json")
BLANKS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
PICTURES = {0x2764, 0x1F3F3}
"""Of the strings' characters, those that a selector turns into a picture."""

TRIMMED = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What JavaScript takes off the ends of a text."""


def naughty(*, well_formed: bool = False) -> list[str]:
    """Every string of every category; a payload holds no half of a surrogate pair, a list may."""
    every = list(chain.from_iterable(json.loads(LIST.read_text(encoding="ascii")).values()))
    return [one for one in every if not (well_formed and any("\ud800" <= c <= "\udfff" for c in one))]


def shown(text: str, *, lines: bool = False) -> str:
    """The text with each character that would not show as itself written out."""
    return "".join(_spelled(c) if _hides(text, at, lines=lines) else c for at, c in enumerate(text))


def in_field(text: str) -> str:
    """As the approval page shows a field: a long one, or one of several lines, keeps its lines."""
    if not text:
        return "empty"
    return shown(text, lines="\n" in text or len(text.encode("utf-16-le")) > 600)


def _spelled(c: str) -> str:
    return f"U+{ord(c):04X}"


def _hides(text: str, at: int, *, lines: bool) -> bool:
    c = text[at]
    if lines and c in "\n\t":
        return False
    if c == " ":
        inner = len(text) - len(text.lstrip(TRIMMED)) <= at < len(text.rstrip(TRIMMED))
        return not lines and not inner
    if ord(c) in BLANKS or 0xFE00 <= ord(c) <= 0xFE0E or 0xE0100 <= ord(c) <= 0xE01EF:
        return True
    if c == "\ufe0f" and (at == 0 or ord(text[at - 1]) not in PICTURES):
        return True
    kind = unicodedata.category(c)
    return kind[0] in "CZ" or (kind[0] == "M" and _is_tower(text, at))


def _is_tower(text: str, at: int) -> bool:
    return at >= 3 and all(unicodedata.category(c)[0] == "M" for c in text[at - 3 : at])
