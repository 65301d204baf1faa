"""Finds the actions whose method and path match a request: a tree of segments, literals before captures."""

from collections.abc import Sequence
from dataclasses import field

from gateway.bodies import JsonNumber
from gateway.errors import Refusal
from gateway.templates.action import Action
from gateway.templates.conditions import ABSENT, tag_of
from gateway.templates.patterns import Pattern, Segment
from gateway.templates.selectors import Source
from gateway.templates.view import View
from gateway.values import dataclass

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


class _Affixed[T]:
    """Things by the signs around a capture; a look-up costs as many steps as there are lengths of them."""

    __slots__ = ("_by_length", "plain")

    def __init__(self) -> None:
        self.plain: list[T] = []
        self._by_length: dict[tuple[int, int], dict[tuple[str, str], list[T]]] = {}

    def add(self, prefix: str, suffix: str, thing: T) -> None:
        self.at(prefix, suffix).append(thing)

    def at(self, prefix: str, suffix: str) -> list[T]:
        if not prefix + suffix:
            return self.plain
        table = self._by_length.setdefault((len(prefix), len(suffix)), {})
        return table.setdefault((prefix, suffix), [])

    def around(self, text: str) -> list[T]:
        """All whose signs stand around this text, with something between them."""
        if not self._by_length:
            return self.plain
        found = list(self.plain)
        for (before, after), table in self._by_length.items():
            end = len(text) - after
            if end > before:
                found += table.get((text[:before], text[end:]), ())
        return found

    def every(self) -> list[T]:
        tables = self._by_length.values()
        return [*self.plain, *(thing for table in tables for things in table.values() for thing in things)]


@dataclass(slots=True)
class _Starred:
    """The leaves that are alike from their star on, as the pattern of any of them is."""

    pattern: Pattern
    star: int
    leaves: _Leaves = field(default_factory=_Leaves)


@dataclass(slots=True)
class _Tail:
    """What follows a star, from the end of the path: literals and captures, then the star itself."""

    literals: dict[str, "_Tail"] = field(default_factory=dict)
    captures: _Affixed["_Tail"] = field(default_factory=_Affixed)
    stars: _Affixed[_Starred] = field(default_factory=_Affixed)

    def before(self, segment: Segment) -> "_Tail":
        if segment.literal is not None:
            return self.literals.setdefault(segment.literal, _Tail())
        alike = self.captures.at(segment.prefix, segment.suffix)
        if not alike:
            alike.append(_Tail())
        return alike[0]


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    captures: _Affixed[tuple[Segment, "_Node"]] = field(default_factory=_Affixed)
    leaves: _Leaves = field(default_factory=_Leaves)
    tails: _Tail | None = None

    def below(self, segment: Segment) -> "_Node":
        if segment.literal is not None:
            return self.literals.setdefault(segment.literal, _Node())
        alike = self.captures.at(segment.prefix, segment.suffix)
        for known, node in alike:
            if _take_the_same(known, segment):
                return node
        made = _Node()
        alike.append((segment, made))
        return made


def _take_the_same(one: Segment, two: Segment) -> bool:
    """Sure that two captures with the same signs around them take the same values, whatever their names."""
    if one.param is None or two.param is None or one.second is not None or two.second is not None:
        return one == two
    return one.param.language is two.param.language and one.param.slash is two.param.slash


class Index:
    """Actions by their ranks; a method that no action names finds those that take any method."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._built = False

    def _build(self) -> None:
        """At the first request: many services that are enabled are seldom asked for."""
        self._any = _Node()
        actions = self._actions
        named = {name for action in actions if action.match for name in action.match.methods or ()}
        self._trees = {name: _Node() for name in named}
        for rank, action in enumerate(actions):
            self._add(action, rank)
        for tree in (self._any, *self._trees.values()):
            _arrange(tree)
        self._built = True  # last: half an index would take what is strict for what no action names

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
    for at, segment in enumerate(leaf.pattern.segments):
        if segment.star:
            node.tails = node.tails or _Tail()
            _put_tail(node.tails, leaf, at)
            return
        node = node.below(segment)
    node.leaves.every.append(leaf)


def _put_tail(tail: _Tail, leaf: Leaf, star: int) -> None:
    segments = leaf.pattern.segments
    for segment in reversed(segments[star + 1 :]):
        tail = tail.before(segment)
    alike = tail.stars.at("", segments[star].suffix)
    for known in alike:
        if known.pattern.segments[star:] == segments[star:]:
            known.leaves.every.append(leaf)
            return
    made = _Starred(leaf.pattern, star)
    made.leaves.every.append(leaf)
    alike.append(made)


def _arrange(root: _Node) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        node.leaves.arrange()
        if node.tails is not None:
            _arrange_tails(node.tails)
        stack.extend((*node.literals.values(), *(below for _, below in node.captures.every())))


def _arrange_tails(tail: _Tail) -> None:
    for starred in tail.stars.every():
        starred.leaves.arrange()
    for before in (*tail.literals.values(), *tail.captures.every()):
        _arrange_tails(before)


def _walk(node: _Node, segments: list[str], at: int, values: list[str], search: _Search) -> None:
    """Comes to each node at most once, so that no path costs more steps than there are nodes."""
    while True:
        if node.tails is not None:
            _walk_back(node.tails, segments, at, len(segments), values, search)
        if at == len(segments):
            if node.leaves.every:
                search.found.extend([Hit(leaf, values) for leaf in node.leaves.candidates(search.view)])
            return
        segment = segments[at]
        at += 1
        below = node.literals.get(segment)
        for pattern, after in node.captures.around(segment):
            value = pattern.take(segment)
            if value is not None:
                _walk(after, segments, at, [*values, value], search)
        if below is None:
            return
        node = below


def _walk_back(
    tail: _Tail, segments: list[str], at: int, end: int, values: list[str], search: _Search
) -> None:
    """From the end of the path towards the star, which takes at least one segment."""
    if end <= at:
        return
    last = segments[end - 1]
    for starred in tail.stars.around(last):
        rest = starred.pattern.take_rest(starred.star, segments, at)
        if rest is not None:
            candidates = starred.leaves.candidates(search.view)
            search.found.extend([Hit(leaf, [*values, *rest]) for leaf in candidates])
    before = tail.literals.get(last)
    if before is not None:
        _walk_back(before, segments, at, end - 1, values, search)
    for before in tail.captures.around(last):
        _walk_back(before, segments, at, end - 1, values, search)
