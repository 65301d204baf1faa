"""A client connection: carries out what the layers ask for, runs the hooks, and fails closed."""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from types import TracebackType
from typing import Any, Literal

from mitmproxy import http, tls
from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.layers.tls import ClientTLSLayer
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import ConnectionIO, LiveConnectionHandler

from gateway.errors import Refusal
from gateway.proxy.dialer import Dialer
from gateway.proxy.exchange import KEY, Exchange, Tunnels
from gateway.proxy.layering import Shortcut, choose
from gateway.proxy.places import Places
from gateway.proxy.refusing import Refuser, unavailable
from gateway.proxy.stream import RefusedAddress, Stream, kill
from gateway.values import dataclass

logger = logging.getLogger(__name__)

REGULAR = ProxyMode.parse("regular")
SECONDS_FOR_TLS = 15.0
BEFORE_UPSTREAM = frozenset({"http_connect", "requestheaders", "request"})

type Hook = Callable[[Any], Awaitable[None] | None]
type Hooks = Mapping[str, tuple[Hook, ...]]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections of an engine have in common."""

    options: Options
    dialer: Dialer
    refuser: Refuser
    hooks: Hooks
    tunnels: Tunnels
    places: Places
    waiting: frozenset[str] = field(init=False)
    """The hooks that may wait."""

    def __post_init__(self) -> None:
        waiting = {
            name
            for name, hooks in self.hooks.items()
            if any(inspect.iscoroutinefunction(hook) for hook in hooks)
        }
        object.__setattr__(self, "waiting", frozenset(waiting))


@dataclass(slots=True)
class _Wait:
    suspended: bool = False


class ClientConnection(LiveConnectionHandler):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shared: Shared) -> None:
        super().__init__(reader, writer, shared.options, REGULAR)
        self.layer = HttpProxy(self.layer.context)
        self.shared = shared
        self.refuser = shared.refuser
        self.active: set[Stream] = set()
        self._shortcut: Shortcut | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._over = False

    async def handle_client(self) -> None:
        """Serve until the client leaves; whatever was released then has an outcome."""
        try:
            await super().handle_client()
        finally:
            self._over = True
            self.shared.tunnels.pop(self.client.id, None)
            self.shared.places.leave(self.client.id)
            for io in self.transports.values():  # what was cancelled before it began closes nothing itself
                if isinstance(io.writer, asyncio.StreamWriter):
                    io.writer.close()
            for stream in self.active:
                if stream.exchange:
                    stream.exchange.gone.set()
                    stream.exchange.failed("the client's connection ended")

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """The base class's own hooks (connections coming and going) have no subscribers here."""

    def log(
        self,
        message: str,
        level: int = logging.INFO,
        exc_info: Literal[True]
        | tuple[type[BaseException], BaseException, TracebackType | None]
        | None = None,
    ) -> None:
        if level >= logging.ERROR:
            logger.log(level, "%s", message, exc_info=exc_info)

    async def server_event(self, event: events.Event) -> None:
        async with self._server_event_lock:
            self.timeout_watchdog.register_activity()  # type: ignore[no-untyped-call]
            try:
                self._process(event)
            except Exception:
                logger.exception("a layer failed; its client connection is closed")
                self.abort()

    def _process(self, event: events.Event) -> None:
        todo: list[events.Event] = [event]
        out: dict[Connection, list[bytes]] = {}
        for current in todo:  # grows while hooks complete at once
            for command in self.layer.handle_event(current):
                if isinstance(command, commands.StartHook):
                    if self._start_hook(command) and command.blocking:
                        todo.append(events.HookCompleted(command))
                elif isinstance(command, commands.SendData):
                    out.setdefault(command.connection, []).append(command.data)
                elif not isinstance(command, commands.Log):
                    self._flush(out)
                    self._carry_out(command)
        self._flush(out)
        if self._shortcut:
            self._take(self._shortcut)

    def _flush(self, out: dict[Connection, list[bytes]]) -> None:
        for connection, parts in out.items():
            io = self.transports.get(connection)
            if io and isinstance(io.writer, asyncio.StreamWriter) and not io.writer.is_closing():
                io.writer.write(b"".join(parts))
        out.clear()

    def _take(self, shortcut: Shortcut) -> None:
        outer, http_layer = shortcut.outer, shortcut.outer[-2]
        assert isinstance(http_layer, HttpLayer)  # noqa: S101 -- CONNECT came through it
        if http_layer.command_sources:  # a hook still runs: at the next event
            return
        if isinstance(outer[0], ClientTLSLayer):
            outer[0].child_layer = shortcut.inner
        else:
            self.layer = shortcut.inner
        self._shortcut = None

    def _carry_out(self, command: commands.Command) -> None:
        if isinstance(command, commands.OpenConnection):
            task = asyncio.create_task(self.open_connection(command))
            self.transports[command.connection] = ConnectionIO(handler=task)
        elif isinstance(command, commands.RequestWakeup):
            self.wakeup_timer.add(asyncio.create_task(self.wakeup(command)))
        elif not isinstance(command, commands.ConnectionCommand):
            raise TypeError(f"no layer here gives such a command: {command}")
        elif command.connection not in self.transports:
            pass  # closed already
        elif isinstance(command, commands.CloseConnection):
            half = isinstance(command, commands.CloseTcpConnection) and command.half_close
            self.close_connection(command.connection, half)
        else:
            raise TypeError(f"no layer here gives such a command: {command}")

    def abort(self) -> None:
        """Close the client connection whatever its state."""
        io = self.transports.get(self.client)
        if io and io.handler:
            self.close_connection(self.client)
        elif io and isinstance(io.writer, asyncio.StreamWriter):
            io.writer.close()

    def give_up(self) -> None:
        """Abort, and stop waiting for decisions."""
        self.abort()
        for task in self._waiting:
            task.cancel()

    async def open_connection(self, command: commands.OpenConnection) -> None:
        server = command.connection
        try:
            reader, writer = await self._dial(server)
        except (OSError, Refusal, asyncio.CancelledError) as fault:
            text = str(fault) or type(fault).__name__
            self.transports.pop(server, None)
            fault_text = RefusedAddress(text) if isinstance(fault, Refusal) else text
            await self.server_event(events.OpenConnectionCompleted(command, fault_text))
            if isinstance(fault, asyncio.CancelledError):
                raise
            return
        server.timestamp_tcp_setup, server.state = time.time(), ConnectionState.OPEN
        server.peername, server.sockname = (
            writer.get_extra_info("peername"),
            writer.get_extra_info("sockname"),
        )
        self.transports[server] = ConnectionIO(asyncio.current_task(), reader, writer)
        await self.server_event(events.OpenConnectionCompleted(command, None))
        timer = asyncio.get_running_loop().call_later(SECONDS_FOR_TLS, self._check_handshake, server)
        try:
            await self.handle_connection(server)
        finally:
            timer.cancel()
            server.timestamp_end = time.time()

    def _check_handshake(self, server: Server) -> None:
        """An upstream that accepts and then says nothing is unreachable, not slow."""
        if server.tls and not server.tls_established and server in self.transports:
            self.close_connection(server)

    async def _dial(self, server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not server.address or server.transport_protocol != "tcp":
            raise OSError("no destination")
        server.timestamp_start = time.time()
        return await self.shared.dialer.open(server.address[0], server.address[1])

    def _start_hook(self, hook: commands.StartHook) -> bool:
        """Run a hook; False when it waits and will report later."""
        if hook.name == "next_layer":
            (next_layer,) = hook.args()
            assert isinstance(next_layer, NextLayer)  # noqa: S101 -- the hook's only argument
            self._shortcut = (
                choose(next_layer, self, self.shared.tunnels.get(self.client.id)) or self._shortcut
            )
            return True
        handlers = self.shared.hooks.get(hook.name)
        if not handlers:
            return True
        if hook.name in self.shared.waiting:
            return self._start_waiting(hook, handlers)
        (data,) = hook.args()
        try:
            for handler in handlers:
                handler(data)
        except Exception as fault:  # noqa: BLE001 -- any fault refuses
            self._refuse(hook.name, data, fault)
        return True

    def _start_waiting(self, hook: commands.StartHook, handlers: tuple[Hook, ...]) -> bool:
        # Started at once: a decision that needs no waiting costs no turn of the loop.
        wait = _Wait()
        task: asyncio.Task[None] = asyncio.Task(
            self._wait(hook, handlers, wait), loop=asyncio.get_running_loop(), eager_start=True
        )
        if task.done():
            return True
        wait.suspended = True
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return False

    async def _wait(self, hook: commands.StartHook, handlers: tuple[Hook, ...], wait: _Wait) -> None:
        (data,) = hook.args()
        with self.timeout_watchdog.disarm():
            try:
                for handler in handlers:
                    if (result := handler(data)) is not None:
                        await result
            except asyncio.CancelledError as fault:
                self._refuse(hook.name, data, fault)
                task = asyncio.current_task()
                if task and task.cancelling():
                    raise
            except Exception as fault:  # noqa: BLE001 -- any fault refuses
                self._refuse(hook.name, data, fault)
        if self._over and isinstance(data, http.HTTPFlow):
            _fail(data, "the client left")
        if wait.suspended:
            await self.server_event(events.HookCompleted(hook))

    def _refuse(self, name: str, data: object, fault: BaseException) -> None:
        """A hook refused or failed: nothing of this passes, whatever it did before."""
        refusal = fault if isinstance(fault, Refusal) else unavailable()
        if not isinstance(fault, Refusal):
            logger.error("the %s hook failed", name, exc_info=fault)
        if isinstance(data, http.HTTPFlow):
            if name in BEFORE_UPSTREAM:
                _fail(data, refusal.detail)
                data.response = self.refuser.response(refusal, data)
            else:
                kill(data)
        elif isinstance(data, tls.TlsData):
            data.ssl_conn = None
        else:
            self.abort()


def _fail(flow: http.HTTPFlow, detail: str) -> None:
    exchange = flow.metadata.get(KEY)
    if isinstance(exchange, Exchange):
        exchange.cleared = False
        exchange.failed(detail)
