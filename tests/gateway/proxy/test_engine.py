import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from ipaddress import ip_network

import httpx
import pytest
import requests

from gateway.errors import Reason, Refusal
from gateway.gate import Answer, Forward
from gateway.model import Request
from gateway.proxy import engine as engine_module
from gateway.proxy.dialer import Dialer
from gateway.proxy.engine import _probe_when_idle, listening_socket, make_options
from gateway.proxy.tls import trusted_roots
from tests.gateway.proxy.harness import (
    HOST,
    OTHER,
    PROXY_AUTH,
    Outcomes,
    Received,
    World,
    get,
    post,
    release,
    world,
)
from tests.kit.patience import until


async def test_a_request_through_a_tunnel_reaches_the_upstream_and_its_answer_comes_back(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    for _ in range(3):
        got = await client.ask(get(target="/a?b=c"))
        assert got.line == "HTTP/1.1 200 OK"
        assert got.body == b"hello"
    assert up.connections == 1
    assert [got.target for got in up.received] == ["/a?b=c"] * 3


def by_requests(w: World, url: str, method: str) -> tuple[int, str]:
    proxies = {"https": w.proxy_url, "http": w.proxy_url}
    got = requests.request(method, url, data=b"body", proxies=proxies, verify=str(w.ca_file), timeout=60)
    return got.status_code, got.text


def by_httpx(w: World, url: str, method: str) -> tuple[int, str]:
    with httpx.Client(proxy=w.proxy_url, verify=w.trusting()) as client:
        got = client.request(method, url, content=b"body", timeout=60)
        return got.status_code, got.text


def by_urllib(w: World, url: str, method: str) -> tuple[int, str]:
    handlers = (
        urllib.request.ProxyHandler({"https": w.proxy_url, "http": w.proxy_url}),
        urllib.request.HTTPSHandler(context=w.trusting()),
    )
    request = urllib.request.Request(url, data=b"body", method=method)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=60) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def by_curl(w: World, url: str, method: str, *more: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(
            "curl",
            "-sS",
            "-x",
            w.proxy_url,
            "--cacert",
            str(w.ca_file),
            "-X",
            method,
            "--data-binary",
            "body",
        ),
        *("-w", "\n%{http_code}", "--max-time", "8", *more, url),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    body, _, status = out.decode().rpartition("\n")
    return int(status), body


async def ask_by(client: Callable[..., object], w: World, url: str, method: str) -> tuple[int, str]:
    if client is by_curl:
        return await by_curl(w, url, method)
    return await asyncio.to_thread(client, w, url, method)  # type: ignore[arg-type]


CLIENTS = [by_requests, by_httpx, by_urllib, by_curl]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_unmodified_client_passes_through(w: World, client: Callable[..., object], scheme: str):
    up = await w.upstream(port=443 if scheme == "https" else 80, plain=scheme == "http")
    await w.start()
    assert await ask_by(client, w, f"{scheme}://{HOST}/x?y=z", "PUT") == (200, "hello")
    assert [(got.line, got.body) for got in up.received] == [("PUT /x?y=z HTTP/1.1", b"body")]
    assert w.gate.requests[0].scheme == scheme


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_unmodified_client_reads_why_it_was_refused(w: World, client: Callable[..., object]):
    up = await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    status, body = await ask_by(client, w, f"https://{HOST}/x", "POST")
    assert (status, json.loads(body)) == (403, {"reason": "destination_refused"})
    assert up.connections == 0


@pytest.mark.parametrize("client", [by_requests, by_curl])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_client_whose_upstream_hangs_up_executes_once(
    w: World, client: Callable[..., object], method: str
):
    async def hang_up(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return False

    up = await w.upstream(script=hang_up)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    status, _ = await ask_by(client, w, f"https://{HOST}/x", method)
    assert status == 502
    assert up.count(method) == 1
    assert outcomes.seen == [("unknown", None)]


@pytest.mark.parametrize(
    "flags", [["--http2"], ["--http1.1"], ["--proxy-anyauth"], ["-H", "Expect: 100-continue"]]
)
async def test_curl_in_its_moods(w: World, flags: list[str]):
    up = await w.upstream()
    await w.start()
    assert await by_curl(w, f"https://{HOST}/x", "POST", *flags) == (200, "hello")
    assert up.received[0].body == b"body"


async def test_curl_uploads_too_much_and_reads_why(w: World):
    await w.upstream()
    await w.start()
    w.gate.limit = 1000
    big = w.directory / "big"
    big.write_bytes(b"x" * 20_000_000)
    for flags in (["-H", "Expect:"], [], ["-H", "Transfer-Encoding: chunked"], ["--http2"]):
        got = await by_curl(w, f"https://{HOST}/x", "POST", "--data-binary", f"@{big}", *flags)
        assert got[0] == 413, flags
    assert set(w.gate.reasons) == {"body_too_large"}


def test_clients_that_vanish_are_probed_for():
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        two, _ = server.accept()
        _probe_when_idle(two)
        assert two.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        one.close()
        two.close()


async def test_accepted_connections_do_not_wait_for_more_to_send(w: World):
    await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.ask(get())
    assert w.engine
    (known,) = w.engine._connections
    writer = known.transports[known.client].writer
    assert isinstance(writer, asyncio.StreamWriter)
    sock = writer.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listening_socket_names_its_protocol(host: str):
    sock = listening_socket(host, 0)
    assert sock.proto == socket.IPPROTO_TCP
    taken = sock.getsockname()[1]
    with pytest.raises(OSError):  # noqa: PT011 -- the system's own words
        listening_socket(host, taken)
    sock.close()


async def test_our_own_listener_is_never_dialled(w: World):
    await w.start(Dialer(allowed=[ip_network("127.0.0.0/8")]))
    client = await w.tunnel("127.0.0.1", w.port)
    got = await client.ask(get(host=f"127.0.0.1:{w.port}"))
    assert got.line.split()[1] == "403"
    assert w.gate.reasons == ["destination_refused"]


async def test_stopping_takes_no_new_connections_and_lets_requests_end(w: World):
    go = asyncio.Event()

    async def slow(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
        return True

    up = await w.upstream(script=slow)
    await w.start()
    busy, idle = await w.tunnel(), await w.tunnel()
    await busy.send(get())
    await until(lambda: up.received)
    assert w.engine
    assert [exchange.target for exchange in w.engine.flows] == ["/"]
    stopping = asyncio.create_task(w.engine.stop(5))
    assert await idle.closed()
    with pytest.raises(OSError):  # noqa: PT011 -- refused
        await w.client()
    go.set()
    assert (await busy.answer()).body == b"slow"
    assert await busy.closed()
    async with asyncio.timeout(1):
        await stopping
    assert not w.engine.flows


async def test_stopping_answers_what_is_held(w: World):
    await w.start()
    leave = asyncio.Event()

    async def held(request: Request, gone: asyncio.Event) -> Forward:
        await leave.wait()
        raise Refusal(Reason.GATEWAY_UNAVAILABLE, "The gateway stops.")

    w.gate.verdict = held
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: w.gate.requests)
    assert w.engine
    stopping = asyncio.create_task(w.engine.stop(3))
    leave.set()
    assert (await client.answer()).line.split()[1] == "503"
    await stopping


@pytest.mark.parametrize("stubborn", ["gate", "upstream"])
async def test_stopping_ends_within_its_grace_whatever_hangs(w: World, stubborn: str):
    async def never(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    up = await w.upstream(script=never)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = never if stubborn == "gate" else release(outcomes)  # type: ignore[assignment]
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: w.gate.requests and (stubborn == "gate" or up.received))
    assert w.engine
    async with asyncio.timeout(60):
        await w.engine.stop(0.2)
    assert await client.closed()
    await until(lambda: stubborn == "gate" or outcomes.seen == [("unknown", None)])
    assert len(up.received) == (stubborn == "upstream")


async def test_two_engines_in_one_process_keep_their_own_roots(
    w: World, tmp_path_factory: pytest.TempPathFactory
):
    await w.upstream()
    await w.start()
    async with world(tmp_path_factory.mktemp("other")) as v:
        await v.upstream(OTHER)
        await v.start()
        for _ in range(2):
            assert (await (await v.tunnel(OTHER)).ask(get(host=OTHER))).body == b"hello"
            assert (await (await w.tunnel()).ask(get())).body == b"hello"


def test_the_options_close_what_mitmproxy_leaves_open():
    options = make_options(trusted_roots(None))
    assert options.connection_strategy == "lazy"
    assert options.validate_inbound_headers
    for name in ("rawtcp", "websocket", "ssl_insecure", "server", "stream_large_bodies", "client_certs"):
        assert not getattr(options, name), name


async def test_a_client_that_sends_https_in_absolute_form_is_served_over_verified_tls(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.client()
    got = await client.ask(f"GET https://{HOST}/x HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n")
    assert got.body == b"hello"
    assert (w.gate.requests[0].scheme, w.gate.requests[0].port) == ("https", 443)
    assert up.received[0].line == "GET /x HTTP/1.1"


async def test_many_held_requests_end_and_leave_nothing_behind(w: World):
    await w.upstream()
    await w.start()
    go = asyncio.Event()

    async def held(request: Request, gone: asyncio.Event) -> Answer | Forward:
        await go.wait()
        return Forward()

    w.gate.verdict = held
    clients = [await w.tunnel() for _ in range(30)]
    for client in clients:
        await client.send(get())
    await until(lambda: len(w.gate.requests) == 30)
    go.set()
    for client in clients:
        assert (await client.answer()).body == b"hello"
        client.close()
    assert w.engine
    await until(lambda: w.engine and not w.engine._connections)
    assert not w.engine._shared.tunnels


# Places. ---------------------------------------------------------------------------------------------------


def turned_away(w: World) -> int:
    assert w.engine
    return w.engine._turned_away


def known(w: World) -> list[object]:
    assert w.engine
    return list(w.engine._connections)


async def test_more_connections_than_there_is_room_for_are_turned_away_and_the_others_go_on(w: World):
    w.most = 8
    await w.upstream()
    await w.start()
    inside = await w.tunnel()
    idle = [await w.client() for _ in range(7)]
    for sent in (f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{PROXY_AUTH}\r\n", "nonsense"):
        late = await w.client()
        got = await late.ask(sent)
        assert (w.gate.reasons[-1], got.all("connection")) == ("gateway_unavailable", ["close"])
        assert await late.closed()
    assert (engine_module.FULL.status, engine_module.FULL.retry_after) == (503, 5)
    assert (await inside.ask(get())).body == b"hello"
    idle[0].close()
    await until(lambda: len(known(w)) < 8)
    assert (await (await w.tunnel()).ask(get())).body == b"hello"


async def test_a_flood_beyond_the_places_is_closed_without_a_word(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_module, "ANSWERED_AT_ONCE", 2)
    w.most = 0
    await w.start()
    silent = [await w.client() for _ in range(2)]
    await until(lambda: turned_away(w) == 2)
    assert await (await w.client()).closed()
    silent[0].close()
    await until(lambda: turned_away(w) == 1)
    assert b"gateway_unavailable" in (await (await w.client()).ask(get())).body


async def test_who_is_turned_away_and_says_nothing_is_not_waited_for(
    w: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine_module, "SECONDS_FOR_A_HEAD", 0.05)
    w.most = 0
    await w.start()
    assert await (await w.client()).closed()
    await until(lambda: turned_away(w) == 0)


async def test_strangers_who_prove_nothing_lose_their_places_and_agents_keep_theirs(w: World):
    await w.upstream()
    await w.start()
    inside = await w.tunnel()
    silent, refused, slow = [await w.client() for _ in range(3)]
    assert " 407 " in (await refused.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n")).line
    await slow.send(b"GET http://x/ HTTP/1.1\r\n")
    await until(lambda: len(known(w)) == 4)
    assert w.engine
    for connection in list(w.engine._connections):
        w.engine._close_stranger(connection)
    for stranger in (silent, refused, slow):
        assert await stranger.closed()
    assert (await inside.ask(get())).body == b"hello"


async def test_who_connects_and_says_nothing_is_closed_in_time(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_module, "SECONDS_TO_SAY_WHO", 0.05)
    await w.start()
    assert await (await w.client()).closed()
    await until(lambda: known(w) == [])
