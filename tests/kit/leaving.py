"""An agent that hangs up while it waits, as a client whose patience ends would."""

import os
import socket
import ssl
import urllib.request
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any

from gateway.demo.client import Agent


class Leaver(Agent):
    """Asks as `Agent` does, byte for byte, until `leave`: then `send` ends in an OSError."""

    def __init__(self, proxy: str, bundle: Path) -> None:
        super().__init__(proxy, bundle)
        self._connections: list[HTTPSConnection] = []
        context = ssl.create_default_context(cafile=str(bundle))
        self._open = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": proxy, "https": proxy}), _Kept(self._connections, context)
        ).open

    def leave(self) -> None:
        """Shuts the connection below the TLS, which another thread is reading."""
        for connection in self._connections:
            assert connection.sock is not None
            with socket.socket(fileno=os.dup(connection.sock.fileno())) as plain:
                plain.shutdown(socket.SHUT_RDWR)


class _Kept(urllib.request.HTTPSHandler):
    def __init__(self, connections: list[HTTPSConnection], context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._connections, self._tls = connections, context

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connect, req, context=self._tls)

    def _connect(self, host: str, **how: Any) -> HTTPSConnection:
        made = HTTPSConnection(host, **how)
        self._connections.append(made)
        return made
