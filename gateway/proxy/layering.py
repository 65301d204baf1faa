"""Which protocol a client speaks: TLS, HTTP, or nothing. No other layer is ever chosen."""

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import tunnel
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers.http import HTTPMode, HttpStream
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.layers.tcp import TCPLayer
from mitmproxy.proxy.layers.tls import ClientTLSLayer

from gateway.proxy.exchange import Tunnel
from gateway.proxy.http_layer import Http
from gateway.proxy.stream import Owner
from gateway.values import dataclass

ENOUGH_TO_TELL = 3


@dataclass(frozen=True, slots=True)
class Shortcut:
    """CONNECT's layers only copy events once the tunnel stands: `inner` can take them itself."""

    inner: Layer
    outer: list[Layer]


def choose(next_layer: NextLayer, owner: Owner, tunnelled: Tunnel | None) -> Shortcut | None:
    """Set the layer, or leave it unset to be asked again with more data."""
    context, top = next_layer.context, next_layer.context.layers[-1]
    shortcut = Shortcut(next_layer, context.layers[1:])
    in_tunnel = isinstance(top, HttpStream) and tunnelled is not None
    if in_tunnel and tunnelled and tunnelled.untouched:
        next_layer.layer = TCPLayer(context, ignore=True)
        return shortcut
    data = next_layer.data_client()  # type: ignore[no-untyped-call]
    if len(data) < ENOUGH_TO_TELL:
        return None
    encrypted = starts_like_tls_record(data)
    if isinstance(top, HttpProxy):
        stack = tunnel.LayerStack()
        if encrypted:
            stack /= ClientTLSLayer(context)
        stack /= Http(context, HTTPMode.regular, owner)
        next_layer.layer = stack[0]
        return None
    if in_tunnel and encrypted:
        context.server.tls = True
        next_layer.layer = ClientTLSLayer(context)
        return shortcut
    next_layer.layer = Http(context, HTTPMode.transparent, owner)
    return None
