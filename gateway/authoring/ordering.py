"""Paths that match common requests without one being inside the other: which is to win, found beforehand."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from gateway.authoring.naming import Route
from gateway.errors import ConfigError, Place
from gateway.templates.language import TooLarge
from gateway.templates.matching import path_within
from gateway.templates.params import Param, read_param
from gateway.templates.patterns import Pattern, parse_path
from gateway.templates.yaml12 import parse_yaml

type Tick = Callable[[str, int, int], None]

_PLACE = Place("the draft")


def overs(
    named: Sequence[tuple[str, Route]], rules: Mapping[str, str], tick: Tick = lambda *_: None
) -> dict[str, list[str]]:
    """For ids that must say so, the ids that they are over: the earlier literal wins."""
    params = read_rules(rules)
    by_method: dict[str, list[tuple[str, Pattern]]] = defaultdict(list)
    for name, route in named:
        pattern = _pattern(route.path, params)
        if pattern is not None:
            by_method[route.operation.method].append((name, pattern))
    found: dict[str, list[str]] = defaultdict(list)
    for done, patterns in enumerate(by_method.values(), 1):
        for (one, first), (two, second) in _crossing(patterns):
            winner, loser = (one, two) if _rank(first) <= _rank(second) else (two, one)
            found[winner].append(loser)
        tick("Ordering actions", done, len(by_method))
    return dict(found)


def claimed_twice(paths: Sequence[str], rules: Mapping[str, str]) -> frozenset[str]:
    """Paths of resources that cross another one's: they name nothing by themselves."""
    params = read_rules(rules)
    patterns = [(path, found) for path in paths if (found := _pattern(path, params)) is not None]
    unreadable = set(paths) - {path for path, _ in patterns}
    return frozenset(unreadable | {two[0] for _, two in _crossing(patterns)})


def read_rules(rules: Mapping[str, str]) -> dict[str, Param]:
    return {name: read_param(name, parse_yaml(rule.encode(), "the draft")) for name, rule in rules.items()}


def _pattern(path: str, params: Mapping[str, Param]) -> Pattern | None:
    try:
        return parse_path(path, _PLACE, params)
    except ConfigError:
        return None


def _crossing(
    patterns: Sequence[tuple[str, Pattern]],
) -> Iterator[tuple[tuple[str, Pattern], tuple[str, Pattern]]]:
    for one, two in combinations(patterns, 2):
        if _may_cross(one[1], two[1]) and not _ordered(one[1], two[1]):
            yield one, two


def _may_cross(one: Pattern, two: Pattern) -> bool:
    """A quick look: could some path be both?"""
    if one.star is None and two.star is None and len(one.segments) != len(two.segments):
        return False
    for first, second in zip(one.segments, two.segments, strict=False):
        if first.star or second.star:
            return True
        if first.param is None and second.take(first.literal or "") is None:
            return False
        if second.param is None and first.take(second.literal or "") is None:
            return False
    return True


def _ordered(one: Pattern, two: Pattern) -> bool:
    try:
        return path_within(one, two) is not path_within(two, one)
    except TooLarge:
        return False


def _rank(pattern: Pattern) -> tuple[int, ...]:
    """Literals before affixes before what has a pattern before any text before many segments."""
    made = []
    for segment in pattern.segments:
        if segment.param is None:
            made.append(0)
        elif segment.star:
            made.append(4)
        elif segment.prefix or segment.suffix or segment.second is not None:
            made.append(1)
        else:
            made.append(2 if segment.param.language is not None else 3)
    return tuple(made)
