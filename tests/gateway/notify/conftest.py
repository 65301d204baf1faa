"""Somebody else's servers: what they are sent, and what a test has them answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest
from aiohttp import web

from gateway.notify.posting import Poster
from gateway.proxy.dialer import Dialer
from tests.kit.patience import PATIENCE

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))


@dataclass
class Receiver:
    """A real HTTP server on loopback."""

    url: str = ""
    answer: Answer | None = None
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    elsewhere: int = 0
    connections: set[object] = field(default_factory=set)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        return await self.answer(request) if self.answer else web.Response(status=204)

    async def other(self, _request: web.Request) -> web.StreamResponse:
        self.elsewhere += 1
        return web.Response(text="secret")


def says(status: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, text="{}")

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    """A body that never ends, fast."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def dripping(request: web.Request) -> web.StreamResponse:
    """A body that never ends, slowly."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.05)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.serve)
    app.router.add_route("*", "/elsewhere", made.other)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    made = Poster(Dialer(allowed=LOOPBACK), seconds=PATIENCE)
    yield made
    await made.close()
