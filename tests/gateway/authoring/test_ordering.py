"""Paths that cross: which of two is over the other."""

from gateway.authoring.naming import routes
from gateway.authoring.operations import Operation
from gateway.authoring.ordering import claimed_twice, overs


def orders(*lines: str, rules: dict[str, str] | None = None) -> dict[str, list[str]]:
    words = [line.split(" ") for line in lines]
    operations = [Operation(method, path, f"{method} {path}") for method, path in words]
    found, _ = routes(operations)
    return overs([(route.operation.id, route) for route in found], rules or {})


def test_of_two_paths_that_cross_the_one_with_the_earlier_word_wins() -> None:
    crossing = ["GET /a/{x}/c", "GET /a/b/{y}"]
    assert orders(*crossing) == {crossing[1]: [crossing[0]]}


def test_what_is_inside_the_other_or_apart_needs_no_order() -> None:
    assert orders("GET /a/{x}", "GET /a/b", "POST /a/{x}", "GET /a/{x}/b", "GET /{y}/c") == {
        "GET /a/{x}": ["GET /{y}/c"]
    }


def test_patterns_that_are_apart_do_not_cross() -> None:
    rules = {"n": '{pattern: "[0-9]+"}', "word": '{pattern: "[a-z]+"}'}
    assert orders("GET /a/{n}/c", "GET /b/{word}/{x}", rules=rules) == {}


def test_stars_and_affixes_rank_behind_words() -> None:
    assert orders("GET /{path}", "GET /a/{x}:go") == {}
    lines = ["GET /f/{+p}/raw", "GET /f/a/{z}"]
    assert orders(*lines) == {lines[1]: [lines[0]]}


def test_resources_that_cross_claim_no_path() -> None:
    assert claimed_twice(["/a/{x}/c/{y}", "/a/b/{z}/{w}", "/other/{x}"], {}) == {"/a/b/{z}/{w}"}
