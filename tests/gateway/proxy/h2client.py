"""HTTP/2 by hand, for both ends: what a test wants to see on the wire."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.gateway.proxy.harness import HOST, World


@dataclass
class Stream2:
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reset: int | None = None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class H2Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    streams: dict[int, Stream2] = field(default_factory=dict)
    terminated: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        config = h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.conn = h2.connection.H2Connection(config)

    @classmethod
    async def through(cls, w: World, host: str = HOST, port: int = 443) -> Self:
        client = await w.tunnel(host, port, alpn=("h2",))
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        made = cls(client.reader, client.writer)
        made.conn.initiate_connection()
        made.flush()
        made.task = asyncio.create_task(made._read())
        return made

    def flush(self) -> None:
        self.writer.write(self.conn.data_to_send())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, OSError):
            while data := await self.reader.read(65536):
                for event in self.conn.receive_data(data):
                    self._note(event)
                self.flush()
        self.terminated = True
        for stream in self.streams.values():
            stream.ended.set()

    def _note(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            self.terminated |= isinstance(event, h2.events.ConnectionTerminated)
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = [(str(name), str(value)) for name, value in event.headers]
            stream.status = int(stream.all(":status")[0])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)
            stream.ended.set()
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended.set()

    def start(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        authority: str = HOST,
        scheme: str = "https",
        extra: tuple[tuple[str, str], ...] = (),
        end: bool = True,
    ) -> int:
        number = self.conn.get_next_available_stream_id()
        self.streams[number] = Stream2()
        pseudo = [(":method", method), (":scheme", scheme), (":path", target)]
        if authority:
            pseudo.append((":authority", authority))
        self.conn.send_headers(number, [*pseudo, *extra], end_stream=end)
        self.flush()
        return number

    def data(self, number: int, body: bytes, *, end: bool = True) -> None:
        self.conn.send_data(number, body, end_stream=end)
        self.flush()

    def trailers(self, number: int, *fields: tuple[str, str]) -> None:
        self.conn.send_headers(number, list(fields), end_stream=True)
        self.flush()

    def cancel(self, number: int) -> None:
        self.conn.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self.flush()

    async def answer(self, number: int) -> Stream2:
        async with asyncio.timeout(60):
            await self.streams[number].ended.wait()
        return self.streams[number]

    async def ask(self, target: str = "/", *, body: bytes = b"", **how: object) -> Stream2:
        number = self.start(target, end=not body, **how)  # type: ignore[arg-type]
        if body:
            self.data(number, body)
        return await self.answer(number)


async def serve_h2(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    seen: list[list[tuple[str, str]]],
    how: str = "ok",
) -> None:
    """An HTTP/2 upstream: answers each request with 200 and `hello`, or misbehaves as told."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    conn.initiate_connection()
    writer.write(conn.data_to_send())
    with contextlib.suppress(ConnectionError, ssl.SSLError, OSError):
        while data := await reader.read(65536):
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    seen.append([(str(name), str(value)) for name, value in event.headers])
                    answer_h2(conn, event.stream_id or 0, how)
            writer.write(conn.data_to_send())
    writer.close()


def answer_h2(conn: h2.connection.H2Connection, number: int, how: str) -> None:
    if how == "refuse":
        conn.reset_stream(number, h2.errors.ErrorCodes.REFUSED_STREAM)
    elif how == "goaway":
        conn.close_connection(last_stream_id=0)
    else:
        conn.send_headers(number, [(":status", "200"), ("secondsig-gateway", "fake"), ("x-up", "h2")])
        conn.send_data(number, b"hello")
        conn.send_headers(number, [("grpc-status", "0"), ("secondsig-x", "fake")], end_stream=True)
