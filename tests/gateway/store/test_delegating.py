from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.delegations import Delegation
from gateway.store.contract import Done, Lost, Store
from gateway.store.writes import EndDelegation, Escalate, Open, RevokePerson, SetDelegation
from tests.kit.clocks import START
from tests.kit.things import ENVELOPE, an_envelope, caps
from tests.kit.world import World

LENT = Delegation("del_1", "Mika", "Tomo", None, "payment", START, START + 100, START)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await World(tmp_path).open()
    await made.enrol("Tomo")
    yield made.store
    await made.close()


async def test_a_delegation_comes_back_as_it_went_in(store: Store) -> None:
    assert await store.apply(SetDelegation(LENT)) == Done()
    assert await store.delegations() == [LENT]


@pytest.mark.parametrize(("person", "delegate"), [("Mika", "Eve"), ("Eve", "Tomo"), ("Mika", "Mika")])
async def test_both_are_enrolled_and_are_two(store: Store, person: str, delegate: str) -> None:
    lent = replace(LENT, person=person, delegate=delegate)
    assert await store.apply(SetDelegation(lent)) == Lost("absent")
    assert await store.delegations() == []


@pytest.mark.parametrize("who", ["Mika", "Tomo"])
async def test_who_is_revoked_lends_and_borrows_nothing(store: Store, who: str) -> None:
    await store.apply(SetDelegation(LENT))
    await store.apply(RevokePerson(who, START))
    assert await store.delegations() == []
    assert await store.apply(SetDelegation(replace(LENT, id="del_2"))) == Lost("absent")


async def test_a_delegation_ends_once_and_never_by_the_clock_before_its_time(store: Store) -> None:
    await store.apply(SetDelegation(LENT))
    assert await store.apply(EndDelegation("del_1", START + 99, "ended")) == Lost("changed")
    assert await store.apply(EndDelegation("del_1", START + 5, "withdrawn")) == Done()
    assert await store.apply(EndDelegation("del_1", START + 100, "ended")) == Lost("changed")
    assert await store.delegations() == []


async def test_a_question_goes_to_a_group_once_and_only_while_it_waits(store: Store) -> None:
    await store.apply(Open(an_envelope(), caps(5)))
    step = Escalate(ENVELOPE, 30, "oncall", START + 30)
    assert await store.waiting_since(30, "oncall", START + 29) == []
    assert await store.apply(replace(step, at=START + 29)) == Lost("changed")
    assert [envelope.id for envelope in await store.waiting_since(30, "oncall", START + 30)] == [ENVELOPE]
    assert await store.apply(step) == Done()
    assert await store.apply(replace(step, at=START + 31)) == Lost("changed")
    assert await store.waiting_since(30, "oncall", START + 31) == []
    assert await store.escalated(ENVELOPE) == {(30, "oncall"): START + 30}
    assert await store.waiting_since(30, "managers", START + 60) == []
    assert await store.apply(replace(step, to="managers", at=START + 60)) == Lost("changed")
