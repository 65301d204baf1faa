"""Ports for servers that must come back on the same one: passkeys are bound to the pages' origin."""

import random

from gateway.errors import UsageError
from gateway.web.sockets import loopback_sockets

BELOW_THE_EPHEMERAL = range(20_000, 32_000)
"""The system hands these to nobody, so none is taken between being chosen here and being listened on."""


def free_port() -> int:
    while True:
        port = random.choice(BELOW_THE_EPHEMERAL)
        try:
            sockets = loopback_sockets(port)
        except UsageError:
            continue
        for sock in sockets:
            sock.close()
        return port
