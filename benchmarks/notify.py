"""Five hundred questions in ten seconds, five times: from the request to its webhook, beside reads.

The gateway is a process of its own, and so is whoever reads, with its upstream; who asks and the receiver are
here. The reads go at the same pace before, during and after the questions, each at a random moment of its
turn: in step with the questions, they would meet all of them or none.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from benchmarks.figures import median, quantile, verdict
from benchmarks.reading import Client, Reader, at
from gateway.demo.person import SoftPerson
from gateway.installation import install
from tests.faults.killing import TEMPLATE
from tests.kit.ports import free_port
from tests.kit.process import Gateway

QUESTIONS, SECONDS, ROUNDS = 500, 10, 5
CLIENTS = 8
SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
ROOM = "{waiting: 100000, minute: 100000, hour: 100000}"


class Arrivals:
    """The receiver of webhooks: when it heard of which envelope."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._runner = web.ServerRunner(web.Server(self._heard))

    async def start(self) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _heard(self, request: web.BaseRequest) -> web.StreamResponse:
        now = time.perf_counter()
        self.at.setdefault(json.loads(await request.read())["data"]["envelope"], now)
        return web.Response(status=204)


async def main(folder: Path) -> None:
    async with Reader(folder / "upstream") as reader:
        await _rounds(folder, reader)


async def _rounds(folder: Path, reader: Reader) -> None:
    arrivals = Arrivals()
    config = install(folder / "gateway")
    hook = await arrivals.start()
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:{free_port()}", pages: "localhost:{free_port()}"}}
templates: {{orders: }}
template_files: ["{TEMPLATE}"]
approvals: {{ttl: 60s, mode: reject, owner_may_approve: true}}
limits: {{questions: {{agent: {ROOM}, team: {ROOM}, everybody: {ROOM}}}}}
notifications:
  allow: [127.0.0.1]
  channels: {{hook: {{webhook: {{url: "http://127.0.0.1:{hook}/", secret: "{SECRET}"}}}}}}
upstream: {{ca: "{reader.ca_file}", connect_to: {{"upstream.test:443": "127.0.0.1:{reader.port}"}}}}
""",
        encoding="utf-8",
    )
    gateway = Gateway(config)
    await gateway.start()
    invitation = await gateway.ask("approver_invite")
    person = SoftPerson(invitation["url"].partition("/enrol")[0], "Mika")
    await person.enrol(invitation["url"])
    proxy = (await gateway.ask("agent_add", name="bench"))["proxy"]
    bundle = gateway.state / "ca-bundle.pem"
    clients = [Client(proxy, bundle) for _ in range(CLIENTS)]
    try:
        for client in clients:
            await client.open()
        await reader.open(proxy, bundle)
        await reader.reads(1)
        rounds = [await _round(reader, clients, arrivals, number) for number in range(ROUNDS)]
    finally:
        for client in clients:
            await client.close()
        await person.close()
        await gateway.stop()
        await arrivals.stop()
    print(verdict("request to notification, p99, ms", median([p99 for p99, _ in rounds]), 200))
    print(verdict("reads beside the questions against without, medians", median([r for _, r in rounds]), 1.2))


async def _round(
    reader: Reader, askers: list[Client], arrivals: Arrivals, number: int
) -> tuple[float, float]:
    """The 99th of a hundred notifications in ms, and how much longer reads took beside the questions.

    Against reads of half the time before and half after, since the machine's own speed goes up and down.
    """
    quiet = await reader.reads(SECONDS // 2)
    asked: dict[str, float] = {}
    reading = asyncio.create_task(reader.reads(SECONDS))
    await asyncio.gather(*(_ask(asker, asked, number, first) for first, asker in enumerate(askers)))
    busy = await reading
    await _until(lambda: asked.keys() <= arrivals.at.keys())
    quiet += await reader.reads(SECONDS // 2)
    waited = [(arrivals.at[envelope] - began) * 1000 for envelope, began in asked.items()]
    p99, ratio = quantile(waited, 0.99), median(busy) / median(quiet)
    print(
        f"{len(asked)} questions: median {median(waited):.1f} ms, p99 {p99:.1f} ms; "
        f"reads {median(quiet):.1f} ms without, {median(busy):.1f} ms beside them: {ratio:.2f}"
    )
    return p99, ratio


async def _ask(client: Client, asked: dict[str, float], number: int, first: int) -> None:
    turns = range(first, QUESTIONS, CLIENTS)
    orders = iter([f"/orders/r{number}n{turn}" for turn in turns])

    async def ask() -> float:
        began = time.perf_counter()
        answer = json.loads(await client.send("POST", next(orders), b"{}"))
        asked[answer["envelope"]] = began
        return began

    await at(ask, [turn * SECONDS / QUESTIONS for turn in turns])


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)
