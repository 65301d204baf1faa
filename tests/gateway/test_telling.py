import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.envelopes import Envelope
from gateway.errors import StoreError
from gateway.payload import utc
from gateway.settings import AppriseChannel, Escalation, NotificationRule, Notifications
from gateway.telling import Telling
from gateway.timekeeper import Timekeeper
from tests.kit.away import lend
from tests.kit.patience import PATIENCE
from tests.kit.things import KEYS, a_request
from tests.kit.world import World

MAIL = {"mail": AppriseChannel("mailto://a")}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Tomo")
    made.settings = replace(made.settings, notifications=Notifications(MAIL))
    yield made
    await made.close()


async def told(world: World) -> list[str]:
    return sorted(one.person for one in await world.sqlite.deliveries())


def telling(world: World) -> Telling:
    return Telling(world.store, KEYS, world.directory, world.reach, world.rules)


async def test_only_who_may_sign_is_told(world: World) -> None:
    world.policy.approvers = frozenset({"Tomo"})
    await world.opened()
    assert await told(world) == ["Tomo"]


async def test_who_signs_for_somebody_who_is_away_is_told(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    await lend(world)
    await world.opened()
    assert await told(world) == ["Mika", "Tomo"]


async def test_who_can_only_break_glass_is_told_where_nobody_else_is_left(world: World) -> None:
    world.policy.approvers, world.policy.breakers = frozenset(), frozenset({"Mika"})
    world.policy.broken_by = 1
    await world.opened()
    assert await told(world) == ["Mika"]


async def test_who_can_break_glass_is_not_rung_where_somebody_may_sign(world: World) -> None:
    world.policy.approvers, world.policy.breakers = frozenset({"Tomo"}), frozenset({"Mika"})
    await world.opened()
    assert await told(world) == ["Tomo"]


async def test_an_escalation_tells_whom_it_brings_and_nobody_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set(escalate=(Escalation(30, "oncall"),))
    late = {"Tomo"}
    monkeypatch.setattr(
        world.policy,
        "may_approve",
        lambda person, *, signing, **_rest: person not in late or signing.waited >= 30,
    )
    await world.opened()
    assert await told(world) == ["Mika"]
    world.time.advance(31)
    keeper = Timekeeper(world.store, world.board, world.rules, telling(world).again)
    await keeper.tick()
    await keeper.tick()
    assert await told(world) == ["Mika", "Tomo"]


async def test_who_comes_with_a_later_step_counts_as_somebody_to_reach(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (NotificationRule(("mail",), to="Tomo"),)
    world.settings = replace(world.settings, notifications=Notifications(MAIL, rules))
    world.set(escalate=(Escalation(30, "oncall"),))
    monkeypatch.setattr(
        world.policy,
        "may_approve",
        lambda person, *, signing, **_rest: person == "Mika" or signing.waited >= 30,
    )
    await world.opened()
    assert await told(world) == []


async def test_whom_a_right_is_lent_hears_of_what_waits_already(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    await world.opened()
    assert await told(world) == ["Mika"]
    running = asyncio.create_task(telling(world).run(world.board))
    await asyncio.sleep(0)
    await lend(world)
    async with asyncio.timeout(60):
        while await told(world) != ["Mika", "Tomo"]:
            await asyncio.sleep(0.01)
    world.board.stop()
    await running


async def test_whom_a_right_is_lent_later_hears_of_what_waits_when_it_begins(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    await lend(world, asked={"from": utc(world.store.now() + 30)})
    await world.opened()
    keeper = Timekeeper(world.store, world.board, world.rules)
    await keeper.tick()
    running = asyncio.create_task(telling(world).run(world.board))
    await asyncio.sleep(0)
    world.time.advance(30)
    seen = world.board.last
    for _ in range(2):
        await keeper.tick()
    assert world.board.last == seen + 1
    async with asyncio.timeout(PATIENCE):
        while await told(world) != ["Mika", "Tomo"]:
            await asyncio.sleep(0.01)
    world.board.stop()
    await running


async def test_a_right_that_begins_when_it_is_lent_is_announced_once(world: World) -> None:
    await lend(world)
    seen = world.board.last
    await Timekeeper(world.store, world.board, world.rules).tick()
    assert world.board.last == seen


async def test_changes_that_come_together_are_gone_through_once_and_only_where_somebody_can_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened()
    passes = []

    async def envelopes(*_: object) -> list[Envelope]:
        passes.append(1)
        return []

    monkeypatch.setattr(world.sqlite, "envelopes", envelopes)
    running = asyncio.create_task(telling(world).run(world.board))
    await asyncio.sleep(0)
    for _ in range(3):
        world.board.configured()
    await asyncio.sleep(0.05)
    world.settings = replace(world.settings, notifications=Notifications())
    world.board.configured()
    await asyncio.sleep(0.05)
    world.board.stop()
    await running
    assert passes == [1]


async def test_a_store_that_fails_does_not_end_the_telling(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened()
    asked = []

    async def fails(*_: object) -> list[Envelope]:
        asked.append(1)
        raise StoreError("It is locked.")

    monkeypatch.setattr(world.sqlite, "envelopes", fails)
    running = asyncio.create_task(telling(world).run(world.board))
    await asyncio.sleep(0)
    for times in (1, 2):
        world.board.configured()
        async with asyncio.timeout(60):
            while len(asked) < times:
                await asyncio.sleep(0.01)
    world.board.stop()
    await running


async def test_a_question_that_was_altered_keeps_none_of_the_others_from_being_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.policy.approvers = frozenset({"Mika"})
    first = await world.opened(a_request(target="/v1/payments?n=1"))
    second = await world.opened(a_request(target="/v1/payments?n=2"))
    damaged = replace(await world.now(first), sealed=b"x" * 40)
    others = await world.now(second)

    async def envelopes(*_: object) -> list[Envelope]:
        return [damaged, others]

    monkeypatch.setattr(world.sqlite, "envelopes", envelopes)
    await lend(world)
    await telling(world)._all_again()
    late = {one.envelope for one in await world.sqlite.deliveries() if one.person == "Tomo"}
    assert late == {second.id}


async def test_nobody_is_told_of_what_is_over(world: World) -> None:
    world.settings = replace(world.settings, notifications=Notifications())
    envelope = await world.opened()
    await world.operating.envelope_cancel(envelope.id)
    world.settings = replace(world.settings, notifications=Notifications(MAIL))
    await telling(world).again(await world.now(envelope))
    assert await told(world) == []


async def test_nothing_is_worked_out_where_nobody_has_a_channel(world: World) -> None:
    world.settings = replace(world.settings, notifications=Notifications())
    envelope = await world.opened()
    await telling(world).again(await world.now(envelope))
    assert await told(world) == []
