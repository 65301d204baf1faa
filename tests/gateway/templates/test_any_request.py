"""Whatever an agent sends ends in a meaning or a refusal, and costs no more than its size earns."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.model import Request
from gateway.templates import Library
from gateway.templates.examples import read_request
from gateway.templates.fields import Fields
from tests.gateway.templates.making import request
from tests.gateway.templates.test_bounds import calls

TRIAL = Path(__file__).parents[2] / "trial"
VARS = {
    "agentkeys": {"hosts": ["keys.corp.example"]},
    "kubernetes": {"hosts": ["k8s.corp.example"]},
    "mcp": {"hosts": ["mcp.corp.example"]},
}
LIBRARIES = {
    file.stem: Library.load([file], {name: VARS[name] for name in VARS if name == file.stem})
    for file in sorted(TRIAL.glob("*.yaml"))
}
FLOOR, EACH = 3000, 25
"""Calls that reading anything may take, and those for each byte of it."""


def examples() -> Iterator[tuple[str, Request]]:
    """Every request of the trial's examples."""
    for name, library in LIBRARIES.items():
        (service,) = library.services.values()
        for node in (*service.examples, *(each for action in service.actions for each in action.examples)):
            yield name, read_request(Fields(node, "An example").need("request"))


EXAMPLES = list(examples())
TYPES = [
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "text/plain",
    "multipart/mixed; boundary=X", "application/xml", "application/yaml", "application/cbor", "",
    "application/x-git-receive-pack-request", "application/grpc", "application/apply-patch+yaml",
]  # fmt: skip


def read(library: Library, sent: Request) -> None:
    """Maps and decodes as the pipeline does; nothing but a refusal may come out of it."""
    for ask in (library.map, library.body):
        try:
            ask(sent)
        except Refusal:
            continue


@pytest.fixture(autouse=True, scope="module")
def indexed() -> None:
    """What is made at the first request is not that request's doing."""
    for name, sent in EXAMPLES:
        read(LIBRARIES[name], sent)


def size(sent: Request) -> int:
    return len(sent.body) + len(sent.target) + sum(len(name) + len(value) for name, value in sent.headers)


def check(library: Library, sent: Request) -> None:
    taken = calls(lambda: read(library, sent))
    assert taken <= FLOOR + EACH * size(sent), f"{taken} calls for {size(sent)} bytes"


def test_the_trial_has_requests_of_every_kind() -> None:
    assert len(EXAMPLES) >= 68


PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [
            b'"',
            b"{",
            b"[",
            b"}",
            b"]",
            b"&",
            b"=",
            b"<",
            b"--B\r\n",
            b"\r\n",
            b"0000",
            b"\x00",
            b"%2F",
            b"...",
        ]
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Request]:
    """One of the examples with something cut out, put in, or of another kind."""
    name, sent = draw(st.sampled_from(EXAMPLES))
    at, gone = draw(st.integers(0, len(sent.body))), draw(st.integers(0, 8))
    body = sent.body[:at] + draw(PIECES) + sent.body[at + gone :]
    at, gone = draw(st.integers(1, len(sent.target))), draw(st.integers(0, 4))
    inserted = draw(st.text(alphabet="/?&=%.:;{}[]*aB0é\x7f\\", max_size=4))
    headers = sent.headers
    if draw(st.booleans()):
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-type")
        headers += (("Content-Type", draw(st.sampled_from(TYPES))),)
    return name, replace(
        sent,
        method=draw(
            st.sampled_from([sent.method, sent.method, "GET", "POST", "PUT", "DELETE", "BREW", "get"])
        ),
        target=sent.target[:at] + inserted + sent.target[at + gone :] if draw(st.booleans()) else sent.target,
        headers=headers,
        body=body if draw(st.booleans()) else sent.body,
    )


@given(mutated())
def test_no_request_makes_the_mapper_raise_or_work_without_bound(drawn: tuple[str, Request]) -> None:
    name, sent = drawn
    check(LIBRARIES[name], sent)


