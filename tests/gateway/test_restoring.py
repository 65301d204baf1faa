"""After an older database was put back: what it calls approved or pending may be over already."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from gateway.audit import Kind
from gateway.envelopes import State, Step
from gateway.errors import StoreError
from gateway.restoring import settle_doubt
from gateway.store import writes
from gateway.store.epoch import CLOCK_SET_BACK, PUT_BACK
from gateway.timekeeper import recover
from tests.kit.clocks import START, FakeTime
from tests.kit.stores import FailingStore, Kept, TimedStore, approved, with_people
from tests.kit.things import ENVELOPE, a_row, an_envelope, caps

PENDING = "env_" + "1" * 26


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
async def restored(kept: Kept) -> AsyncIterator[TimedStore]:
    """One that is approved and one that waits, put back after both were over."""
    store = kept.open()
    await with_people(store)
    await approved(store)
    await store.apply(writes.Open(an_envelope(id=PENDING, join_key="other"), caps(20)))
    copy = kept.copy()
    await store.apply(writes.Move(ENVELOPE, 2, Step.REVOKE, START, by="Mika", method="session"))
    await store.apply(writes.Move(PENDING, 1, Step.DENY, START, by="Mika", method="session"))
    await store.close()
    kept.put_back(copy)
    opened = kept.open()
    yield opened
    await opened.close()


def is_turn(turn: int, number: int, _call: str) -> bool:
    return number == turn


async def state_of(store: TimedStore, envelope: str) -> State:
    found = await store.envelope(envelope)
    assert found is not None
    return found.state


async def test_a_restored_backup_revives_no_approval_that_was_withdrawn(restored: TimedStore) -> None:
    assert await state_of(restored, ENVELOPE) is State.APPROVED
    assert await settle_doubt(restored) == PUT_BACK
    assert await state_of(restored, ENVELOPE) is State.LAPSED
    (found,) = await restored.rows({"envelope": ENVELOPE, "reason": "restored"}, None, 10)
    assert (found.row.kind, found.row.cosigner) == (Kind.END, "bafycosigner")


async def test_a_restored_backup_asks_nobody_anew_what_was_denied(restored: TimedStore) -> None:
    await settle_doubt(restored)
    assert await state_of(restored, PENDING) is State.CANCELLED
    (found,) = await restored.rows({"envelope": PENDING, "reason": "restored"}, None, 10)
    assert found.row.detail == f"it may be over already, because {PUT_BACK}"


async def test_a_restore_is_a_row_and_settled_once(restored: TimedStore, kept: Kept) -> None:
    assert await settle_doubt(restored) == PUT_BACK
    assert await settle_doubt(restored) is None
    (found,) = await restored.rows({"kind": "store"}, None, 10)
    assert (found.row.decision, found.row.person) == ("restored", "gateway")
    assert "2 questions and approvals" in str(found.row.detail)
    await restored.close()
    again = kept.open()
    assert await settle_doubt(again) is None
    await again.close()


async def test_a_restore_that_is_interrupted_anywhere_is_settled_by_the_next_start(
    restored: TimedStore, kept: Kept
) -> None:
    store = restored
    for number in range(8):
        for after in (False, True):
            failing = FailingStore(store)
            failing.fails, failing.after = partial(is_turn, number), after
            with contextlib.suppress(StoreError):
                await settle_doubt(failing)
            await store.close()
            store = kept.open()
    assert await settle_doubt(store) is None
    assert await state_of(store, ENVELOPE) is State.LAPSED
    assert await state_of(store, PENDING) is State.CANCELLED
    await store.close()


async def test_a_plain_restart_ends_nothing(kept: Kept) -> None:
    store = kept.open()
    await with_people(store)
    await approved(store)
    await store.close()
    store = kept.open()
    assert await settle_doubt(store) is None
    assert await state_of(store, ENVELOPE) is State.APPROVED
    await store.close()


async def test_what_the_copy_had_on_its_way_is_unknown(kept: Kept) -> None:
    store = kept.open()
    await with_people(store)
    envelope = await approved(store)
    spend = writes.Spend(
        ENVELOPE, envelope.version, "bafycosigner", "inv", envelope.token_id, "config", START
    )
    await store.apply(spend)
    copy = kept.copy()
    await store.apply(writes.Move(ENVELOPE, 3, Step.COMPLETE, START, outcome="completed"))
    await store.close()
    kept.put_back(copy)
    store = kept.open()
    await settle_doubt(store)
    assert await recover(store) == 1
    assert await state_of(store, ENVELOPE) is State.UNKNOWN
    await store.close()


async def test_a_clock_set_back_while_stopped_keeps_no_approval_alive(kept: Kept) -> None:
    time = FakeTime()
    store = kept.open(time)
    await with_people(store)
    await approved(store)
    time.advance(200)
    await store.apply(writes.Record(), [a_row()])
    await store.close()
    time.jump(-3600)
    store = kept.open(time)
    assert await settle_doubt(store) == CLOCK_SET_BACK
    assert await state_of(store, ENVELOPE) is State.LAPSED
    assert store.now() == START + 200
    await store.close()
    store = kept.open(time)
    assert await settle_doubt(store) == CLOCK_SET_BACK, "until the clock is right each start says so"
    await store.close()
