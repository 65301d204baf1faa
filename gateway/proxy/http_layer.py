"""The HTTP layer: lean streams, own connections for releases, HTTP/1.1 to those who got HTTP/1.1."""

from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpClient,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
)
from mitmproxy.proxy.layers.http._http2 import Http2Client
from mitmproxy.proxy.layers.tls import ServerTLSLayer

from gateway.proxy.http1 import Client1, Server1
from gateway.proxy.stream import Owner, Stream

H2, H1 = b"h2", b"http/1.1"
CONNECTIONS_REMEMBERED = 32


class LeanContext(Context):
    """A context for a stream, without the throw-away Server that fork() makes."""

    def __init__(self, parent: Context) -> None:
        self.client, self.options, self.server = parent.client, parent.options, parent.server
        self.layers = parent.layers.copy()


class UpstreamClient(HttpClient):
    """Opens an upstream connection and speaks what was negotiated on it."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        server = self.context.server
        fault = yield commands.OpenConnection(server)
        if not fault:
            self.child_layer = Http2Client(self.context) if server.alpn == H2 else Client1(self.context)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, fault)


class Http(HttpLayer):
    def __init__(self, context: Context, mode: HTTPMode, owner: Owner) -> None:
        super().__init__(context, mode)
        self.owner = owner

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start) and self.context.client.alpn != H2:
            self.connections[self.context.client] = Server1(self.context.fork(), self.owner.refuser)
        yield from super()._handle_event(event)

    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        stream = self.streams[stream_id] = Stream(LeanContext(self.context), stream_id, self.owner)
        yield from self.event_to_child(stream, events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> CommandGenerator[None]:
        stream = self.command_sources.get(event)
        released = isinstance(stream, Stream) and bool(stream.exchange and stream.exchange.release)
        if reuse and not released and (known := self._reusable(event)):
            if known in self.waiting_for_establishment:
                self.waiting_for_establishment[known].append(event)
            else:
                done = GetHttpConnectionCompleted(event, (known, None))
                yield from self.event_to_child(self.command_sources.pop(event), done)
            return
        self._forget_ended()
        yield from self._open(event, http1=released or self.context.client.alpn != H2)

    def _reusable(self, event: GetHttpConnection) -> Server | None:
        http2 = self.context.client.alpn == H2
        for connection in self.connections:
            if not isinstance(connection, Server) or not event.connection_spec_matches(connection):
                continue
            # Beside HTTP/2 streams an HTTP/1 connection could serve one request only.
            usable = connection.connected and (not http2 or connection.alpn == H2)
            if usable or connection in self.waiting_for_establishment:
                return connection
        return None

    def _open(self, event: GetHttpConnection, *, http1: bool) -> CommandGenerator[None]:
        context = LeanContext(self.context)
        context.server = Server(
            address=event.address, sni=event.address[0], alpn_offers=(H1,) if http1 else (H2, H1)
        )
        stack = tunnel.LayerStack()
        if event.tls:
            stack /= ServerTLSLayer(context)
        stack /= UpstreamClient(context)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _forget_ended(self) -> None:
        """The base class keeps every connection for ever; those that ended have nothing more to say."""
        if len(self.connections) > CONNECTIONS_REMEMBERED:
            for connection in [known for known in self.connections if known.timestamp_end]:
                del self.connections[connection]
