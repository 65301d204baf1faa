"""HTTP/1 connections: mitmproxy's parsers, with limits, readable refusals and no interim answers."""

import re

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

from gateway.errors import Reason, Refusal, ambiguous
from gateway.proxy.refusing import Refuser

HEAD_BYTES = 65536
PIPELINED_BYTES = 65536
INTERIM = re.compile(rb"[\r\n]*HTTP/\d\.\d 1\d\d[ \r\n]")
SWITCHING = re.compile(rb"[\r\n]*HTTP/\d\.\d 101[ \r\n]")
TRAILERS = http.Headers([(b"trailer", b"refused")])


class Server1(Http1Server):
    """The client's side. What cannot be read is answered with a problem, and the connection ends."""

    def __init__(self, context: Context, refuser: Refuser) -> None:
        super().__init__(context)
        self._refuser = refuser

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        for command in super().read_headers(event):
            if isinstance(command, commands.SendData):  # the only thing it sends is an error page
                yield from self._refuse(ambiguous("The request's head cannot be read in exactly one way."))
                return
            yield command
        if self.state == self.read_headers and len(self.buf) > HEAD_BYTES:
            yield from self._refuse(Refusal(Reason.BODY_TOO_LARGE, f"A head has at most {HEAD_BYTES} bytes."))

    def _refuse(self, refusal: Refusal) -> CommandGenerator[None]:
        response = self._refuser.response(refusal, close=True)
        yield commands.SendData(self.conn, http1.assemble_response(response))  # type: ignore[no-untyped-call]
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:  # trailers: mitmproxy cannot pass them on, and the rules refuse them
            yield ReceiveHttp(RequestTrailers(self.stream_id, TRAILERS))
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)

    def wait(self, event: events.Event) -> CommandGenerator[None]:
        if len(self.buf) > PIPELINED_BYTES:
            event = events.ConnectionClosed(self.conn)
        yield from super().wait(event)


class Client1(Http1Client):
    """The upstream's side. Interim answers (1xx) are dropped, since the final one decides an outcome."""

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.request and not self._drop_interim():
            yield from self._fail("the upstream switched protocols")
            return
        yield from super().read_headers(event)
        if self.request and self.state == self.read_headers and len(self.buf) > HEAD_BYTES:
            yield from self._fail("the head of the answer is too long")

    def _drop_interim(self) -> bool:
        """False when an upstream wants to speak something else."""
        while INTERIM.match(head := bytes(self.buf)):
            if SWITCHING.match(head):
                return False
            if self.buf.maybe_extract_lines() is None:
                break
        return True

    def _fail(self, message: str) -> CommandGenerator[None]:
        stream_id = self.stream_id
        assert stream_id is not None  # noqa: S101 -- set with the request
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(ResponseProtocolError(stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:  # trailers of an answer: mitmproxy cannot pass them on
            assert self.stream_id is not None  # noqa: S101 -- set with the request
            yield ReceiveHttp(ResponseEndOfMessage(self.stream_id))
            yield from self.mark_done(response=True)
