"""The trace agrees with the mapping, for every example that ships; and says why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, ConfigErrors
from gateway.loading import shipped_templates
from gateway.model import Request
from gateway.templates import Library
from gateway.templates.compiled import Compiled
from gateway.templates.conditions import ABSENT, MISSING, PRESENT, ValueSet
from gateway.templates.examples import read_request
from gateway.templates.fields import items
from gateway.templates.service import Service, load_service
from gateway.templates.tracing import trace, why_over, words_of
from gateway.templates.yaml12 import Yaml, parse_yaml
from tests.kit.things import a_request

SHOP = b"""
format: 1
service: shop
namespace: Shop
version: 1.0.0
hosts: [api.shop.test]
decode:
  - {at: {path: /graphql}, body: json, split: graphql}
  - {at: {path: /rpc}, body: json, split: jsonrpc}
  - {at: {path: /batch}, body: multipart, split: multipart/mixed}
  - {at: {path: "/git/{repo}/git-receive-pack"}, body: git, split: git}
  - {body: {application/json: json}}
actions:
  - {id: any, match: {path: "/a/{x*}"}, summary: Any}
  - {id: one, match: {method: POST, path: "/a/b", where: {"json:/x": [1, absent],
       "query:q": {glob: "a*"}}}, query_only: [q], summary: One}
  - {id: two, match: {method: POST, path: "/a/{y}", where: {"header:x": present}}, over: [one],
       summary: Two}
  - {id: far, match: {method: GET, host: eu.shop.test, path: "/a/b"}, summary: Far}
  - {id: read, match: {method: GET, path: "/a/b"}, summary: Read}
  - {id: gql, match: {path: /graphql}, summary: Gql}
  - {id: rpc, match: {path: /rpc}, summary: Rpc}
  - {id: push, match: {path: "/git/{repo}/git-receive-pack"}, summary: Push}
