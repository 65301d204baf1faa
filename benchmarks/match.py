"""Which action a request is, at 10, 1,000 and 10,000 of them; reading a body is a cost of its own."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import median, verdict
from gateway.model import Caller, Request
from gateway.templates import Library, Service
from gateway.templates.mapping import map_request, match_request

SIZES = (10, 1000, 10_000)
ROUNDS, REPEATS = 15, 60
PER_SERVICE = 500


async def main(folder: Path) -> None:
    libraries = {size: _library(folder, size) for size in SIZES}
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    whole: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, library in libraries.items():
            service = library.services[f"s{size}-0"]
            taken[size].append(_round(match_request, service))
            whole[size].append(_round(map_request, service))
    for size in SIZES:
        mapped = f"{median(whole[size]) * 1e6:.1f} us with resource, context and sentence"
        print(f"{size} actions: median {median(taken[size]) * 1e6:.1f} us a match, {mapped}")
    print(verdict("10,000 against 10", median(taken[SIZES[-1]]) / median(taken[SIZES[0]]), 1.3))
    print(verdict("us a match at 10,000 actions", median(taken[SIZES[-1]]) * 1e6, 30))


def _library(folder: Path, size: int) -> Library:
    """Services of up to 500 actions: paths with captures and wildcards, and calls told apart by a value."""
    files = []
    for number in range(0, size, PER_SERVICE):
        count = min(PER_SERVICE, size - number)
        files.append(_service(folder, f"s{size}-{number}", count, number == 0))
    return Library.load(files)


def _service(folder: Path, name: str, count: int, first: bool) -> Path:  # noqa: FBT001  # whether the requests go there
    host = "api.shop.test" if first else f"{name}.shop.test"
    lines = [
        "format: 1",
        f"service: {name}",
        f"namespace: S{name.replace('-', 'x')}",
        "version: 1.0.0",
        f"hosts: [{host}]",
        "params: {owner: {fold: lower}, repo: {fold: lower}, path: {slash: encoded}}",
        'resources: {Org: "{owner}", Repo: {id: "{owner}/{repo}", in: [Org]}, Call: "{operation}"}',
        "actions:",
    ]
    lines += [FIVE % {"n": n} for n in range(count // 5)]
    lines.append("unmatched: {read: low, write: step_up}")
    file = folder / f"{name}.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


FIVE = """\
  - id: thing%(n)d/list
    match: {method: GET, path: "/repos/{owner}/{repo}/things%(n)d"}
    resource: Repo
    summary: "List {repo}"
  - id: thing%(n)d/get
    match: {method: GET, path: "/repos/{owner}/{repo}/things%(n)d/{number}"}
    resource: Repo
    context: {number: {from: path.number, type: int}}
    summary: "Look at {number} of {owner}/{repo}"
  - id: thing%(n)d/delete
    match: {method: DELETE, path: "/repos/{owner}/{repo}/things%(n)d/{number}"}
    resource: Repo
    groups: [destructive]
    risk: step_up
    context: {number: {from: path.number, type: int}}
    summary: "Delete {number} of {owner}/{repo}"
  - id: thing%(n)d/put
    match: {method: PUT, path: "/repos/{owner}/{repo}/things%(n)d/files/{path*}"}
    resource: Repo
    context: {path: {from: path.path}}
    summary: "Write {path} in {owner}/{repo}"
  - id: call%(n)d
    match: {method: POST, path: /, where: {"query:Action": Call%(n)d}}
    resource: Call
    context: {operation: {from: "query:Action", missing: refuse}}
    summary: "Call {operation}"\
"""


CALLER = Caller("ci", "tok", None, "127.0.0.1")
REQUESTS = [
    Request(CALLER, method, "https", "api.shop.test", 443, target, (("Host", "api.shop.test"),), b"")
    for method, target in (
        ("GET", "/repos/Acme/site/things0"),
        ("GET", "/repos/Acme/site/things1/17"),
        ("DELETE", "/repos/Acme/site/things1/17"),
        ("PUT", "/repos/Acme/site/things0/files/a/b%20c/d"),
        ("POST", "/?Action=Call1"),
    )
]


def _round(act: Callable[[Service, Request], object], service: Service) -> float:
    """Seconds for one, each kind of request as often."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        for request in REQUESTS:
            act(service, request)
    return (time.perf_counter() - began) / (REPEATS * len(REQUESTS))
