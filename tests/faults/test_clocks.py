"""Clocks that jump at each step of the loop: nothing is extended, nothing comes back, nothing is released."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.envelopes import COSIGNER_LIFE, Envelope, State
from gateway.errors import Reason, Refusal
from gateway.gate import Release
from gateway.timekeeper import Timekeeper
from tests.kit.clocks import START
from tests.kit.things import a_request
from tests.kit.world import World

HOUR = 3600
JUMPS = [-48 * HOUR, -HOUR, -3, 3, HOUR, 48 * HOUR]
ANOTHER = a_request(target="/v1/payments?dry=1")
BACK = [jump for jump in JUMPS if jump < 0]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def tick(world: World) -> None:
    await Timekeeper(world.store, world.board, world.rules).tick()


async def state(world: World, envelope: Envelope) -> State:
    return (await world.now(envelope)).state


async def approved(world: World) -> Envelope:
    return await world.approve((await world.opened()).id)


async def is_held(world: World) -> bool:
    pending = await world.sqlite.envelopes([State.PENDING])
    return any(world.board.waiting(envelope.id) for envelope in pending)


async def asked_again(world: World) -> Release | Refusal:
    """The identical retry, by a client that leaves if it is held."""
    gone = asyncio.Event()
    task = asyncio.create_task(world.ask(gone=gone))
    async with asyncio.timeout(60):
        while not task.done() and not await is_held(world):
            await asyncio.sleep(0.005)
    gone.set()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, Release | Refusal), result
    return result


@pytest.mark.parametrize("jump", JUMPS)
async def test_while_the_clock_is_off_nothing_is_released(world: World, jump: int) -> None:
    envelope = await approved(world)
    world.time.jump(jump)
    refused = await asked_again(world)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.GATEWAY_UNAVAILABLE
    assert await state(world, envelope) is State.APPROVED
    assert await world.said(kind="authorised") == []


@pytest.mark.parametrize("jump", [-2, 2])
async def test_two_seconds_are_no_jump(world: World, jump: int) -> None:
    await approved(world)
    world.time.jump(jump)
    assert isinstance(await asked_again(world), Release)


@pytest.mark.parametrize("jump", BACK)
async def test_a_clock_put_back_gives_nobody_longer_to_decide(world: World, jump: int) -> None:
    envelope = await world.opened()
    world.time.jump(jump)
    world.time.advance(59)
    await tick(world)
    assert await state(world, envelope) is State.PENDING
    world.time.advance(1)
    with pytest.raises(DeskError, match="Time ran out"):
        await world.approve(envelope.id)
    await tick(world)
    assert await state(world, envelope) is State.EXPIRED


@pytest.mark.parametrize("jump", BACK)
async def test_a_clock_put_back_keeps_no_approval_alive_and_right_again_revives_none(
    world: World, jump: int
) -> None:
    envelope = await approved(world)
    world.time.jump(jump)
    world.time.advance(COSIGNER_LIFE)
    world.time.jump(-jump)
    again = await asked_again(world)
    assert not isinstance(again, Release)
    await tick(world)
    assert await state(world, envelope) is State.LAPSED
    assert await world.said(kind="authorised") == []


@pytest.mark.parametrize("jump", BACK)
async def test_a_clock_put_back_lengthens_no_session_and_no_signature_in_the_making(
    world: World, jump: int
) -> None:
    envelope = await world.opened()
    asked = await world.deciding.sign(world.session("Mika"), envelope.id)
    world.time.jump(jump)
    world.time.advance(60)
    answer = world.passkeys["Mika"].sign(asked["options"])
    with pytest.raises(DeskError):
        await world.deciding.approve(world.session("Mika"), envelope.id, asked["challenge_id"], answer)
    assert await world.store.signatures(envelope.id) == ()
    assert world.store.now() == START + 60


@pytest.mark.parametrize("jump", [HOUR, 48 * HOUR])
async def test_what_ended_while_the_clock_was_ahead_stays_ended(world: World, jump: int) -> None:
    unused = await approved(world)
    undecided = await world.opened(ANOTHER)
    world.time.jump(jump)
    await tick(world)
    assert await state(world, unused) is State.LAPSED
    assert await state(world, undecided) is State.EXPIRED
    world.time.jump(-jump)
    await tick(world)
    assert await state(world, unused) is State.LAPSED
    assert await state(world, undecided) is State.EXPIRED
    with pytest.raises(DeskError):
        await world.approve(undecided.id)
    assert isinstance(await asked_again(world), Refusal)
    assert await world.said(kind="authorised") == []


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_jump_while_it_is_on_its_way_loses_no_outcome(world: World, jump: int) -> None:
    envelope = await approved(world)
    release = await asked_again(world)
    assert isinstance(release, Release)
    world.time.jump(jump)
    await tick(world)
    release.done("completed", 200, "")
    await world.releaser.settle()
    assert await state(world, envelope) is State.COMPLETED


async def test_what_was_not_sent_is_not_approved_again_after_its_time_whatever_the_clock_says(
    world: World,
) -> None:
    envelope = await approved(world)
    release = await asked_again(world)
    assert isinstance(release, Release)
    world.time.jump(-HOUR)
    world.time.advance(COSIGNER_LIFE)
    release.done("not_sent", None, "")
    await world.releaser.settle()
    assert await state(world, envelope) is State.LAPSED


@pytest.mark.parametrize("jump", BACK)
async def test_a_clock_put_back_over_a_restart_keeps_nothing_alive(world: World, jump: int) -> None:
    unused = await approved(world)
    undecided = await world.opened(ANOTHER)
    world.time.jump(jump)
    await world.restart()
    assert await state(world, unused) is State.LAPSED
    assert await state(world, undecided) is State.CANCELLED
    (row,) = await world.said(kind="store")
    assert "the clock was set back" in row["detail"]
    assert isinstance(await asked_again(world), Refusal)
    assert await world.said(kind="authorised") == []


@pytest.mark.parametrize("jump", [HOUR, 48 * HOUR])
async def test_a_clock_put_forward_over_a_restart_ends_what_is_over_by_then(world: World, jump: int) -> None:
    unused = await approved(world)
    world.time.jump(jump)
    await world.restart()
    assert isinstance(await asked_again(world), Refusal)
    await tick(world)
    assert await state(world, unused) is State.LAPSED
    assert await world.said(kind="authorised") == []


async def test_what_expired_is_expired_after_a_restart_with_the_clock_put_back(world: World) -> None:
    envelope = await world.opened()
    world.time.advance(60)
    await tick(world)
    world.time.jump(-HOUR)
    await world.restart()
    assert await state(world, envelope) is State.EXPIRED
    with pytest.raises(DeskError):
        await world.approve(envelope.id)
