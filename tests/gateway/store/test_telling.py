from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.envelopes import Step
from gateway.errors import StoreError
from gateway.store import noted
from gateway.store.contract import Done, Lost
from gateway.store.things import Delivery
from gateway.store.writes import Conclude, Delivered, Move, Open, SawPage, Tell
from tests.kit.clocks import START
from tests.kit.patience import until
from tests.kit.stores import TimedStore
from tests.kit.things import ENVELOPE, an_envelope, caps

OTHER = "env_" + "1" * 26


def delivery(
    person: str = "Mika", channel: str = "mail", envelope: str = ENVELOPE, at: int = START
) -> Delivery:
    return Delivery(envelope, "asked", channel, person, at, at, at)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await made.apply(Open(an_envelope(), caps(9), None, (delivery(), delivery("Tomo"))))
    yield made
    await made.close()


async def states(store: TimedStore, kind: str = "asked") -> dict[str, str]:
    return {one.person: one.state for one in await store.deliveries() if one.kind == kind}


async def test_who_is_to_be_told_is_queued_with_the_question_or_not_at_all(store: TimedStore) -> None:
    assert await states(store) == {"Mika": "queued", "Tomo": "queued"}
    joined = await store.apply(Open(an_envelope(id=OTHER), caps(9), None, (delivery(envelope=OTHER),)))
    assert not isinstance(joined, Done)
    full = Open(an_envelope(id=OTHER, join_key="2"), caps(1), None, (delivery(envelope=OTHER),))
    assert isinstance(await store.apply(full), Lost)
    assert await store.deliveries(OTHER) == []


async def test_nobody_is_queued_twice(store: TimedStore) -> None:
    assert isinstance(await store.apply(Tell((delivery("Noor"), delivery()))), Done)
    assert isinstance(await store.apply(Tell((delivery("Noor"),))), Lost)
    assert isinstance(await store.apply(Tell(())), Lost)
    assert set(await states(store)) == {"Mika", "Tomo", "Noor"}


async def test_what_is_due_is_read_by_its_channel_the_longest_due_first(store: TimedStore) -> None:
    async def due(channel: str, *asked: Any) -> list[str]:
        return [one.person for one in await store.deliveries_due(channel, *asked)]

    later = delivery("Noor", envelope=OTHER, at=START + 5)
    await store.apply(Tell((later, delivery("Ken", "text"))))
    assert await due("mail", START, 9) == ["Mika", "Tomo"]
    assert await due("mail", START + 5, 9) == ["Mika", "Tomo", "Noor"]
    assert await due("mail", START + 5, 1) == ["Mika", "Tomo"]
    assert await due("mail", START + 5, 9, [ENVELOPE]) == ["Noor"]
    assert await due("mail", START + 5, 9, [ENVELOPE, OTHER]) == []
    assert await due("male", START, 9) == []


async def test_a_try_is_counted_and_a_failed_one_waits_for_the_next(store: TimedStore) -> None:
    due = tuple(await store.deliveries_due("mail", START, 9))
    await store.apply(Delivered(due, "queued", START + 1, "busy", START + 4))
    assert await store.deliveries_due("mail", START + 3, 9) == []
    (first, _) = await store.deliveries_due("mail", START + 4, 9)
    assert (first.attempts, first.error, first.at) == (1, "busy", START + 1)
    await store.apply(Delivered(due, "accepted", START + 4))
    assert await states(store) == {"Mika": "accepted", "Tomo": "accepted"}
    assert (await store.deliveries())[0].error is None
    assert isinstance(await store.apply(Delivered(due, "failed", START + 5, "late")), Lost)


async def test_who_saw_the_page_has_seen_it_whatever_comes_back_later(store: TimedStore) -> None:
    due = tuple(await store.deliveries_due("mail", START, 9))
    assert isinstance(await store.apply(SawPage(ENVELOPE, "Mika", START + 1)), Done)
    await store.apply(Delivered(due, "accepted", START + 2))
    assert await states(store) == {"Mika": "seen", "Tomo": "accepted"}
    assert isinstance(await store.apply(SawPage(ENVELOPE, "Mika", START + 3)), Lost)
    assert isinstance(await store.apply(SawPage(ENVELOPE, "Noor", START + 3)), Lost)


