"""The one clock that decides, and its honesty: a wall clock that jumps stops releases."""

import time
from collections.abc import Callable

MAX_DRIFT = 2.0


def _since_boot() -> float:
    """Monotonic, and counting while the machine sleeps, so that a closed laptop is no jump."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Clock:
    """Wall time that never runs backwards, watched against the monotonic clock."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = _since_boot
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()
        self._last = 0

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        self._last = max(self._last, int(self._wall() * 1000))
        return self._last

    def steady(self) -> bool:
        return abs(self._wall() - self._monotonic() - self._offset) <= MAX_DRIFT
