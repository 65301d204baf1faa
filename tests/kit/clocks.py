"""Time that a test moves by hand."""

from gateway.store.clock import Clock

START = 1_800_000_000


class FakeTime:
    def __init__(self) -> None:
        self.wall, self.mono = float(START), 5_000.0

    def advance(self, seconds: float) -> None:
        """As time passes: both clocks agree."""
        self.wall += seconds
        self.mono += seconds

    def jump(self, seconds: float) -> None:
        """As an attacker or a broken NTP server moves it: only the wall clock."""
        self.wall += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.mono)
