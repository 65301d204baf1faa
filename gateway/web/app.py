"""Puts the pages together and serves them on sockets that are already listening."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socket

import structlog
from aiohttp import web

from gateway.desk.contract import Desk
from gateway.web.answers import protect, text_answer
from gateway.web.api import Api
from gateway.web.devices import DeviceRoutes
from gateway.web.events import EventStreams
from gateway.web.limits import RateLimit
from gateway.web.pages import Pages as Shells
from gateway.web.programs import ProgramRoutes
from gateway.web.security import faults, guard, protection
from gateway.web.sessions import Sessions
from gateway.web.sockets import BACKLOG

BODY_BYTES = 1 << 20
SIGN_IN_TRIES = 30
PROGRAM_TRIES = 600
IDLE_SECONDS = 75.0
GRACE_SECONDS = 5.0

log = structlog.get_logger(__name__)


def build_app(
    desk: Desk,
    *,
    ui: Path,
    origins: Sequence[str],
    https: bool,
    trusted_proxy: bool = False,
) -> web.Application:
    """The pages as people reach them under `origins`; `https` says that browsers always see them over TLS."""
    app = web.Application(middlewares=[faults, guard(origins)], client_max_size=BODY_BYTES)
    sessions = Sessions(desk, https)
    streams = EventStreams(desk, sessions)
    limit = RateLimit(SIGN_IN_TRIES, time.monotonic)
    api = Api(desk, sessions, streams, limit, trusted_proxy=trusted_proxy)
    programs = ProgramRoutes(desk, api.not_too_often(RateLimit(PROGRAM_TRIES, time.monotonic)))
    devices = DeviceRoutes(desk, sessions)
    app.add_routes([*api.routes(), *programs.routes(), *devices.routes(), *Shells.read(ui).routes()])
    app.on_response_prepare.append(protection(https=https))

    async def stop_streams(_app: web.Application) -> None:
        streams.stop()

    app.on_shutdown.append(stop_streams)
    return app


class Pages:
    """The running server: `start` takes the sockets over, `stop` ends streams and gives answers 5 s."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, shutdown_timeout=GRACE_SECONDS)
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket], ssl_context: ssl.SSLContext | None = None) -> None:
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(
                await loop.create_server(self._connection, sock=sock, ssl=ssl_context, backlog=BACKLOG)
            )

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        await self._runner.cleanup()

    def _connection(self) -> "Connection":
        server = self._runner.server
        if server is None:
            raise ConnectionError("the pages have stopped")
        return Connection(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # none is written; the annotation forgot it
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=GRACE_SECONDS,
        )


class Connection(web.RequestHandler):
    """A connection that answers bytes which are not HTTP in one sentence, and without a banner."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        log.info("pages_unreadable", peer=request.remote, error=type(exc).__name__)
        response = text_answer("That could not be read as a request.", status)
        protect(response, https=False)
        response.headers["Server"] = ""
        response.force_close()
        return response
