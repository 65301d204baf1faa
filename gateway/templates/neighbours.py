"""Which actions could match one request at all: only those pairs are compared in earnest."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from gateway.templates.action import Action
from gateway.templates.conditions import ValueSet
from gateway.templates.matching import Match
from gateway.templates.patterns import Pattern, Segment
from gateway.values import dataclass

SIGNS = (2, 4, 6, 8, 12, 16)
"""So many of the first or last signs of a segment tell captures apart that have a prefix or a suffix."""
FEW = 4
TRIED = 16
WORTH_IT = 0.7
"""A partition that leaves more of the work than this is none."""


@dataclass(frozen=True, slots=True)
class _Trait:
    """Something that each request has one value of; for a segment, its place from the front or the end."""

    kind: Literal["method", "host", "label", "where", "whole", "start", "end"]
    name: str = ""
    place: int = 0
    signs: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """One path of an action."""

    index: int
    match: Match
    pattern: Pattern
    traits: tuple[_Trait, ...]


type _Pairs = set[tuple[int, int]]


def neighbours(actions: Sequence[Action]) -> Iterator[tuple[int, int]]:
    """Every pair that could overlap, in the order of the file; a superset of those that do."""
    entries = [
        _Entry(index, action.match, pattern, (*_of_match(action.match), *_of_path(pattern)))
        for index, action in enumerate(actions)
        if action.match is not None
        for pattern in action.match.paths or ()
    ]
    found: _Pairs = set()
    _compare(entries, [], found)
    yield from sorted(found)


def _compare(own: list[_Entry], guests: list[_Entry], found: _Pairs) -> None:
    """Each of our own with each other and with each guest, in groups that a trait keeps apart."""
    parts = [_Parts(trait, own, guests) for trait in _most_telling(own)] if len(own) > FEW else []
    most = len(own) * (len(own) + len(guests)) * WORTH_IT
    best = min((part for part in parts if part.work <= most), key=lambda part: part.copies, default=None)
    if best is None:
        _compare_each(own, guests, found)
        return
    for value, members in best.own.items():
        _compare(members, [*best.any_own, *best.guests.get(value, ()), *best.any_guests], found)
    if best.any_own:
        _compare(best.any_own, guests, found)


def _compare_each(own: list[_Entry], guests: list[_Entry], found: _Pairs) -> None:
    for at, entry in enumerate(own):
        for other in (*own[:at], *guests):
            pair = (min(entry.index, other.index), max(entry.index, other.index))
            if pair[0] != pair[1] and pair not in found and not _apart(entry, other):
                found.add(pair)


class _Parts:
    """Entries by the values that a trait may have in their requests; `any` are those that may have any.

    `copies` is how often those of any value are compared again, whatever else tells them apart.
    """

    def __init__(self, trait: _Trait, own: list[_Entry], guests: list[_Entry]) -> None:
        self.own, self.any_own = _by_value(trait, own)
        self.guests, self.any_guests = _by_value(trait, guests)
        open_to_all = len(self.any_own) + len(self.any_guests)
        self.copies = open_to_all * len(self.own)
        self.work = len(self.any_own) * (len(self.any_own) + len(guests)) + sum(
            len(members) * (len(members) + len(self.guests.get(value, ())) + open_to_all)
            for value, members in self.own.items()
        )


def _by_value(trait: _Trait, entries: list[_Entry]) -> tuple[dict[str, list[_Entry]], list[_Entry]]:
    listed: dict[str, list[_Entry]] = {}
    others: list[_Entry] = []
    for entry in entries:
        values = _values(entry, trait)
        if values is None:
            others.append(entry)
        for value in values or ():
            listed.setdefault(value, []).append(entry)
    return listed, others


def _most_telling(entries: list[_Entry]) -> list[_Trait]:
    """Traits that say something of many entries, the ones with more signs first among equals."""
    counted = Counter(trait for entry in entries for trait in entry.traits)
    return [
        trait for trait, _ in sorted(counted.items(), key=lambda item: (-item[1], -item[0].signs))[:TRIED]
    ]


def _of_match(match: Match) -> Iterator[_Trait]:
    """The traits in which requests of this match cannot have any value."""
    if match.methods is not None:
        yield _Trait("method")
    if all(host.exact for host in match.hosts):
        yield _Trait("host")
    if all(host.pattern.segments[0].literal is not None for host in match.hosts):
        yield _Trait("label")
    for condition in match.where:
        if _listed(condition.allowed):
            yield _Trait("where", condition.source.text)


def _of_path(pattern: Pattern) -> Iterator[_Trait]:
    count = len(pattern.segments)
    for place, segment in enumerate(pattern.segments):
        for at in (place, place - count):
            if segment.literal is not None:
                yield _Trait("whole", place=at)
            for signs in SIGNS:
                if len(segment.prefix) >= signs:
                    yield _Trait("start", place=at, signs=signs)
                if len(segment.suffix) >= signs:
                    yield _Trait("end", place=at, signs=signs)


def _values(entry: _Entry, trait: _Trait) -> Collection[str] | None:
    """All that the trait can be in a request of this entry; None where that cannot be listed."""
    if trait.kind == "method":
        return entry.match.methods
    hosts = entry.match.hosts
    if trait.kind == "host":
        return {host.origin(host.text) for host in hosts} if all(host.exact for host in hosts) else None
    if trait.kind == "label":
        return _known([host.pattern.segments[0].literal for host in hosts])
    if trait.kind == "where":
        allowed = entry.match.set_of(trait.name)
        return allowed.listed if _listed(allowed) else None
    return _signs(entry.pattern, trait)


def _known(literals: Sequence[str | None]) -> Collection[str] | None:
    known = {literal for literal in literals if literal is not None}
    return None if None in literals else known


def _signs(pattern: Pattern, trait: _Trait) -> Collection[str] | None:
    """What a segment, or its first or last signs, must be; a path that ends before it has none."""
    count, star = len(pattern.segments), pattern.star
    at = trait.place if trait.place >= 0 else count + trait.place
    if star is None and not 0 <= at < count:
        return ("none",)
    if star is not None and (at > star if trait.place >= 0 else at < star):
        return None
    segment = pattern.segments[at]
    if segment.literal is not None:
        return (f"={_cut(segment.literal, trait)}",)
    around = segment.prefix if trait.kind == "start" else segment.suffix
    towards_star = segment.star and (trait.kind == "end") is not (trait.place < 0)
    if trait.kind == "whole" or len(around) < trait.signs or towards_star:
        return None
    return (f"={_cut(around, trait)}",)


def _cut(text: str, trait: _Trait) -> str:
    if trait.kind == "whole":
        return text
    return text[: trait.signs] if trait.kind == "start" else text[-trait.signs :]


def _apart(one: _Entry, two: _Entry) -> bool:
    """Sure that no request is both: by method, by the values that one place may have, or by their paths."""
    match, second = one.match, two.match
    if match.methods is not None and second.methods is not None and not match.methods & second.methods:
        return True
    if any(_disjoint(found.allowed, second.set_of(found.source.text)) for found in match.where):
        return True
    return _paths_apart(one.pattern, two.pattern)


def _paths_apart(one: Pattern, two: Pattern) -> bool:
    """From both ends, as far as no star makes it unclear which segments meet."""
    ends = zip(reversed(one.segments), reversed(two.segments), strict=False)
    return _segments_apart(zip(one.segments, two.segments, strict=False), forward=True) or (
        _segments_apart(ends, forward=False)
    )


def _segments_apart(pairs: Iterable[tuple[Segment, Segment]], *, forward: bool) -> bool:
    for one, two in pairs:
        if _one_apart(one, two, forward=forward):
            return True
        if one.star or two.star:
            return False
    return False


def _one_apart(one: Segment, two: Segment, *, forward: bool) -> bool:
    """A star begins with its prefix or ends with its suffix; what else it takes here is unclear."""
    if one.star or two.star:
        return not _begin_alike(one, two) if forward else not _end_alike(one, two)
    if one.literal is not None:
        return two.take(one.literal) is None
    if two.literal is not None:
        return one.take(two.literal) is None
    return not (_begin_alike(one, two) and _end_alike(one, two))


def _begin_alike(one: Segment, two: Segment) -> bool:
    first, second = (segment.literal or segment.prefix for segment in (one, two))
    if one.literal is not None or two.literal is not None:
        whole, part = (first, second) if one.literal is not None else (second, first)
        return whole.startswith(part)
    return first.startswith(second) or second.startswith(first)


def _end_alike(one: Segment, two: Segment) -> bool:
    first, second = (segment.literal or segment.suffix for segment in (one, two))
    if one.literal is not None or two.literal is not None:
        whole, part = (first, second) if one.literal is not None else (second, first)
        return whole.endswith(part)
    return first.endswith(second) or second.endswith(first)


def _disjoint(first: ValueSet, second: ValueSet) -> bool:
    return _listed(first) and _listed(second) and first.listed.isdisjoint(second.listed)


def _listed(values: ValueSet) -> bool:
    return not values.negated and values.language is None
