"""A request built for an action gets to it; what cannot be built is said to be."""

from pathlib import Path

import pytest

from gateway.authoring.building import Parts, Unbuildable, build
from gateway.model import Request
from gateway.templates import Library

TEMPLATE = """
format: 1
service: tea
namespace: Tea
version: 1.0.0
hosts: [api.tea.example, "http://plain.tea.example"]
resources: {Cup: "{cup}"}
decode:
  - {body: {application/json: json, application/x-www-form-urlencoded: form, "*": opaque}, args: [%s]}
actions:
  - {id: it, match: {method: [GET, POST], path: "/it", where: {%s}}, %s summary: It}
unmatched: {read: low, write: step_up}
"""


def built(
    folder: Path, where: str = "", more: str = "", *, args: str = "form", method: str = "POST"
) -> Request:
    """The request for the one action, which is then really its."""
    file = folder / "tea.yaml"
    file.write_text(TEMPLATE % (args, where, more))
    library = Library.load([file])
    service = library.services["tea"]
    request = build(service, service.actions[0], Parts(method, "https://api.tea.example/it"))
    assert library.map(request).units[0].action == "/tea/it"
    return request


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ('"json:/a/b": [x, y]', b'{"a": {"b": "x"}}'),
        ('"json:/a": true, "json:/b": 3', b'{"a": true, "b": 3}'),
        ('"json:/a": {not: [absent, false]}', None),
        ('"json:/a": {glob: "ref/*"}', None),
        ('"json:/a": present', None),
        ('"json:/a": absent', b""),
        ('"form:a": x', b"a=x"),
        ('"arg:a": x', b"a=x"),
        ("body: present", b"{}"),
        ("body: absent", b""),
    ],
)
def test_conditions_on_the_body_are_met(tmp_path: Path, where: str, body: bytes | None) -> None:
    request = built(tmp_path, where)
    assert body is None or request.body == body


def test_conditions_on_the_query_and_headers_are_met(tmp_path: Path) -> None:
    request = built(tmp_path, '"query:a[b]": x y, "header:X-Go": "1"', method="GET")
    assert request.target == "/it?a%5Bb%5D=x%20y"
    assert request.header("x-go") == ("1",)


def test_arguments_go_where_the_service_takes_them(tmp_path: Path) -> None:
    assert built(tmp_path, '"arg:a": x', args="json").body == b'{"a": "x"}'
    assert built(tmp_path, '"arg:a": x', args="query").target == "/it?a=x"
    with pytest.raises(Unbuildable):
        built(tmp_path, '"arg:a": x', args="form", method="GET")


def test_what_the_context_needs_is_there(tmp_path: Path) -> None:
    fields = (
        'cup: {from: "json:/cup", missing: refuse}, size: {from: "json:/n/size", type: int}, '
        'hot: {from: "json:/n/hot", type: bool}, kind: {from: "json:/kind", enum: [green, black]}, '
        'tags: {from: "json:/tags/*", type: set}, count: {from: "json:/x/*", type: count}, '
        'money: {type: money, amount: "json:/amount", currency: "json:/currency"}, '
        "bytes: {from: body.bytes, type: int}"
    )
    request = built(tmp_path, more=f"resource: Cup, context: {{{fields}}},")
    assert b'"cup": "cup-1"' in request.body
    assert b'"kind": "green"' in request.body
    assert b'"n": {"size": 100, "hot": true}' in request.body


def test_a_condition_on_a_context_field_wins_over_its_sample(tmp_path: Path) -> None:
    request = built(
        tmp_path, '"json:/a/b": absent', 'context: {b: {from: "json:/a/b"}, c: {from: "json:/a/c"}},'
    )
    assert request.body == b'{"a": {"c": "c-1"}}'


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    built(tmp_path, '"json:/a/0/b": x, "json:/c": present')
    parts = Parts("POST", "http://plain.tea.example:8080/x?y=1", query=[("z", "2")], form=[("a", "b")])
    request = parts.request()
    assert (request.scheme, request.port, request.target) == ("http", 8080, "/x?y=1&z=2")
    assert request.body == b"a=b"
