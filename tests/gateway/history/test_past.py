from typing import get_args

from gateway.history.past import BEYOND, MOST_ACTIONS, MOST_PURSES, STEPS, Past
from gateway.history.windows import DAY
from gateway.store.tallies import KEEP
from gateway.store.things import Reserved, Tally, What
from tests.kit.clocks import START

WHAT = Reserved(("/shop/pay",), ("box",), "key", "home", (("payment cny", 499),))


def everything(past: Past, now: int) -> list[Tally]:
    return [*past.came(WHAT.actions, now), *past.passed(WHAT, now), *past.spent(WHAT, now), *past.opened(now)]


def test_what_the_store_is_told_is_what_a_restart_knows() -> None:
    past, again = Past("ci"), Past("ci")
    for minute in range(30):
        for tally in everything(past, START + 60 * minute):
            again.recall(tally)
    past.questions.add(START + 60 * 29, 30)
    now = START + 60 * 30
    for one, other in ((past, again), (again, past)):
        assert one.requests.hour.sum(now) == other.requests.hour.sum(now) == 30
        assert one.questions.day.sum(now) == 30
        assert one.action("/shop/pay").day.sum(now) == 30
        assert one.paid("payment cny").hour.sum(now) == 30 * 499
        assert one.largest("payment cny").of(now) == 499
        names = one.did, one.resources, one.credentials, one.addresses
        known = zip(names, ("/shop/pay", "box", "key", "home"), strict=True)
        assert [each.count(name, now) for each, name in known] == [30] * 4
    later = now + DAY
    assert sum(again.worked.before(later).values()) == sum(again.asked.before(later).values()) == 30


def test_a_recalled_step_stays_as_long_as_its_last_moment() -> None:
    past = Past("ci")
    past.recall(Tally("ci", "paid", "payment cny", START - START % 300, 5))
    assert past.paid("payment cny").day.sum(START - START % 300 + 299 + DAY - 1) == 5


def test_asking_makes_nothing_usual() -> None:
    past = Past("ci")
    list(past.came(WHAT.actions, START))
    list(past.opened(START))
    assert (len(past.did), len(past.resources), len(past.addresses), past.worked.before(START + DAY)) == (
        0,
        0,
        0,
        {},
    )


def test_currencies_and_actions_without_end_share_one_sum_and_hide_nothing() -> None:
    past = Past("ci")
    told: list[Tally] = []
    for number in range(2 * MOST_PURSES):
        what = Reserved(("a",), (), "k", "h", ((f"payment {number}", 10),))
        told += [*past.spent(what, START), *past.passed(what, START)]
    assert past.paid("payment 0").day.sum(START) == 10
    assert past.paid("payment unheard of").day.sum(START) == 10 * MOST_PURSES
    assert past.largest("payment unheard of").of(START) == 10
    assert len({tally.name for tally in told if tally.what == "paid"}) == MOST_PURSES + 1
    told = [tally for n in range(2 * MOST_ACTIONS) for tally in past.came([f"/a/{n}"], START)]
    assert past.action("/a/new").day.sum(START) == MOST_ACTIONS
    assert BEYOND in {tally.name for tally in told}


def test_names_without_end_are_not_told_to_the_store_without_end() -> None:
    past = Past("ci")
    told = [
        tally
        for number in range(1000)
        for tally in past.passed(Reserved(("a",), (f"box {number}",), "k", "h"), START)
        if tally.what == "touched"
    ]
    assert len(told) == 500


def test_a_purse_or_an_action_that_never_came_is_empty() -> None:
    past = Past("ci")
    assert past.paid("x").day.sum(START) == past.action("x").day.sum(START) == 0
    assert past.largest("x").of(START) is None
    past.returned(WHAT, START)
    assert past.paid("payment cny").day.sum(START) == 0


def test_every_kind_has_its_step_and_its_time() -> None:
    kinds = set(get_args(What.__value__))
    assert set(STEPS) == set(KEEP) == kinds
