"""Five hundred questions in ten seconds, three times: from the request to its webhook, beside reads.

The gateway is a process of its own; agents, upstream and the receiver are here. The reads go at the same pace
before, during and after the questions, each at a random moment of its turn: in step with the questions, they
would meet all of them or none.
"""

import asyncio
import base64
import contextlib
import json
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from benchmarks.figures import median, quantile, verdict
from gateway.demo.person import SoftPerson
from gateway.installation import install
from tests.faults.killing import TEMPLATE
from tests.kit.ports import free_port
from tests.kit.process import Gateway
from tests.kit.upstream import Upstream

QUESTIONS, SECONDS, ROUNDS = 500, 10, 3
READS_A_SECOND = 20
CLIENTS = 8
SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
CHANCE = random.Random(7)
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


class Client:
    """One connection through the proxy, kept open."""

    def __init__(self, proxy: str, bundle: Path) -> None:
        credentials, _, address = proxy.removeprefix("http://").partition("@")
        self._token = base64.b64encode(credentials.encode()).decode()
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._context = ssl.create_default_context(cafile=str(bundle))
        self._context.set_alpn_protocols(["http/1.1"])

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = "CONNECT upstream.test:443 HTTP/1.1\r\nHost: upstream.test:443\r\n"
        self._writer.write(f"{head}Proxy-Authorization: Basic {self._token}\r\n\r\n".encode())
        await self._reader.readuntil(b"\r\n\r\n")
        await self._writer.start_tls(self._context, server_hostname="upstream.test")

    async def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: upstream.test\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
        read = await self._reader.readexactly(int(length))
        if b"connection: close" in answer:
            await self.close()
            await self.open()
        return read

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def main(folder: Path) -> None:
    upstream, arrivals = Upstream(folder / "upstream"), Arrivals()
    config = install(folder / "gateway")
    port, hook = await upstream.start(), await arrivals.start()
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
upstream: {{ca: "{upstream.ca_file}", connect_to: {{"upstream.test:443": "127.0.0.1:{port}"}}}}
""",
        encoding="utf-8",
    )
    gateway = Gateway(config)
    await gateway.start()
    invitation = await gateway.ask("approver_invite")
    person = SoftPerson(invitation["url"].partition("/enrol")[0], "Mika")
    await person.enrol(invitation["url"])
    proxy = (await gateway.ask("agent_add", name="bench"))["proxy"]
    clients = [Client(proxy, gateway.state / "ca-bundle.pem") for _ in range(CLIENTS + 1)]
    try:
        for client in clients:
            await client.open()
        await _reads(clients[0], 1)
        rounds = [await _round(clients[0], clients[1:], arrivals, number) for number in range(ROUNDS)]
    finally:
        for client in clients:
            await client.close()
        await person.close()
        await gateway.stop()
        await upstream.stop()
        await arrivals.stop()
    print(verdict("request to notification, p99, ms", median([p99 for p99, _ in rounds]), 200))
    print(verdict("reads beside the questions against without, medians", median([r for _, r in rounds]), 1.2))


async def _round(
    reader: Client, askers: list[Client], arrivals: Arrivals, number: int
) -> tuple[float, float]:
    """The 99th of a hundred notifications in ms, and how much longer reads took beside the questions.

    Against reads of half the time before and half after, since the machine's own speed goes up and down.
    """
    quiet = await _reads(reader, SECONDS // 2)
    asked: dict[str, float] = {}
    reading = asyncio.create_task(_reads(reader, SECONDS))
    await asyncio.gather(*(_ask(asker, asked, number, first) for first, asker in enumerate(askers)))
    busy = await reading
    await _until(lambda: asked.keys() <= arrivals.at.keys())
    quiet += await _reads(reader, SECONDS // 2)
    waited = [(arrivals.at[envelope] - began) * 1000 for envelope, began in asked.items()]
    p99, ratio = quantile(waited, 0.99), median(busy) / median(quiet)
    print(
        f"{len(asked)} questions: median {median(waited):.1f} ms, p99 {p99:.1f} ms; "
        f"reads {median(quiet):.1f} ms without, {median(busy):.1f} ms beside them: {ratio:.2f}"
    )
    return p99, ratio


async def _reads(client: Client, seconds: int) -> list[float]:
    """Milliseconds of each."""

    async def read() -> float:
        began = time.perf_counter()
        await client.send("GET", "/orders/read")
        return (time.perf_counter() - began) * 1000

    turns = range(seconds * READS_A_SECOND)
    return await _at(read, [(turn + CHANCE.random()) / READS_A_SECOND for turn in turns])


async def _ask(client: Client, asked: dict[str, float], number: int, first: int) -> None:
    turns = range(first, QUESTIONS, CLIENTS)
    orders = iter([f"/orders/r{number}n{turn}" for turn in turns])

    async def ask() -> float:
        began = time.perf_counter()
        answer = json.loads(await client.send("POST", next(orders), b"{}"))
        asked[answer["envelope"]] = began
        return began

    await _at(ask, [turn * SECONDS / QUESTIONS for turn in turns])


async def _at(do: Callable[[], Awaitable[float]], moments: list[float]) -> list[float]:
    """At each of these seconds from now, whatever the one before it took."""
    began, done = time.perf_counter(), []
    for moment in moments:
        await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
        done.append(await do())
    return done


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)
