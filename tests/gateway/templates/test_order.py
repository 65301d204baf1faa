import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.templates import order
from gateway.templates.action import Action
from gateway.templates.language import TooLarge
from gateway.templates.matching import both
from tests.gateway.templates.making import action, problems, request, shop
from tests.gateway.templates.test_neighbours import an_action, read

WIDE = "- {id: wide, match: {method: POST, path: '/a/{x}'}, summary: Wide}"
NARROW = "- {id: narrow, match: {method: POST, path: /a/b}, summary: Narrow}"
NARROWER = "- {id: narrower, match: {method: POST, path: /a/b, where: {'query:q': x}}, summary: Narrower}"


@pytest.mark.parametrize("listed", list(itertools.permutations([WIDE, NARROW, NARROWER])))
def test_the_narrower_wins_in_whatever_order_the_file_has_them(listed: tuple[str, ...]) -> None:
    made = shop("\n".join(listed))
    assert action(made, request("POST", "/a/c")) == "wide"
    assert action(made, request("POST", "/a/b")) == "narrow"
    assert action(made, request("POST", "/a/b?q=x")) == "narrower"


LEFT = "- {id: left, match: {method: POST, path: '/{x}/b'}, summary: L%s}"
RIGHT = "- {id: right, match: {method: POST, path: '/a/{y}'}, summary: R%s}"


def test_an_unordered_overlap_is_an_error_with_both_lines_and_a_request() -> None:
    said = problems(f"{LEFT % ''}\n{RIGHT % ''}")
    assert '"left" (line 8) and "right" (line 9) both match POST https://api.shop.test/a/b.' in said
    assert "over: [right] or over: [left]" in said


def test_two_actions_that_match_the_same_are_an_error() -> None:
    assert "both match POST" in problems(f"{NARROW}\n{NARROW.replace('id: narrow', 'id: again')}")


def test_over_decides() -> None:
    made = shop(f"{LEFT % ', over: [right]'}\n{RIGHT % ''}")
    assert action(made, request("POST", "/a/b")) == "left"
    assert action(made, request("POST", "/a/c")) == "right"
    made = shop(f"{LEFT % ''}\n{RIGHT % ', over: [left]'}")
    assert action(made, request("POST", "/a/b")) == "right"


def test_over_that_hides_an_action_or_contradicts_is_an_error() -> None:
    assert "can never match" in problems(f"{WIDE[:-1]}, over: [narrow]}}\n{NARROW}")
    assert "each claim" in problems(f"{LEFT % ', over: [right]'}\n{RIGHT % ', over: [left]'}")
    assert 'Did you mean "narrow"?' in problems(f"{NARROW}\n{LEFT % ', over: [narow]'}")


def test_a_circle_is_an_error() -> None:
    match = "{method: POST, path: '/{x}/{y}', where: {'query:q': x}}"
    third = f"- {{id: third, match: {match}, over: [left], summary: T}}"
    listed = f"{LEFT % ', over: [right]'}\n{RIGHT % ', over: [third]'}\n{third}"
    assert "in a circle" in problems(listed)


def test_patterns_too_large_to_compare_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> None:
        raise TooLarge

    monkeypatch.setattr(order, "both", give_up)
    assert "cannot be compared" in problems(f"{WIDE}\n{NARROW}")


def every_pair(actions: Sequence[Action]) -> list[tuple[int, int]]:
    """The slow way: each with each."""
    return list(itertools.combinations(range(len(actions)), 2))


@given(matches=st.lists(an_action(), min_size=2, max_size=8))
def test_the_order_and_what_is_wrong_with_it_are_those_of_comparing_each_with_each(
    matches: list[dict[str, Any]],
) -> None:
    actions = [replace(read(match), id=f"a{n}") for n, match in enumerate(matches)]
    fast, wrong = order.ranked(actions)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(order, "neighbours", every_pair)
        slow, expected = order.ranked(actions)
    assert [str(problem) for problem in wrong] == [str(problem) for problem in expected]
    if not wrong:
        assert ordered_pairs(fast) == ordered_pairs(slow)


def ordered_pairs(actions: Sequence[Action]) -> set[tuple[str, str]]:
    """Of those that meet, which comes first."""
    return {
        (one.id, two.id)
        for one, two in itertools.combinations(actions, 2)
        if one.match is not None and two.match is not None and both(one.match, two.match) is not None
    }