"""


@pytest.fixture
def shop() -> Service:
    return load_service(Path("shop.yaml"), SHOP, {})


TRACED = ("docker", "git", "kubernetes", "mcp", "playground", "slack", "stripe")


def examples() -> Iterator[tuple[str, Path, Yaml]]:
    for name, path in ((name, shipped_templates()[name]) for name in TRACED):
        root = {key.text: item for key, item in parse_yaml(path.read_bytes(), str(path)).value.items()}  # type: ignore[union-attr]
        nodes = items(root.get("examples"))
        for action in items(root.get("actions")):
            nodes += [n for key, item in action.value.items() if key.text == "examples" for n in items(item)]  # type: ignore[union-attr]
        yield from ((name, path, node) for node in nodes)


@pytest.mark.whole
def test_whoever_wins_in_the_trace_is_whom_the_mapping_chose() -> None:
    files = [shipped_templates()[name] for name in TRACED]
    services = Library.load(files, compiled=Compiled.usual()).services
    seen = 0
    for name, _, node in examples():
        request = _request(node)
        if request is None:
            continue
        traced = trace(services[name], request)
        if traced.mapped is None or len(traced.looked) != len(traced.mapped.units):
            assert traced.mapped is None
            continue
        for looked, unit in zip(traced.looked, traced.mapped.units, strict=True):
            first = next((each for each in looked.candidates if each.verdict == "true"), None)
            assert unit.action == (first.action.name if first else f"/{name}/unmatched/{unit.access}")
            seen += 1
    assert seen > 100


def _request(node: Yaml) -> Request | None:
    written = {key.text: item for key, item in node.value.items()}  # type: ignore[union-attr]
    try:
        return read_request(written["request"])
    except (ConfigError, ConfigErrors):
        return None


def asked(target: str, method: str = "POST", body: bytes = b"", **headers: str) -> Request:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return a_request(method=method, target=target, headers=named, body=body)


def test_each_condition_is_true_false_or_unknown_with_its_reason(shop: Service) -> None:
    request = asked("/a/b?q=abc", body=b'{"x": 1.0}', content_type="application/json")
    traced = trace(shop, request)
    assert traced.mapped is None
    assert traced.refusal is not None
    one = next(each for each in traced.looked[0].candidates if each.action.id == "one")
    assert one.verdict == "unknown"
    assert [(each.about, each.wanted, each.verdict) for each in one.conditions] == [
        ("query", "only q", "true"),
        ("query:q", "like a*", "true"),
        ("json:/x", "absent or 1", "unknown"),
    ]
    assert "unusual way" in one.conditions[2].why


def test_other_query_keys_other_hosts_and_upgrades_are_reasons(shop: Service) -> None:
    one = trace(shop, asked("/a/b?q=abc&z=1")).looked[0].candidates
    judged = next(each for each in one if each.action.id == "one").conditions[0]
    assert (judged.verdict, judged.why) == ("false", "there is also z")
    reads = trace(shop, asked("/a/b", "GET", upgrade="websocket")).looked[0].candidates
    by_id = {each.action.id: each for each in reads}
    assert by_id["far"].conditions[0].wanted == "https://eu.shop.test"
    assert by_id["read"].conditions[0].about == "upgrade"
    assert by_id["any"].verdict == "true"
    broken = trace(shop, asked("/a/b?q=%ff")).looked[0].candidates
    assert next(each for each in broken if each.action.id == "one").conditions[0].verdict == "unknown"


def test_a_path_without_candidates_names_what_another_method_would_get(shop: Service) -> None:
    traced = trace(shop, asked("/graphql", "QUERY"))
    assert traced.looked == () or traced.looked[0].part == ""
    lone = load_service(
        Path("s.yaml"),
        SHOP.split(b"  - {id: any")[0] + b"  - {id: r, match: {method: GET, path: /r}, summary: R}\n",
        {},
    )
    near = trace(lone, asked("/r", "DELETE")).looked[0].near
    assert [action.id for action in near] == ["r"]


def test_the_parts_of_a_split_body_are_named(shop: Service) -> None:
    graphql = b'{"query": "mutation { a: drop(id: 1) { id } add(id: 2) { id } }"}'
    traced = trace(shop, asked("/graphql", body=graphql, content_type="application/json"))
    assert [each.part for each in traced.looked] == ["mutation drop", "mutation add"]
    rpc = b'[{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}, {"jsonrpc": "2.0", "id": 2, "result": {}}]'
    traced = trace(shop, asked("/rpc", body=rpc, content_type="application/json"))
    assert [each.part for each in traced.looked] == ["tools/call", "an answer"]
    line = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\0 report-status"
    push = b"%04x" % (len(line) + 4) + line + b"0000PACK"
    traced = trace(
        shop,
        asked("/git/site/git-receive-pack", body=push, content_type="application/x-git-receive-pack-request"),
    )
    assert [each.part for each in traced.looked] == ["create refs/heads/main"]


def test_a_batch_is_traced_request_by_request(shop: Service) -> None:
    part = b"--x\r\nContent-Type: application/http\r\n\r\n%s /a/b HTTP/1.1\r\n\r\n\r\n"
    body = part % b"GET" + part % b"POST" + b"--x--\r\n"
    traced = trace(shop, asked("/batch", body=body, content_type="multipart/mixed; boundary=x"))
    assert [each.part for each in traced.looked] == ["GET /a/b", "POST /a/b"]


def test_a_body_that_cannot_be_taken_apart_is_the_refusal(shop: Service) -> None:
    traced = trace(shop, asked("/graphql", body=b"{", content_type="application/json"))
    assert traced.looked == ()
    assert traced.refusal is not None


def test_a_path_that_cannot_be_read_ends_the_trace(shop: Service) -> None:
    traced = trace(shop, asked("/a/../b"))
    assert traced.segments is None
    assert traced.refusal is not None


def test_the_order_of_two_actions_has_its_reason(shop: Service) -> None:
    by_id = {action.id: action for action in shop.actions}
    assert why_over(by_id["two"], by_id["one"]) == "it says so: over: [one]"
    reason = why_over(by_id["one"], by_id["any"])
    assert "only POST" in reason
    assert "fewer paths" in reason
    assert "only with json:/x absent or 1" in reason
    assert "fewer query keys" in reason
    assert "whatever an action names" in why_over(by_id["one"], shop.unmatched["write"])
    assert "fewer hosts" in why_over(by_id["far"], by_id["any"])
    assert "all that it matches" in why_over(by_id["any"], by_id["any"])


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (PRESENT, "present"),
        (MISSING, "absent"),
        (ValueSet(frozenset({"s:b", "s:a"})), "a or b"),
        (ValueSet(frozenset({"b:true", ABSENT}), negated=True), "not absent or true"),
    ],
)
def test_a_set_is_written_as_its_author_would(allowed: ValueSet, said: str) -> None:
    assert words_of(allowed) == said


@given(st.text(st.characters(max_codepoint=255)), st.sampled_from(["GET", "POST", "get", ""]), st.binary())
def test_no_request_makes_the_trace_raise(target: str, method: str, body: bytes) -> None:
    service = load_service(Path("shop.yaml"), SHOP, {})
    trace(service, asked(f"/{target}", method, body, content_type="application/json"))
