import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
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
