"""Whether the database is the one that was written last: the file beside it knows."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.envelopes import Step
from gateway.errors import StoreError
from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.epoch import CLOCK_SET_BACK, PUT_BACK, Mark, decoded
from tests.kit.clocks import START, FakeTime
from tests.kit.stores import Blocked, Kept, approved, with_people
from tests.kit.things import ENVELOPE, a_row, an_envelope, caps


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


async def test_a_first_start_and_a_plain_restart_are_no_doubt(kept: Kept) -> None:
    for _ in range(3):
        store = kept.open()
        assert store.doubt() is None
        await store.apply(writes.Record(), [a_row()])
        await store.close()


async def test_every_change_is_counted_beside_the_database_before_it_is_told(kept: Kept) -> None:
    store = kept.open()
    for _ in range(3):
        before = kept.mark()
        await store.apply(writes.Record(), [a_row()])
        assert kept.mark() == Mark(before.lineage, before.count + 1)
    assert await store.sql("SELECT lineage, count FROM epoch") == [(before.lineage, before.count + 1)]
    await store.close()


async def test_what_changes_nothing_and_allowed_requests_are_not_counted(kept: Kept) -> None:
    store = kept.open()
    await store.apply(writes.Record(), [a_row()])
    before = kept.mark()
    assert isinstance(await store.apply(writes.Move("env_none", 1, Step.DENY, START)), c.Lost)
    store.note(a_row())
    await store.shake_out()
    assert kept.mark() == before
    await store.close()


async def test_a_copy_of_minutes_ago_is_noticed_after_one_change(kept: Kept) -> None:
    store = kept.open()
    await with_people(store)
    copy = kept.copy()
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    kept.put_back(copy)
    store = kept.open()
    assert store.doubt() == PUT_BACK
    await store.close()


async def test_a_crash_between_the_database_and_its_file_is_no_doubt(kept: Kept) -> None:
    store = kept.open()
    await store.apply(writes.Record(), [a_row()])
    behind = kept.beside.read_bytes()
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    kept.beside.write_bytes(behind)
    store = kept.open()
    assert store.doubt() is None
    await store.close()


def lost(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(b"x" * 54)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def of_another_installation(path: Path) -> None:
    path.write_bytes(Mark("0" * 32, 0).encoded())


@pytest.mark.parametrize("broken", [lost, empty, nonsense, cut, of_another_installation])
async def test_a_file_that_does_not_vouch_for_the_database_is_a_doubt(kept: Kept, broken: Any) -> None:
    store = kept.open()
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    broken(kept.beside)
    store = kept.open()
    assert store.doubt() == PUT_BACK
    await store.close()


async def test_a_new_database_in_the_place_of_the_one_that_was_there_is_a_doubt(kept: Kept) -> None:
    store = kept.open()
    await store.close()
    kept.put_back({})
    store = kept.open()
    assert store.doubt() == PUT_BACK
    await store.close()


async def test_while_there_is_a_doubt_nothing_is_spent_and_nothing_is_counted(kept: Kept) -> None:
    store = kept.open()
    await with_people(store)
    envelope = await approved(store)
    await store.close()
    kept.beside.unlink()
    store = kept.open()
    spend = writes.Spend(
        envelope.id, envelope.version, envelope.cosigner or "", "inv", envelope.token_id, "config", START
    )
    with pytest.raises(StoreError, match="Nothing is released"):
        await store.apply(spend)
    await store.apply(writes.Record(), [a_row()])
    assert not kept.beside.exists()
    await store.close()
    store = kept.open()
    assert store.doubt() == PUT_BACK
    await store.apply(writes.NewEpoch(), [a_row()])
    assert store.doubt() is None
    assert isinstance(await store.apply(spend), c.Done)
    await store.close()


async def test_a_copy_from_before_a_restore_is_never_newer_than_it(kept: Kept) -> None:
    store = kept.open()
    old = kept.copy()
    for _ in range(50):
        await store.apply(writes.Record(), [a_row()])
    newest = kept.copy()
    await store.close()
    kept.put_back(old)
    store = kept.open()
    await store.apply(writes.NewEpoch(), [a_row()])
    await store.close()
    kept.put_back(newest)
    store = kept.open()
    assert store.doubt() == PUT_BACK
    await store.close()


async def test_sessions_challenges_and_links_of_the_copy_are_gone(kept: Kept) -> None:
    store = kept.open()
    await with_people(store)
    await store.apply(writes.Invite(things.Invitation("open link", "Noor", (), START + 600)))
    await store.apply(writes.SignIn(things.StoredSession("s", "t", "Mika", b"c", START, START + 600), None))
    await store.apply(
        writes.AddChallenge(things.Challenge("chl", "login", None, None, b"", b"", START + 600))
    )
    await store.apply(writes.NewEpoch(), [a_row()])
    assert await store.sessions() == []
    assert await store.challenge("chl") is None
    assert await store.invitation("open link") is None
    assert len(await store.people()) == 1
    await store.close()


async def test_a_count_that_cannot_be_kept_is_an_error_and_stops_everything_until_it_can(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.open()
    await with_people(store)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        async with Blocked(store):
            opening = asyncio.create_task(
                store.apply(writes.Open(an_envelope(), caps(20)), [a_row(detail="opened")])
            )
            reading = asyncio.create_task(store.agents())
            await asyncio.sleep(0.02)
        with pytest.raises(StoreError, match="No space left"):
            await opening
        assert len(await reading) == 1
        assert not store.healthy()
    assert await store.envelope(ENVELOPE) is not None
    await store.apply(writes.Record(), [a_row()])
    assert store.healthy()
    assert [said for said in await store.log() if said == "opened"] == ["opened"]
    await store.close()
    store = kept.open()
    assert store.doubt() is None
    await store.close()


async def test_a_clock_set_back_between_two_starts_is_a_doubt(kept: Kept) -> None:
    time = FakeTime()
    store = kept.open(time)
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    time.jump(-3)
    store = kept.open(time)
    assert store.doubt() == CLOCK_SET_BACK
    await store.apply(writes.NewEpoch(), [a_row()])
    assert store.doubt() is None
    assert store.now() == START
    await store.close()


async def test_only_this_account_reads_the_count(kept: Kept) -> None:
    store = kept.open()
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    assert stat.S_IMODE(kept.beside.stat().st_mode) == 0o600
    kept.beside.chmod(0o666)
    store = kept.open()
    await store.apply(writes.Record(), [a_row()])
    assert stat.S_IMODE(kept.beside.stat().st_mode) == 0o600
    await store.close()


async def test_a_place_where_the_count_cannot_be_kept_is_an_error_at_the_start(kept: Kept) -> None:
    kept.beside = kept.beside / "absent" / "epoch"
    with pytest.raises(StoreError, match="cannot be written"):
        kept.open()


async def test_a_link_in_the_place_of_the_file_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    store = kept.open()
    await store.close()
    elsewhere = tmp_path / "elsewhere"
    kept.beside.rename(elsewhere)
    kept.beside.symlink_to(elsewhere)
    store = kept.open()
    with pytest.raises(StoreError):
        await store.apply(writes.Record(), [a_row()])
    await store.close()


@pytest.mark.parametrize("data", [b"", b"x", b"0" * 32 + b" 1\n", Mark("0" * 32, 1).encoded() + b"x"])
def test_only_a_whole_mark_is_one(data: bytes) -> None:
    assert decoded(data) is None
    assert decoded(Mark("a" * 32, 7).encoded()) == Mark("a" * 32, 7)
