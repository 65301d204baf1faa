"""Finds the actions whose method and path match a request: a tree of segments, literals before captures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.templates.action import Action
from gateway.templates.patterns import Pattern, Segment


@dataclass(frozen=True, slots=True)
class Leaf:
    """`order` is the action's rank, then the place of the path in its list: the first that fits binds."""

    action: Action
    order: tuple[int, int]
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Hit:
    """An action whose path matches, with what the path captured, in the pattern's order."""

    leaf: Leaf
    values: list[str]


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    captures: list[tuple[Segment, "_Node"]] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)


class Index:
    """Actions by their ranks; a method that no action names finds those that take any method."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._trees: dict[str, _Node] = {}
        self._stars: dict[str, list[Leaf]] = {}
        self._any = _Node()
        self._any_stars: list[Leaf] = []
        named = {name for action in actions if action.match for name in action.match.methods or ()}
        for name in named:
            self._trees[name], self._stars[name] = _Node(), []
        for rank, action in enumerate(actions):
            self._add(action, rank)

    def _add(self, action: Action, rank: int) -> None:
        if action.match is None:
            return
        methods = action.match.methods
        for place, pattern in enumerate(action.match.paths or ()):
            leaf = Leaf(action, (rank, place), pattern)
            if methods is None:
                self._put(leaf, self._any, self._any_stars)
            for name in self._trees if methods is None else methods:
                self._put(leaf, self._trees[name], self._stars[name])

    @staticmethod
    def _put(leaf: Leaf, node: _Node, stars: list[Leaf]) -> None:
        if leaf.pattern.star is not None:
            stars.append(leaf)
            return
        for segment in leaf.pattern.segments:
            if segment.literal is not None:
                node = node.literals.setdefault(segment.literal, _Node())
                continue
            below = next((node_below for known, node_below in node.captures if known == segment), None)
            if below is None:
                below = _Node()
                node.captures.append((segment, below))
            node = below
        node.leaves.append(leaf)

    def find(self, method: str, segments: list[str]) -> list[Hit]:
        """Every action that matches, best rank first, each once."""
        found: list[Hit] = []
        _walk(self._trees.get(method, self._any), segments, 0, [], found)
        for leaf in self._stars.get(method, self._any_stars):
            values = leaf.pattern.match(segments)
            if values is not None:
                found.append(Hit(leaf, values))
        if len(found) > 1:
            found.sort(key=lambda hit: hit.leaf.order)
        return found


def _walk(node: _Node, segments: list[str], at: int, values: list[str], found: list[Hit]) -> None:
    if at == len(segments):
        found.extend(Hit(leaf, values) for leaf in node.leaves)
        return
    segment = segments[at]
    below = node.literals.get(segment)
    if below is not None:
        _walk(below, segments, at + 1, values, found)
    for pattern, after in node.captures:
        value = pattern.take(segment)
        if value is not None:
            _walk(after, segments, at + 1, [*values, value], found)
