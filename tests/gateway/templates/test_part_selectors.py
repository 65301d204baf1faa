import pytest

from gateway.errors import ConfigError, Place, Refusal
from gateway.formats.git_push import RefUpdate
from gateway.formats.graphql import GraphqlField
from gateway.formats.jsonrpc import RpcMessage
from gateway.templates.reading import Found
from gateway.templates.selectors import parse_selector
from gateway.templates.view import BodyRule, UnitPart, View
from tests.gateway.templates.making import JSON, request

HERE = Place("t.yaml", 1, 1)
FIELD = GraphqlField("mutation", "deleteRef", {"input": {"refId": "R", "ids": ["a", "b"]}})
CALL = RpcMessage("tools/call", {"name": "drop", "arguments": {"path": "/x"}}, "1", is_notification=False)
LISTING = RpcMessage("tools/list", {"name": "drop"}, "1", is_notification=False)
ANSWER = RpcMessage(None, None, "1", is_notification=False)
UPDATE = RefUpdate("refs/heads/x", "1" * 40, "0" * 40, "delete")
PROBE = RefUpdate("", "", "", "probe")


def read(selector: str, part: UnitPart | None) -> list[Found]:
    view = View(request("POST", "/", b"{}", JSON), None, BodyRule(), part=part)
    return list(parse_selector(selector, HERE).read(view))


@pytest.mark.parametrize(
    ("selector", "part", "found"),
    [
        ("graphql:kind", FIELD, ["mutation"]),
        ("graphql:field", FIELD, ["deleteRef"]),
        ("graphql:args/input/refId", FIELD, ["R"]),
        ("graphql:args/input/ids/*", FIELD, ["a", "b"]),
        ("graphql:args/input/none", FIELD, []),
        ("mcp:method", CALL, ["tools/call"]),
        ("mcp:tool", CALL, ["drop"]),
        ("mcp:args/path", CALL, ["/x"]),
        ("mcp:params/name", CALL, ["drop"]),
        ("mcp:tool", LISTING, []),
        ("mcp:method", ANSWER, []),
        ("git:op", UPDATE, ["delete"]),
        ("git:ref", UPDATE, ["refs/heads/x"]),
        ("git:delete", UPDATE, [True]),
        ("git:delete", PROBE, [False]),
        ("git:ref", PROBE, []),
        ("git:option", UPDATE, []),
    ],
)
def test_what_a_unit_says(selector: str, part: UnitPart, found: list[Found]) -> None:
    assert read(selector, part) == found


@pytest.mark.parametrize(
    ("selector", "part"),
    [
        ("graphql:field", None),
        ("graphql:field", CALL),
        ("mcp:tool", None),
        ("mcp:tool", FIELD),
        ("git:ref", None),
        ("git:ref", FIELD),
    ],
)
def test_a_body_that_is_not_split_leaves_the_condition_unknown(selector: str, part: UnitPart | None) -> None:
    with pytest.raises(Refusal):
        read(selector, part)


@pytest.mark.parametrize("text", ["graphql:args", "graphql:field/x", "graphql:", "mcp:name", "git:args/x"])
def test_wrong_words_are_errors(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_selector(text, HERE)
