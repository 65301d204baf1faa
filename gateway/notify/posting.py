"""One POST to somebody else's server: once, bounded in time and bytes, and never led elsewhere."""

import ssl
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

import aiohttp

from gateway.notify.addresses import find
from gateway.proxy.dialer import Dialer
from gateway.values import dataclass

SECONDS = 10.0
SECONDS_TO_CONNECT = 5.0
MAX_ANSWER = 4096


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, and the beginning of the body."""

    status: int
    body: bytes = b""


@dataclass
class Poster:
    """`roots` are certificates that destinations may use besides the public ones."""

    dialer: Dialer
    roots: Path | None = None
    seconds: float = SECONDS
    _tls: ssl.SSLContext | None = field(default=None, init=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises Forbidden, or OSError, TimeoutError or aiohttp.ClientError where nobody answered."""
        destination = await find(url, self.dialer)
        timeout = aiohttp.ClientTimeout(total=self.seconds, sock_connect=SECONDS_TO_CONNECT)
        session = aiohttp.ClientSession(
            connector=destination.connector(self._context()),
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        async with (
            session,
            session.post(destination.url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return Reply(answer.status, await _beginning(answer.content))

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            if self.roots is not None:
                self._tls.load_verify_locations(self.roots)
        return self._tls


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """As much of an endless body as anybody looks at."""
    read = b""
    while len(read) < MAX_ANSWER and not content.at_eof():
        read += await content.read(MAX_ANSWER - len(read))
    return read
