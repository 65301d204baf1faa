"""A pair that is never compared is never ordered: the short list may leave nothing out."""

from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.templates.action import Action
from gateway.templates.matching import both
from gateway.templates.neighbours import neighbours
from tests.gateway.templates.making import shop

SEGMENTS = ["a", "b", "{x}", "a{x}", "{n}", "{x}b", "{word}"]
PARAMS = 'params: {n: {pattern: "[0-9]+"}, word: {enum: [a, b, long]}}\n'


@st.composite
def an_action(draw: Any) -> dict[str, Any]:
    names = iter(("p", "q", "r", "s"))
    parts = [
        part.replace("{x}", f"{{{next(names)}}}")
        for part in draw(st.lists(st.sampled_from(SEGMENTS), max_size=3))
    ]
    unique = [
        part for at, part in enumerate(parts) if part not in {"{n}", "{word}"} or part not in parts[:at]
    ]
    if draw(st.booleans()):
        unique.insert(draw(st.integers(0, len(unique))), draw(st.sampled_from(["{z*}", "{z*}b", "a{z*}"])))
    match: dict[str, Any] = {"path": "/" + "/".join(unique or ["a"])}
    if draw(st.booleans()):
        match["method"] = draw(st.sampled_from(["GET", "POST"]))
    if draw(st.booleans()):
        match["where"] = {
            "query:op": draw(
                st.sampled_from([["x", "y"], ["y", "z"], "present", "absent", {"glob": "x*"}, {"not": ["x"]}])
            )
        }
    return match


@given(matches=st.lists(an_action(), min_size=2, max_size=6))
def test_every_pair_that_overlaps_is_compared(matches: list[dict[str, Any]]) -> None:
    actions: list[Action] = [read(match) for match in matches]
    listed = set(neighbours(actions))
    for (one, first), (two, second) in combinations(enumerate(actions), 2):
        if first.match is not None and second.match is not None and both(first.match, second.match):
            assert (one, two) in listed


def read(match: dict[str, Any]) -> Action:
    text = f"- {{id: a, match: {match}, summary: X}}".replace("'", '"')
    return shop(text, PARAMS).services["shop"].actions[0]


def test_a_thousand_paths_that_share_nothing_need_no_comparison() -> None:
    actions = [read({"method": "GET", "path": f"/things{n}/{{id}}"}) for n in range(50)]
    assert list(neighbours(actions)) == []


def test_calls_told_apart_by_their_operation_need_no_comparison() -> None:
    actions = [read({"method": "POST", "path": "/", "where": {"query:op": f"Op{n}"}}) for n in range(50)]
    assert list(neighbours(actions)) == []
