"""What is said to be covered is covered, and what is not is not."""

from pathlib import Path

import pytest

from gateway.authoring.coverage import Coverage, Covered, cover
from gateway.authoring.operations import Body, Operation, Parameter, Schema
from gateway.templates import Library

HEAD = """
format: 1
service: tea
namespace: Tea
version: 1.0.0
hosts: [api.tea.example, "{region}.eu.tea.example"]
params: {n: {pattern: "[0-9]+"}, odd: {pattern: ".*[.]odd"}}
actions:
"""


def library(folder: Path, *actions: str) -> Library:
    file = folder / "tea.yaml"
    file.write_text(HEAD + "".join(f"  - {{{action}, summary: It}}\n" for action in actions))
    return Library.load([file])


def listed(line: str) -> Operation:
    method, path = line.split(" ")
    return Operation(method, path, line, known=False)


def covered(folder: Path, actions: list[str], *lines: str) -> Coverage:
    return cover(library(folder, *actions), [listed(line) for line in lines], "tea")


def outcome(found: Coverage) -> list[tuple[str, str]]:
    return [(each.state, each.winner.action if each.winner else "") for each in found.operations]


def test_an_operation_without_an_action_is_unmatched(tmp_path: Path) -> None:
    actions = ["id: cup/fill, match: {method: POST, path: '/cups/{cup}/fill'}"]
    found = covered(tmp_path, actions, "POST /cups/{id}/fill", "POST /cups/{id}/empty", "GET /cups")
    assert outcome(found) == [
        ("named", "/tea/cup/fill"),
        ("fallback", "/tea/unmatched/write"),
        ("fallback", "/tea/unmatched/read"),
    ]
    assert found.percent(mutating=True) == 50.0
    assert found.percent(mutating=False) == 0.0
    assert found.by_risk() == {"mutating": {"low": 1, "step_up": 1}, "reading": {"low": 1}}
    assert found.by_group() == {"mutating": {"(none)": 1}, "reading": {}}


def test_a_word_that_another_operation_captures_is_reported_with_both(tmp_path: Path) -> None:
    actions = ["id: cup/get, match: {method: GET, path: '/cups/{cup}'}"]
    found = covered(tmp_path, actions, "GET /cups/{id}", "GET /cups/search")
    assert [each.state for each in found.operations] == ["named", "shadowed"]
    assert found.operations[1].shadowed_by == ("GET /cups/{id}",)
    assert found.count("named") == 1


def test_an_action_with_both_paths_shadows_neither(tmp_path: Path) -> None:
    actions = ["id: cup/get, match: {method: GET, path: ['/cups/{cup}', /cups/search]}"]
    assert (
        outcome(covered(tmp_path, actions, "GET /cups/{id}", "GET /cups/search"))
        == [("named", "/tea/cup/get")] * 2
    )


def test_an_action_for_odd_values_does_not_count_for_an_operation(tmp_path: Path) -> None:
    actions = ["id: cup/odd, match: {method: DELETE, path: '/cups/{odd}'}"]
    found = covered(tmp_path, actions, "DELETE /cups/{id}")
    assert outcome(found) == [("fallback", "/tea/unmatched/write")]
    assert [each.action for each in found.operations[0].also] == ["/tea/cup/odd"]


def test_numbers_fit_where_nothing_is_known_of_a_capture(tmp_path: Path) -> None:
    actions = ["id: cup/delete, match: {method: DELETE, path: '/cups/{n}'}"]
    assert outcome(covered(tmp_path, actions, "DELETE /cups/{cup}")) == [("named", "/tea/cup/delete")]


def test_a_description_that_allows_any_text_is_not_covered_whole_by_a_pattern(tmp_path: Path) -> None:
    parameter = Parameter("cup", "path", True, Schema(type="string"))
    operation = Operation("DELETE", "/cups/{cup}", "x", parameters=(parameter,))
    made = library(tmp_path, "id: cup/delete, match: {method: DELETE, path: '/cups/{n}'}")
    (found,) = cover(made, [operation], "tea").operations
    assert (found.state, found.note) == ("named", "only for some values in the path")
    assert [each.action for each in found.also] == ["/tea/unmatched/write"]


def test_every_action_that_the_body_decides_between_is_listed(tmp_path: Path) -> None:
    smash = "id: cup/smash, match: {method: PATCH, path: '/cups/{cup}', where: {'json:/force': true}}"
    actions = ["id: cup/move, match: {method: PATCH, path: '/cups/{cup}'}", f"{smash}, risk: step_up"]
    (found,) = covered(tmp_path, actions, "PATCH /cups/{id}").operations
    assert found.winner is not None
    assert found.winner.action == "/tea/cup/move"
    assert [(each.action, each.risk) for each in found.also] == [("/tea/cup/smash", "step_up")]


def test_an_operation_that_is_named_only_with_some_bodies_says_so(tmp_path: Path) -> None:
    actions = ["id: cup/smash, match: {method: PATCH, path: '/cups/{cup}', where: {'json:/force': true}}"]
    (found,) = covered(tmp_path, actions, "PATCH /cups/{id}").operations
    assert (found.state, found.note) == ("named", "unmatched with other bodies or queries")
    assert [each.action for each in found.also] == ["/tea/unmatched/write"]


