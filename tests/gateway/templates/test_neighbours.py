"""A pair that is never compared is never ordered: the short list may leave nothing out."""

import functools
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.templates import neighbours as module
from gateway.templates.action import Action
from gateway.templates.matching import both
from gateway.templates.neighbours import neighbours
from tests.gateway.templates.making import shop

SEGMENTS = ["a", "b", "{x}", "a{x}", "{n}", "{x}b", "{word}", "long", "lo{x}", "{x}ng", "lon{x}ng"]
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
        unique.insert(
            draw(st.integers(0, len(unique))), draw(st.sampled_from(["{z*}", "{z*}b", "a{z*}", "lo{z*}ng"]))
        )
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


@given(matches=st.lists(an_action(), min_size=2, max_size=16))
def test_every_pair_that_overlaps_is_compared(matches: list[dict[str, Any]]) -> None:
    actions: list[Action] = [read(match) for match in matches]
    listed = set(neighbours(actions))
    for (one, first), (two, second) in combinations(enumerate(actions), 2):
        if first.match is not None and second.match is not None and both(first.match, second.match):
            assert (one, two) in listed


def read(match: dict[str, Any]) -> Action:
    return _read(str(match))


@functools.cache
def _read(match: str) -> Action:
    text = f"- {{id: a, match: {match}, summary: X}}".replace("'", '"')
    return shop(text, PARAMS).services["shop"].actions[0]


def test_a_thousand_paths_that_share_nothing_need_no_comparison() -> None:
    actions = [read({"method": "GET", "path": f"/things{n}/{{id}}"}) for n in range(50)]
    assert list(neighbours(actions)) == []


def test_calls_told_apart_by_their_operation_need_no_comparison() -> None:
    actions = [read({"method": "POST", "path": "/", "where": {"query:op": f"Op{n}"}}) for n in range(50)]
    assert list(neighbours(actions)) == []


def test_actions_told_apart_by_a_suffix_a_prefix_or_what_follows_a_star_need_no_comparison() -> None:
    paths = (
        "/v1/{name*}:verb%02d",
        "/img/{name*}/tail%02d/{ref}",
        "/vm%02d-{id}",
        "/r/{a}/%02d",
        "/{a}x%02d/{b}",
    )
    actions = [read({"path": path % n}) for n in range(40) for path in paths]
    assert not any(one % len(paths) == two % len(paths) for one, two in neighbours(actions))
    assert list(neighbours(actions[:: len(paths)])) == []


def test_groups_that_a_trait_keeps_apart_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost grows with the actions, not with their pairs: counted, not timed."""
    compared = 0

    def counted(*given: Any) -> bool:
        nonlocal compared
        compared += 1
        return apart(*given)

    apart = module._apart
    monkeypatch.setattr(module, "_apart", counted)
    taken = []
    for count in (20, 80):
        compared = 0
        actions = [
            read(match)
            for n in range(count)
            for match in (
                {"method": "GET", "path": f"/r/{{a}}/things{n:02}/{{b}}"},
                {"method": "POST", "path": "/", "where": {"query:op": f"Op{n:02}"}},
                {"method": "POST", "path": f"/v1/{{name*}}:verb{n:02}"},
            )
        ]
        list(neighbours([*actions, read({"path": "/{any*}"})]))
        taken.append(compared)
    assert taken[1] <= 4 * taken[0] + 8
