"""Descriptions of APIs: three formats, two spellings, and whatever else a file may hold."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.openapi import describe, read_openapi
from gateway.errors import ConfigError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
WORDS = st.sampled_from(
    [
        "$ref",
        "#/a",
        "#/components/schemas/A",
        "allOf",
        "oneOf",
        "properties",
        "type",
        "object",
        "items",
        "enum",
        "required",
        "parameters",
        "name",
        "in",
        "path",
        "body",
        "formData",
        "schema",
        "requestBody",
        "content",
        "application/json",
        "servers",
        "url",
        "variables",
        "https://[x/",
        "minimum",
        "maxLength",
        "get",
        "post",
    ]
)
LIKELY = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)

TEA: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Tea", "version": 1.2},
    "servers": [{"url": "https://{region}.tea.example/v1", "variables": {"region": {"default": "eu"}}}],
    "components": {
        "parameters": {
            "Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 7}}
        },
        "schemas": {
            "Base": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": ["null", "string"]}},
            },
            "Tea": {
                "allOf": [{"$ref": "#/components/schemas/Base"}],
                "properties": {"next": {"$ref": "#/components/schemas/Tea"}},
            },
        },
    },
    "paths": {
        "/teas/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "put": {
                "operationId": "putTea",
                "summary": "Put a tea.",
                "parameters": [
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                    {"in": "cookie", "name": "c"},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "text/plain": {},
                        "application/json": {"schema": {"$ref": "#/components/schemas/Tea"}},
                    },
                },
            },
            "get": {"servers": [{"url": "/other"}]},
        }
    },
}


def test_parameters_bodies_and_servers_are_read_through_references() -> None:
    put, get = describe(TEA, "tea.json").operations[::1]
    assert (get.method, put.method) == ("PUT", "GET") or (put.method, get.method) == ("GET", "PUT")
    put, get = (put, get) if put.method == "PUT" else (get, put)
    assert (put.path, put.origins) == ("/v1/teas/{id}", ("https://eu.tea.example",))
    parameter = put.parameter("id")
    assert parameter is not None
    assert (parameter.schema.type, parameter.schema.least) == ("integer", 7)
    assert [each.name for each in put.parameters] == ["id", "dry"]
    assert put.body is not None
    assert put.body.content_type == "application/json"
    assert put.body.schema.members["name"].type == "string"
    assert put.body.schema.required == {"name"}
    assert (get.path, get.origins, get.id) == ("/other/teas/{id}", (), "GET /teas/{id}")


def test_a_schema_that_contains_itself_ends() -> None:
    body = next(each.body for each in describe(TEA, "tea.json").operations if each.body)
    depth, schema = 0, body.schema
    while "next" in schema.members:
        depth, schema = depth + 1, schema.members["next"]
    assert depth < 10


def test_references_in_a_circle_and_out_of_the_document_stand_for_nothing() -> None:
    loop = {"$ref": "#/components/parameters/A"}
    document = {
        "openapi": "3.0.0",
        "components": {"parameters": {"A": loop}},
        "paths": {"/x": {"get": {"parameters": [loop, {"$ref": "https://evil.example/p.json"}]}}},
    }
    assert describe(document, "x").operations[0].parameters == ()


def test_swagger_has_its_host_its_forms_and_its_bodies() -> None:
    document = {
        "swagger": "2.0",
        "host": "API.tea.example",
        "basePath": "/v2/",
        "schemes": ["http"],
        "consumes": ["application/xml", "application/json"],
        "paths": {
            "/a": {
                "post": {
                    "parameters": [
                        {"in": "body", "name": "b", "required": True, "schema": {"type": "object"}}
                    ]
                }
            },
            "/b": {
                "post": {"parameters": [{"in": "formData", "name": "f", "type": "string", "required": True}]}
            },
            "/c": {"post": {"parameters": [{"in": "formData", "name": "f", "type": "file"}]}},
            "/d/{n}": {
                "get": {"parameters": [{"in": "path", "name": "n", "type": "string", "enum": ["x", "y"]}]}
            },
        },
    }
    a, b, c, d = describe(document, "x").operations
    assert a.origins == ("http://api.tea.example",)
    assert a.path == "/v2/a"
    assert a.body is not None
    assert a.body.content_type == "application/json"
    assert b.body is not None
    assert b.body.content_type == "application/x-www-form-urlencoded"
    assert b.body.schema.required == {"f"}
    assert c.body is not None
    assert c.body.content_type == "multipart/form-data"
    assert d.parameters[0].schema.values == ("x", "y")


@pytest.mark.parametrize(
    "document", [None, [], {}, {"openapi": "4"}, {"openapi": "3.0"}, {"swagger": "2.0", "paths": []}]
)
def test_what_is_no_description_is_said_to_be_none(document: Any) -> None:
    with pytest.raises(ConfigError):
        describe(document, "x")


@given(JSON | LIKELY)
def test_no_json_makes_the_reader_fall_over(value: Any) -> None:
    try:
        describe(value, "x")
    except ConfigError:
        return


@given(LIKELY, LIKELY, LIKELY)
def test_no_description_with_odd_parts_makes_the_reader_fall_over(
    item: Any, servers: Any, parts: Any
) -> None:
    for version in ({"openapi": "3.0.0"}, {"swagger": "2.0"}):
        document = {
            **version,
            "servers": servers,
            "components": parts,
            "host": servers,
            "paths": {"/a/{b}": {"post": item, "get": {"x": 1}, "parameters": parts}},
        }
        assert describe(document, "x").operations


@given(st.binary(max_size=60))
def test_no_file_makes_the_reader_fall_over(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.mktemp("description") / "x"
    file.write_bytes(raw)
    with pytest.raises(ConfigError):
        read_openapi(file)


def test_yaml_is_read_as_json_would_be_and_the_reading_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tea.yaml"
    file.write_text(
        "openapi: 3.0.0\ninfo: {title: Tea, version: 2026-01-02}\n"
        "paths: {/x: {get: {responses: {200: {}}}}}\n"
    )
    told: list[str] = []
    found = read_openapi(file, lambda what, *_: told.append(what))
    assert (found.title, found.version) == ("Tea", "2026-01-02")
    assert {"Reading", "Parsing", "Reading operations"} <= set(told)


def test_json_with_a_mark_in_front_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tea.json"
    file.write_text("\ufeff" + json.dumps(TEA), encoding="utf-8")
    assert len(read_openapi(file).operations) == 2


def test_a_mistake_in_yaml_is_shown_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "tea.yaml"
    file.write_text("openapi: 3.0.0\npaths: {/x: [\n")
    with pytest.raises(ConfigError) as caught:
        read_openapi(file)
    assert caught.value.place is not None
    assert caught.value.place.line is not None
