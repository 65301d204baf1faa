"""Map and decide, at ten and at a thousand policies that each speak of one action."""

import time
from pathlib import Path

from benchmarks.figures import median, verdict
from gateway.model import Caller, Request
from gateway.policy import AgentFacts, Facts, Policy
from gateway.templates import Library

ROUNDS, REQUESTS = 9, 400
FACTS = Facts(
    cosigner=False,
    approvals=0,
    method="GET",
    host="shop.test",
    requester_ip="127.0.0.1",
    now_epoch=1,
    purpose=None,
)


async def main(folder: Path) -> None:
    worlds = {count: _world(folder, count) for count in (10, 1000)}
    taken: dict[int, list[float]] = {count: [] for count in worlds}
    for _ in range(ROUNDS):
        for count, (library, policy) in worlds.items():
            taken[count].append(_round(library, policy))
    for count, values in taken.items():
        print(f"{count} policies: median {median(values) * 1e6:.0f} us a request")
    print(verdict("1,000 against 10", median(taken[1000]) / median(taken[10]), 1.33))


def _world(folder: Path, count: int) -> tuple[Library, Policy]:
    lines = [
        "format: 1",
        f"service: s{count}",
        f"namespace: S{count}",
        "version: 1.0.0",
        "title: Shop",
        "hosts: [shop.test]",
        'resources: {Thing: "{id}"}',
        "actions:",
    ]
    lines += [
        f'  - {{id: thing{n}/get, title: Get, match: {{method: GET, path: "/thing{n}/{{id}}"}}, '
        f'resource: Thing, summary: "Get {{id}}"}}'
        for n in range(count)
    ]
    lines.append("unmatched: {read: low, write: step_up}")
    path = folder / f"s{count}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    library = Library.load([path])
    text = "\n".join(
        f'@id("p{n}") permit (principal, action == Action::"/s{count}/thing{n}/get", resource);'
        for n in range(count)
    )
    policy = Policy.load(
        text, "policy.cedar", "[]", "entities.json", library.cedar_schema(), [AgentFacts("ci")], []
    )
    return library, policy


def _round(library: Library, policy: Policy) -> float:
    caller = Caller("ci", "tok", None, "127.0.0.1")
    request = Request(caller, "GET", "https", "shop.test", 443, "/thing7/a", (("Host", "shop.test"),), b"")
    began = time.perf_counter()
    for _ in range(REQUESTS):
        decision = policy.decide("ci", library.map(request), FACTS)
    if decision.effect != "allow":
        raise RuntimeError(f"the benchmark's request was not allowed: {decision}")
    return (time.perf_counter() - began) / REQUESTS
