import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.envelopes import State
from gateway.store.contract import Applied, Done, Lost
from gateway.store.things import Review
from gateway.store.writes import BreakGlass, CloseReview, Open
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, a_sign, a_signature, with_people
from tests.kit.things import a_credential, an_envelope, caps

ENVELOPE = an_envelope().id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    await made.apply(Open(an_envelope(), caps(20)))
    yield made
    await made.close()


async def another(store: TimedStore, number: int) -> str:
    envelope = an_envelope(id=f"env_{number}", join_key=f"join {number}")
    await store.apply(Open(envelope, caps(20)))
    return envelope.id


async def broken(
    store: TimedStore, envelope: str = ENVELOPE, most: int = 3, at: int = START, *, reviewed: bool = True
) -> Applied:
    sign = a_sign(
        signature=a_signature(envelope=envelope, at=at),
        credential=replace(a_credential(), sign_count=0),
        cosigner=f"cosigner of {envelope}",
    )
    review = Review(envelope, "ci-bot", "Olga", at) if reviewed else None
    return await store.apply(BreakGlass(sign, "Nobody answers.", most, review))


async def test_it_is_approved_with_its_reason_and_its_review_in_one(store: TimedStore) -> None:
    done = await broken(store)
    assert isinstance(done, Done)
    assert done.envelope is not None
    assert (done.envelope.state, done.envelope.decision_method) == (State.APPROVED, "break_glass")
    (breaking,) = await store.breakings(ENVELOPE)
    assert (breaking.person, breaking.reason, breaking.at) == ("Mika", "Nobody answers.", START)
    assert await store.reviews() == [Review(ENVELOPE, "ci-bot", "Olga", START)]
    assert await store.open_reviews() == 1


async def test_where_two_broke_it_no_review_is_left(store: TimedStore) -> None:
    await broken(store, reviewed=False)
    assert (await store.reviews(), await store.review(ENVELOPE)) == ([], None)


async def test_the_cap_counts_envelopes_of_a_day_whoever_comes_at_once(store: TimedStore) -> None:
    wanted = [await another(store, number) for number in range(6)]
    results = await asyncio.gather(*(broken(store, envelope, 2) for envelope in wanted))
    assert [isinstance(result, Done) for result in results].count(True) == 2
    assert {result.why for result in results if isinstance(result, Lost)} == {"limit"}
    assert await store.glass_broken_since(START - 1, "") == 2
    assert await store.open_reviews() == 2


async def test_a_day_later_there_is_room_again(store: TimedStore) -> None:
    await broken(store, most=1)
    later = START + 86_400
    envelope = an_envelope(id="env_9", join_key="9", opened_at=later, expires_at=later + 60)
    await store.apply(Open(envelope, caps(20)))
    assert isinstance(await broken(store, "env_9", 1, later - 1), Lost)
    assert isinstance(await broken(store, "env_9", 1, later), Done)


async def test_what_is_lost_leaves_an_ordinary_signature_where_it_was(store: TimedStore) -> None:
    ordinary = a_sign(cosigner=None, cosigner_token=None, cosigner_expires=None)
    await store.apply(ordinary)
    assert isinstance(await broken(store), Lost)
    assert [given.person for given in await store.signatures(ENVELOPE)] == ["Mika"]
    assert await store.breakings(ENVELOPE) == ()


@pytest.mark.parametrize("person", ["Mika", "Noor"])
async def test_a_review_is_closed_once_and_not_by_the_signer(store: TimedStore, person: str) -> None:
    await broken(store)
    change = CloseReview(ENVELOPE, person, "justified", "Seen.", START + 5)
    assert isinstance(await store.apply(change), Lost if person == "Mika" else Done)
    assert isinstance(await store.apply(change), Lost)
    assert await store.open_reviews() == (1 if person == "Mika" else 0)
