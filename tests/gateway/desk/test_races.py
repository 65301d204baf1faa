"""Two that decide one question in the same moment, through the real store: one wins, the other hears who."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.contract import DeskError
from gateway.envelopes import Envelope, State, Step
from gateway.errors import UsageError
from gateway.store.contract import Applied, Done
from gateway.store.writes import Move
from gateway.timekeeper import Timekeeper
from tests.kit.clocks import START
from tests.kit.stores import FailingStore, a_sign, a_signature
from tests.kit.world import World

OPENED, DEADLINE = "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"
TIME_RAN_OUT = f"Time ran out at {DEADLINE}: it was refused."


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    yield made
    await made.close()


type Decides = Callable[[World, Envelope], Awaitable[Any]]


async def approve(world: World, envelope: Envelope) -> None:
    await world.approve(envelope.id, "Noor")


async def deny(world: World, envelope: Envelope) -> None:
    await world.deciding.deny(world.session("Noor"), envelope.id, None)


async def cancel(world: World, envelope: Envelope) -> None:
    await world.operating.envelope_cancel(envelope.id)


async def time_out(world: World, envelope: Envelope) -> None:
    world.time.advance(60)
    await Timekeeper(world.sqlite, world.board, world.rules).tick()


def just_before(world: World, change: str, envelope: Envelope, other: Decides) -> FailingStore:
    """Somebody else commits between the look at the envelope and the write that decides it."""
    store = FailingStore(world.sqlite)

    async def first(made: object) -> None:
        if type(made).__name__ == change:
            store.before_apply = None
            world.deciding.store = world.sqlite
            await other(world, envelope)

    store.before_apply = first
    return store


async def loses(deciding: Awaitable[Any]) -> DeskError:
    with pytest.raises(DeskError) as error:
        await deciding
    assert error.value.status == 409
    return error.value


WINNERS = [
    (deny, State.DENIED, "decided", f"Noor denied this first, at {OPENED}."),
    (cancel, State.CANCELLED, "decided", f"operator cancelled this first, at {OPENED}."),
    (approve, State.APPROVED, "decided", f"Noor approved this first, at {OPENED}."),
    (time_out, State.EXPIRED, "expired", TIME_RAN_OUT),
]


@pytest.mark.parametrize(("winner", "state", "word", "said"), WINNERS)
async def test_an_approval_that_loses_the_race_hears_who_won(
    world: World, winner: Decides, state: State, word: str, said: str
) -> None:
    envelope = await world.opened()
    world.deciding.store = just_before(world, "Sign", envelope, winner)
    error = await loses(world.approve(envelope.id))
    assert (error.word, error.detail) == (word, said)
    assert error.extra["envelope"].state is state
    assert (await world.now(envelope)).state is state
    assert len(await world.said(kind="mint")) == (1 if winner is approve else 0)


@pytest.mark.parametrize(("winner", "state", "word", "said"), WINNERS)
async def test_a_denial_that_loses_the_race_hears_who_won(
    world: World, winner: Decides, state: State, word: str, said: str
) -> None:
    envelope = await world.opened()
    world.deciding.store = just_before(world, "Move", envelope, winner)
    error = await loses(world.deciding.deny(world.session("Mika"), envelope.id, None))
    assert (error.word, error.detail) == (word, said)
    assert (await world.now(envelope)).state is state
    assert [row["person"] for row in await world.said(reason="approval_denied")] == (
        ["Noor"] if winner is deny else []
    )


@pytest.mark.parametrize(("winner", "state", "word", "said"), WINNERS)
async def test_whoever_comes_long_after_hears_who_won(
    world: World, winner: Decides, state: State, word: str, said: str
) -> None:
    envelope = await world.opened()
    await winner(world, envelope)
    for late in (
        world.deciding.sign(world.session("Mika"), envelope.id),
        world.deciding.deny(world.session("Mika"), envelope.id, None),
    ):
        error = await loses(late)
        assert (error.word, error.detail) == (word, said)
    with pytest.raises(UsageError) as told:
        await world.operating.envelope_deny(envelope.id)
    assert str(told.value) == f"{envelope.id} is {state} already: nothing changed. {said}"


@pytest.mark.parametrize(("winner", "state", "word", "said"), WINNERS)
async def test_an_operator_who_loses_the_race_hears_who_won(
    world: World, winner: Decides, state: State, word: str, said: str
) -> None:
    envelope = await world.opened()
    racing = just_before(world, "Move", envelope, winner)
    operating = replace(world.operating, store=racing)
    with pytest.raises(UsageError) as told:
        await operating.envelope_deny(envelope.id)
    assert str(told.value) == f"Nothing changed. {said}"
    assert (await world.now(envelope)).state is state


async def signs_in_time(world: World, envelope: Envelope) -> Applied:
    (credential,) = world.directory.people["Noor"].credentials
    signature = a_signature("Noor", START + 59, envelope=envelope.id, credential_id=credential.id)
    return await world.sqlite.apply(
        a_sign(envelope.version, signature=signature, credential=replace(credential, sign_count=99))
    )


async def denies_in_time(world: World, envelope: Envelope) -> Applied:
    return await world.sqlite.apply(
        Move(envelope.id, envelope.version, Step.DENY, START + 59, "Noor", "session")
    )


@pytest.mark.parametrize("winner", [denies_in_time, signs_in_time])
async def test_a_timeout_that_loses_the_race_overrules_nobody(
    world: World, winner: Callable[[World, Envelope], Awaitable[Applied]]
) -> None:
    """Decided in the last second, and written between the timekeeper's look and its own write."""
    envelope = await world.opened()
    made: list[Applied] = []

    async def first(world: World, envelope: Envelope) -> None:
        made.append(await winner(world, envelope))

    racing = just_before(world, "Move", envelope, first)
    world.time.advance(60)
    await Timekeeper(racing, world.board, world.rules).tick()
    assert isinstance(made[0], Done)
    told = await world.now(envelope)
    assert (told.state, told.decided_by) == (made[0].envelope and made[0].envelope.state, "Noor")
    assert told.state in {State.DENIED, State.APPROVED}
    assert await world.said(reason="approval_timeout") == []