async def test_what_failed_for_good_was_not_seen(store: TimedStore) -> None:
    due = tuple(await store.deliveries_due("mail", START, 9))
    await store.apply(Delivered(due, "failed", START, "gone"))
    assert isinstance(await store.apply(SawPage(ENVELOPE, "Mika", START + 1)), Lost)
    assert (await store.last_deliveries())["mail"].error == "gone"


async def test_nothing_is_concluded_while_it_waits(store: TimedStore) -> None:
    assert isinstance(await store.apply(Conclude(("mail",), START, (ENVELOPE,))), Lost)
    assert isinstance(await store.apply(Conclude(("mail",), START)), Lost)
    assert await states(store) == {"Mika": "queued", "Tomo": "queued"}


@pytest.mark.parametrize("envelopes", [(ENVELOPE, OTHER), None])
async def test_what_is_decided_is_told_once_to_those_who_were_told(
    store: TimedStore, envelopes: tuple[str, ...] | None
) -> None:
    await store.apply(Delivered((delivery(),), "accepted", START))
    await store.apply(Tell((delivery("Ken", "text"),)))
    await store.apply(Delivered((delivery("Ken", "text"),), "sent", START))
    await store.apply(Move(ENVELOPE, 1, Step.CANCEL, START + 1))
    assert isinstance(await store.apply(Conclude(("mail",), START + 2, envelopes)), Done)
    assert isinstance(await store.apply(Conclude(("mail",), START + 3, envelopes)), Lost)
    assert await states(store) == {"Mika": "accepted", "Tomo": "failed", "Ken": "sent"}
    assert await states(store, "decided") == {"Mika": "queued"}
    over = next(one for one in await store.deliveries() if one.person == "Tomo")
    assert (over.error, over.attempts) == ("over", 0)
    assert (await store.last_deliveries())["mail"].person == "Mika"


async def test_what_came_through_although_it_was_over_did_go(store: TimedStore) -> None:
    due = tuple(await store.deliveries_due("mail", START, 9))
    await store.apply(Move(ENVELOPE, 1, Step.CANCEL, START + 1))
    await store.apply(Conclude(("mail",), START + 2, (ENVELOPE,)))
    assert isinstance(await store.apply(Delivered(due, "failed", START + 3, "gone")), Lost)
    assert isinstance(await store.apply(Delivered(due, "accepted", START + 3)), Done)
    assert await states(store) == {"Mika": "accepted", "Tomo": "accepted"}


async def test_what_was_told_long_ago_is_not_concluded_at_a_start(store: TimedStore) -> None:
    await store.apply(Delivered((delivery(),), "accepted", START))
    await store.apply(Move(ENVELOPE, 1, Step.CANCEL, START + 1))
    await store.apply(Conclude(("mail",), START + 99, None, START + 50))
    assert await states(store, "decided") == {}


async def test_a_message_that_went_is_sent_to_nobody_twice_before_it_is_written(
    store: TimedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    store.delivered(Delivered((delivery(), delivery("Tomo")), "accepted", START))
    assert await store.deliveries_due("mail", START, 9) == []


async def test_how_a_message_went_is_seen_by_whoever_looks(
    store: TimedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    store.delivered(Delivered((delivery(),), "accepted", START))
    assert await states(store) == {"Mika": "accepted", "Tomo": "queued"}
    store.delivered(Delivered((delivery("Tomo"),), "failed", START + 1, "gone"))
    assert (await store.last_deliveries())["mail"].error == "gone"


async def test_how_a_message_went_is_written_before_its_question_is_concluded(
    store: TimedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted, "DELAY", 3600)
    store.delivered(Delivered((delivery(), delivery("Tomo")), "accepted", START))
    await store.apply(Move(ENVELOPE, 1, Step.DENY, START))
    await store.apply(Conclude(("mail",), START, (ENVELOPE,)))
    assert await states(store, "decided") == {"Mika": "queued", "Tomo": "queued"}


async def test_how_a_message_went_survives_the_end_and_a_disk_that_was_full(
    store: TimedStore, tmp_path: Path
) -> None:
    store._reserve = 2**62
    store.delivered(Delivered((delivery(), delivery("Tomo")), "accepted", START))
    await until(lambda: not store.healthy() and bool(store._noted))
    with pytest.raises(StoreError):
        await store.deliveries_due("mail", START, 9)
    store._reserve = 0
    await store.close()
    again = TimedStore(tmp_path / "test.db")
    assert await states(again) == {"Mika": "accepted", "Tomo": "accepted"}
    await again.close()
