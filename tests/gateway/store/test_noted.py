from types import SimpleNamespace

import pytest

from gateway.store import noted
from gateway.store.noted import Noted
from gateway.store.things import Delivery, Tally
from gateway.store.writes import Delivered
from tests.kit.clocks import START
from tests.kit.things import ENVELOPE, a_row

WENT = Delivered((Delivery(ENVELOPE, "asked", "mail", "Mika", START, START, START),), "accepted", START)


def tally(number: int) -> Tally:
    return Tally("ci", "requests", "", START, number)


def test_what_is_taken_is_noted_no_more() -> None:
    noting = Noted()
    assert not noting
    noting.row(1, a_row())
    noting.tally([tally(2)])
    noting.delivered(WENT)
    assert noting
    taken = noting.take()
    assert not noting
    assert taken.rows == [(1, a_row())]
    assert taken.tallies.all() == [tally(2)]
    assert taken.delivered == [WENT]
    assert not noting.take()


def test_each_kind_alone_is_worth_writing() -> None:
    for note in ("row", "tally", "delivered"):
        noting = Noted()
        getattr(noting, note)(*{"row": (1, a_row()), "tally": ([tally(1)],), "delivered": (WENT,)}[note])
        assert noting


def test_what_could_not_be_written_comes_before_what_was_noted_meanwhile() -> None:
    noting = Noted()
    noting.row(1, a_row(detail="older"))
    noting.tally([tally(2)])
    noting.delivered(WENT)
    taken = noting.take()
    later = Delivered(WENT.tried, "failed", START + 1)
    noting.row(2, a_row(detail="newer"))
    noting.tally([tally(3)])
    noting.delivered(later)
    noting.put_back(taken)
    again = noting.take()
    assert [row.detail for _, row in again.rows] == ["older", "newer"]
    assert again.tallies.all() == [tally(5)]
    assert again.delivered == [WENT, later]


def test_the_first_of_several_says_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.store.noted.time", SimpleNamespace(monotonic=lambda: now))
    noting = Noted()
    assert not noting.due()
    noting.row(1, a_row())
    now += noted.DELAY / 2
    noting.row(2, a_row())
    assert not noting.due()
    now += noted.DELAY
    assert noting.due()
    noting.take()
    assert not noting.due()
