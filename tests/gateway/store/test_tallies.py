from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.envelopes import State, Step
from gateway.errors import StoreError
from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.tallies import KEEP, MOST
from gateway.store.things import Reserved, Tally
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, approved, with_people
from tests.kit.things import an_envelope, caps

WHAT = Reserved(("/shop/pay",), ("box",), "key", "home", (("payment cny", 499),))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    yield made
    await made.close()


async def written(store: TimedStore) -> list[Tally]:
    await store.apply(writes.Record())
    return await store.tallies()


async def test_what_is_told_in_one_step_adds_up(store: TimedStore) -> None:
    store.tally([Tally("ci", "requests", "", START, 2), Tally("ci", "requests", "", START, 3)])
    assert await written(store) == [Tally("ci", "requests", "", START, 5)]
    store.tally([Tally("ci", "requests", "", START, 1), Tally("ci", "requests", "", START + 300, 1)])
    assert await written(store) == [
        Tally("ci", "requests", "", START, 6),
        Tally("ci", "requests", "", START + 300, 1),
    ]


async def test_of_the_largest_only_the_largest_is_kept(store: TimedStore) -> None:
    store.tally([Tally("ci", "largest", "p", START, 5), Tally("ci", "largest", "p", START, 3)])
    await written(store)
    store.tally([Tally("ci", "largest", "p", START, 4)])
    assert await written(store) == [Tally("ci", "largest", "p", START, 5)]


async def test_a_sum_that_no_number_holds_stays_at_the_largest_and_the_log_goes_on(store: TimedStore) -> None:
    for _ in range(3):
        store.tally([Tally("ci", "paid", "p", START, 2**62), Tally("ci", "paid", "p", START, 2**80)])
        assert await written(store) == [Tally("ci", "paid", "p", START, MOST)]
    assert store.healthy()


async def test_a_write_that_failed_forgets_no_tally(store: TimedStore) -> None:
    store._reserve = 1 << 62
    store.tally([Tally("ci", "paid", "p", START, 499)])
    with pytest.raises(StoreError):
        await store.apply(writes.Record())
    store.tally([Tally("ci", "paid", "p", START, 1)])
    store._reserve = 0
    assert await written(store) == [Tally("ci", "paid", "p", START, 500)]


async def test_tallies_are_written_though_nothing_else_is(store: TimedStore) -> None:
    store.tally([Tally("ci", "paid", "p", START, 499)])
    await store.close()
    again = TimedStore(store._path)
    assert await again.tallies() == [Tally("ci", "paid", "p", START, 499)]
    await again.close()


@pytest.mark.parametrize("what", sorted(KEEP))
async def test_each_kind_is_forgotten_in_its_own_time(store: TimedStore, what: things.What) -> None:
    store.tally([Tally("ci", what, "x", START, 1)])
    await written(store)
    store.time.advance(KEEP[what])
    await store.apply(writes.Forget(store.now()))
    assert len(await store.tallies()) == 1
    store.time.advance(86_400)
    assert await store.tallies() == []
    await store.apply(writes.Forget(store.now()))
    assert await store.sql("SELECT * FROM tallies") == []


async def test_what_a_question_reserves_is_written_with_it_or_not_at_all(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(1), WHAT))
    lost = await store.apply(writes.Open(an_envelope(id="env_2", join_key="2"), caps(1), WHAT))
    assert isinstance(lost, c.Lost)
    joined = await store.apply(writes.Open(an_envelope(id="env_3"), caps(1), WHAT))
    assert isinstance(joined, c.Joined)
    (found,) = await store.reservations(START)
    assert (found.envelope.id, found.reserved) == (an_envelope().id, WHAT)


async def test_a_question_that_reserves_nothing_is_no_reservation(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(1)))
    assert await store.reservations(START) == []


@pytest.mark.parametrize(
    ("state", "spent_at", "counts"),
    [
        (State.PENDING, None, True),
        (State.APPROVED, None, True),
        (State.SPENT, START - 9, True),
        (State.COMPLETED, START + 1, True),
        (State.UNKNOWN, START + 1, True),
        (State.COMPLETED, START, False),
        (State.DENIED, None, False),
        (State.EXPIRED, None, False),
        (State.CANCELLED, None, False),
        (State.REVOKED, None, False),
        (State.LAPSED, START + 1, False),
    ],
)
async def test_the_state_of_a_question_says_what_it_still_reserves(
    store: TimedStore, state: State, spent_at: int | None, counts: bool
) -> None:
    await store.apply(writes.Open(an_envelope(state=state, spent_at=spent_at), caps(5), WHAT))
    assert bool(await store.reservations(START)) is counts


async def test_what_an_ended_question_reserved_is_forgotten_and_what_waits_is_not(store: TimedStore) -> None:
    waiting = await approved(store)
    await store.sql("INSERT INTO reserved VALUES (?, ?)", (waiting.id, '[[],[],"","",[]]'))
    await store.apply(writes.Open(an_envelope(id="env_2", join_key="2"), caps(5), WHAT))
    await store.apply(writes.Move("env_2", 1, Step.CANCEL, START))
    store.time.advance(3 * 86_400)
    await store.apply(writes.Forget(store.now()))
    assert await store.sql("SELECT envelope FROM reserved") == [(waiting.id,)]
