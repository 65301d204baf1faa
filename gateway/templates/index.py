"""Finds the actions whose method and path match a request: a tree of segments, literals before captures."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.bodies import JsonNumber
from gateway.errors import Refusal
from gateway.templates.action import Action
from gateway.templates.conditions import ABSENT, tag_of
from gateway.templates.patterns import Pattern, Segment
from gateway.templates.selectors import Source
from gateway.templates.view import View

WORTH_A_TABLE = 8
"""From how many values on a look-up is cheaper than asking each action."""


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


class _Leaves:
    """The leaves at one place. Where many differ in one value, only those that have it are candidates."""

    __slots__ = ("_keyed", "_others", "every")

    def __init__(self) -> None:
        self.every: list[Leaf] = []
        self._others: list[Leaf] = self.every
        self._keyed: list[tuple[Source, dict[str, list[Leaf]]]] = []

    def arrange(self) -> None:
        """Chooses the conditions to tell leaves apart by; called once, when all are there."""
        rest = self.every
        while (best := _telling(rest)) is not None:
            source, values = best
            self._keyed.append((source, values))
            taken = {id(leaf) for leaves in values.values() for leaf in leaves}
            rest = [leaf for leaf in rest if id(leaf) not in taken]
        self._others = rest

    def candidates(self, view: View | None) -> list[Leaf]:
        """All whose conditions can hold or be unknown; all there are where no view is given."""
        if view is None or not self._keyed:
            return self.every
        found = list(self._others)
        for source, values in self._keyed:
            tag = _tag(source, view)
            if tag is None:
                return self.every
            found += values.get(tag, ())
        return found


def _telling(leaves: list[Leaf]) -> tuple[Source, dict[str, list[Leaf]]] | None:
    """The condition with the most values among these leaves, and the leaves by those values."""
    if len(leaves) < WORTH_A_TABLE:
        return None
    tables: dict[str, tuple[Source, dict[str, list[Leaf]]]] = {}
    for leaf in leaves:
        for condition in leaf.action.match.where if leaf.action.match else ():
            if not condition.allowed.negated and condition.allowed.language is None:
                _, values = tables.setdefault(condition.source.text, (condition.source, {}))
                for tag in condition.allowed.listed:
                    values.setdefault(tag, []).append(leaf)
    best = max(tables.values(), key=lambda table: len(table[1]), default=None)
    return best if best is not None and len(best[1]) >= WORTH_A_TABLE else None


def _tag(source: Source, view: View) -> str | None:
    """The value by which a table is looked up, or None where it is unknown or not plain."""
    try:
        found = view.found(source)
    except Refusal:
        return None
    if not found:
        return ABSENT
    value = found[0]
    if len(found) > 1 or isinstance(value, JsonNumber) or not isinstance(value, (str, bool)):
        return None
    return tag_of(value)


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    captures: list[tuple[Segment, "_Node"]] = field(default_factory=list)
    leaves: _Leaves = field(default_factory=_Leaves)
    stars: _Leaves = field(default_factory=_Leaves)

    def below(self, segment: Segment) -> "_Node":
        if segment.literal is not None:
            return self.literals.setdefault(segment.literal, _Node())
        for known, node in self.captures:
            if known == segment:
                return node
        made = _Node()
        self.captures.append((segment, made))
        return made


class Index:
    """Actions by their ranks; a method that no action names finds those that take any method."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._built = False

    def _build(self) -> None:
        """At the first request: many services that are enabled are seldom asked for."""
        self._built = True
        self._any = _Node()
        actions = self._actions
        named = {name for action in actions if action.match for name in action.match.methods or ()}
        self._trees = {name: _Node() for name in named}
        for rank, action in enumerate(actions):
            self._add(action, rank)
        for tree in (self._any, *self._trees.values()):
            _arrange(tree)

    def _add(self, action: Action, rank: int) -> None:
        if action.match is None:
            return
        methods = action.match.methods
        trees = [self._any, *self._trees.values()] if methods is None else [self._trees[n] for n in methods]
        for place, pattern in enumerate(action.match.paths or ()):
            for tree in trees:
                _put(tree, Leaf(action, (rank, place), pattern))

    def find(self, method: str, segments: list[str], view: View | None = None) -> list[Hit]:
        """Every action that matches, best rank first; without those that a given view rules out."""
        if not self._built:
            self._build()
        found: list[Hit] = []
        _walk(self._trees.get(method, self._any), segments, 0, [], _Search(view, found))
        if len(found) > 1:
            found.sort(key=lambda hit: hit.leaf.order)
        return found


@dataclass(frozen=True, slots=True)
class _Search:
    view: View | None
    found: list[Hit]


def _put(node: _Node, leaf: Leaf) -> None:
    for segment in leaf.pattern.segments:
        if segment.star:
            node.stars.every.append(leaf)
            return
        node = node.below(segment)
    node.leaves.every.append(leaf)


def _arrange(root: _Node) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        node.leaves.arrange()
        node.stars.arrange()
        stack.extend((*node.literals.values(), *(below for _, below in node.captures)))


def _walk(node: _Node, segments: list[str], at: int, values: list[str], search: _Search) -> None:
    if node.stars.every:
        for leaf in node.stars.candidates(search.view):
            rest = leaf.pattern.take_rest(at, segments, at)
            if rest is not None:
                search.found.append(Hit(leaf, [*values, *rest]))
    if at == len(segments):
        search.found.extend(Hit(leaf, values) for leaf in node.leaves.candidates(search.view))
        return
    segment = segments[at]
    below = node.literals.get(segment)
    if below is not None:
        _walk(below, segments, at + 1, values, search)
    for pattern, after in node.captures:
        value = pattern.take(segment)
        if value is not None:
            _walk(after, segments, at + 1, [*values, value], search)
