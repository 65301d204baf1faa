"""Which actions could match one request at all: only those pairs are compared in earnest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.templates.action import Action
from gateway.templates.conditions import ValueSet
from gateway.templates.matching import Match
from gateway.templates.patterns import Pattern, Segment


@dataclass(slots=True)
class _Node:
    """Patterns by their segments; what can be more than one text stands under None."""

    below: dict[str | None, "_Node"] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    stars: list[int] = field(default_factory=list)


def neighbours(actions: Sequence[Action]) -> Iterator[tuple[int, int]]:
    """Every pair that could overlap, in the order of the file; a superset of those that do."""
    tree = _Node()
    found: list[tuple[int, int]] = []
    for index, action in enumerate(actions):
        match = action.match
        if match is None:
            continue
        near: set[int] = set()
        for pattern in match.paths or ():
            near.update(_overlapping(tree, pattern))
        found.extend((other, index) for other in near if not _apart(actions[other], match))
        for pattern in match.paths or ():
            _put(tree, pattern, index)
    yield from sorted(found)


def _put(node: _Node, pattern: Pattern, index: int) -> None:
    for segment in pattern.segments:
        if segment.star:
            node.stars.append(index)
            return
        node = node.below.setdefault(segment.literal, _Node())
    node.ends.append(index)


def _overlapping(root: _Node, pattern: Pattern) -> Iterator[int]:
    level = [root]
    for segment in pattern.segments:
        for node in level:
            yield from node.stars
        if segment.star:
            for node in level:
                yield from _everything(node)
            return
        level = [below for node in level for below in _fitting(node, segment)]
    for node in level:
        yield from node.ends
        yield from node.stars


def _fitting(node: _Node, segment: Segment) -> Iterator[_Node]:
    if segment.literal is not None:
        if segment.literal in node.below:
            yield node.below[segment.literal]
        if None in node.below:
            yield node.below[None]
        return
    for literal, below in node.below.items():
        if literal is None or segment.take(literal) is not None:
            yield below


def _everything(root: _Node) -> Iterator[int]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield from node.ends
        yield from node.stars
        stack.extend(node.below.values())


def _apart(other: Action, match: Match) -> bool:
    """Sure that no request is both, by method or by the values that one place may have."""
    second = other.match
    if second is None:
        return True
    if match.methods is not None and second.methods is not None and not match.methods & second.methods:
        return True
    return any(_disjoint(found.allowed, second.set_of(found.source.text)) for found in match.where)


def _disjoint(first: ValueSet, second: ValueSet) -> bool:
    return _listed(first) and _listed(second) and first.listed.isdisjoint(second.listed)


def _listed(values: ValueSet) -> bool:
    return not values.negated and values.language is None
