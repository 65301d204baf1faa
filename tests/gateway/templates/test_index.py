from gateway.templates.index import Index
from tests.gateway.templates.making import shop

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
