"""The part of regular expressions that `params` may use: classes, groups, alternatives, bounded repetition.

No anchors (a pattern always matches the whole value), no look-around, no back-references, no lazy operators.
"""

from gateway.templates.language import (
    ANY,
    Language,
    Ranges,
    TooLarge,
    chars,
    concat,
    one,
    ranges,
    repeat,
    union,
    without,
)

MAX_PATTERN = 500
MAX_REPEAT = 256

_DIGIT: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ranges((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = chars(" \t\r\n\f\v")
_ESCAPES: dict[str, Ranges] = {
    "d": _DIGIT,
    "w": _WORD,
    "s": _SPACE,
    "D": without(ANY, _DIGIT),
    "W": without(ANY, _WORD),
    "S": without(ANY, _SPACE),
    "t": chars("\t"),
    "n": chars("\n"),
    "r": chars("\r"),
}


class BadPattern(Exception):
    """The pattern uses what is not supported; the message says what, and where."""


def parse_pattern(pattern: str, *, fold: bool) -> Language:
    """The values it matches in whole; with `fold`, ASCII letters match in either case."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"it is longer than {MAX_PATTERN} characters")
    parser = _Parser(pattern, fold=fold)
    try:
        made = parser.alternatives()
    except TooLarge as error:
        raise BadPattern("it repeats too much") from error
    if parser.at < len(pattern):
        raise BadPattern(f"')' at character {parser.at + 1} closes nothing")
    return made


def fold_case(allowed: Ranges) -> Ranges:
    """With both cases of every ASCII letter in it."""
    pairs = list(allowed)
    for low, high in allowed:
        for first, shift in ((0x41, 32), (0x61, -32)):
            a, b = max(low, first), min(high, first + 25)
            if a <= b:
                pairs.append((a + shift, b + shift))
    return ranges(*pairs)


class _Parser:
    def __init__(self, text: str, *, fold: bool) -> None:
        self.text, self.fold, self.at, self.depth = text, fold, 0, 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise BadPattern("it ends too early")
        self.at += 1
        return char

    def skip(self, char: str) -> bool:
        found = self.peek() == char
        self.at += found
        return found

    def alternatives(self) -> Language:
        parts = [self.sequence()]
        while self.skip("|"):
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else union(*parts)

    def sequence(self) -> Language:
        parts = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.repeated())
        return concat(*parts)

    def repeated(self) -> Language:
        made = self.atom()
        times = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.peek())
        if times is not None:
            self.at += 1
        elif self.skip("{"):
            times = self.counts()
        if times is None:
            return made
        if self.peek() in {"*", "+", "?", "{"}:
            raise BadPattern(f"the repetition at character {self.at + 1} repeats a repetition")
        return repeat(made, *times)

    def counts(self) -> tuple[int, int | None]:
        inner, closed, _ = self.text[self.at :].partition("}")
        least, comma, most = inner.partition(",")
        if not closed or not least.isdecimal() or not (most.isdecimal() or most == ""):
            raise BadPattern(f"the repetition at character {self.at} is not {{n}}, {{n,}} or {{n,m}}")
        self.at += len(inner) + 1
        low, high = int(least), (int(most) if most else None if comma else int(least))
        if low > MAX_REPEAT or (high is not None and not low <= high <= MAX_REPEAT):
            raise BadPattern(f"a repetition may count to {MAX_REPEAT}")
        return low, high

    def atom(self) -> Language:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.one(self.char_class())
        if char == ".":
            return one(ANY)
        if char in "*+?{":
            raise BadPattern(f"{char!r} at character {self.at} repeats nothing")
        if char in "^$":
            raise BadPattern("it always matches the whole value: leave out ^ and $")
        return self.one(self.escape() if char == "\\" else chars(char))

    def one(self, allowed: Ranges) -> Language:
        return one(fold_case(allowed) if self.fold else allowed)

    def group(self) -> Language:
        if self.peek() == "?" and self.text[self.at : self.at + 2] != "?:":
            raise BadPattern("groups with (?…) are not supported")
        self.at += 2 if self.peek() == "?" else 0
        self.depth += 1
        if self.depth > 20:  # noqa: PLR2004  # deeper nesting is a mistake, and recursion has an end
            raise BadPattern("its groups are nested too deep")
        made = self.alternatives()
        self.depth -= 1
        if not self.skip(")"):
            raise BadPattern("a group is not closed")
        return made

    def escape(self) -> Ranges:
        char = self.take()
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char.isalnum():
            raise BadPattern(f"\\{char} is not supported")
        return chars(char)

    def char_class(self) -> Ranges:
        negated = self.skip("^")
        pairs: list[tuple[int, int]] = []
        while not self.skip("]"):
            pairs.extend(self.class_part())
        if not pairs:
            raise BadPattern(f"the class that ends at character {self.at} is empty")
        made = ranges(*pairs)
        made = fold_case(made) if self.fold else made
        return without(ANY, made) if negated else made

    def class_part(self) -> Ranges:
        char = self.take()
        low = self.escape() if char == "\\" else chars(char)
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in {"]", ""}:
            return low
        self.at += 1
        char = self.take()
        high = self.escape() if char == "\\" else chars(char)
        if len(low) > 1 or len(high) > 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1] or low > high:
            raise BadPattern(f"the range that ends at character {self.at} is not one")
        return ((low[0][0], high[0][0]),)
