import functools
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.templates.action import Action
from gateway.templates.index import Index
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import request, shop

ACTIONS = """
- {id: any, match: {path: '/x/{a}'}, summary: A}
- {id: get, match: {method: GET, path: '/x/{a}'}, summary: A}
- {id: lit, match: {method: GET, path: /x/y}, summary: A}
- {id: two, match: {method: GET, path: ['/{o}/{r}.git/i', '/{o}/{r}/i']}, summary: A}
- {id: star, match: {method: GET, path: '/s/{a*}/end'}, summary: A}
"""


def hits(method: str, *segments: str) -> list[tuple[str, list[str]]]:
    (service,) = shop(ACTIONS).services.values()
    return [(hit.leaf.action.id, hit.values) for hit in service.index.find(method, list(segments))]


def test_every_match_is_found_the_best_first() -> None:
    assert hits("GET", "x", "y") == [("lit", []), ("get", ["y"]), ("any", ["y"])]
    assert hits("POST", "x", "y") == [("any", ["y"])]
    assert hits("PURGE", "x", "y") == [("any", ["y"])]
    assert hits("GET", "s", "a", "b", "end") == [("star", ["a/b"])]
    assert hits("GET", "s", "end") == []
    assert hits("GET", "x") == []
    assert hits("GET", "x", "") == []


def test_of_one_actions_paths_the_first_that_fits_binds() -> None:
    assert hits("GET", "acme", "site.git", "i")[0] == ("two", ["acme", "site"])
    assert hits("GET", "acme", "site", "i") == [("two", ["acme", "site"])]


def test_an_empty_index_finds_nothing() -> None:
    assert Index([]).find("GET", ["a"]) == []


CALLS = (
    "\n".join(
        f"- {{id: call{n}, match: {{method: POST, path: [/, '/{{p}}', '/s/{{p*}}'], "
        f"where: {{'query:op': [Op{n}, Also{n}], 'json:/kind': absent}}}}, summary: A}}"
        for n in range(40)
    )
    + """
- {id: any, match: {method: POST, path: [/, '/{p}', '/s/{p*}']}, summary: A}
- {id: none, match: {method: POST, path: [/, '/{p}', '/s/{p*}'], where: {'query:op': absent}}, summary: A}
- id: glob
  match: {method: POST, path: [/, '/{p}', '/s/{p*}'], where: {'query:op': {glob: 'Z*'}}}
  summary: A
"""
)
(TABLED,) = shop(CALLS).services.values()


@pytest.mark.parametrize("path", [[""], ["x"], ["s", "a", "b"]])
@pytest.mark.parametrize(
    "query",
    [None, "op=Op7", "op=Also39", "op=Zed", "op=none", "op=Op7&op=Op8", "Op=Op7", "op[]=Op7", "op", "op=%zz"],
)
def test_a_table_leaves_out_only_what_is_surely_false(path: list[str], query: str | None) -> None:
    def candidates(view: View | None) -> list[str]:
        return [hit.leaf.action.id for hit in TABLED.index.find("POST", path, view)]

    def verdict(name: str) -> str:
        view = View(sent, query, BodyRule())
        match = next(action.match for action in TABLED.actions if action.id == name)
        assert match is not None
        try:
            return str(match.conditions_hold(view))
        except Refusal:
            return "unknown"

    sent = request("POST", "/" + "/".join(path) + (f"?{query}" if query else ""))
    every, few = candidates(None), candidates(View(sent, query, BodyRule()))
    assert len(every) == 43
    assert set(few) <= set(every)
    assert {verdict(name) for name in every if name not in few} <= {"False"}
    if query == "op=Op7":
        assert len(few) == 3


ANY_SEGMENT = st.sampled_from(["a", "b", "s", "x", "end", "y.git", ""])
PATTERNS = ["/x/{a}", "/x/y", "/s/{a*}/end", "/{a*}", "/{a}/{b*}", "/x/{a*}", "/{a}.git/b", "/x/{a*}.git/b"]
(SCANNED,) = shop(
    "\n".join(
        f"- {{id: p{n}, match: {{method: GET, path: '{path}', where: {{'query:n': p{n}}}}}, summary: A}}"
        for n, path in enumerate(PATTERNS)
    )
).services.values()


@given(segments=st.lists(ANY_SEGMENT, min_size=1, max_size=6))
def test_the_tree_finds_what_a_look_at_every_pattern_finds(segments: list[str]) -> None:
    found = {(hit.leaf.action.id, tuple(hit.values)) for hit in SCANNED.index.find("GET", segments)}
    expected = {
        (action.id, tuple(values))
        for action in SCANNED.actions
        if action.match is not None
        for pattern in action.match.paths or ()
        if (values := pattern.match(segments)) is not None
    }
    assert found == expected


PARTS = ["a", "b", "{x}", "a{x}", "{x}b", "a{x}b", "{n}", "{word}", "v{n}", "{x}.{w}"]
STARS = ["{z*}", "{z*}b", "a{z*}", "{z*}:go", "{z*}:{w}"]
PARAMS = 'params: {n: {pattern: "[0-9]+"}, word: {enum: [a, b, long]}}\n'