@given(
    name=st.sampled_from(sorted(LIBRARIES)),
    target=st.text(max_size=60).map(lambda text: "/" + text),
    kind=st.sampled_from(TYPES),
    body=st.binary(max_size=400),
    headers=st.lists(st.tuples(st.text(max_size=10), st.text(max_size=20)), max_size=4),
)
def test_no_bytes_at_all_do_either(
    name: str, target: str, kind: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    (service,) = LIBRARIES[name].services.values()
    host = service.hosts[0] if "{" not in service.hosts[0] else "s3.eu-west-1.amazonaws.com"
    for method in ("GET", "POST", "PUT", "DELETE"):
        check(LIBRARIES[name], request(method, target, body, (("Content-Type", kind), *headers), host))


def form(n: int, value: str) -> bytes:
    part = '--B\r\nContent-Disposition: form-data; name="f{}"\r\n\r\n{}\r\n'
    return ("".join(part.format(each, value) for each in range(n)) + "--B--\r\n").encode()


def ask(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


GRAPHQL = ("github", "POST", "https://api.github.com/graphql", "application/json")
REST = ("github", "PUT", "https://api.github.com/repos/a/b/contents/x", "application/json")
STRIPE = ("stripe", "POST", "https://api.stripe.com/v1/refunds", "application/x-www-form-urlencoded")
MCP = ("mcp", "POST", "https://mcp.corp.example/mcp", "application/json")
GIT = ("github", "POST", "https://github.com/a/b/git-receive-pack", "application/x-git-receive-pack-request")
PYPI = ("registries", "POST", "https://upload.pypi.org/legacy/", "multipart/form-data; boundary=B")
NPM = ("registries", "PUT", "https://registry.npmjs.org/x", "application/json")
S3 = ("s3", "POST", "https://b.s3.eu-west-1.amazonaws.com/?delete", "application/xml")
K8S = ("kubernetes", "PATCH", "https://k8s.corp.example/api/v1/namespaces/n/pods/x", "application/yaml")
IAM = ("google", "POST", "https://pubsub.googleapis.com/v1/projects/p/t:setIamPolicy", "application/json")
KEYS = ("agentkeys", "POST", "https://keys.corp.example/v1/caps/p/children", "application/json")

BOMBS: dict[str, tuple[tuple[str, str, str, str], Callable[[int], bytes]]] = {
    "fragments in a circle": (
        GRAPHQL,
        lambda n: ask("{...A} fragment A on Q{...B} fragment B on Q{...A}" + " " * n),
    ),
    "nested values": (GRAPHQL, lambda n: ask("mutation{m(input:" + "{a:" * n + "1" + "}" * n + ")}")),
    "nested lists": (GRAPHQL, lambda n: ask("mutation{m(input:" + "[" * n + "]" * n + ")}")),
    "one long query": (GRAPHQL, lambda n: ask("{viewer{" + "x " * (n * 20) + "}}")),
    "quotes": (GRAPHQL, lambda n: ask('{a(b:"""' + '\\"""' * n + '""")}')),
    "variables that hold much": (
        GRAPHQL,
        lambda n: ask("mutation($i:I){m(input:$i)}", variables={"i": ["x"] * n}),
    ),
    "the same variable everywhere": (
        GRAPHQL,
        lambda n: ask(
            "mutation($i:I){" + " ".join(f"a{k}:m(input:$i)" for k in range(150)) + "}",
            variables={"i": {str(k): k for k in range(n)}},
        ),
    ),
    "a batch of queries": (GRAPHQL, lambda n: json.dumps([{"query": "{viewer{id}}"}] * n).encode()),
    "deep lists": (REST, lambda n: b"[" * n + b"]" * n),
    "long numbers": (REST, lambda n: b'{"a":' + b"9" * n * 10 + b"}"),
    "half a string": (REST, lambda n: b'"' + b'\\"' * n * 10),
    "wildcards": (IAM, lambda n: json.dumps({"policy": {"bindings": [{"members": ["x"] * 9}] * n}}).encode()),
    "a long set": (KEYS, lambda n: json.dumps({"scopes": ["s"] * n}).encode()),
    "versions": (NPM, lambda n: json.dumps({"versions": {f"1.0.{i}": {} for i in range(n)}}).encode()),
    "brackets": (STRIPE, lambda n: b"amount" + b"[" * n * 10 + b"=1"),
    "escapes": (STRIPE, lambda n: b"%5F" * n * 10),
    "methods": (STRIPE, lambda n: b"&_metho" * n + b"&[[[[ _metho=1"),
    "messages": (
        MCP,
        lambda n: json.dumps([{"jsonrpc": "2.0", "method": "x", "id": i} for i in range(n)]).encode(),
    ),
    "flushes": (GIT, lambda n: b"0000" * n * 10),
    "parts": (PYPI, lambda n: form(n, "v")),
    "dashes": (PYPI, lambda n: b"--B" * n * 10),
    "one long part": (PYPI, lambda n: form(1, "v" * n * 10)),
    "header lines": (PYPI, lambda n: b"--B\r\n" + b"X: y\r\n" * n + b"\r\n\r\n--B--\r\n"),
    "attributes": (S3, lambda n: b"<a " + b" ".join(b'a%d="1"' % i for i in range(n)) + b"/>"),
    "namespaces": (S3, lambda n: b"<D>" + b'<a xmlns="urn:x"/>' * n + b"</D>"),
    "entities": (S3, lambda n: b"<a>" + b"&#65;" * n * 10 + b"</a>"),
    "YAML lists": (K8S, lambda n: b"a:\n" + b"- x\n" * n),
    "YAML brackets": (K8S, lambda n: b"[" * n + b"]" * n),
    "YAML keys": (K8S, lambda n: b"".join(b"k%d: v\n" % i for i in range(n))),
}


def bomb(name: str, n: int) -> tuple[Library, Request]:
    (service, method, url, kind), body = BOMBS[name]
    host, _, target = url.removeprefix("https://").partition("/")
    return LIBRARIES[service], request(method, f"/{target}", body(n), (("Content-Type", kind),), host)


@pytest.mark.parametrize("n", [10, 150, 3000])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_no_more_than_its_bytes(name: str, n: int) -> None:
    check(*bomb(name, n))


PATHS: dict[str, Callable[[int], str]] = {
    "one long segment": lambda n: "/repos/a/" + "x" * n,
    "stars that almost fit": lambda n: "/v2/" + "manifests/" * n + "x",
    "dots": lambda n: "/repos/" + "../" * n,
    "brackets": lambda n: "/v1/refunds?amount" + "[" * n,
    "colons": lambda n: "/v1/projects/p/" + "a:" * n + "setIamPolicy",
}


@pytest.mark.parametrize("n", [10, 3000])
@pytest.mark.parametrize("path", PATHS)
def test_a_long_path_costs_no_more_than_its_bytes(path: str, n: int) -> None:
    for library in LIBRARIES.values():
        (service,) = library.services.values()
        host = service.hosts[0] if "{" not in service.hosts[0] else "s3.eu-west-1.amazonaws.com"
        for method in ("GET", "PUT", "POST", "DELETE"):
            check(library, request(method, PATHS[path](n), host=host))