def test_what_an_action_needs_in_the_body_is_sent(tmp_path: Path) -> None:
    needs = "context: {a: {from: 'json:/a', missing: refuse}}"
    actions = [f"id: cup/fill, match: {{method: POST, path: /cups}}, {needs}"]
    assert outcome(covered(tmp_path, actions, "POST /cups")) == [("named", "/tea/cup/fill")]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/csv"]
)
def test_the_body_that_the_description_asks_for_is_sent(tmp_path: Path, content_type: str) -> None:
    schema = Schema(type="object", members={"a": Schema(type="string")}, required=frozenset({"a"}))
    dry = Parameter("dry", "query", True, Schema(type="boolean"))
    operation = Operation(
        "POST", "/cups", "x", body=Body(content_type, schema, required=True), parameters=(dry,)
    )
    made = library(
        tmp_path, "id: cup/fill, match: {method: POST, path: /cups}, context: {a: {from: 'arg:a'}}"
    )
    assert cover(made, [operation], "tea").count("named") == 1


def test_what_no_action_can_read_is_refused(tmp_path: Path) -> None:
    actions = ["id: a, match: {method: POST, path: '/x'}"]
    (found,) = covered(tmp_path, actions, "POST /a//b").operations
    assert (found.state, found.winner) == ("refused", None)
    assert "empty segment" in found.note


def test_a_host_that_no_template_answers_for_is_named(tmp_path: Path) -> None:
    made = library(tmp_path, "id: a, match: {method: GET, path: /x}")
    elsewhere = Operation("GET", "/x", "x", ("https://evil.example",))
    found = cover(made, [elsewhere, Operation("GET", "/x", "y")])
    assert [each.state for each in found.operations] == ["no_host", "no_host"]
    assert "evil.example" in found.operations[0].note
    # With a service named, that one is meant, wherever the description thinks that it stands.
    assert cover(made, [elsewhere], "tea").operations[0].state == "named"


def test_hosts_with_captures_are_tried_too(tmp_path: Path) -> None:
    actions = ["id: a, match: {host: '{region}.eu.tea.example', method: GET, path: /x}"]
    assert outcome(covered(tmp_path, actions, "GET /x")) == [("named", "/tea/a")]


def test_a_read_that_writes_counts_among_those_that_change_something(tmp_path: Path) -> None:
    found = covered(tmp_path, ["id: a, match: {method: GET, path: /x}, access: write"], "GET /x")
    assert [each.mutating for each in found.operations] == [True]


def test_a_path_that_no_template_can_write_is_still_tried(tmp_path: Path) -> None:
    actions = ["id: a, match: {method: POST, path: /}, query_only: [Action]"]
    (found,) = covered(tmp_path, actions, "POST /?Action=List#X-Amz-Target").operations
    assert (found.state, found.winner and found.winner.action) == ("named", "/tea/a")
    assert outcome(covered(tmp_path, actions, "POST /a%20{x}")) == [("fallback", "/tea/unmatched/write")]


def test_many_segments_are_one_capture_where_the_template_says_so(tmp_path: Path) -> None:
    actions = [
        "id: file/put, match: {method: PUT, path: '/files/{path*}'}",
        "id: file/tag, match: {method: PUT, path: '/files/{path*}/tag'}",
        "id: every, match: {path: '/all/{x}:go'}",
    ]
    found = covered(
        tmp_path, actions, "PUT /files/{path}", "PUT /files/{a}/tag", "POST /all/{x}:go", "PUT /files"
    )
    assert [each[1] for each in outcome(found)] == [
        "/tea/file/put",
        "/tea/file/tag",
        "/tea/every",
        "/tea/unmatched/write",
    ]


def test_what_the_description_says_of_a_capture_is_kept_to(tmp_path: Path) -> None:
    kinds = {
        "kind": Schema(values=("hot", "cold")),
        "n": Schema(type="integer"),
        "p": Schema(pattern="x[0-9]"),
    }
    parameters = tuple(Parameter(name, "path", True, schema) for name, schema in kinds.items())
    operation = Operation("DELETE", "/{kind}/{n}/{p}", "x", parameters=parameters)
    made = library(
        tmp_path,
        "id: a, match: {method: DELETE, path: '/hot/{n}/{p}'}",
        "id: b, match: {method: DELETE, path: '/cold/{n}/{p}'}",
        "id: c, match: {method: DELETE, path: '/tepid/{n}/{p}'}",
    )
    (found,) = cover(made, [operation], "tea").operations
    assert found.winner is not None
    assert [found.winner.action, *(each.action for each in found.also)] == ["/tea/a", "/tea/b"]


def test_of_nothing_everything_is_mapped_and_nearly_all_is_not_all() -> None:
    assert Coverage(()).percent(mutating=True) == 100.0
    operation = Operation("POST", "/x", "x")
    almost = [Covered(operation, "named")] * 9999 + [Covered(operation, "refused")]
    assert Coverage(tuple(almost)).percent(mutating=True) == 99.9
