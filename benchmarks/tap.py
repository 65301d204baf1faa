"""From the tap (the signed assertion leaves the page) to the request's arrival upstream."""

import asyncio
import time
from pathlib import Path

from benchmarks.figures import median, quantile, verdict
from tests.kit.inprocess import Inside, inside

LOOPS = 200


async def main(folder: Path) -> None:
    async with inside(folder, ttl=60) as house:
        times = [await _once(house, number) for number in range(LOOPS)]
        allowed = [await _direct(house) for _ in range(LOOPS)]
    print(f"a read through the same gateway, whole, median: {median(allowed) * 1000:.1f} ms")
    print(f"tap to upstream: median {median(times) * 1000:.1f} ms, worst {max(times) * 1000:.1f} ms")
    print(verdict("tap to upstream, p99, ms", quantile(times, 0.99) * 1000, 100))


async def _once(house: Inside, number: int) -> float:
    path = f"/orders/t{number}"
    agent = house.agent()
    sending = asyncio.create_task(
        agent.send("POST", f"https://upstream.test{path}", b"{}", {"Content-Type": "application/json"})
    )
    (envelope,) = await house.held()
    asked = await house.person.call("POST", f"envelopes/{envelope}/sign", {})
    credential = house.person.passkey.sign(asked["options"])
    signed = {"challenge_id": asked["challenge_id"], "credential": credential}
    tapped = time.perf_counter()
    await house.person.call("POST", f"envelopes/{envelope}/approve", signed)
    await sending
    return house.upstream.arrived["POST", path] - tapped


async def _direct(house: Inside) -> float:
    began = time.perf_counter()
    await house.agent().send("GET", "https://upstream.test/orders/read")
    return time.perf_counter() - began
