"""What a request means, at 10, 1,000 and 10,000 actions; bodies are left out, for reading them is another cost."""

import time
from pathlib import Path

from benchmarks.figures import median, verdict
from gateway.model import Caller, Request
from gateway.templates import Library

SIZES = (10, 1000, 10_000)
ROUNDS, REPEATS = 15, 60
PER_SERVICE = 500


async def main(folder: Path) -> None:
    libraries = {size: _library(folder, size) for size in SIZES}
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, library in libraries.items():
            taken[size].append(_round(library))
    for size, values in taken.items():
        print(f"{size} actions: median {median(values) * 1e6:.1f} us a match")
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
    for n in range(count // 5):
        lines += _five(n)
    lines.append("unmatched: {read: low, write: step_up}")
    file = folder / f"{name}.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _five(n: int) -> list[str]:
    repo = f"/repos/{{owner}}/{{repo}}/things{n}"
    number = "context: {number: {from: path.number, type: int}}"
    call = 'context: {operation: {from: "query:Action", missing: refuse}}'
    return [
        f'  - {{id: thing{n}/list, match: {{method: GET, path: "{repo}"}}, resource: Repo, summary: "List {{repo}}"}}',
        f'  - {{id: thing{n}/get, match: {{method: GET, path: "{repo}/{{number}}"}}, resource: Repo, {number}, '
        'summary: "Look at {number} of {owner}/{repo}"}',
        f'  - {{id: thing{n}/delete, match: {{method: DELETE, path: "{repo}/{{number}}"}}, resource: Repo, '
        f'groups: [destructive], risk: step_up, {number}, summary: "Delete {{number}} of {{owner}}/{{repo}}"}}',
        f'  - {{id: thing{n}/put, match: {{method: PUT, path: "{repo}/files/{{path*}}"}}, resource: Repo, '
        'context: {path: {from: path.path}}, summary: "Write {path} in {owner}/{repo}"}',
        f'  - {{id: call{n}, match: {{method: POST, path: /, where: {{"query:Action": Call{n}}}}}, resource: Call, '
        f'{call}, summary: "Call {{operation}}"}}',
    ]


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


def _round(library: Library) -> float:
    """Seconds for a match, each kind of request as often."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        for request in REQUESTS:
            unit = library.map(request).units[0]
            if unit.groups == ("unmatched",):
                raise RuntimeError(f"the benchmark's request was not matched: {request.target}")
    return (time.perf_counter() - began) / (REPEATS * len(REQUESTS))
