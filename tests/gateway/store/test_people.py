from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.things import Invitation, Recovery
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import a_credential, a_person

NOW = START + 10


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    opened = TimedStore(tmp_path / "test.db")
    await with_people(opened)
    yield opened
    await opened.close()


def enrol(name: str, key: bytes, link: str = "second") -> writes.Enrol:
    credential = replace(a_credential(name), id=key)
    return writes.Enrol(link, a_person(name), credential, adopt_agents=False)


async def invite(store: TimedStore, person: str | None, inviter: str | None, link: str = "second") -> None:
    await store.apply(writes.Invite(Invitation(link, person, ("approvers",), START + 600, inviter)))


async def test_a_guests_key_waits_for_the_inviter_whatever_the_caller_says(store: TimedStore) -> None:
    await invite(store, "Noor", "Mika")
    await store.apply(enrol("Noor", b"n" * 16))
    key = await store.credential(b"n" * 16)
    assert key is not None
    assert key.waits_for == "Mika"


async def test_an_invitation_takes_nobodys_name(store: TimedStore) -> None:
    """Neither by a link for a new name, nor by the link of another inviter, a living person gets a key."""
    for person, inviter in ((None, "Noor"), ("Mika", "Noor"), ("Mika", None)):
        await invite(store, person, inviter, f"by {inviter} for {person}")
        applied = await store.apply(enrol("Mika", b"x" * 16, f"by {inviter} for {person}"))
        assert applied == c.Lost("exists")
    assert await store.credential(b"x" * 16) is None


async def test_a_key_that_waits_moves_no_counter(store: TimedStore) -> None:
    await invite(store, "Noor", "Mika")
    await store.apply(enrol("Noor", b"n" * 16))
    key = await store.credential(b"n" * 16)
    assert key is not None
    session = things.StoredSession("c", "t", "Noor", key.id, NOW, NOW + 60)
    assert await store.apply(writes.SignIn(session, replace(key, sign_count=5))) == c.Lost("used")


async def test_nobody_but_the_inviter_confirms_in_the_store_either(store: TimedStore) -> None:
    await invite(store, "Noor", "Mika")
    await store.apply(enrol("Noor", b"n" * 16))
    assert await store.apply(writes.ConfirmKey(b"n" * 16, "Noor")) == c.Lost("absent")
    assert await store.apply(writes.ConfirmKey(b"n" * 16, "Mika")) == c.Done()
    assert await store.apply(writes.ConfirmKey(b"n" * 16, "Mika")) == c.Lost("absent")


async def test_a_revoked_key_is_not_confirmed(store: TimedStore) -> None:
    await invite(store, "Noor", "Mika")
    await store.apply(enrol("Noor", b"n" * 16))
    await store.apply(writes.RevokeKey(b"n" * 16, NOW))
    assert await store.apply(writes.ConfirmKey(b"n" * 16, "Mika")) == c.Lost("absent")
    assert await store.apply(writes.RevokeKey(b"n" * 16, NOW)) == c.Lost("absent")


async def test_only_its_owner_gives_a_key_another_name(store: TimedStore) -> None:
    (key,) = await store.credentials("Mika")
    assert await store.apply(writes.RenameKey(key.id, "Tomo", "Evil")) == c.Lost("absent")
    assert await store.apply(writes.RenameKey(key.id, "Mika", "Pixel 9")) == c.Done()
    assert await store.credentials("Mika") == [replace(key, name="Pixel 9")]
    await store.apply(writes.RevokeKey(key.id, NOW))
    assert await store.apply(writes.RenameKey(key.id, "Mika", "Late")) == c.Lost("absent")


async def test_a_recovery_of_nobody_is_not_started(store: TimedStore) -> None:
    assert await store.apply(writes.StartRecovery(Recovery("Ghost", "Mika", NOW))) == c.Lost("absent")


async def test_a_recovery_is_started_once_and_finished_as_it_was_started(store: TimedStore) -> None:
    begun = Recovery("Mika", "Tomo", NOW)
    assert await store.apply(writes.StartRecovery(begun)) == c.Done()
    assert await store.apply(writes.StartRecovery(replace(begun, started_by="Noor"))) == c.Lost("exists")
    link = Invitation("again", "Mika", ("approvers",), START + 600, "Tomo")
    for other in (replace(begun, started_by="Noor"), replace(begun, started_at=NOW + 1)):
        assert await store.apply(writes.FinishRecovery(other, link, NOW)) == c.Lost("absent")
    assert await store.apply(writes.FinishRecovery(begun, link, NOW)) == c.Done()
    assert await store.people() == [replace(a_person("Mika"), revoked_at=NOW)]
    assert await store.apply(enrol("Mika", b"m" * 16, "again")) == c.Done()
    assert (await store.people())[0].revoked_at is None
