"""Requests that hide one thing among others: each unit is read, asked about and shown alone."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.model import Request, Risk
from gateway.templates import Library
from tests.gateway.templates import making
from tests.gateway.templates.making import JSON, Headers, refused

TRIAL = Path(__file__).parents[2] / "trial"
GITHUB = Library.load([TRIAL / "github.yaml"])
GOOGLE = Library.load([TRIAL / "google.yaml"])
MCP = Library.load([TRIAL / "mcp.yaml"], {"mcp": {"hosts": ["mcp.corp.test"]}})
GIT_TYPE = {"content-type": "application/x-git-receive-pack-request"}


def request(method: str, url: str, body: bytes, headers: Headers) -> Request:
    host, _, target = url.removeprefix("https://").partition("/")
    return making.request(method, f"/{target}", body, headers, host)


ZERO, ONE = b"0" * 40, b"1" * 40


def graphql(body: object, method: str = "POST", query: str = "") -> Request:
    raw = b"" if body is None else json.dumps(body).encode()
    return request(method, f"https://api.github.com/graphql{query}", raw, JSON)


def push(*commands: bytes, pack: bytes = b"PACK") -> Request:
    lines = [commands[0] + b"\0 report-status", *commands[1:]]
    framed = b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines)
    return request(
        "POST", "https://github.com/acme/site.git/git-receive-pack", framed + b"0000" + pack, GIT_TYPE
    )


def mcp(body: object) -> Request:
    return request("POST", "https://mcp.corp.test/mcp", json.dumps(body).encode(), JSON)


def actions(library: Library, sent: Request) -> list[str]:
    return [unit.action for unit in library.map(sent).units]


def test_a_deletion_behind_an_alias_and_a_fragment_is_a_unit_of_its_own() -> None:
    hidden = (
        "query Q{viewer{login}} mutation M{ok:addStar(input:{}){id} ...F} "
        'fragment F on M{x:deleteRef(input:{refId:"R"}){id}}'
    )
    found = GITHUB.map(graphql({"query": hidden, "operationName": "M"})).units
    assert [unit.action for unit in found] == ["/github/graphql/other", "/github/graphql/delete_ref"]
    assert str(found[1].resource) == 'GitHub::Node::"R"'
    assert all(unit.risk is Risk.STEP_UP for unit in found)


def test_a_batch_of_queries_with_one_mutation_in_it_is_asked_about_whole() -> None:
    batch = [{"query": "{viewer{login}}"}, {"query": 'mutation{deleteRef(input:{refId:"R"}){id}}'}]
    assert actions(GITHUB, graphql(batch)) == ["/github/graphql/read", "/github/graphql/delete_ref"]


@pytest.mark.parametrize(
    "query", ["?query=mutation%7BdeleteRef%7Bid%7D%7D", "?operationName=M", "?variables=%7B%7D"]
)
def test_a_second_query_in_the_url_is_refused(query: str) -> None:
    assert "URL" in refused(GITHUB, graphql({"query": "{viewer{login}}"}, query=query))


def test_a_get_with_a_query_and_a_body_is_refused() -> None:
    refused(GITHUB, graphql({"query": "{viewer{login}}"}, "GET", "?query=%7Bviewer%7Blogin%7D%7D"))


def test_a_graphql_request_without_a_body_or_a_query_is_refused() -> None:
    refused(GITHUB, graphql(None))


def test_a_call_hidden_in_a_batch_of_notifications_is_found() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "drop_db"}}
    notes = [{"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}] * 3
    found = MCP.map(mcp([*notes, call])).units
    assert [unit.action for unit in found] == ["/mcp/talk"] * 3 + ["/mcp/tool"]
    assert found[3].context == {"tool": "drop_db"}


@pytest.mark.parametrize("params", [{"name": 7}, {"name": None}, {"Name": "search"}, ["search"], {}])
def test_a_tool_that_cannot_be_read_is_never_the_harmless_one(params: object) -> None:
    sent = mcp({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    with contextlib.suppress(Refusal):
        assert actions(MCP, sent) == ["/mcp/tool"]


def test_a_response_to_the_server_is_talk() -> None:
    assert actions(MCP, mcp({"jsonrpc": "2.0", "id": 1, "result": {}})) == ["/mcp/talk"]


def test_a_message_without_a_body_is_refused() -> None:
    refused(MCP, request("POST", "https://mcp.corp.test/mcp", b"", JSON))


def test_a_deletion_beside_a_push_is_a_unit_of_its_own() -> None:
    sent = push(ZERO + b" " + ONE + b" refs/heads/a", ONE + b" " + ZERO + b" refs/heads/main")
    found = GITHUB.map(sent).units
    assert [unit.action for unit in found] == ["/github/git/push", "/github/git/delete_ref"]
    assert found[1].context == {"ref": "refs/heads/main"}


def test_a_push_without_a_body_is_refused() -> None:
    refused(GITHUB, request("POST", "https://github.com/acme/site.git/git-receive-pack", b"", GIT_TYPE))


def batch(*inner: str) -> Request:
    parts = "".join(f"--X\r\nContent-Type: application/http\r\n\r\n{each}\r\n" for each in inner)
    headers = {"content-type": "multipart/mixed; boundary=X"}
    return request(
        "POST", "https://storage.googleapis.com/batch/storage/v1", f"{parts}--X--\r\n".encode(), headers
    )


def test_every_request_of_a_batch_is_asked_about() -> None:
    sent = batch("GET /storage/v1/b/b HTTP/1.1\r\n\r\n", "DELETE /storage/v1/b/b/o/a HTTP/1.1\r\n\r\n")
    assert actions(GOOGLE, sent) == ["/google/unmatched/read", "/google/object/delete"]


@pytest.mark.parametrize(
    "inner",
    [
        "POST /batch/storage/v1 HTTP/1.1\r\n\r\n",
        "DELETE /storage/v1/b/b/o/../x HTTP/1.1\r\n\r\n",
        "GET /storage/v1/b/b HTTP/1.1\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
        "GET https://pubsub.googleapis.com/storage/v1/b/b HTTP/1.1\r\n\r\n",
        "GET /storage/v1/b/b HTTP/1.1\r\nAuthorization: Bearer other\r\n\r\n",
    ],
)
def test_a_request_of_a_batch_is_read_as_strictly_as_one_alone(inner: str) -> None:
    refused(GOOGLE, batch("GET /storage/v1/b/b HTTP/1.1\r\n\r\n", inner))


def test_more_units_than_a_person_can_read_are_refused() -> None:
    fields = " ".join(f"a{n}:addStar(input:{{}}){{id}}" for n in range(1000))
    with pytest.raises(Refusal) as caught:
        GITHUB.map(graphql({"query": f"mutation{{{fields}}}"}))
    assert caught.value.reason is Reason.BODY_TOO_LARGE


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(["query", "method", "params", "jsonrpc", "id", "name", "x"]), below, max_size=4
        )
    ),
    max_leaves=12,
)


@given(body=ANY_JSON)
def test_no_json_makes_the_mapper_raise_anything_but_a_refusal(body: object) -> None:
    for library, sent in ((GITHUB, graphql(body)), (MCP, mcp(body))):
        try:
            assert library.map(sent).units
        except Refusal:
            continue


@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["", "multipart/mixed; boundary=X", "application/json"]),
)
def test_no_bytes_make_the_mapper_raise_anything_but_a_refusal(body: bytes, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    for library, url in (
        (GITHUB, "https://api.github.com/graphql"),
        (GITHUB, "https://github.com/acme/site.git/git-receive-pack"),
        (GOOGLE, "https://storage.googleapis.com/batch/storage/v1"),
        (MCP, "https://mcp.corp.test/mcp"),
    ):
        try:
            assert library.map(request("POST", url, body, headers)).units
        except Refusal:
            continue
