"""One TLS listener on loopback that is every upstream a client asks for, by the name it asks with."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from aiohttp import web

from gateway.playground_tls import server_context
from gateway.proxy.certificates import make_ca

type Handler = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]
HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}
)


class Front:
    def __init__(self, folder: Path, handlers: dict[str, Handler]) -> None:
        folder.mkdir(parents=True)
        self.folder, self.handlers = folder, handlers
        self.authority = make_ca(folder)
        self.seen: list[tuple[str, str, str]] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._runner: web.ServerRunner | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def count(self, method: str, host: str, path: str) -> int:
        return self.seen.count((method, host, path))

    async def start(self) -> int:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        context = self._context(next(iter(self.handlers)))
        context.sni_callback = self._choose
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._context(name or "")

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            folder = self.folder / f"tls-{len(self._contexts)}"
            folder.mkdir()
            self._contexts[host] = server_context(self.authority, folder, host)
        return self._contexts[host]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        host = request.host.partition(":")[0]
        self.seen.append((request.method, host, request.path))
        return await self.handlers[host](request, body)


def answering(answers: dict[tuple[str, str], object]) -> Handler:
    """An API of canned JSON, by method and path."""

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        found = answers.get((request.method, request.path))
        if found is None:
            return web.json_response({"message": f"no {request.method} {request.path} here"}, status=404)
        return web.json_response(found)

    return answer


def forwarding(port: int) -> Handler:
    """A server that speaks plain HTTP on loopback, with everything it is sent as it came."""

    async def forward(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP]
        headers.append(("Host", request.host))
        async with (
            aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout()) as session,
            session.request(
                request.method,
                f"http://127.0.0.1:{port}{request.raw_path}",
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as answer,
        ):
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            given = web.StreamResponse(status=answer.status, headers=kept)
            await given.prepare(request)
            async for piece in answer.content.iter_any():
                await given.write(piece)
            await given.write_eof()
            return given

    return forward
