from hypothesis import given
from hypothesis import strategies as st

from gateway.history.windows import DAY, HOUR, MONTH, Familiar, Hours, Largest, Rolling, Window
from tests.kit.clocks import START


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 2**70)), max_size=40))
def test_nothing_leaves_a_window_early_and_everything_leaves_it_a_step_late(
    added: list[tuple[int, int]],
) -> None:
    window = Window(HOUR, 60)
    now = START
    seen: list[tuple[int, int]] = []
    for wait, count in added:
        now += wait
        window.add(now, count)
        seen.append((now, count))
        total = window.sum(now)
        assert total >= sum(n for at, n in seen if at > now - HOUR)
        assert total <= sum(n for at, n in seen if at > now - HOUR - 60)
        assert len(window._slots) <= HOUR // 60 + 1


def test_what_comes_late_leaves_in_its_own_time() -> None:
    window = Window(HOUR, 60)
    window.add(START, 1)
    window.add(START - 1800, 2)
    assert window.sum(START) == 3
    assert window.sum(START + 1800 + 61) == 1


def test_what_is_given_back_is_gone_and_never_more_than_was_there() -> None:
    rolling = Rolling()
    rolling.add(START, 5)
    rolling.take(START, 3)
    assert rolling.day.sum(START) == 2
    rolling.take(START, 9)
    assert (rolling.day.sum(START), rolling.hour.sum(START)) == (0, 0)
    rolling.take(START - DAY, 1)
    assert rolling.day.sum(START) == 0


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    window = Window(HOUR, 60)
    window.add(START + 5 * HOUR, 4)
    window.add(START, 1)
    assert window.sum(START) == 5


def test_the_last_minutes_are_counted_in_whole_steps() -> None:
    window = Window(HOUR, 60)
    for minute in range(30):
        window.add(START + 60 * minute, 1)
    assert window.since(START + 60 * 29 - 600) == 11


def test_made_up_names_are_bounded_and_stay_strange() -> None:
    names = Familiar(3)
    assert [names.learn(f"made up {n}", START) for n in range(5)] == [True, True, True, False, False]
    assert (len(names), names.count("made up 4", START)) == (3, 0)
    assert names.learn("made up 0", START + 40 * DAY)
    assert names.learn("new", START + 40 * DAY)
    assert names.count("made up 1", START + 40 * DAY) == 0


def test_a_name_is_forgotten_after_30_days() -> None:
    names = Familiar(3)
    for day in range(40):
        names.learn("x", START + day * DAY, 2)
    assert names.count("x", START + 39 * DAY) == 2 * 31
    assert len(names._days["x"]) <= 32
    assert names.count("x", START + 39 * DAY + MONTH + DAY) == 0
    assert names.count("y", START) == 0


def test_the_running_hour_is_no_part_of_what_is_usual() -> None:
    hours = Hours()
    for hour in range(MONTH // HOUR + 100):
        hours.add(START + hour * HOUR)
    now = START + (MONTH // HOUR + 99) * HOUR
    before = hours.before(now)
    assert now - now % HOUR not in before
    assert max(before) == now - now % HOUR - HOUR
    assert len(hours._slots) <= (MONTH + 2 * DAY) // HOUR


def test_the_largest_of_30_days_is_known_and_then_forgotten() -> None:
    largest = Largest()
    assert largest.of(START) is None
    largest.add(START, 900)
    largest.add(START, 100)
    largest.add(START + DAY, 500)
    assert largest.of(START + DAY) == 900
    assert largest.of(START + MONTH + DAY + DAY // 2) == 500
    for day in range(50):
        largest.add(START + day * DAY, 1)
    assert len(largest._days) <= 33
