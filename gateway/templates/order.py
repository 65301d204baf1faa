"""Which action wins: the one contained in the other. What is unordered may not overlap."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from gateway.errors import ConfigError
from gateway.templates.action import Action
from gateway.templates.fields import suggestion
from gateway.templates.language import TooLarge
from gateway.templates.matching import both, within
from gateway.templates.neighbours import neighbours


def ranked(actions: Sequence[Action]) -> tuple[list[Action], list[ConfigError]]:
    """The actions, each before all that it beats, and what is wrong with their order."""
    problems: list[ConfigError] = _unknown_over(actions)
    beats: dict[str, set[str]] = {action.id: set() for action in actions}
    for one, two in neighbours(actions):
        first, second = actions[one], actions[two]
        try:
            _order(first, second, beats, problems)
        except TooLarge:
            problems.append(_error(first, second, "cannot be compared; simplify their patterns", ""))
    return _sorted(actions, beats, problems), problems


def _unknown_over(actions: Sequence[Action]) -> list[ConfigError]:
    known = {action.id for action in actions}
    return [
        ConfigError(f'There is no action "{name}" to be over.', place, suggestion(name, known))
        for action in actions
        for name, place in action.over
        if name not in known
    ]


def _order(first: Action, second: Action, beats: dict[str, set[str]], problems: list[ConfigError]) -> None:
    one, two = first.match, second.match
    if one is None or two is None:
        return
    witness = both(one, two)
    if witness is None:
        return
    inside, outside = within(one, two), within(two, one)
    over, under = _names(first, second), _names(second, first)
    if over and under:
        problems.append(_error(first, second, "each claim to be over the other", "Keep one of the two."))
    elif over or under:
        winner, loser, hidden = (first, second, outside) if over else (second, first, inside)
        if hidden:
            problems.append(
                _error(winner, loser, "are ordered so that the second can never match", 'Drop "over".')
            )
        beats[winner.id].add(loser.id)
    elif inside and not outside:
        beats[first.id].add(second.id)
    elif outside and not inside:
        beats[second.id].add(first.id)
    else:
        way_out = f"Narrow one, or give one of them over: [{second.id}] or over: [{first.id}]."
        problems.append(_error(first, second, f"both match {witness}", way_out))


def _names(upper: Action, lower: Action) -> bool:
    return any(name == lower.id for name, _ in upper.over)


def _error(first: Action, second: Action, what: str, way_out: str) -> ConfigError:
    one, two = f'"{first.id}" (line {first.place.line})', f'"{second.id}" (line {second.place.line})'
    message = f"The actions {one} and {two} {what}."
    return ConfigError(message, second.place, way_out or None)


def _sorted(
    actions: Sequence[Action], beats: dict[str, set[str]], problems: list[ConfigError]
) -> list[Action]:
    by_id = {action.id: action for action in actions}
    sorter = TopologicalSorter(dict.fromkeys(by_id, ()))
    for winner, losers in beats.items():
        for loser in losers:
            sorter.add(loser, winner)
    try:
        return [by_id[name] for name in sorter.static_order()]
    except CycleError as error:
        circle = " over ".join(error.args[1])
        problems.append(
            ConfigError(f'The actions are "over" each other in a circle: {circle}.', actions[0].place)
        )
        return list(actions)
