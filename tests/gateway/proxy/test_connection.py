import asyncio
from typing import Any

import pytest
from mitmproxy.connection import Server
from mitmproxy.proxy import commands

from addons.close_bypasses import CloseBypasses
from addons.enforce import Enforce
from addons.identify_agent import IdentifyAgent
from gateway.gate import Forward
from gateway.model import Request
from gateway.proxy import connection
from gateway.proxy.connection import ClientConnection
from gateway.proxy.http_layer import Http
from gateway.proxy.tls import Tls
from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import PROXY_AUTH, Outcomes, World, get, post, release
from tests.kit.patience import until

QUESTIONS = ["identify", "destination", "internal", "body_limit", "decide"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("recording", [True, False])
async def test_a_fault_in_any_question_refuses_with_503(w: World, question: str, recording: bool):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    w.gate.faults = {question} if recording else {question, "refused"}
    for _ in range(2):
        got = await client.ask(post(b"x"))
        assert got.line == "HTTP/1.1 503 Service Unavailable"
    assert up.connections == 0
    w.gate.faults = set()
    assert (await client.ask(get())).body == b"hello"


@pytest.mark.parametrize("question", ["identify", "internal", "tunnel_untouched", "tunnel_opened"])
async def test_a_fault_at_connect_refuses_with_503(w: World, question: str):
    up = await w.upstream()
    await w.start()
    w.gate.faults = {question}
    w.gate.untouched = {"api.test"}
    client = await w.client()
    got = await client.ask(f"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n{PROXY_AUTH}\r\n")
    assert got.line == "HTTP/1.1 503 Service Unavailable"
    assert up.connections == 0


async def test_a_fault_while_choosing_the_protocol_ends_the_connection(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.faults = {"needs_http1"}
    with pytest.raises(OSError):  # noqa: PT011 -- however the handshake ends
        await w.tunnel()
    assert up.connections == 0


HOOKS = [
    (addon, name)
    for addon in (IdentifyAgent, CloseBypasses, Enforce, Tls)
    for name in ("http_connect", "requestheaders", "request", "tls_start_client", "tls_start_server")
    if callable(addon.__dict__.get(name))
]


def broken(*_: Any) -> None:
    raise RuntimeError("a fault")


async def broken_later(*_: Any) -> None:
    await asyncio.sleep(0)
    raise RuntimeError("a fault")


async def cancelled(*_: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(("addon", "name"), HOOKS)
async def test_a_fault_in_any_hook_before_upstream_lets_nothing_pass(
    w: World, addon: type, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(addon, name, broken_later if name == "request" else broken)
    up = await w.upstream()
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.client()
    got = await client.ask(f"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n{PROXY_AUTH}\r\n")
    if name == "http_connect":
        assert got.line.split()[1] == "503"
    elif name == "tls_start_client":
        with pytest.raises(OSError):  # noqa: PT011 -- however the handshake ends
            await client.writer.start_tls(w.trusting(), server_hostname="api.test")
    else:
        await client.writer.start_tls(w.trusting("http/1.1"), server_hostname="api.test")
        got = await client.ask(post(b"x"))
        assert got.line.split()[1] == ("502" if name == "tls_start_server" else "503")
    assert not up.received
    assert outcomes.seen == ([("not_sent", None)] if name == "tls_start_server" else [])


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("name", ["responseheaders", "response", "error"])
async def test_a_fault_in_a_hook_after_the_release_leaves_one_outcome(
    w: World, name: str, http2: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Enforce, name, broken)
    up = await w.upstream()
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    if http2:
        status = (await (await H2Client.through(w)).ask(method="POST", body=b"x")).status
    else:
        client = await w.tunnel()
        status = int((await client.ask(post(b"x"))).line.split()[1])
        client.close()
    assert status == (503 if name == "responseheaders" else 200)
    assert up.count("POST") == 1
    if name != "responseheaders":
        assert outcomes.seen == [("completed", 200)]
    else:
        await until(lambda: outcomes.seen)
        assert outcomes.seen == [("unknown", None)]


async def test_a_fault_in_the_error_hook_still_leaves_an_outcome(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Enforce, "error", broken)
    w.connect_to["api.test", 443] = ("127.0.0.1", 1)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: outcomes.seen)
    assert outcomes.seen == [("not_sent", None)]


async def test_a_request_that_no_rule_cleared_is_not_sent(w: World, monkeypatch: pytest.MonkeyPatch):
    async def silent(*_: Any) -> None:
        return

    monkeypatch.setattr(Enforce, "request", silent)
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    assert (await client.ask(get())).line.split()[1] == "503"
    assert up.connections == 0


async def test_a_decision_that_is_cancelled_refuses(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.verdict = cancelled  # type: ignore[assignment]
    client = await w.tunnel()
    assert (await client.ask(get())).line.split()[1] == "503"
    assert up.connections == 0


@pytest.mark.parametrize("method", ["make_stream", "get_connection"])
async def test_a_fault_inside_a_layer_closes_the_client(
    w: World, method: str, monkeypatch: pytest.MonkeyPatch
):
    await w.upstream()
    await w.start()
    client = await w.tunnel()
    monkeypatch.setattr(Http, method, broken)
    await client.send(get())
    assert await client.closed()


async def test_a_fault_before_the_first_byte_closes_the_client(w: World, monkeypatch: pytest.MonkeyPatch):
    await w.start()
    monkeypatch.setattr(ClientConnection, "_process", broken)
    client = await w.client()
    assert await client.closed()


async def test_a_fault_while_choosing_layers_closes_the_client(w: World, monkeypatch: pytest.MonkeyPatch):
    await w.start()
    monkeypatch.setattr(connection, "choose", broken)
    client = await w.client()
    await client.send("GET http://api.test/ HTTP/1.1\r\n\r\n")
    assert await client.closed()


async def test_a_decision_that_needs_no_waiting_costs_no_turn_of_the_loop(w: World):
    turns: list[bool] = []

    async def at_once(request: Request, gone: asyncio.Event) -> Forward:
        turns.append(asyncio.current_task() is not None)
        return Forward()

    await w.upstream()
    await w.start()
    w.gate.verdict = at_once
    client = await w.tunnel()
    assert (await client.ask(get())).body == b"hello"
    assert turns == [True]
    assert w.engine
    assert all(not known._waiting for known in w.engine._connections)


@pytest.mark.parametrize("command", [commands.Command(), commands.ConnectionCommand])
async def test_a_command_that_no_layer_here_gives_is_a_fault(w: World, command: Any):
    await w.start()
    await w.client()
    assert w.engine
    await until(lambda: w.engine and w.engine._connections)
    (known,) = w.engine._connections
    made = command(known.client) if isinstance(command, type) else command
    with pytest.raises(TypeError):
        known._carry_out(made)


async def test_a_command_for_a_connection_that_is_closed_is_dropped(w: World):
    await w.start()
    await w.client()
    assert w.engine
    await until(lambda: w.engine and w.engine._connections)
    (known,) = w.engine._connections
    gone = Server(address=None)
    known._carry_out(commands.CloseConnection(gone))
    known._flush({gone: [b"x"]})
    with pytest.raises(OSError, match="no destination"):
        await known._dial(gone)


async def test_a_hook_about_something_else_that_fails_ends_the_connection(w: World):
    await w.start()
    client = await w.client()
    assert w.engine
    await until(lambda: w.engine and w.engine._connections)
    (known,) = w.engine._connections
    known._refuse("client_connected", known.client, RuntimeError("a fault"))
    assert await client.closed()


async def test_a_slow_client_holds_no_more_of_a_large_answer_than_buffers(w: World):
    async def large(got: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for number in range(50):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            progress.append(number)
        return True

    progress: list[int] = []
    await w.upstream(script=large)
    await w.start()
    client = await w.tunnel()
    await client.send(get())
    await client.answer(head_only=True)
    await asyncio.sleep(0.5)
    assert len(progress) < 30
    got = 0
    while got < 50_000_000:
        got += len(await client.reader.read(1 << 20))
    assert got == 50_000_000