@st.composite
def a_path(draw: Any) -> str:
    parts = draw(st.lists(st.sampled_from(PARTS), max_size=3))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(STARS)))
    names = iter("cdefghijkl")
    renamed = [re.sub(r"\{[xw]\}", lambda _: f"{{{next(names)}}}", part) for part in parts or ["a"]]
    kept = [
        part
        for at, part in enumerate(renamed)
        if not re.search(r"n\}|word", part) or part not in renamed[:at]
    ]
    return "/" + "/".join(kept if "{n}" not in kept else [part for part in kept if part != "v{n}"])


@functools.cache
def one_action(method: str | None, path: str) -> Action:
    named = f"method: {method}, " if method else ""
    text = f"- {{id: a, match: {{{named}path: '{path}'}}, summary: X}}"
    return shop(text, PARAMS).services["shop"].actions[0]


RULES = st.lists(st.tuples(st.sampled_from(["GET", "POST", None]), a_path()), min_size=1, max_size=12)
SENT = st.lists(
    st.sampled_from(["a", "b", "ab", "axb", "7", "v7", "long", "x.y", "a.b", "k:go", ":go", "a/b", ""]),
    min_size=1,
    max_size=5,
)


@given(rules=RULES, method=st.sampled_from(["GET", "POST", "PURGE"]), segments=SENT)
def test_any_rules_are_found_as_a_look_at_each_of_them_finds_them(
    rules: list[tuple[str | None, str]], method: str, segments: list[str]
) -> None:
    actions = [one_action(*rule) for rule in rules]
    expected = [
        (rank, values)
        for rank, action in enumerate(actions)
        if action.match is not None and (action.match.methods is None or method in action.match.methods)
        for pattern in action.match.paths or ()
        if (values := pattern.match(segments)) is not None
    ]
    found = [(hit.leaf.order[0], hit.values) for hit in Index(actions).find(method, segments)]
    assert found == expected


def many(count: int) -> Index:
    """What a thousand actions of a real service look like, in every place where an index can degrade."""
    shapes = (
        "{id: a%04d, match: {method: GET, path: '/r/{o}/{p}/things%04d/{n}'}, summary: A}",
        "{id: b%04d, match: {method: POST, path: /, where: {'query:op': Op%04d}}, summary: A}",
        "{id: c%04d, match: {method: POST, path: '/v1/{name*}:verb%04d'}, summary: A}",
        "{id: d%04d, match: {method: GET, path: '/img/{name*}/tail%04d/{ref}'}, summary: A}",
        "{id: e%04d, match: {method: GET, path: '/z/{p}/vm%04d-{m}'}, summary: A}",
        "{id: f%04d, match: {method: PUT, path: '/z/{p%04d}', where: {'header:x-op': f%04d}}, summary: A}",
        "{id: g%04d, match: {method: DELETE, where: {'header:x-call': g%04d}}, summary: A}",
    )
    text = "\n".join(f"- {shape.replace('%04d', f'{n:04}')}" for n in range(count) for shape in shapes)
    return shop(text).services["shop"].index


FEW, MANY = many(12), many(250)


def steps(index: Index, method: str, target: str) -> tuple[int, int]:
    """How many functions a look-up calls, and how many actions it finds."""
    path, _, query = target.partition("?")
    segments = path[1:].split("/")
    headers = {"X-Op": "f0007", "X-Call": "g0007"}
    view = View(request(method, target, headers=headers), query, BodyRule())
    index.find(method, segments)
    called = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal called
        called += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        found = index.find(method, segments, view)
    finally:
        sys.setprofile(None)
    return called, len(found)


@pytest.mark.parametrize(
    ("method", "target", "hits"),
    [
        ("GET", "/r/acme/site/things0007/1", 1),
        ("GET", "/r/acme/site/nothing/1", 0),
        ("POST", "/?op=Op0007", 1),
        ("POST", "/?op=none", 0),
        ("POST", "/v1/projects/p/zones/z:verb0007", 1),
        ("POST", "/v1/projects/p/zones/z:none", 0),
        ("GET", "/img/a/b/c/tail0007/x", 1),
        ("GET", "/z/p/vm0007-web", 1),
        ("PUT", "/z/web", 1),
        ("DELETE", "/anything", 1),
    ],
)
def test_a_look_up_takes_as_many_steps_among_many_actions_as_among_few(
    method: str, target: str, hits: int
) -> None:
    taken = [steps(index, method, target) for index in (FEW, MANY)]
    assert taken[0] == taken[1]
    assert taken[0][1] == hits


@pytest.mark.parametrize("word", ["a", "r", "img", "v1", "z", "tail0007", "x:verb0007"])
def test_a_long_path_takes_steps_by_its_length_and_no_more(word: str) -> None:
    short, long = (steps(MANY, "GET", "/img" + f"/{word}" * size)[0] for size in (500, 2000))
    assert long <= 4 * short + 100
    assert long < 2000 * 20
