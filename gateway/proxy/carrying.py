"""A release without a client: one connection from the gateway to itself takes the way of every other request.

So the approved bytes meet the same dialer, verification, streams and outcomes as on a client's connection.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mitmproxy import http

from addons.close_bypasses import DEFAULT_PORT, check_fields, check_line
from gateway.gate import MAX_CARRIED, Carried, Gate, OutcomeSink, Release
from gateway.model import Request
from gateway.proxy import headers
from gateway.proxy.authority import parse_authority, spell
from gateway.proxy.connection import ClientConnection, Hook, Shared
from gateway.proxy.exchange import exchange_of
from gateway.proxy.messages import released

SECONDS_FOR_AN_ANSWER = 300.0
CHUNK = 65536

type Connected = Callable[[ClientConnection], contextlib.AbstractContextManager[None]]


@dataclass(eq=False)
class Errand:
    """The hooks of the one connection that carries this release, and what they heard of the answer."""

    gate: Gate
    release: Release
    wanted: Request
    head: tuple[int, tuple[tuple[str, str], ...]] | None = None
    body: bytearray = field(default_factory=bytearray)
    too_long: bool = False
    whole: bool = False

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """What came in only stands for the release: nothing of it goes on."""
        exchange, wanted = exchange_of(flow), self.wanted
        exchange.release, exchange.caller = self.release, wanted.caller
        exchange.host, exchange.port = parse_authority(exchange.authority, DEFAULT_PORT[exchange.scheme])
        if (exchange.scheme, exchange.host, exchange.port) != (wanted.scheme, wanted.host, wanted.port):
            raise RuntimeError("the errand leads elsewhere than its request")
        if self.gate.internal(exchange.host):
            raise RuntimeError("the gate answers for its own host itself")
        self.gate.destination(wanted.caller, exchange.scheme, exchange.host, exchange.port)
        flow.request.data.host, flow.request.data.port = exchange.host, exchange.port

    def request(self, flow: http.HTTPFlow) -> None:
        exchange = exchange_of(flow)
        flow.request = released(flow, exchange, self.release)
        check_line(flow.request.data.method, flow.request.data.path)
        check_fields(flow.request.headers.fields)
        exchange.cleared = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange, response = exchange_of(flow), flow.response
        if not exchange.sent or not response:
            return  # an answer of our own: nothing was sent
        exchange.answered(response.status_code, headers.latin(response.headers.fields))
        response.headers.fields = headers.downstream(response.headers.fields)
        kept = headers.end_to_end(response.headers.fields, http2=False)
        self.head = response.status_code, headers.latin(tuple(kept))

        def hear(chunk: bytes) -> bytes:
            self._keep(chunk)
            return exchange.hear(chunk)

        response.stream = hear

    def _keep(self, chunk: bytes) -> None:
        """An answer is kept whole or not at all: a part of one could pass for the whole."""
        self.too_long = self.too_long or len(self.body) + len(chunk) > MAX_CARRIED
        if self.too_long:
            self.body.clear()
        else:
            self.body += chunk

    def response(self, flow: http.HTTPFlow) -> None:
        exchange_of(flow).heard()
        self.whole = True

    def error(self, flow: http.HTTPFlow) -> None:
        exchange_of(flow).failed(flow.error.msg if flow.error else "")

    def hooks(self) -> dict[str, tuple[Hook, ...]]:
        return {
            "requestheaders": (self.requestheaders,),
            "request": (self.request,),
            "responseheaders": (self.responseheaders,),
            "response": (self.response,),
            "error": (self.error,),
        }

    @property
    def carried(self) -> Carried | None:
        if self.head is None:
            return None
        if self.too_long:
            return Carried(*self.head, None, "too_long")
        return Carried(*self.head, bytes(self.body)) if self.whole else Carried(*self.head, None, "broke_off")


@dataclass(eq=False)
class _Heard:
    """Whether the sink was told: a release that nobody settled may have gone anywhere."""

    sink: OutcomeSink
    told: bool = False

    def __call__(self, outcome: object, status: int | None, detail: str) -> None:
        self.told = True
        self.sink(outcome, status, detail)  # type: ignore[arg-type]  # handed on as it came


async def carry(
    gate: Gate, shared: Shared, connected: Connected, release: Release, request: Request
) -> Carried | None:
    """One try; the release's sink has heard how it ended when this returns."""
    heard = _Heard(release.done)
    errand = Errand(gate, replace(release, done=heard), request)
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=theirs)
    connection = ClientConnection(
        reader, writer, replace(shared, hooks={**shared.hooks, **errand.hooks()}, tunnels={})
    )
    serving = asyncio.create_task(_serve(connection, connected))
    try:
        await _ask(ours, request)
    finally:
        connection.abort()
        await serving
        if not heard.told:
            heard("unknown", None, "the gateway lost sight of it")
    return errand.carried


async def _serve(connection: ClientConnection, connected: Connected) -> None:
    with connected(connection):
        await connection.handle_client()


async def _ask(ours: socket.socket, request: Request) -> None:
    """A head that names the destination; whatever comes is read and dropped until the connection ends."""
    reader, writer = await asyncio.open_connection(sock=ours)
    where = spell(request.host, request.port)
    head = (
        f"{request.method} {request.scheme}://{where}/ HTTP/1.1\r\nHost: {where}\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode("ascii"))
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(SECONDS_FOR_AN_ANSWER):
                while await reader.read(CHUNK):
                    pass
    finally:
        writer.close()
