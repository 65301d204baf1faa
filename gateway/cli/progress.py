"""How far long work has got: a bar where a person watches, a line now and then where a log is kept."""

import sys
import time
from typing import TextIO

SHOWN_AFTER, BAR_EVERY, LINE_EVERY = 0.4, 0.1, 2.0
WIDTH = 30


class Progress:
    """Call it with what is being done, how much is done, and how much there is. Quick work shows nothing."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.watched = self.stream.isatty()
        self.shown_at = time.monotonic() + SHOWN_AFTER - self._pause()
        self.drawn = False

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.shown_at < self._pause():
            return
        self.shown_at = now
        share = min(done / total, 1.0) if total else 1.0
        if self.watched:
            bar = "█" * int(share * WIDTH)
            self.stream.write(f"\r{what} {bar.ljust(WIDTH, '░')} {share:4.0%} ")
            self.drawn = True
        else:
            self.stream.write(f"{what}: {share:.0%}\n")
        self.stream.flush()

    def _pause(self) -> float:
        return BAR_EVERY if self.watched else LINE_EVERY

    def end(self) -> None:
        """Leaves a clean line."""
        if self.drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
