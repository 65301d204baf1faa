import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import contract as c
from gateway.store import things, writes
from tests.kit.push import FCM, a_subscription
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import a_credential, a_person


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    await made.apply(writes.Invite(things.Invitation("other", None, ("approvers",), made.now() + 600)))
    await made.apply(writes.Enrol("other", a_person("Noor"), a_credential("Noor"), adopt_agents=False))
    yield made
    await made.close()


def another(number: int) -> writes.AddSubscription:
    return writes.AddSubscription(a_subscription(id=f"psh_{number}", endpoint=f"{FCM}{number}"), 2)


async def test_a_browser_is_kept_whole_and_taken_away_by_whose_it_is(store: TimedStore) -> None:
    kept = a_subscription()
    assert isinstance(await store.apply(writes.AddSubscription(kept, 2)), c.Done)
    assert await store.subscriptions() == [kept]
    assert isinstance(await store.apply(writes.RemoveSubscription(kept.id, "Noor")), c.Lost)
    assert isinstance(await store.apply(writes.RemoveSubscription(kept.id, "Mika")), c.Done)
    assert isinstance(await store.apply(writes.RemoveSubscription(kept.id)), c.Lost)
    assert await store.subscriptions() == []


async def test_nobody_is_told_on_more_browsers_than_allowed(store: TimedStore) -> None:
    results = await asyncio.gather(*(store.apply(another(number)) for number in range(4)))
    assert [isinstance(each, c.Done) for each in results] == [True, True, False, False]
    assert results[2] == c.Lost("limit")
    assert len(await store.subscriptions()) == 2


async def test_a_browser_belongs_to_whoever_turned_it_on_last(store: TimedStore) -> None:
    await store.apply(writes.AddSubscription(a_subscription(), 1))
    noors = a_subscription(id="psh_2", person="Noor", credential_id=a_credential("Noor").id)
    assert isinstance(await store.apply(writes.AddSubscription(noors, 1)), c.Done)
    assert await store.subscriptions() == [noors]


async def test_one_that_is_refused_takes_nothing_away(store: TimedStore) -> None:
    await store.apply(writes.AddSubscription(a_subscription(), 1))
    stranger = a_subscription(id="psh_2", person="Noor")
    assert await store.apply(writes.AddSubscription(stranger, 1)) == c.Lost("absent")
    assert await store.subscriptions() == [a_subscription()]


async def test_a_revoked_passkey_takes_its_browsers_along_and_gets_no_new_one(store: TimedStore) -> None:
    noors = a_subscription(
        id="psh_2", endpoint=FCM + "2", person="Noor", credential_id=a_credential("Noor").id
    )
    for each in (a_subscription(), noors):
        await store.apply(writes.AddSubscription(each, 2))
    await store.apply(writes.RevokeKey(a_credential().id, store.now()))
    assert await store.subscriptions() == [noors]
    assert await store.apply(another(3)) == c.Lost("absent")
    await store.apply(writes.RevokePerson("Noor", store.now()))
    assert await store.subscriptions() == []
