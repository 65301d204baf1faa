"""Ports for servers that must come back on the same one: passkeys are bound to the pages' origin."""

import itertools
import os
import random

from gateway.errors import UsageError
from gateway.web.sockets import loopback_sockets

BELOW_THE_EPHEMERAL = range(20_000, 32_000)
"""The system hands these to nobody, so none is taken between being chosen here and being listened on."""

MOST_WORKERS = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % MOST_WORKERS
_OURS = BELOW_THE_EPHEMERAL[_WORKER::MOST_WORKERS]
"""No two workers of one run ever choose the same."""

_NEXT = itertools.cycle(random.sample(_OURS, len(_OURS)))


def free_port() -> int:
    while True:
        port = next(_NEXT)
        try:
            sockets = loopback_sockets(port)
        except UsageError:
            continue
        for sock in sockets:
            sock.close()
        return port
