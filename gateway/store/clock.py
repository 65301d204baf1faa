"""The one clock that decides, and its honesty: a wall clock that jumps stops releases."""

import threading
import time
from collections.abc import Callable

MAX_DRIFT = 2.0


def _since_boot() -> float:
    """Monotonic, and counting while the machine sleeps, so that a closed laptop is no jump."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Clock:
    """Wall time that never runs backwards, nor slower than the monotonic clock, against which it is watched.

    So a wall clock that was put back gives nobody more time.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = _since_boot
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()
        self._last, self._last_at = 0.0, monotonic()
        self._lock = threading.Lock()

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        with self._lock:
            at = self._monotonic()
            self._last, self._last_at = max(self._last + at - self._last_at, self._wall()), at
            return int(self._last * 1000)

    def not_before(self, ms: int) -> bool:
        """Time goes on from there at least. False if the wall clock is well behind it: it was set back."""
        self._last = max(self._last, ms / 1000)
        return self._wall() >= ms / 1000 - MAX_DRIFT

    def steady(self) -> bool:
        return abs(self._wall() - self._monotonic() - self._offset) <= MAX_DRIFT
