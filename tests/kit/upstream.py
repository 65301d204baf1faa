"""A real HTTPS server on loopback that counts what it executed, and echoes what reached it."""

import asyncio
import hashlib
import time
from collections import Counter
from pathlib import Path

from aiohttp import web

from gateway.playground_tls import server_context
from gateway.proxy.certificates import CertificateAuthority, make_ca


class Upstream:
    """Every request counts at once, as an API that acts before it answers; `calls` is by method and path."""

    def __init__(self, folder: Path, host: str = "upstream.test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.host = folder, host
        self.authority: CertificateAuthority = make_ca(folder)
        self.calls: Counter[tuple[str, str]] = Counter()
        self.arrived: dict[tuple[str, str], float] = {}
        self.seen: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.delay = 0.0
        self.port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def count(self, method: str, path: str) -> int:
        return self.calls[method, path]

    async def start(self) -> int:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", 0, ssl_context=server_context(self.authority, self.folder, self.host)
        )
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self.port

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = time.perf_counter()
        body = await request.read()
        self.calls[request.method, request.path] += 1
        self.arrived[request.method, request.path] = arrived
        self.seen.append(request)
        self.bodies.append(body)
        if self.delay:
            await asyncio.sleep(self.delay)
        said = {
            "method": request.method,
            "path": request.raw_path,
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "headers": [[name, value] for name, value in request.headers.items()],
        }
        return web.json_response(said, status=201, headers={"X-Upstream": "real"})
