"""From the tap (the signed assertion leaves the page) to the request's arrival upstream: two hundred loops.

The gateway is a process of its own; agent, person and upstream are here.
"""

import asyncio
import time
from pathlib import Path

from benchmarks.figures import median, quantile, verdict
from gateway.demo.client import Agent
from gateway.demo.person import SoftPerson
from gateway.installation import install
from tests.faults.killing import TEMPLATE, many_questions
from tests.kit.ports import free_port
from tests.kit.process import Gateway
from tests.kit.upstream import Upstream

LOOPS = 200
JSON = {"Content-Type": "application/json"}


async def main(folder: Path) -> None:
    upstream = Upstream(folder / "upstream")
    config = install(folder / "gateway")
    port = await upstream.start()
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:{free_port()}", pages: "localhost:{free_port()}"}}
templates: {{orders: }}
template_files: ["{TEMPLATE}"]
approvals: {{ttl: 60s, owner_may_approve: true}}
upstream: {{ca: "{upstream.ca_file}", connect_to: {{"upstream.test:443": "127.0.0.1:{port}"}}}}
"""
        + many_questions(),
        encoding="utf-8",
    )
    gateway = Gateway(config)
    await gateway.start()
    invitation = await gateway.ask("approver_invite")
    person = SoftPerson(invitation["url"].partition("/enrol")[0], "Mika")
    await person.enrol(invitation["url"])
    added = await gateway.ask("agent_add", name="bench")
    agent = Agent(added["proxy"], gateway.state / "ca-bundle.pem")
    try:
        reads = [await _read(agent) for _ in range(LOOPS)]
        times = [await _once(agent, person, upstream, number) for number in range(LOOPS)]
    finally:
        await person.close()
        await gateway.stop()
        await upstream.stop()
    print(f"a read through the same gateway, connection and all, median: {median(reads) * 1000:.1f} ms")
    print(f"tap to upstream: median {median(times) * 1000:.1f} ms, worst {max(times) * 1000:.1f} ms")
    print(f"tap to upstream against that read, medians: {median(times) / median(reads):.2f}")
    print(verdict("tap to upstream, p99, ms", quantile(times, 0.99) * 1000, 100))


async def _once(agent: Agent, person: SoftPerson, upstream: Upstream, number: int) -> float:
    path = f"/orders/t{number}"
    sending = asyncio.create_task(agent.send("POST", f"https://upstream.test{path}", b"{}", JSON))
    while not (waiting := await person.waiting()):
        if sending.done():
            raise RuntimeError(f"Nobody was asked about {path}: {sending.result()}")
        await asyncio.sleep(0.01)
    envelope = waiting[0]["id"]
    asked = await person.call("POST", f"envelopes/{envelope}/sign", {})
    credential = person.passkey.sign(asked["options"])
    signed = {"challenge_id": asked["challenge_id"], "credential": credential}
    tapped = time.perf_counter()
    await person.call("POST", f"envelopes/{envelope}/approve", signed)
    await sending
    return upstream.arrived["POST", path] - tapped


async def _read(agent: Agent) -> float:
    began = time.perf_counter()
    await agent.send("GET", "https://upstream.test/orders/read")
    return time.perf_counter() - began
