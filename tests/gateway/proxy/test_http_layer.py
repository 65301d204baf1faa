from mitmproxy.connection import Client, Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode

from gateway.proxy import http_layer
from gateway.proxy.engine import make_options
from gateway.proxy.http_layer import Http, LeanContext
from gateway.proxy.refusing import Refuser
from gateway.proxy.stream import Stream
from gateway.proxy.tls import trusted_roots
from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import FakeGate, Outcomes, World, get, post, release
from tests.gateway.proxy.test_stream import answering


class Owned:
    def __init__(self) -> None:
        self.refuser = Refuser(FakeGate())
        self.active: set[Stream] = set()


def context() -> Context:
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    return Context(client, make_options(trusted_roots(None)))


def test_a_lean_context_is_a_fork_without_a_server_of_its_own():
    parent = context()
    child = LeanContext(parent)
    assert (child.client, child.server, child.options) == (parent.client, parent.server, parent.options)
    assert child.layers == parent.layers
    assert child.layers is not parent.layers


def test_upstream_connections_that_ended_are_forgotten_after_a_while():
    layer = Http(context(), HTTPMode.transparent, Owned())
    servers = [
        Server(address=("api.test", number)) for number in range(http_layer.CONNECTIONS_REMEMBERED + 1)
    ]
    for server in servers:
        layer.connections[server] = layer
    servers[0].timestamp_end = 1.0
    layer._forget_ended()
    assert servers[0] not in layer.connections
    assert servers[1] in layer.connections


async def test_requests_of_a_tunnel_share_an_upstream_connection_and_tunnels_do_not(w: World):
    up = await w.upstream()
    await w.start()
    for _ in range(2):
        client = await w.tunnel()
        for _ in range(3):
            await client.ask(get())
    assert up.connections == 2


async def test_a_release_never_meets_an_idle_close(w: World):
    up = await w.upstream(script=answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))  # closes at once
    await w.start()
    outcomes = Outcomes()
    client = await w.tunnel()
    await client.ask(get())
    w.gate.verdict = release(outcomes)
    for _ in range(5):
        assert (await client.ask(post(b"x"))).line == "HTTP/1.1 200 OK"
    assert outcomes.seen == [("completed", 200)] * 5
    assert up.count("POST") == 5


async def test_an_upstream_is_offered_what_the_client_got(w: World):
    up = await w.upstream(alpn=("h2", "http/1.1"))
    await w.start()
    client = await w.tunnel(alpn=("http/1.1",))
    assert (await client.ask(get())).body == b"hello"
    assert up.alpn == ["http/1.1"]


async def test_http2_clients_reach_an_upstream_that_speaks_http1_only(w: World):
    up = await w.upstream(alpn=("http/1.1",))
    await w.start()
    client = await H2Client.through(w)
    for number in range(3):
        assert (await client.ask(f"/{number}", method="POST", body=b"x")).body == b"hello"
    numbers = [client.start(f"/p{number}") for number in range(4)]
    for number in numbers:
        assert (await client.answer(number)).body == b"hello"
    assert len(up.received) == 7
    assert all(got.all("host") == ["api.test"] for got in up.received)
