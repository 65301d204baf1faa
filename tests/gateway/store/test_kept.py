from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.envelopes import Envelope, State, Step
from gateway.store.contract import Done, Lost
from gateway.store.things import Kept
from gateway.store.writes import Answered, Keep, Move, Open, Shred, Spend, TakeAnswer
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, approved, row, with_people
from tests.kit.things import an_envelope, caps

KEEP = Keep(an_envelope().id, b"sealed request", "hash of the secret")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    yield made
    await made.close()


async def spent(store: TimedStore) -> Envelope:
    envelope = await approved(store)
    await store.apply(KEEP, row("kept"))
    change = Spend(envelope.id, envelope.version, "bafycosigner", "inv", "tok_ci-bot", "config", START)
    done = await store.apply(change)
    assert isinstance(done, Done)
    assert done.envelope
    return done.envelope


def completed(envelope: Envelope, version: int | None = None) -> Answered:
    move = Move(
        envelope.id, version or envelope.version, Step.COMPLETE, START, outcome="completed", status=200
    )
    return Answered(move, b"sealed answer")


async def test_what_is_kept_makes_its_question_async_and_leaves_its_version(store: TimedStore) -> None:
    """An approver who looked at it before that still signs it."""
    await store.apply(Open(an_envelope(), caps(20)))
    done = await store.apply(KEEP, row("kept"))
    assert isinstance(done, Done)
    assert done.envelope
    assert (done.envelope.mode, done.envelope.version, done.envelope.secret_hash) == (
        "async",
        1,
        "hash of the secret",
    )
    assert await store.kept(done.envelope.id) == Kept(b"sealed request", None, None)
    assert (await store.log())[-1] == "kept"


async def test_of_two_that_keep_the_first_wins_and_no_secret_is_swapped(store: TimedStore) -> None:
    await store.apply(Open(an_envelope(), caps(20)))
    await store.apply(KEEP)
    lost = await store.apply(Keep(an_envelope().id, b"another", "another secret"), row("lost"))
    assert isinstance(lost, Lost)
    assert (lost.why, lost.envelope and lost.envelope.secret_hash) == ("exists", "hash of the secret")
    assert await store.kept(an_envelope().id) == Kept(b"sealed request", None, None)
    assert "lost" not in await store.log()


@pytest.mark.parametrize("step", [Step.DENY, Step.CANCEL])
async def test_what_is_over_is_not_kept(store: TimedStore, step: Step) -> None:
    await store.apply(Open(an_envelope(), caps(20)))
    await store.apply(Move(an_envelope().id, 1, step, START, "Mika", "session"))
    lost = await store.apply(KEEP)
    assert isinstance(lost, Lost)
    assert (lost.why, lost.envelope is not None) == ("changed", True)
    assert await store.kept(an_envelope().id) is None


async def test_what_never_was_is_not_kept(store: TimedStore) -> None:
    assert await store.apply(KEEP) == Lost("absent")


async def test_only_what_is_approved_and_kept_is_to_be_sent(store: TimedStore) -> None:
    await store.apply(Open(an_envelope(id="env_other", join_key="other"), caps(20)))
    await store.apply(Keep("env_other", b"x", "x"))
    envelope = await approved(store)
    assert await store.to_send() == []
    await store.apply(KEEP)
    assert [found.id for found in await store.to_send()] == [envelope.id]


async def test_what_was_spent_is_never_to_be_sent_again(store: TimedStore) -> None:
    envelope = await spent(store)
    assert await store.to_send() == []
    await store.apply(Move(envelope.id, envelope.version, Step.LOSE, START, outcome="unknown"))
    assert await store.to_send() == []


async def test_what_was_not_sent_is_to_be_sent_while_its_approval_lives(store: TimedStore) -> None:
    envelope = await spent(store)
    await store.apply(Move(envelope.id, envelope.version, Step.RETURN, START, outcome="not_sent"))
    assert [found.id for found in await store.to_send()] == [envelope.id]


async def test_an_answer_is_stored_with_its_outcome_or_not_at_all(store: TimedStore) -> None:
    envelope = await spent(store)
    lost = await store.apply(completed(envelope, version=99), row("lost"))
    assert isinstance(lost, Lost)
    assert await store.kept(envelope.id) == Kept(b"sealed request", None, None)
    assert isinstance(await store.apply(completed(envelope), row("done")), Done)
    assert await store.kept(envelope.id) == Kept(None, b"sealed answer", None)
    assert "lost" not in await store.log()


async def test_an_answer_is_taken_once(store: TimedStore) -> None:
    envelope = await spent(store)
    await store.apply(completed(envelope))
    taken = await store.apply(TakeAnswer(envelope.id, START + 5), row("fetched"))
    assert isinstance(taken, Done)
    assert taken.answer == b"sealed answer"
    assert await store.apply(TakeAnswer(envelope.id, START + 6), row("again")) == Lost("used")
    assert await store.kept(envelope.id) == Kept(None, None, START + 5)
    assert "again" not in await store.log()


async def test_there_is_no_answer_of_what_was_not_kept(store: TimedStore) -> None:
    envelope = await approved(store)
    assert await store.apply(TakeAnswer(envelope.id, START)) == Lost("absent")


@pytest.mark.parametrize("step", [Step.DENY, Step.EXPIRE, Step.CANCEL, Step.LAPSE, Step.REVOKE, Step.LOSE])
async def test_the_request_is_erased_in_the_moment_it_can_be_sent_no_more(
    store: TimedStore, step: Step
) -> None:
    """With it goes the agent's credential."""
    if step is Step.LOSE:
        envelope = await spent(store)
    elif step in {Step.LAPSE, Step.REVOKE}:
        envelope = await approved(store)
        await store.apply(KEEP)
    else:
        await store.apply(Open(an_envelope(), caps(20)))
        envelope = an_envelope()
        await store.apply(KEEP)
    kept = await store.kept(envelope.id)
    assert kept
    assert kept.request == b"sealed request"
    done = await store.apply(Move(envelope.id, envelope.version, step, START + 60, "Mika", "session"))
    assert isinstance(done, Done)
    assert await store.kept(envelope.id) == Kept(None, None, None)


async def test_an_answer_that_nobody_fetched_is_shredded_with_the_question(store: TimedStore) -> None:
    envelope = await spent(store)
    await store.apply(completed(envelope))
    await store.apply(Shred(envelope.expires_at, START))
    kept = await store.kept(envelope.id)
    assert kept
    assert kept.answer == b"sealed answer"
    await store.apply(Shred(envelope.expires_at + 1, START))
    assert await store.kept(envelope.id) == Kept(None, None, None)
    found = await store.envelope(envelope.id)
    assert found
    assert found.state is State.COMPLETED
