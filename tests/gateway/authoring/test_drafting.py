"""A draft loads and its examples pass, whatever it is made from."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.authoring.coverage import cover
from gateway.authoring.drafting import Draft, draft
from gateway.authoring.openapi import describe
from gateway.authoring.operations import Body, Description, Operation, Parameter, Schema
from gateway.errors import ConfigError
from gateway.templates import Library

METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
PIECES = st.sampled_from(
    [
        "a",
        "b",
        "pets",
        "{x}",
        "{y}",
        "{path}",
        "{id}:go",
        "v{n}",
        "{a}..{b}",
        ".",
        "",
        "%20",
        "é",
        "host",
        "{host}",
        "{}",
    ]
)
SCHEMAS = st.builds(
    Schema,
    type=st.sampled_from(["", "string", "integer", "boolean", "object", "array"]),
    values=st.just(()) | st.tuples(st.text(max_size=4)),
    pattern=st.sampled_from(["", "^[a-z]+$", "^x", "(", "^a/b$", "^${v}$", "^.*$"]),
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "name",
            "title",
            "amount",
            "currency",
            "password",
            "email",
            "to",
            "state",
            "${x}",
            "if",
            "Name",
            "private",
        ]
    ),
    SCHEMAS,
    max_size=6,
)
BODIES = st.none() | st.builds(
    Body,
    st.sampled_from(
        [
            "application/json",
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/plain",
        ]
    ),
    st.builds(
        Schema,
        type=st.just("object"),
        members=FIELDS,
        required=st.frozensets(st.sampled_from(["name", "amount", "to"])),
    )
    | SCHEMAS,
)
OPERATIONS = st.builds(
    lambda method, pieces, name, summary, body, schema: Operation(
        method,
        "/" + "/".join(pieces),
        name,
        ("https://api.tea.example",),
        summary,
        summary,
        (Parameter("x", "path", True, schema),),
        body,
    ),
    METHODS,
    st.lists(PIECES, max_size=4),
    st.text(max_size=12) | st.sampled_from(["listPets", "pets/get", "unmatched/read", "PostA"]),
    st.text(max_size=20) | st.sampled_from(["Delete a pet", "${x} {y} [z"]),
    BODIES,
    SCHEMAS,
)


def check(made: Draft, folder: Path) -> Library:
    file = folder / "draft.yaml"
    file.write_text(made.text, encoding="utf-8")
    library = Library.load([file])
    assert [result.wrong for result in library.examples() if not result.ok] == []
    return library


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=8), st.text(max_size=10))
def test_every_draft_loads_and_its_examples_pass(
    tmp_path_factory: pytest.TempPathFactory, operations: list[Operation], title: str
) -> None:
    made = draft(Description(title, "", tuple(operations)))
    library = check(made, tmp_path_factory.mktemp("draft"))
    assert made.actions + len(made.left_out) == len(operations)
    assert len(library.actions()) == made.actions + 2


ORDER = {"name": "orderId", "in": "path", "required": True, "schema": {"type": "integer"}}
KIND = {"name": "kind", "in": "path", "required": True, "schema": {"enum": ["big", "small"]}}
TEA: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Tea shop", "version": "1"},
    "servers": [{"url": "https://api.tea.example/v1"}],
    "paths": {
        "/orders": {
            "post": {
                "operationId": "createOrder",
                "summary": "Create an order.",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "card": {"properties": {"cvc": {"type": "string"}}},
                                },
                            }
                        }
                    }
                },
            }
        },
        "/orders/{orderId}": {
            "parameters": [ORDER],
            "delete": {
                "operationId": "deleteOrder",
                "summary": "Delete an order",
                "description": "This cannot be undone.",
            },
        },
        "/orders/{orderId}/{kind}": {
            "parameters": [ORDER, KIND],
            "get": {"operationId": "getKind"},
        },
        "/orders/search/{q}": {"get": {"operationId": "searchOrders"}},
        "/orders/{orderId}/{kind}/x": {"parameters": [ORDER, KIND], "get": {"operationId": "getX"}},
        "/orders/{orderId}/big": {"parameters": [ORDER], "get": {"operationId": "getBig"}},
    },
}


def test_a_draft_covers_what_it_was_made_from_by_name(tmp_path: Path) -> None:
    description = describe(TEA, "tea.json")
    library = check(draft(description, "tea"), tmp_path)
    found = cover(library, description.operations, "tea")
    assert found.percent(mutating=True) == 100.0
    assert [each.state for each in found.operations] == ["named"] * 6


def test_each_proposal_has_its_reason_beside_it(tmp_path: Path) -> None:
    text = draft(describe(TEA, "tea.json"), "tea", "Shop").text
    lines = text.splitlines()
    assert "namespace: Shop" in lines
    assert "    groups: [destructive]    # destructive: the method is DELETE" in lines
    assert all(
        "#" in line
        for line in lines
        if line.strip().startswith(("groups:", "risk:", "over:", "undo:", "secret:"))
    )
    assert '    secret: ["json:/card/cvc"]    # by their names' in lines
    assert "    undo: {how: never}    # the description says so" in lines
    assert '    summary: "Delete order {order_id}"' in lines
    assert '  order_id: {pattern: "[0-9]+"}' in lines
    assert '  kind: {enum: ["big", "small"]}' in lines


def test_what_is_left_out_is_named_in_the_draft(tmp_path: Path) -> None:
    operations = (
        Operation("GET", "/a//b", "x"),
        Operation("GET", "/a", "y"),
        Operation("POST", "/a", "z", ("https://BAD_-.example",)),
    )
    made = draft(Description("A", "", operations))
    assert "# GET /a//b: no template can write this path" in made.text
    assert 'hosts: ["api.example.com"]    # the description names none: write the real one here' in made.text
    check(made, tmp_path)


def test_a_name_that_cannot_be_a_service_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="cannot be a service"):
        draft(Description("A", "", (Operation("GET", "/a", "y"),)), "No Service")
