import pytest
from mitmproxy.connection import Client
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.layers.tls import ClientTLSLayer

from gateway.proxy.http_layer import Http
from gateway.proxy.layering import choose
from tests.gateway.proxy.harness import HOST, PROXY_AUTH, World, get
from tests.gateway.proxy.test_http_layer import Owned, context


def asked(data: bytes) -> tuple[Context, NextLayer]:
    made = context()
    HttpProxy(made)
    next_layer = NextLayer(made)
    next_layer.events.append(events.DataReceived(made.client, data))
    return made, next_layer


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", type(None)),
        (b"\x16\x03", type(None)),
        (b"\x16\x03\x01\x02\x00", ClientTLSLayer),
        (b"GET http", Http),
        (b"\x00\x1d\xab\xcd\x01\x00\x00\x01", Http),
        (b"SSH-2.0-x", Http),
        (b"\xc0\x00\x00\x00\x01", Http),
    ],
)
def test_only_tls_and_http_are_ever_spoken(data: bytes, expected: type):
    _, next_layer = asked(data)
    assert choose(next_layer, Owned(), None) is None
    assert isinstance(next_layer.layer, expected)


def test_the_client_of_a_context_is_who_sent_the_data():
    made, next_layer = asked(b"GET")
    assert isinstance(made.client, Client)
    assert next_layer.data_client() == b"GET"


async def test_a_proxy_behind_tls_serves_tunnels_inside_it(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.client()
    await client.writer.start_tls(w.trusting("h2", "http/1.1"), server_hostname="127.0.0.1")
    assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    got = await client.ask(f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n{PROXY_AUTH}\r\n")
    assert " 200 " in got.line
    await w.upstream(port=80, plain=True)
    assert (await client.ask(get())).body == b"hello"
    assert up.connections == 0
    assert w.gate.requests[0].scheme == "http"
