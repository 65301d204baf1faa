"""Paths compared segment by segment: what their texts are does not matter where segments are alike or apart.

Sign by sign is exact for every pattern but takes a thousand times as long, which a pattern with a star would
need against each of its neighbours.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from gateway.templates.language import escape, overlap
from gateway.templates.patterns import SEPARATOR, Pattern, Segment

_OTHER = ("x", "x1", "x2", "some-other-x3")

type Word = int
"""One of the kinds of segments that the two patterns tell apart."""


class NotAlike(Exception):  # an answer to whoever asked, not a fault
    """These segments overlap in part, so only their signs can tell."""


def bare(segment: Segment) -> bool:
    return segment.second is None and not segment.prefix + segment.suffix


def plain(segment: Segment) -> bool:
    """A capture that takes anything."""
    return segment.param is not None and segment.param.language is None and bare(segment)


@lru_cache(maxsize=16_384)
def segment_within(inner: Segment, outer: Segment) -> bool:
    if inner == outer:
        return True
    if inner.param is None:
        return outer.take(inner.literal or "") is not None
    if outer.param is not None and plain(outer) and (outer.param.slash or not inner.param.slash):
        return True
    return escape(inner.language(SEPARATOR), outer.language(SEPARATOR)) is None


@lru_cache(maxsize=16_384)
def segment_overlap(first: Segment, second: Segment) -> str | None:
    for a, b in ((first, second), (second, first)):
        if a.param is None:
            return a.literal if b.take(a.literal or "") is not None else None
    if _worded_apart(first, second):
        return None
    return overlap(first.language(SEPARATOR), second.language(SEPARATOR))


def _worded_apart(first: Segment, second: Segment) -> bool:
    """Sure that no text is both, since both have lists of their texts."""
    if first.param is None or second.param is None or not (bare(first) and bare(second)):
        return False
    one, two = first.param.words, second.param.words
    return one is not None and two is not None and not one & two


def common_segments(first: Pattern, second: Pattern) -> list[str] | None:
    """Segments that both match, or None if there are none. Raises NotAlike."""
    return _search(first, second, inside=True)


def escaping_segments(inner: Pattern, outer: Pattern) -> list[str] | None:
    """Segments that `inner` matches and `outer` does not; None if it is contained. Raises NotAlike."""
    return _search(inner, outer, inside=False)


def _search(first: Pattern, second: Pattern, *, inside: bool) -> list[str] | None:
    """The places where one may be in a pattern are the bits of a number."""
    words, texts = _words(first, second)
    left, right = _places(first, words, len(texts)), _places(second, words, len(texts))
    stays, stays_too = _stars(first), _stars(second)
    end, end_too = 1 << len(first.segments), 1 << len(second.segments)
    waiting: list[tuple[int, int, list[str]]] = [(1, 1, [])]
    seen = {(1, 1)}
    for one, two, read in waiting:
        if one & end and bool(two & end_too) is inside:
            return read
        for word, text in enumerate(texts):
            took, took_too = one & left[word], two & right[word]
            pair = took << 1 | took & stays, took_too << 1 | took_too & stays_too
            if pair[0] and (pair[1] or not inside) and pair not in seen:
                seen.add(pair)
                waiting.append((*pair, [*read, text]))
    return None


def _words(first: Pattern, second: Pattern) -> tuple[dict[Segment, frozenset[Word]], list[str]]:
    """What each segment may be, in words, and a text for each word."""
    kinds = list(dict.fromkeys(_piece(each) for each in (*first.segments, *second.segments)))
    wide = [kind for kind in kinds if plain(kind)]
    narrow = [kind for kind in kinds if not plain(kind)]
    alike = all(segment_within(one, two) for one in kinds for two in wide)
    apart = all(
        segment_overlap(one, two) is None for at, one in enumerate(narrow) for two in narrow[at + 1 :]
    )
    if not (alike and apart):
        raise NotAlike
    texts = [segment_overlap(kind, kind) or "" for kind in narrow]
    if wide:
        texts.append(_other(narrow))
    words = {kind: frozenset({word}) for word, kind in enumerate(narrow)}
    return {**words, **dict.fromkeys(wide, frozenset(range(len(texts))))}, texts


def _piece(segment: Segment) -> Segment:
    """One segment of those that a star takes."""
    if segment.star and not bare(segment):
        raise NotAlike
    return replace(segment, star=False) if segment.star else segment


def _other(narrow: Sequence[Segment]) -> str:
    """A text that only captures of anything take."""
    text = next((text for text in _OTHER if all(kind.take(text) is None for kind in narrow)), None)
    if text is None:
        raise NotAlike
    return text


def _places(pattern: Pattern, words: dict[Segment, frozenset[Word]], count: int) -> list[int]:
    """For each word, where in the pattern it may stand."""
    allowed = [words[_piece(segment)] for segment in pattern.segments]
    return [sum(1 << at for at, taken in enumerate(allowed) if word in taken) for word in range(count)]


def _stars(pattern: Pattern) -> int:
    return sum(1 << at for at, segment in enumerate(pattern.segments) if segment.star)
