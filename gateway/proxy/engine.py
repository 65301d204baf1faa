"""The engine: listens on the sockets it is given, and asks the gate about everything."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.net.http.http1 import assemble_response
from mitmproxy.options import Options

from addons.close_bypasses import CloseBypasses
from addons.enforce import Enforce
from addons.identify_agent import IdentifyAgent
from gateway.errors import Reason, Refusal
from gateway.gate import Carried, Gate, Release
from gateway.model import Request
from gateway.proxy.carrying import carry
from gateway.proxy.certificates import CertificateAuthority, Leaves
from gateway.proxy.connection import ClientConnection, Hook, Shared
from gateway.proxy.dialer import Dialer
from gateway.proxy.exchange import Exchange, Tunnels
from gateway.proxy.places import SHARE, Places, room
from gateway.proxy.refusing import Refuser
from gateway.proxy.tls import Tls, trusted_roots

HOOKS = (
    "http_connect",
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "error",
    "tls_start_client",
    "tls_start_server",
)
QUEUE = 1024
POLL_SECONDS = 0.02
ANSWERED_AT_ONCE = 64
SECONDS_FOR_A_HEAD = 2.0
SECONDS_TO_SAY_WHO = 30.0
HEAD_BYTES = 65_536
KEPT_FOR_CLOSING = 0.2
IDLE_BEFORE_PROBES, BETWEEN_PROBES, PROBES = 30, 10, 3


FULL = Refusal(
    Reason.GATEWAY_UNAVAILABLE,
    "Too many connections to the gateway are open: close those that are not used, and try again in 5 s. "
    "Nothing was sent.",
    retryable=True,
    retry_after=5,
)


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket that names its protocol: otherwise asyncio leaves Nagle's delay on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(QUEUE)
        sock.setblocking(False)  # noqa: FBT003 -- the socket's own signature
    except OSError:
        sock.close()
        raise
    return sock


class Engine:
    """Start it once, stop it once."""

    def __init__(
        self,
        gate: Gate,
        *,
        ca: CertificateAuthority,
        dialer: Dialer,
        sockets: Sequence[socket.socket],
        upstream_roots: Path | None = None,
        most: int | None = None,
    ) -> None:
        """At most so many clients are connected; without a number, as many as there are places for."""
        self._most = room() if most is None else most
        self._places = Places(self._most // SHARE)
        self._turned_away = 0
        self._sockets = sockets
        self._servers: list[asyncio.Server] = []
        self._connections: dict[ClientConnection, asyncio.Task[Any]] = {}
        options = make_options(trusted_roots(upstream_roots))
        tunnels: Tunnels = {}
        tls = Tls(options, Leaves(ca), tunnels, gate.needs_http1)
        addons = (
            IdentifyAgent(gate, tunnels, self._places),
            CloseBypasses(tunnels),
            Enforce(gate, tunnels),
            tls,
        )
        hooks = {name: _hooks(name, addons) for name in HOOKS}
        self._gate, self._stopping = gate, False
        self._shared = Shared(options, dialer, Refuser(gate), hooks, tunnels, self._places)

    async def start(self) -> None:
        """Accept connections; from now on our own listeners are never dialled."""
        for sock in self._sockets:
            host, port = sock.getsockname()[:2]
            self._shared.dialer.deny(host, port)
            self._servers.append(await asyncio.start_server(self._accept, sock=sock, backlog=1))
            sock.listen(QUEUE)  # one accept for each wake-up spreads the load over workers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _probe_when_idle(writer.get_extra_info("socket"))
        if len(self._connections) >= self._most:
            await self._turn_away(reader, writer)
            return
        connection = ClientConnection(reader, writer, self._shared)
        clock = asyncio.get_running_loop()
        closing = clock.call_later(SECONDS_TO_SAY_WHO, self._close_stranger, connection)
        try:
            with self._known(connection):
                await connection.handle_client()
        finally:
            closing.cancel()

    def _close_stranger(self, connection: ClientConnection) -> None:
        """Who proved nothing for so long keeps no place from those who would."""
        if connection.client.id not in self._places:
            connection.abort()

    async def _turn_away(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """With an answer, unless so many come that answering them would cost what there is no room for."""
        if self._turned_away >= ANSWERED_AT_ONCE:
            writer.transport.abort()
            return
        self._turned_away += 1
        try:
            async with asyncio.timeout(SECONDS_FOR_A_HEAD):
                await reader.read(HEAD_BYTES)  # else closing takes the answer along
                answer = self._shared.refuser.response(FULL, close=True)
                writer.write(assemble_response(answer))  # type: ignore[no-untyped-call]
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            self._turned_away -= 1
            writer.close()

    @contextlib.contextmanager
    def _known(self, connection: ClientConnection) -> Iterator[None]:
        """While it is served, so that stopping waits for it."""
        task = asyncio.current_task()
        assert task  # noqa: S101 -- every connection is served in a task of its own
        self._connections[connection] = task
        try:
            yield
        finally:
            del self._connections[connection]

    async def carry(self, release: Release, request: Request) -> Carried | None:
        """Send a release that no client waits for; see `gate.Courier`. An engine that stops sends nothing."""
        if self._stopping:
            release.done("not_sent", None, "the gateway is stopping")
            return None
        return await carry(self._gate, self._shared, self._known, release, request)

    @property
    def flows(self) -> list[Exchange]:
        """The requests that are on their way."""
        streams = (stream for connection in self._connections for stream in connection.active)
        return [stream.exchange for stream in streams if stream.exchange]

    async def stop(self, grace: float) -> None:
        """Take no new connections, let requests end for `grace` seconds, then close what is left."""
        self._stopping = True
        for server in self._servers:
            server.close()
        clock = asyncio.get_running_loop().time
        end = clock() + grace
        while self._connections and clock() < end - grace * KEPT_FOR_CLOSING:
            for connection in [known for known in self._connections if not known.active]:
                connection.abort()
            await asyncio.sleep(POLL_SECONDS)
        left = list(self._connections.items())
        for connection, _ in left:
            connection.give_up()
        if left:
            await asyncio.wait([task for _, task in left], timeout=max(end - clock(), POLL_SECONDS))
        for task in self._connections.values():
            task.cancel()


def _hooks(name: str, addons: Sequence[object]) -> tuple[Hook, ...]:
    return tuple(hook for addon in addons if (hook := getattr(addon, name, None)))


def _probe_when_idle(sock: socket.socket) -> None:
    """Notice clients that vanish without a word, so that nothing waits for them."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_BEFORE_PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, BETWEEN_PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)


class _Loader:
    """Lets mitmproxy's addons declare the options that its layers read."""

    def __init__(self, options: Options) -> None:
        self.add_option = options.add_option


def make_options(roots: Path) -> Options:
    """Mitmproxy's options as the rules need them; nobody else holds this object."""
    options = Options(server=False)
    loader = _Loader(options)
    Proxyserver().load(loader)  # type: ignore[no-untyped-call]
    TlsConfig().load(loader)  # type: ignore[no-untyped-call]
    options.update(  # type: ignore[no-untyped-call]
        connection_strategy="lazy",
        rawtcp=False,
        websocket=False,
        http3=False,
        validate_inbound_headers=True,
        ssl_insecure=False,
        ssl_verify_upstream_trusted_ca=str(roots),
    )
    return options
