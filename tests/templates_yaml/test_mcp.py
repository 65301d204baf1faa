"""The template of MCP servers: an operator names what only reads, and everything else is asked about."""

import json

import pytest

from gateway.errors import Refusal
from gateway.model import Unit
from gateway.templates import Library
from tests.templates_yaml import walk

MCP = walk.Walk("mcp", "mcp.example", usual=("application/json", b""))


def sent(body: bytes, library: Library = MCP.library, kind: str = "application/json") -> tuple[Unit, ...]:
    operation = walk.Operation("POST", "mcp.example", "/mcp", "")
    return library.map(walk.Walk("mcp", "mcp.example", usual=(kind, body)).request(operation)).units


def call(tool: object, **more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, **more}}


@pytest.mark.parametrize(
    "tool", ["drop_table", "Search", "search ", " search", "search\u0000", "se\u0430rch"]
)
def test_a_tool_that_is_not_named_exactly_is_asked_about(tool: str) -> None:
    try:
        (unit,) = sent(json.dumps(call(tool)).encode())
    except Refusal:
        return
    assert unit.risk == "step_up"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_a_type_does_not_hide_a_call(kind: str) -> None:
    (unit,) = sent(json.dumps(call("drop_table")).encode(), kind=kind)
    assert (unit.action, unit.risk) == ("/mcp/tool/call", "step_up")


def test_a_call_in_a_batch_is_found() -> None:
    batch = [call("search"), {**call("drop_table"), "id": 2}]
    assert [unit.risk for unit in sent(json.dumps(batch).encode())] == ["low", "step_up"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","name":"drop_table"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["search"]}}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b"",
    ],
)
def test_a_message_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        sent(body)


def test_what_a_model_wrote_for_a_server_is_not_handed_over_unasked() -> None:
    (unit,) = sent(b'{"jsonrpc":"2.0","id":9,"result":{"role":"assistant","content":{}}}')
    assert (unit.action, unit.risk) == ("/mcp/session/answer", "step_up")


def test_the_operators_lists_decide() -> None:
    files = [walk.ROOT / "templates_yaml" / "mcp.yaml"]
    library = Library.load(files, {"mcp": {"reading": ["drop_table"], "forbidden": ["search"]}})
    risks = [
        sent(json.dumps(call(tool)).encode(), library)[0].risk for tool in ("drop_table", "search", "fetch")
    ]
    assert risks == ["low", "forbid", "step_up"]
