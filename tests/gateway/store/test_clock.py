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
    assert clock.now() == START + 3601


def test_a_wall_clock_that_was_put_back_gives_nobody_more_time() -> None:
    time = FakeTime()
    clock = time.clock()
    clock.now()
    time.jump(-86_400)
    for _ in range(300_000):
        time.advance(0.0002)
        clock.now_ms()
    assert clock.now() in {START + 59, START + 60}


def test_a_wall_clock_that_was_ahead_for_a_moment_is_never_followed_back() -> None:
    time = FakeTime()
    clock = time.clock()
    time.jump(7200)
    assert clock.now() == START + 7200
    time.jump(-7200)
    time.advance(10)
    assert clock.now() == START + 7210


@pytest.mark.parametrize(("behind", "fine"), [(0, True), (2, True), (2.01, False), (3600, False)])
def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed(behind: float, *, fine: bool) -> None:
    time = FakeTime()
    clock = time.clock()
    assert clock.not_before(int((START + behind) * 1000)) is fine
    assert clock.now() == int(START + behind)
    time.advance(60)
    assert clock.now() == int(START + behind) + 60


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