async def test_two_approvers_at_once_make_one_cosigner(world: World) -> None:
    envelope = await world.opened()
    results = await asyncio.gather(
        world.approve(envelope.id, "Mika"), world.approve(envelope.id, "Noor"), return_exceptions=True
    )
    (lost,) = [result for result in results if isinstance(result, DeskError)]
    told = await world.now(envelope)
    assert lost.detail == f"{told.decided_by} approved this first, at {OPENED}."
    assert len(await world.said(kind="mint")) == 1
    assert len(await world.sqlite.signatures(envelope.id)) == 1


async def test_two_of_two_approvers_at_once_both_count_and_the_second_signs_again(world: World) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelope = await world.opened()
    results = await asyncio.gather(
        world.approve(envelope.id, "Mika"), world.approve(envelope.id, "Noor"), return_exceptions=True
    )
    (lost,) = [result for result in results if isinstance(result, DeskError)]
    assert (lost.word, lost.detail) == ("changed", "Somebody else signed meanwhile: try again.")
    (signed,) = await world.sqlite.signatures(envelope.id)
    await world.approve(envelope.id, "Noor" if signed.person == "Mika" else "Mika")
    assert (await world.now(envelope)).state is State.APPROVED
    assert len(await world.said(kind="mint")) == 1


async def test_a_denial_after_the_release_cannot_call_it_back_and_hears_who_approved(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id, "Noor")
    release = await asyncio.wait_for(task, 60)
    for state in (State.SPENT, State.COMPLETED):
        assert (await world.now(envelope)).state is state
        error = await loses(world.deciding.deny(world.session("Mika"), envelope.id, None))
        assert error.detail == f"Noor approved this first, at {OPENED}."
        release.done("completed", 200, "")
        await world.releaser.settle()


async def test_a_denial_after_a_withdrawn_approval_hears_of_it(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id, "Noor")
    await world.deciding.withdraw(world.session("Noor"), envelope.id)
    error = await loses(world.deciding.deny(world.session("Mika"), envelope.id, None))
    assert error.detail == f"Noor withdrew the approval of this first, at {OPENED}."


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("late", [False, True], ids=["in time", "as time runs out"])
async def test_of_everybody_at_once_exactly_one_wins_and_every_loser_is_told(
    world: World, first: int, late: bool
) -> None:
    """Approvals, denials, a cancellation and the timekeeper."""
    envelope = await world.opened()
    people = ("Mika", "Noor")
    asked = [await world.deciding.sign(world.session(name), envelope.id) for name in people]
    answers = [world.passkeys[name].sign(a["options"]) for name, a in zip(people, asked, strict=True)]
    deciders: list[Awaitable[Any]] = [
        *(
            world.deciding.approve(world.session(name), envelope.id, a["challenge_id"], answer)
            for name, a, answer in zip(people, asked, answers, strict=True)
        ),
        *(world.deciding.deny(world.session(name), envelope.id, None) for name in people),
        world.operating.envelope_cancel(envelope.id),
        time_out(world, envelope) if late else Timekeeper(world.sqlite, world.board, world.rules).tick(),
    ]
    results = await asyncio.gather(*deciders[first:], *deciders[:first], return_exceptions=True)
    losers = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(lost, DeskError | UsageError) for lost in losers), losers
    told = await world.now(envelope)
    ends = [row for row in await world.said(envelope=envelope.id) if row["kind"] in {"end", "mint"}]
    assert len(ends) == 1
    assert len(losers) == (5 if told.state is State.EXPIRED else 4)
    for lost in losers:
        assert f"{told.decided_by} " in str(lost) or (late and TIME_RAN_OUT in str(lost))
