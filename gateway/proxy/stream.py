"""One request and its answer: nothing goes upstream uncleared, and every failure is a readable answer."""

from typing import Protocol

from mitmproxy import flow as mitmflow
from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import (
    DropStream,
    HTTPMode,
    HttpStream,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from gateway.errors import Reason, Refusal, ambiguous
from gateway.proxy.exchange import Exchange, begin
from gateway.proxy.refusing import Refuser, unavailable

LINGER_SECONDS = 5.0
FINAL = range(200, 600)


class RefusedAddress(str):
    """Why the dialer would not connect: a refusal, not a failure of the network."""

    __slots__ = ()


class Owner(Protocol):
    """The client connection that a stream belongs to."""

    refuser: Refuser
    active: set["Stream"]


class Stream(HttpStream):
    exchange: Exchange | None = None
    answered = False
    """Whether the final answer's head went to the client."""
    whole = False
    """Whether the request was read to its end."""
    lingering = False
    """Whether the request was answered before its end; what still comes is read and dropped."""

    def __init__(self, context: Context, stream_id: int, owner: Owner) -> None:
        super().__init__(context, stream_id)
        self.owner = owner

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Wakeup):
            yield from self._stop_lingering()
            return
        if isinstance(event, RequestEndOfMessage):
            self.whole = True
        elif isinstance(event, RequestHeaders):
            self.whole = event.end_stream
        elif isinstance(event, RequestProtocolError):
            self.whole = True
            if self.exchange:
                self.exchange.gone.set()
        for command in super().handle_event(event):
            if isinstance(command, SendHttp):
                yield from self._send(command)
            else:
                yield command
        if self.lingering and self.whole:
            yield DropStream(self.stream_id)
        if self.exchange and not self.flow.live:
            self.owner.active.discard(self)
            self.exchange.failed("the request ended without an answer")

    def _send(self, command: SendHttp) -> CommandGenerator[None]:
        event = command.event
        if isinstance(event, ResponseHeaders):
            self.answered = self.answered or event.response.status_code in FINAL
        elif isinstance(event, RequestHeaders):
            assert self.exchange  # noqa: S101 -- made before any command
            self.exchange.sent = command.connection.connected
        elif isinstance(event, ResponseProtocolError) and not self.answered and self.context.client.connected:
            yield from self._explain(event)
            return
        yield command

    def _explain(self, event: ResponseProtocolError) -> CommandGenerator[None]:
        """In place of mitmproxy's error page and closed connection: a problem, and the connection lives."""
        exchange = self.exchange
        assert exchange  # noqa: S101 -- made before any command
        killed = event.code is ErrorCode.KILL
        if killed and exchange.gone.is_set():
            yield SendHttp(event, self.context.client)
            return
        if killed and exchange.sent:
            cancel = RequestProtocolError(self.stream_id, event.message, ErrorCode.CANCEL)
            yield SendHttp(cancel, self.context.server)
        refusal = unavailable() if killed else self._failure(event.message, exchange)
        yield from self._say(self.owner.refuser.response(refusal, self.flow))

    def _failure(self, message: str, exchange: Exchange) -> Refusal:
        if isinstance(message, RefusedAddress):
            return Refusal(Reason.DESTINATION_REFUSED, str(message))
        if exchange.sent:
            detail = (
                f"The request was sent, and no answer came ({message}). It may have taken effect: look first."
            )
            return Refusal(Reason.UPSTREAM_UNKNOWN, detail)
        detail = f"No connection to {exchange.where} ({message}). Nothing was sent."
        return Refusal(Reason.UPSTREAM_UNREACHABLE, detail, retryable=True)

    def check_invalid(self, request: bool) -> CommandGenerator[bool]:  # noqa: FBT001 -- mitmproxy's signature
        if not request:
            return (yield from self._check_answer())
        self.exchange = begin(self.flow, inside=self.mode is HTTPMode.transparent)
        if self.flow.request.data.method != b"CONNECT":
            self.owner.active.add(self)
        if fault := malformed(self.mode, self.flow.request):
            yield from self._refuse(ambiguous(fault), close=True)
            return True
        return False

    def _check_answer(self) -> CommandGenerator[bool]:
        assert self.flow.response  # noqa: S101 -- checked as soon as it is there
        if self.flow.response.status_code in FINAL:
            return (yield from super().check_invalid(False))  # noqa: FBT003 -- mitmproxy's signature
        yield commands.CloseConnection(self.flow.server_conn)
        error = ResponseProtocolError(
            self.stream_id, "the answer's status is no final one", ErrorCode.RESPONSE_VALIDATION_FAILED
        )
        yield from self.handle_protocol_error(error)
        self.client_state = self.server_state = self.state_errored
        return True

    def check_killed(self, emit_error_hook: bool) -> CommandGenerator[bool]:  # noqa: FBT001 -- mitmproxy's signature
        if (yield from super().check_killed(emit_error_hook)):
            return True
        if self.client_state != self.state_wait_for_request_headers:
            return False
        if self.flow.response:  # refused by its head: the body is not waited for
            yield from self._finish(self.flow.response)
            return True
        return (yield from self.check_body_size(True))  # noqa: FBT003 -- mitmproxy's signature

    def check_body_size(self, request: bool) -> CommandGenerator[bool]:  # noqa: FBT001 -- mitmproxy's signature
        limit = self.exchange.limit if self.exchange else None
        if not request or limit is None:
            return False
        declared = expected_http_body_size(self.flow.request) or 0
        if max(len(self.request_body_buf), declared) <= limit:
            return False
        self.request_body_buf.clear()  # type: ignore[no-untyped-call]
        detail = f"A request to {self.flow.request.host} has at most {limit} bytes of body."
        yield from self._refuse(Refusal(Reason.BODY_TOO_LARGE, detail), close=True)
        return True

    def make_server_connection(self) -> CommandGenerator[bool]:
        exchange = self.exchange
        if not exchange or not exchange.cleared:
            yield from self._refuse(unavailable())
            return False
        connected = yield from super().make_server_connection()
        if connected and exchange.gone.is_set():
            error = ResponseProtocolError(self.stream_id, "the client left", ErrorCode.CONNECT_FAILED)
            yield from self.handle_protocol_error(error)
            return False
        return connected

    def _refuse(self, refusal: Refusal, *, close: bool = False) -> CommandGenerator[None]:
        close = close and not self.flow.request.is_http2
        yield from self._finish(self.owner.refuser.response(refusal, self.flow, close=close))

    def _finish(self, response: http.Response) -> CommandGenerator[None]:
        """Answer now; closing while the client still sends would reset the answer away."""
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield from self._say(response)
        if not self.whole:
            yield commands.RequestWakeup(LINGER_SECONDS)
        self.lingering = True

    def _say(self, response: http.Response) -> CommandGenerator[None]:
        self.answered = True
        self.client_state = self.state_errored  # nothing more may be said
        self.flow.response = response
        client, content = self.context.client, response.data.content
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=not content), client)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)

    def _stop_lingering(self) -> CommandGenerator[None]:
        if self.whole:
            return
        if self.flow.request.is_http2:
            error = ResponseProtocolError(self.stream_id, "the request was not read", ErrorCode.CANCEL)
            yield SendHttp(error, self.context.client)
            yield DropStream(self.stream_id)
        else:
            yield commands.CloseConnection(self.context.client)


def kill(flow: http.HTTPFlow) -> None:
    """Let nothing more of this flow pass; its stream answers with 503 where it still can."""
    flow.error = mitmflow.Error(mitmflow.Error.KILLED_MESSAGE)


def malformed(mode: HTTPMode, request: http.Request) -> str | None:
    """Why a head cannot be acted on at all."""
    if mode is HTTPMode.transparent and request.method == "CONNECT":
        return "A tunnel cannot be opened inside a tunnel."
    if request.method == "CONNECT":
        return None if request.data.method == b"CONNECT" else "Methods are written in capitals."
    if mode is HTTPMode.regular and not request.data.authority:
        return "This is a proxy: send it CONNECT, or a request with the whole URL."
    if request.scheme not in {"http", "https", ""}:
        return "The proxy passes http and https only."
    try:
        validate_headers(request)
    except ValueError as fault:
        return f"The request has an {fault}."
    return None
