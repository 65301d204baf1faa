import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import pytest

from gateway.errors import Reason, Refusal
from gateway.gate import Forward, Release
from gateway.model import Request
from gateway.proxy import connection, stream
from gateway.proxy.dialer import Dialer
from tests.gateway.proxy.h2client import H2Client, serve_h2
from tests.gateway.proxy.harness import (
    HOST,
    OK,
    OTHER,
    PROXY_AUTH,
    Client,
    Outcomes,
    Received,
    Roots,
    Script,
    World,
    get,
    post,
    release,
)
from tests.kit.patience import until


class Held:
    """A gate's decision that waits, and then releases even if the client has left."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes, self.waiting, self.gone = outcomes, 0, 0
        self.go = asyncio.Event()

    async def __call__(self, request: Request, gone: asyncio.Event) -> Release | Forward:
        if request.target == "/free":
            return Forward()
        self.waiting += 1
        waits = [asyncio.ensure_future(gone.wait()), asyncio.ensure_future(self.go.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self.gone += gone.is_set()
        return Release("env_1", request.method, request.target, request.headers, request.body, self.outcomes)


def abort(client: Client) -> None:
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@pytest.mark.parametrize("leave", [Client.close, abort])
async def test_a_client_that_leaves_while_held_is_noticed_and_nothing_is_sent(
    w: World, leave: Callable[[Client], None]
):
    up = await w.upstream()
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = held = Held(outcomes)
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: held.waiting)
    leave(client)
    await until(lambda: held.gone)
    await until(lambda: outcomes.seen == [("not_sent", None)])
    assert up.connections == 0


async def test_a_client_that_half_closes_while_held_counts_as_gone(w: World):
    up = await w.upstream(port=80, plain=True)
    await w.start()
    w.gate.verdict = held = Held(Outcomes())
    client = await w.client()
    await client.send(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n")
    await until(lambda: held.waiting)
    client.writer.write_eof()
    await until(lambda: held.gone)
    assert await client.closed()
    assert up.connections == 0


@pytest.mark.parametrize("how", ["reset", "goaway", "close"])
async def test_an_http2_client_that_leaves_while_held_is_noticed(w: World, how: str):
    up = await w.upstream(alpn=("h2", "http/1.1"), script=free)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = held = Held(outcomes)
    client = await H2Client.through(w)
    number = client.start(method="POST", end=True)
    await until(lambda: held.waiting)
    if how == "reset":
        client.cancel(number)
    elif how == "goaway":
        client.conn.close_connection()
        client.flush()
    else:
        client.writer.close()
    await until(lambda: held.gone)
    await until(lambda: outcomes.seen == [("not_sent", None)])
    if how == "reset":
        assert not client.terminated
    assert up.connections == 0


async def free(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(OK)
    return True


async def test_other_http2_streams_go_on_beside_a_held_and_after_a_reset_one(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.verdict = held = Held(Outcomes())
    client = await H2Client.through(w)
    number = client.start(method="POST", end=True)
    await until(lambda: held.waiting)
    assert (await client.ask("/free")).body == b"hello"
    client.cancel(number)
    await until(lambda: held.gone)
    assert (await client.ask("/free")).body == b"hello"
    assert {got.target for got in up.received} == {"/free"}


async def test_a_client_that_leaves_while_the_connection_opens_gets_nothing_sent(w: World):
    up = await w.upstream()
    await w.start()
    outcomes, dialling, go = Outcomes(), asyncio.Event(), asyncio.Event()
    w.gate.verdict = release(outcomes)
    assert w.dialer
    really = w.dialer.open

    async def slowly(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        dialling.set()
        await go.wait()
        return await really(host, port)

    w.dialer.open = slowly  # type: ignore[method-assign]
    client = await H2Client.through(w)
    number = client.start(method="POST", end=True)
    await dialling.wait()
    client.cancel(number)
    await until(lambda: any(s.exchange and s.exchange.gone.is_set() for s in w.streams))
    go.set()
    await until(lambda: outcomes.seen)
    assert outcomes.seen == [("not_sent", None)]
    assert not up.received


async def test_a_client_that_leaves_after_the_release_leaves_an_unknown_outcome(w: World):
    never = asyncio.Event()

    async def silent(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.read()
        never.set()
        return False

    up = await w.upstream(script=silent)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: up.received)
    client.close()
    await until(lambda: outcomes.seen)
    assert outcomes.seen == [("unknown", None)]
    async with asyncio.timeout(60):
        await never.wait()


def answering(data: bytes, *, keep: bool = False) -> Script:
    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        return keep

    return script


async def reset(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


UNKNOWN: dict[str, Script] = {
    "closes": answering(b""),
    "resets": reset,
    "garbage": answering(b"SSH-2.0 hello\r\n\r\n"),
    "half a head": answering(b"HTTP/1.1 200 O"),
    "switches protocols": answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "odd status": answering(b"HTTP/1.1 0101 X\r\n\r\n"),
    "status beyond 599": answering(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
    "two lengths": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n"),
    "length and chunks": answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "bad length": answering(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "endless head": answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 80_000),
}


@pytest.mark.parametrize("how", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_an_upstream_that_reads_and_misbehaves_executes_once_and_is_unknown(
    w: World, how: str, method: str
):
    up = await w.upstream(script=UNKNOWN[how])
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    got = await client.ask(post(b"pay", method=method))
    assert got.line == "HTTP/1.1 502 Bad Gateway"
    assert got.all("secondsig-gateway") == ["gw_test"]
    assert w.gate.reasons == ["upstream_unknown"]
    assert up.count(method) == 1
    assert outcomes.seen == [("unknown", None)]
    w.gate.verdict = None
    up.script = free
    assert (await client.ask(get())).body == b"hello"
    assert up.count(method) == (2 if method == "GET" else 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_request_that_meets_an_idle_close_is_never_sent_twice(w: World, method: str):
    async def once(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK)
        return False

    up = await w.upstream(script=once)
    await w.start()
    client = await w.tunnel()
    answered = 0
    for _ in range(10):
        got = await client.ask(post(b"x", method=method))
        assert got.line.split()[1] in {"200", "502"}
        answered += got.line.split()[1] == "200"
    assert answered <= up.count(method) <= 10


@pytest.mark.parametrize("how", ["refuse", "goaway"])
async def test_an_http2_upstream_that_refuses_gets_the_request_once(w: World, how: str):
    seen: list[list[tuple[str, str]]] = []
    server = await asyncio.start_server(
        lambda reader, writer: serve_h2(reader, writer, seen, how),
        "127.0.0.1",
        0,
        ssl=w.roots.server(HOST, alpn=("h2",)),
    )
    w.connect_to[HOST, 443] = ("127.0.0.1", server.sockets[0].getsockname()[1])
    await w.start()
    client = await H2Client.through(w)
    assert (await client.ask(method="POST", body=b"x")).status == 502
    assert len(seen) == 1
    server.close()


async def test_http2_passes_to_http2_and_trailers_come_back_without_ours(w: World):
    seen: list[list[tuple[str, str]]] = []
    server = await asyncio.start_server(
        lambda reader, writer: serve_h2(reader, writer, seen),
        "127.0.0.1",
        0,
        ssl=w.roots.server(HOST, alpn=("h2",)),
    )
    w.connect_to[HOST, 443] = ("127.0.0.1", server.sockets[0].getsockname()[1])
    await w.start()
    client = await H2Client.through(w)
    got = await client.ask(
        "/grpc",
        method="POST",
        body=b"x",
        extra=(("te", "trailers"), ("secondsig-purpose", "y"), ("cookie", "a=1"), ("cookie", "b=2")),
    )
    assert (got.status, got.body) == (200, b"hello")
    assert got.all("secondsig-gateway") == []
    assert got.trailers == [("grpc-status", "0")]
    assert [name for name, _ in seen[0] if name.startswith("secondsig")] == []
    assert ("te", "trailers") in seen[0]
    assert ("cookie", "a=1; b=2") in seen[0]
    await client.ask("/again")
    assert len(seen) == 2
    server.close()


async def test_a_release_whose_answer_is_cut_short_is_completed(w: World):
    await w.upstream(script=answering(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf"))
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    await client.send(post(b"x"))
    assert (await client.answer(head_only=True)).line == "HTTP/1.1 201 Created"
    await client.closed()
    assert outcomes.seen == [("completed", 201)]


async def test_interim_answers_do_not_decide_an_outcome(w: World):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
    await w.upstream(script=answering(interim + OK, keep=True))
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    assert (await client.ask(post(b"x"))).line == "HTTP/1.1 200 OK"
    assert outcomes.seen == [("completed", 200)]


async def refused_port(w: World) -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    w.connect_to[HOST, 443] = ("127.0.0.1", sock.getsockname()[1])
    sock.close()
    await w.start()


async def wrong_name(w: World) -> None:
    await w.upstream(HOST, certified=(OTHER,))
    await w.start()


async def unknown_root(w: World) -> None:
    await w.upstream()
    w.roots = Roots(w.directory)  # what the engine trusts is another authority of the same name
    await w.start()


async def no_tls(w: World) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP ready\r\n")

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    w.connect_to[HOST, 443] = ("127.0.0.1", server.sockets[0].getsockname()[1])
    await w.start()


async def silence(w: World) -> None:
    await w.upstream(plain=True)
    await w.start()


async def no_such_name(w: World) -> None:
    async def lookup(host: str) -> list[str]:
        raise OSError("no such name")

    await w.start(Dialer(lookup=lookup))


async def silent_resolver(w: World) -> None:
    async def lookup(host: str) -> list[str]:
        raise TimeoutError

    await w.start(Dialer(lookup=lookup))


@pytest.mark.parametrize(
    "setting", [refused_port, wrong_name, unknown_root, no_tls, silence, no_such_name, silent_resolver]
)
async def test_what_fails_before_the_first_byte_is_not_sent(
    w: World, setting: Callable[[World], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "SECONDS_FOR_TLS", 0.2)
    await setting(w)
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    for _ in range(2):
        got = await client.ask(post(b"x"))
        assert got.line == "HTTP/1.1 502 Bad Gateway"
    assert w.gate.reasons == ["upstream_unreachable"] * 2
    assert outcomes.seen == [("not_sent", None)] * 2
    assert not any(up.received for up in w.upstreams)


async def test_a_name_that_turns_inside_is_refused_then_and_only_then(w: World):
    up = await w.upstream(OTHER)  # a listener somewhere
    turns = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]])

    async def lookup(host: str) -> list[str]:
        return next(turns)

    port = up.port
    await w.start(Dialer(allowed=[ip_network("127.0.0.1/32")], lookup=lookup))
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel(OTHER, port)
    asked = [(await client.ask(post(b"x", host=f"{OTHER}:{port}"))).line.split()[1] for _ in range(3)]
    assert asked == ["200", "403", "200"]
    assert w.gate.reasons == ["destination_refused"]
    assert outcomes.seen == [("completed", 200), ("not_sent", None), ("completed", 200)]


@pytest.mark.parametrize("how", ["declared", "chunked", "expect"])
async def test_a_body_over_the_limit_is_a_readable_413(w: World, how: str):
    up = await w.upstream()
    await w.start()
    w.gate.limit = 1000
    client = await w.tunnel()
    if how == "chunked":
        head = f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(head.encode() + b"ffff\r\n" + b"x" * 65535 + b"\r\n")
    elif how == "expect":
        await client.send(
            f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"
        )
    else:
        await client.send(post(b"x" * 5_000_000))
    got = await client.answer()
    assert got.line.split()[1] == "413"
    assert got.all("connection") == ["close"]
    assert w.gate.reasons == ["body_too_large"]
    assert not w.gate.requests
    assert up.connections == 0


async def test_a_body_at_the_limit_passes(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.limit = 1000
    client = await w.tunnel()
    assert (await client.ask(post(b"x" * 1000))).body == b"hello"
    assert len(up.received[0].body) == 1000


async def test_an_http2_body_over_the_limit_is_a_readable_413_beside_other_streams(w: World):
    await w.upstream()
    await w.start()
    w.gate.limit = 1000
    client = await H2Client.through(w)
    number = client.start(method="POST", end=False)
    client.data(number, b"x" * 2000, end=False)
    assert (await client.answer(number)).status == 413
    client.data(number, b"x" * 10, end=True)
    assert (await client.ask("/")).body == b"hello"


async def test_a_head_that_is_refused_is_answered_before_its_body_comes(w: World):
    await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await w.tunnel()
    got = await client.ask(
        f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    assert got.line.split()[1] == "403"
    await client.send("body")
    w.gate.refused_hosts.clear()
    assert (await client.ask(get())).body == b"hello"
    assert not w.streams


async def test_a_client_that_never_ends_its_refused_request_is_closed(
    w: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stream, "LINGER_SECONDS", 0.1)
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await w.tunnel()
    got = await client.ask(f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\n")
    assert got.line.split()[1] == "403"
    assert await client.closed()


async def test_an_http2_stream_that_never_ends_its_refused_request_is_reset_alone(
    w: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stream, "LINGER_SECONDS", 0.1)
    await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await H2Client.through(w)
    number = client.start(method="POST", end=False)
    assert (await client.answer(number)).status == 403
    await until(lambda: client.streams[number].reset is not None)
    w.gate.refused_hosts.clear()
    assert (await client.ask()).status == 200


async def test_lingering_ends_quietly_when_the_request_was_read(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "LINGER_SECONDS", 0.05)
    await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await w.tunnel()
    await client.ask(f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\n")
    await client.send("body")
    await asyncio.sleep(0.15)
    w.gate.refused_hosts.clear()
    assert (await client.ask(get())).body == b"hello"


async def test_a_refusal_after_a_hold_comes_as_a_problem(w: World):
    await w.upstream()
    await w.start()

    async def timeout(request: Request, gone: asyncio.Event) -> Forward:
        await asyncio.sleep(0.05)
        raise Refusal(Reason.APPROVAL_TIMEOUT, "Nobody came.")

    w.gate.verdict = timeout
    client = await w.tunnel()
    assert (await client.ask(post(b"x"))).body == b'{"reason": "approval_timeout"}'
