import pytest

from gateway.store.clock import MAX_DRIFT, Clock
from tests.kit.clocks import START, FakeTime


def test_the_clock_never_runs_backwards() -> None:
    time = FakeTime()
    clock = time.clock()
    before = clock.now_ms()
    time.jump(-3600)
    assert clock.now_ms() == before
    assert clock.now() == START
    time.advance(3601)
    assert clock.now() == START + 1


def test_time_that_passes_is_steady() -> None:
    time = FakeTime()
    clock = time.clock()
    time.advance(1_000_000)
    assert clock.steady()
    assert clock.now() == START + 1_000_000


@pytest.mark.parametrize(
    ("seconds", "steady"),
    [(MAX_DRIFT, True), (-MAX_DRIFT, True), (2.01, False), (-2.01, False), (86_400, False)],
)
def test_a_wall_clock_that_was_moved_is_noticed_in_both_directions(seconds: float, steady: bool) -> None:
    time = FakeTime()
    clock = time.clock()
    time.jump(seconds)
    assert clock.steady() is steady


def test_slow_drift_adds_up() -> None:
    time = FakeTime()
    clock = time.clock()
    for _ in range(5):
        time.advance(60)
        time.jump(0.5)
    assert not clock.steady()


def test_seconds_are_cut_not_rounded() -> None:
    time = FakeTime()
    time.jump(0.999)
    assert time.clock().now() == START


def test_the_real_clock_is_steady() -> None:
    clock = Clock()
    assert clock.steady()
    assert clock.now() * 1000 <= clock.now_ms()
