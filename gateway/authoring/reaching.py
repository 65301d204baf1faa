"""Which actions can never win, because others take every request that they match."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.templates.action import Action
from gateway.templates.conditions import Condition
from gateway.templates.language import TooLarge, overlap
from gateway.templates.matching import METHODS, Match, within
from gateway.templates.neighbours import neighbours
from gateway.templates.params import Param
from gateway.templates.patterns import SEPARATOR, Pattern, Segment
from gateway.templates.service import Service

OTHER = "SECONDSIG"
"""Stands for a method that no action names."""


def unreachable(service: Service) -> Iterator[tuple[Action, list[Action]]]:
    """Each with those that win in its place. What cannot be compared counts as reachable."""
    above = _above(service.actions)
    for action in service.actions:
        winners: dict[str, Action] = {}
        pieces = list(_pieces(action))
        for piece in pieces:
            taken = _takers(service, above[action.id], piece)
            if not taken:
                break
            winners |= {winner.id: winner for winner in taken}
        else:
            if pieces:
                yield action, list(winners.values())


def _pieces(action: Action) -> Iterator[Match]:
    """The action's match, for each method, host and path alone."""
    match = action.match
    if match is None:
        return
    for method in sorted(match.methods) if match.methods is not None else (*METHODS, OTHER):
        for host in match.hosts:
            for path in match.paths or ():
                yield replace(match, methods=frozenset({method}), hosts=(host,), paths=(path,))


def _above(actions: Sequence[Action]) -> dict[str, set[str]]:
    """For each action those that are asked before it and could match one of its requests at all."""
    found: dict[str, set[str]] = {action.id: set() for action in actions}
    for first, second in neighbours(actions):
        found[actions[second].id].add(actions[first].id)
    return found


def _takers(service: Service, winning: set[str], piece: Match) -> list[Action]:
    """Those that win whatever request of this piece comes; none where some request is left to the action."""
    sample = _sample(piece.paths[0]) if piece.paths else None
    if sample is None:
        return []
    (method,) = piece.methods or {OTHER}
    found = {hit.leaf.action.id: hit.leaf.action for hit in service.index.find(method, sample)}
    above = [other for other in found.values() if other.id in winning]
    try:
        whole = next((other for other in above if other.match and within(piece, other.match)), None)
        return [whole] if whole is not None else _pair(piece, above)
    except TooLarge:
        return []


def _pair(piece: Match, above: Sequence[Action]) -> list[Action]:
    """Two that differ in one condition, and between them leave no value of it."""
    single = [(other, left) for other in above if (left := _only_condition(piece, other)) is not None]
    for one, first in single:
        for two, second in single:
            if first.source.text != second.source.text or first.allowed.negated or not second.allowed.negated:
                continue
            if second.allowed.language is None and all(
                first.allowed.has(tag) for tag in second.allowed.listed
            ):
                return [one, two]
    return []


def _only_condition(piece: Match, other: Action) -> Condition | None:
    """The one condition without which the other would take all of the piece."""
    match = other.match
    if match is None:
        return None
    open_ = [found for found in match.where if not found.allowed.contains(piece.set_of(found.source.text))]
    if len(open_) != 1 or not within(piece, replace(match, where=())):
        return None
    return open_[0]


def _sample(pattern: Pattern) -> list[str] | None:
    """Segments that the pattern matches."""
    try:
        made = [_segment(segment) for segment in pattern.segments]
    except TooLarge:
        return None
    return made if pattern.match(made) is not None else None


def _segment(segment: Segment) -> str:
    if segment.param is None:
        return segment.literal or ""
    value = _value(segment.param)
    if segment.second is not None:
        value += segment.joint + _value(segment.second)
    return segment.prefix + value + segment.suffix


def _value(param: Param) -> str:
    language = param.language
    value = "x1" if language is None else overlap(language, language) or ""
    return value.replace(SEPARATOR, "")
