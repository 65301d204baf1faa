import asyncio

import pytest

from gateway.board import REMEMBERED, Board, Change
from gateway.envelopes import State
from tests.kit.things import an_envelope

ONE, TWO = an_envelope(id="env_1"), an_envelope(id="env_2", state=State.DENIED)


async def taken(board: Board, after: int | None, count: int) -> list[Change]:
    """What a watcher is told, at most so many, until it would have to wait."""
    told: list[Change] = []
    watching = board.watch(after)
    while len(told) < count:
        told.append(await asyncio.wait_for(anext(watching), 0.2))
    return told


async def test_the_newest_waiter_goes_and_the_others_are_duplicates() -> None:
    board = Board()
    first, second = board.join("env_1"), board.join("env_1")
    assert board.waiting("env_1") == 2
    assert (board.is_newest(first), board.is_newest(second)) == (False, True)


async def test_when_the_newest_leaves_the_one_before_it_is_woken_to_take_over() -> None:
    board = Board()
    first, second = board.join("env_1"), board.join("env_1")
    board.leave(second)
    assert first.woken.is_set()
    assert board.is_newest(first)
    assert not second.woken.is_set()


async def test_when_an_older_one_leaves_the_newest_stays_the_newest() -> None:
    board = Board()
    first, second = board.join("env_1"), board.join("env_1")
    board.leave(first)
    assert board.is_newest(second)
    assert not board.is_newest(first)


async def test_leaving_twice_or_last_leaves_nothing_behind() -> None:
    board = Board()
    waiter = board.join("env_1")
    board.leave(waiter)
    board.leave(waiter)
    assert board.waiting("env_1") == 0
    assert not board.is_newest(waiter)
    assert board._waiting == {}


async def test_only_those_who_wait_for_an_envelope_are_woken_by_it() -> None:
    board = Board()
    one, two = board.join("env_1"), board.join("env_2")
    board.changed(ONE)
    assert (one.woken.is_set(), two.woken.is_set()) == (True, False)


async def test_every_watcher_is_told_every_change_in_order() -> None:
    board = Board()
    watching = board.watch(None)
    first = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    board.changed(ONE)
    board.changed(TWO)
    assert await first == Change(1, "env_1", "pending")
    assert await anext(watching) == Change(2, "env_2", "denied")
    assert board.last == 2


async def test_a_page_that_was_away_catches_up_and_is_told_nothing_twice() -> None:
    board = Board()
    for _ in range(3):
        board.changed(ONE)
    assert [change.id for change in await taken(board, 1, 2)] == [2, 3]
    assert [change.id for change in await taken(board, 0, 3)] == [1, 2, 3]
    with pytest.raises(TimeoutError):
        await taken(board, 3, 1)


async def test_a_new_page_is_told_only_what_comes() -> None:
    board = Board()
    board.changed(ONE)
    with pytest.raises(TimeoutError):
        await taken(board, None, 1)


async def test_what_is_remembered_has_a_bound() -> None:
    board = Board()
    for _ in range(REMEMBERED + 5):
        board.changed(ONE)
    told = await taken(board, 0, REMEMBERED)
    assert told[0].id == 6
    assert told[-1].id == REMEMBERED + 5


def test_it_knows_whom_it_can_tell_of_everything() -> None:
    board = Board(before=500)
    assert [board.remembers(after) for after in (0, 499, 500, 501)] == [False, False, True, False]
    for _ in range(REMEMBERED + 5):
        board.changed(ONE)
    assert [board.remembers(after) for after in (504, 505, board.last, board.last + 1)] == [
        False,
        True,
        True,
        False,
    ]


async def test_changes_are_counted_from_where_the_gateway_began() -> None:
    board = Board(before=500)
    board.changed(ONE)
    assert [change.id for change in await taken(board, 500, 1)] == [501]


async def test_a_watcher_that_left_is_forgotten() -> None:
    board = Board()
    watching = board.watch(None)
    task = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    assert len(board._watchers) == 1
    board.changed(ONE)
    await task
    await watching.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert board._watchers == set()


async def test_stopping_ends_every_wait_and_every_feed() -> None:
    board = Board()
    waiter = board.join("env_1")
    ended = asyncio.ensure_future(anext(board.watch(None), "ended"))
    await asyncio.sleep(0)
    board.stop()
    assert board.stopping.is_set()
    assert waiter.woken.is_set()
    assert await asyncio.wait_for(ended, 60) == "ended"


async def test_a_feed_that_begins_while_the_gateway_stops_ends_at_once() -> None:
    board = Board()
    board.stop()
    assert await asyncio.wait_for(anext(board.watch(None), "ended"), 0.5) == "ended"


async def test_a_page_that_does_not_read_is_let_go_and_comes_back() -> None:
    """The desk's contract: what is kept for it has a bound, and beyond that its feed ends."""
    board = Board()
    slow = board.watch(None)
    first = asyncio.ensure_future(anext(slow, "ended"))
    await asyncio.sleep(0)
    for _ in range(REMEMBERED * 3):
        board.changed(ONE)
    (kept,) = board._watchers
    assert kept.qsize() <= 2 * REMEMBERED
    assert await asyncio.wait_for(first, 60) == "ended"
    assert (await taken(board, board.last - 1, 1))[0].id == board.last


async def test_a_change_of_the_configuration_is_told_to_pages_and_wakes_no_request() -> None:
    board = Board()
    waiter = board.join("env_1")
    board.configured()
    assert await taken(board, 0, 1) == [Change(1, None, None)]
    assert not waiter.woken.is_set()


def test_a_listener_is_told_before_whoever_waits_goes_on() -> None:
    board = Board()
    waiter = board.join("env_1")
    told: list[tuple[str, bool]] = []
    board.listen(lambda envelope: told.append((envelope.id, waiter.woken.is_set())))
    board.changed(ONE)
    assert told == [("env_1", False)]
    assert waiter.woken.is_set()


def test_whoever_waits_is_woken_though_nothing_changed() -> None:
    board = Board()
    mine, other = board.join("env_1"), board.join("env_2")
    board.wake("env_1")
    board.wake("env_3")
    assert (mine.woken.is_set(), other.woken.is_set(), board.last) == (True, False, 0)
