"""Regular languages: one automaton matches, compares and finds witnesses, and they agree.

Patterns of template authors are read into it, never given to a backtracking engine: matching takes one step a
character, whatever the pattern.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

LAST = 0x10FFFF
MAX_STATES = 4000
"""Enough for every pattern worth writing; it bounds what a pattern may cost in time and memory."""

type Ranges = tuple[tuple[int, int], ...]

ANY: Ranges = ((0, LAST),)


class TooLarge(Exception):
    """A pattern has more states than its author can mean."""


def ranges(*pairs: tuple[int, int]) -> Ranges:
    """Sorted and merged."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def without(base: Ranges, taken: Ranges) -> Ranges:
    kept = list(base)
    for low, high in taken:
        kept = [
            piece
            for a, b in kept
            for piece in ((a, min(b, low - 1)), (max(a, high + 1), b))
            if piece[0] <= piece[1]
        ]
    return ranges(*kept)


def chars(text: str) -> Ranges:
    return ranges(*((ord(char), ord(char)) for char in text))


@dataclass(slots=True, eq=False)
class Language:
    """A non-deterministic automaton, with the deterministic one made step by step where it is walked."""

    edges: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    empty: list[list[int]] = field(default_factory=list)
    start: int = 0
    end: int = 0
    _steps: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)
    _cuts: dict[frozenset[int], frozenset[int]] = field(default_factory=dict)
    _closures: dict[int, frozenset[int]] = field(default_factory=dict)
    _first: frozenset[int] | None = None

    def state(self) -> int:
        if len(self.edges) >= MAX_STATES:
            raise TooLarge
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1

    def first(self) -> frozenset[int]:
        if self._first is None:
            self._first = self.close([self.start])
        return self._first

    def close(self, states: Iterable[int]) -> frozenset[int]:
        known = self._closures
        return frozenset().union(*[known.get(state) or self._closure(state) for state in states])

    def _closure(self, state: int) -> frozenset[int]:
        seen, waiting = {state}, [state]
        while waiting:
            for below in self.empty[waiting.pop()]:
                if below not in seen:
                    seen.add(below)
                    waiting.append(below)
        known = self._closures[state] = frozenset(seen)
        return known

    def step(self, states: frozenset[int], char: str) -> frozenset[int]:
        known = self._steps.get((states, char))
        if known is not None:
            return known
        after = self.close(self._taking(states, ord(char)))
        # Only ASCII is remembered: an agent's choice of characters must not grow what is kept.
        if char < "\x80" and len(self._steps) < MAX_STATES:
            self._steps[states, char] = after
        return after

    def _taking(self, states: frozenset[int], code: int) -> list[int]:
        """Written out, since comparing templates comes here a million times."""
        targets = []
        for state in states:
            for allowed, target in self.edges[state]:
                for low, high in allowed:
                    if low <= code <= high:
                        targets.append(target)
                        break
        return targets

    def matches(self, text: str) -> bool:
        states = self.first()
        for char in text:
            states = self.step(states, char)
            if not states:
                return False
        return self.end in states

    def cuts(self, states: frozenset[int]) -> frozenset[int]:
        """Where the characters that lead on from these states begin and end."""
        known = self._cuts.get(states)
        if known is None:
            known = self._cuts[states] = frozenset(
                edge
                for state in states
                for allowed, _ in self.edges[state]
                for low, high in allowed
                for edge in (low, high + 1)
            )
        return known


def literal(text: str) -> Language:
    return concat(*(one(chars(char)) for char in text))


def one(allowed: Ranges) -> Language:
    made = Language()
    made.start, made.end = made.state(), made.state()
    made.edges[made.start].append((allowed, made.end))
    return made


def concat(*parts: Language) -> Language:
    made = Language()
    made.start = made.end = made.state()
    for part in parts:
        start, end = _embed(made, part)
        made.empty[made.end].append(start)
        made.end = end
    return made


def union(*parts: Language) -> Language:
    made = Language()
    made.start, made.end = made.state(), made.state()
    for part in parts:
        start, end = _embed(made, part)
        made.empty[made.start].append(start)
        made.empty[end].append(made.end)
    return made


def repeat(part: Language, least: int, most: int | None) -> Language:
    """`most` None means without end."""
    pieces = [part] * least
    if most is None:
        loop = Language()
        loop.start = loop.end = loop.state()
        start, end = _embed(loop, part)
        loop.empty[loop.start].append(start)
        loop.empty[end].append(loop.start)
        pieces.append(loop)
    else:
        pieces += [union(part, concat())] * (most - least)
    return concat(*pieces)


def _embed(into: Language, part: Language) -> tuple[int, int]:
    shift = len(into.edges)
    for edges, empty in zip(part.edges, part.empty, strict=True):
        state = into.state()
        into.edges[state] = [(allowed, target + shift) for allowed, target in edges]
        into.empty[state] = [target + shift for target in empty]
    return part.start + shift, part.end + shift


def overlap(first: Language, second: Language) -> str | None:
    """A short text that both match, or None if there is none."""
    return _search(first, second, inside=True)


def escape(inner: Language, outer: Language) -> str | None:
    """A short text that `inner` matches and `outer` does not: None means that inner is contained in outer."""
    return _search(inner, outer, inside=False)


def _search(first: Language, second: Language, *, inside: bool) -> str | None:
    start = (first.first(), second.first())
    waiting: list[tuple[tuple[frozenset[int], frozenset[int]], str]] = [(start, "")]
    seen = {start}
    for (left, right), text in waiting:
        if first.end in left and (second.end in right) is inside:
            return text
        for char in _alphabet(first.cuts(left) | second.cuts(right)):
            after = first.step(left, char)
            if not after:
                continue
            pair = (after, second.step(right, char))
            if pair not in seen and (pair[1] or not inside):
                if len(seen) > MAX_STATES:
                    raise TooLarge
                seen.add(pair)
                waiting.append((pair, text + char))
    return None


_READABLE = "axAX0_-./:"


@lru_cache(maxsize=4096)
def _alphabet(cuts: frozenset[int]) -> list[str]:
    """One character for each stretch of characters that no edge tells apart; readable ones where possible."""
    edges = sorted(cuts | {0, LAST + 1})
    chosen = {low: chr(low) for low in edges if low <= LAST}
    for char in reversed(_READABLE):
        chosen[edges[bisect_right(edges, ord(char)) - 1]] = char
    readable = [char for char in _READABLE if char in chosen.values()]
    return readable + [char for char in chosen.values() if char not in _READABLE]
