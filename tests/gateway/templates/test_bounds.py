"""No request makes the matcher do more than its size allows: calls are counted, not timed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from gateway.errors import Refusal
from gateway.model import Request
from gateway.templates import Library
from tests.gateway.templates import making
from tests.gateway.templates.making import FORM, JSON

TRIAL = Path(__file__).parents[2] / "trial"
LIBRARY = Library.load([TRIAL / f"{name}.yaml" for name in ("github", "google", "stripe", "s3")])
CALLS_A_BYTE = 12
"""What any byte of a request may cost in function calls, C functions included."""
AT_LEAST = 6000
"""What a request may cost before its first byte counts: everything is read once."""


def asked(
    method: str, host: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Request:
    return making.request(method, target, body, headers or {}, host)


def graphql(query: str, variables: object = None) -> Request:
    body = json.dumps({"query": query, "variables": variables}).encode()
    return asked("POST", "api.github.com", "/graphql", body, JSON)


def spreads(n: int) -> str:
    """Fragments that each spread the next one twice: 2^n fields for n lines."""
    chain = " ".join(f"fragment F{i} on M{{...F{i + 1} ...F{i + 1}}}" for i in range(n))
    return f"mutation{{...F0}} {chain} fragment F{n} on M{{deleteRef{{id}}}}"


def batch(n: int) -> Request:
    inner = "--X\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b/b HTTP/1.1\r\n\r\n\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=X"}
    return asked(
        "POST", "storage.googleapis.com", "/batch/storage/v1", f"{inner * n}--X--\r\n".encode(), headers
    )


def push(n: int) -> Request:
    lines = [b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/b%d" % i for i in range(n)]
    body = b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines) + b"0000PACK"
    return asked("POST", "github.com", "/acme/site.git/git-receive-pack", body)


HOSTILE: dict[str, Callable[[int], Request]] = {
    "a long path": lambda n: asked("PUT", "api.github.com", "/repos/a/b/contents" + "/x" * n),
    "a path of slashes": lambda n: asked("GET", "api.github.com", "/" * n),
    "a path of escapes": lambda n: asked("GET", "api.github.com", "/repos/a/" + "%41" * n),
    "a long query": lambda n: asked(
        "GET", "api.github.com", "/repos/a/b?" + "&".join(f"a{i}=1" for i in range(n))
    ),
    "a query of brackets": lambda n: asked(
        "POST", "api.stripe.com", "/v1/refunds?" + "a[" * n + "x" + "]" * n
    ),
    "many headers": lambda n: asked(
        "GET", "api.github.com", "/repos/a/b", b"", {f"x-{i}": "1" for i in range(n)}
    ),
    "deep JSON": lambda n: asked("POST", "api.github.com", "/repos/a/b/releases", b"[" * n + b"]" * n, JSON),
    "wide JSON": lambda n: asked(
        "POST",
        "api.github.com",
        "/repos/a/b/releases",
        json.dumps({f"k{i}": i for i in range(n)}).encode(),
        JSON,
    ),
    "a huge form": lambda n: asked(
        "POST",
        "api.stripe.com",
        "/v1/refunds",
        "&".join(f"metadata[k{i}]=1" for i in range(n)).encode(),
        FORM,
    ),
    "nested form keys": lambda n: asked(
        "POST", "api.stripe.com", "/v1/refunds", b"amount" + b"[a]" * n + b"=1", FORM
    ),
    "GraphQL aliases": lambda n: graphql(
        "mutation{" + " ".join(f"a{i}:deleteRef{{id}}" for i in range(n)) + "}"
    ),
    "GraphQL spreads": lambda n: graphql(spreads(n)),
    "GraphQL depth": lambda n: graphql("{" + "a{" * n + "b" + "}" * n + "}"),
    "GraphQL comments": lambda n: graphql("#" * n + "\n{viewer{login}}"),
    "GraphQL variables": lambda n: graphql(
        "mutation($a:I){deleteRef(input:$a){id}}", {"a": {f"k{i}": i for i in range(n)}}
    ),
    "XML elements": lambda n: asked(
        "POST",
        "b.s3.eu-west-1.amazonaws.com",
        "/?delete",
        b"<D>" + b"<Object><Key>a</Key></Object>" * n + b"</D>",
    ),
    "XML depth": lambda n: asked(
        "POST", "b.s3.eu-west-1.amazonaws.com", "/?delete", b"<a>" * n + b"</a>" * n
    ),
    "a batch": batch,
    "a push": push,
}


def calls(act: Callable[[], object]) -> int:
    count = 0

    def counting(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def mapped(request: Request) -> object:
    try:
        return LIBRARY.map(request)
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("n", [10, 300, 3000])
def test_work_is_bounded_by_the_size_of_the_request(name: str, n: int) -> None:
    request = HOSTILE[name](n)
    size = (
        len(request.target) + len(request.body) + sum(len(key) + len(value) for key, value in request.headers)
    )
    assert calls(lambda: mapped(request)) <= AT_LEAST + CALLS_A_BYTE * size
