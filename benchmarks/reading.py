"""Other traffic through the proxy, from a process of its own: an agent that reads, and its upstream."""

import asyncio
import base64
import contextlib
import multiprocessing
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from tests.kit.upstream import Upstream

READS_A_SECOND = 20
CHANCE = random.Random(7)


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


class Reader:
    """In the same process what asks would share its time with what reads, and be taken for the gateway."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, folder), daemon=True)

    async def __aenter__(self) -> Self:
        self._process.start()
        self.port, self.ca_file = await self._heard()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipe.send(None)
        await asyncio.to_thread(self._process.join, 10)

    async def open(self, proxy: str, bundle: Path) -> None:
        self._pipe.send((proxy, bundle))
        await self._heard()

    async def reads(self, seconds: int) -> list[float]:
        """Milliseconds of each, at random moments of turns that are equally long."""
        self._pipe.send(seconds)
        times: list[float] = await self._heard()
        return times

    async def _heard(self) -> Any:
        return await asyncio.to_thread(self._pipe.recv)


def _serve(pipe: Connection, folder: Path) -> None:
    asyncio.run(_read_as_told(pipe, folder))


async def _read_as_told(pipe: Connection, folder: Path) -> None:
    upstream = Upstream(folder)
    pipe.send((await upstream.start(), upstream.ca_file))
    proxy, bundle = await asyncio.to_thread(pipe.recv)
    client = Client(proxy, bundle)
    await client.open()
    pipe.send(None)
    while (seconds := await asyncio.to_thread(pipe.recv)) is not None:
        pipe.send(await _reads(client, seconds))
    await client.close()
    await upstream.stop()


async def _reads(client: Client, seconds: int) -> list[float]:
    async def read() -> float:
        began = time.perf_counter()
        await client.send("GET", "/orders/read")
        return (time.perf_counter() - began) * 1000

    turns = range(seconds * READS_A_SECOND)
    return await at(read, [(turn + CHANCE.random()) / READS_A_SECOND for turn in turns])


async def at(do: Callable[[], Awaitable[float]], moments: list[float]) -> list[float]:
    """At each of these seconds from now, whatever the one before it took."""
    began, done = time.perf_counter(), []
    for moment in moments:
        await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
        done.append(await do())
    return done
