"""Time that passes when a test says so: a life of a second would be over on a slow machine before its use."""

import time

from gateway.store.clock import Clock


class LaterClock(Clock):
    """The gateway's own clock, and both clocks that it reads go ahead together."""

    def __init__(self) -> None:
        self._ahead = 0.0
        super().__init__(lambda: time.time() + self._ahead, lambda: time.monotonic() + self._ahead)

    def later(self, seconds: float) -> None:
        self._ahead += seconds
