"""What was overridden was read as it stood in mitmproxy 12.2.3: an upgrade has to be read again."""

import hashlib
import inspect
from typing import Any

import mitmproxy.version
import pytest
from mitmproxy.addons.tlsconfig import TlsConfig, alpn_select_callback
from mitmproxy.coretypes import multidict
from mitmproxy.net.http import validate
from mitmproxy.proxy import context, layer, server, tunnel
from mitmproxy.proxy.layers import http, tcp, tls
from mitmproxy.proxy.layers.http import _http1, _http2

PINS: dict[str, tuple[Any, str]] = {
    "server.ConnectionHandler.handle_client": (server.ConnectionHandler.handle_client, "01f1b7cc991c4711"),
    "server.ConnectionHandler.open_connection": (
        server.ConnectionHandler.open_connection,
        "5e0b3cbaf7a4030a",
    ),
    "server.ConnectionHandler.handle_connection": (
        server.ConnectionHandler.handle_connection,
        "95c3f93e9824e527",
    ),
    "server.ConnectionHandler.server_event": (server.ConnectionHandler.server_event, "a2b42657ebe8bf6d"),
    "server.ConnectionHandler.hook_task": (server.ConnectionHandler.hook_task, "9ac7970160526268"),
    "server.ConnectionHandler.close_connection": (
        server.ConnectionHandler.close_connection,
        "c0d10cc05dd65b80",
    ),
    "server.ConnectionHandler.wakeup": (server.ConnectionHandler.wakeup, "6e42e075ee5fa3df"),
    "server.ConnectionHandler.log": (server.ConnectionHandler.log, "706760d6eecf10cd"),
    "server.LiveConnectionHandler.__init__": (server.LiveConnectionHandler.__init__, "2cb1077a21556ca9"),
    "http.HttpStream.__init__": (http.HttpStream.__init__, "9892a5f6b47b7b7b"),
    "http.HttpStream._handle_event": (http.HttpStream._handle_event, "e3cbfef7310ae81f"),
    "http.HttpStream.state_wait_for_request_headers": (
        http.HttpStream.state_wait_for_request_headers,
        "3706d5d5ce01dcd4",
    ),
    "http.HttpStream.state_consume_request_body": (
        http.HttpStream.state_consume_request_body,
        "45459c1bbd8bdb1a",
    ),
    "http.HttpStream.state_wait_for_response_headers": (
        http.HttpStream.state_wait_for_response_headers,
        "10e32e91b2948164",
    ),
    "http.HttpStream.start_response_stream": (http.HttpStream.start_response_stream, "b0de9e9a5ee27276"),
    "http.HttpStream.send_response": (http.HttpStream.send_response, "d581bc106152e369"),
    "http.HttpStream.flow_done": (http.HttpStream.flow_done, "ad9969744785c572"),
    "http.HttpStream.check_invalid": (http.HttpStream.check_invalid, "ef0a126eef45d903"),
    "http.HttpStream.check_killed": (http.HttpStream.check_killed, "368cad352d1e82b6"),
    "http.HttpStream.check_body_size": (http.HttpStream.check_body_size, "236ca0a7b9fd4f69"),
    "http.HttpStream.make_server_connection": (http.HttpStream.make_server_connection, "ddc7bc72f4d2fbc7"),
    "http.HttpStream.handle_protocol_error": (http.HttpStream.handle_protocol_error, "59fc3b2eeeabf63a"),
    "http.HttpStream.handle_connect": (http.HttpStream.handle_connect, "58ac37c8d346a2bf"),
    "http.HttpStream.handle_connect_regular": (http.HttpStream.handle_connect_regular, "ae920a52067801dc"),
    "http.HttpStream.handle_connect_finish": (http.HttpStream.handle_connect_finish, "eb3a0054cb5b716e"),
    "http.HttpStream.passthrough": (http.HttpStream.passthrough, "a6df32aba1ae251a"),
    "http.HttpLayer.__init__": (http.HttpLayer.__init__, "1ece202e595d103e"),
    "http.HttpLayer._handle_event": (http.HttpLayer._handle_event, "6ba31883cc7a06b3"),
    "http.HttpLayer.event_to_child": (http.HttpLayer.event_to_child, "1095f6e1581d1780"),
    "http.HttpLayer.make_stream": (http.HttpLayer.make_stream, "654959c6e74548e1"),
    "http.HttpLayer.get_connection": (http.HttpLayer.get_connection, "1aa1c63e3175766c"),
    "http.HttpLayer.register_connection": (http.HttpLayer.register_connection, "deed6282affc431f"),
    "http.HttpClient": (http.HttpClient, "8401d422afdaff15"),
    "http.GetHttpConnection": (http.GetHttpConnection, "705fed26f72ea17f"),
    "http.validate_request": (http.validate_request, "e7cec257ce91b7c5"),
    "_http1.Http1Connection": (_http1.Http1Connection, "c0675638b0756013"),
    "_http1.Http1Server": (_http1.Http1Server, "cc8428d0bb6f79a5"),
    "_http1.Http1Client": (_http1.Http1Client, "706b7a68f2809929"),
    "_http2.Http2Connection": (_http2.Http2Connection, "f18f3940fd55a0f0"),
    "_http2.Http2Server": (_http2.Http2Server, "97aac4eab18a0294"),
    "TlsConfig.tls_start_client": (TlsConfig.tls_start_client, "05334c27c22a10ed"),
    "TlsConfig.tls_start_server": (TlsConfig.tls_start_server, "2e2dc9c25670cf64"),
    "TlsConfig.get_cert": (TlsConfig.get_cert, "7d9ade74c0b80011"),
    "TlsConfig.request": (TlsConfig.request, "84c6d74b564dde72"),
    "alpn_select_callback": (alpn_select_callback, "41a266755820fa37"),
    "context.Context": (context.Context, "dd52bbec90eacace"),
    "layer.Layer": (layer.Layer, "e98dedd896fb7cd2"),
    "layer.NextLayer": (layer.NextLayer, "3cbcbafad282cba3"),
    "tunnel.TunnelLayer": (tunnel.TunnelLayer, "a0a2a31af17dfacb"),
    "tls.TLSLayer": (tls.TLSLayer, "c52e04ed2c416749"),
    "tls.ClientTLSLayer": (tls.ClientTLSLayer, "b76248ba39a93ae9"),
    "tls.ServerTLSLayer": (tls.ServerTLSLayer, "8666fc7667d70e23"),
    "tcp.TCPLayer": (tcp.TCPLayer, "5e842b94cd4425b0"),
    "multidict._MultiDict": (multidict._MultiDict, "9d8341c83747569d"),
    "validate.validate_headers": (validate.validate_headers, "e7647a94704363e7"),
}


def test_the_engine_was_written_for_this_version():
    assert mitmproxy.version.VERSION == "12.2.3"


@pytest.mark.parametrize("name", PINS)
def test_what_is_overridden_is_what_was_read(name: str):
    overridden, expected = PINS[name]
    assert hashlib.sha256(inspect.getsource(overridden).encode()).hexdigest()[:16] == expected
