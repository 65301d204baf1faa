"""One POST to somebody else's server: once, bounded in time and bytes, and never led elsewhere.

A connection is used again for what leads to the same checked addresses.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

import aiohttp
from yarl import URL

from gateway.notify.addresses import Destination, find
from gateway.proxy.dialer import Dialer
from gateway.values import dataclass

SECONDS = 10.0
SECONDS_TO_CONNECT = 5.0
MAX_ANSWER = 4096
KEPT = 64
"""Servers to which something stays open; what is idle is closed after some seconds anyhow."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, and the beginning of the body."""

    status: int
    body: bytes = b""


@dataclass
class _Line:
    """What is open to one server, and how many posts are on it."""

    session: aiohttp.ClientSession
    posts: int = 0


type _Where = tuple[URL, frozenset[tuple[str, int]]]


@dataclass
class Poster:
    """`roots` are certificates that destinations may use besides the public ones."""

    dialer: Dialer
    roots: Path | None = None
    seconds: float = SECONDS
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _lines: dict[_Where, _Line] = field(default_factory=dict, init=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises Forbidden, or OSError, TimeoutError or aiohttp.ClientError where nobody answered."""
        destination = await find(url, self.dialer)
        await self._read_roots(destination)
        line = self._line(destination)
        timeout = aiohttp.ClientTimeout(total=self.seconds, sock_connect=SECONDS_TO_CONNECT)
        line.posts += 1
        try:
            async with line.session.post(
                destination.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as answer:
                return Reply(answer.status, await _beginning(answer.content))
        finally:
            line.posts -= 1
            await self._close_idle(KEPT)

    async def close(self) -> None:
        await self._close_idle(0)

    def _line(self, destination: Destination) -> _Line:
        where = destination.url.origin(), frozenset(destination.addresses)
        if where not in self._lines:
            self._lines[where] = _Line(
                aiohttp.ClientSession(
                    connector=destination.connector(self._tls),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    auto_decompress=False,
                )
            )
        return self._lines[where]

    async def _close_idle(self, keep: int) -> None:
        """The oldest first."""
        for where, line in list(self._lines.items()):
            if len(self._lines) > keep and line.posts == 0:
                del self._lines[where]
                await line.session.close()

    async def _read_roots(self, destination: Destination) -> None:
        """Beside the event loop: it takes long enough to be felt by whoever is proxied meanwhile."""
        if self._tls is None and destination.url.scheme == "https":
            self._tls = await asyncio.to_thread(_context, self.roots)


def _context(roots: Path | None) -> ssl.SSLContext:
    made = ssl.create_default_context()
    if roots is not None:
        made.load_verify_locations(roots)
    return made


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """As much of an endless body as anybody looks at."""
    read = b""
    while len(read) < MAX_ANSWER and not content.at_eof():
        read += await content.read(MAX_ANSWER - len(read))
    return read
