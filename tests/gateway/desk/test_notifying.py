import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.contract import DeskError
from gateway.notify.channel import Failed
from gateway.payload import utc
from gateway.settings import AppriseChannel, ChannelSetting, Notifications, WebhookChannel
from tests.kit.channels import PlayedChannel
from tests.kit.clocks import START
from tests.kit.world import World

CHANNELS: dict[str, ChannelSetting] = {
    "mail": AppriseChannel("mailtos://me:hunter2@example.com"),
    "hook": WebhookChannel("https://hooks.example/hunter2", "whsec_hunter2"),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika"})
    await made.enrol("Noor")
    made.policy.approvers = frozenset({"Mika"})
    made.settings = replace(made.settings, notifications=Notifications(CHANNELS))
    made.channels.update(mail=PlayedChannel(), hook=PlayedChannel())
    yield made
    await made.close()


async def test_channels_and_deliveries_are_shown_without_an_address(world: World) -> None:
    envelope = await world.opened()
    view = await world.desk.notifications(world.session("Mika"))
    assert view["channels"] == [
        {"name": "mail", "kind": "apprise", "address_masked": "mailtos://…", "last": None},
        {"name": "hook", "kind": "webhook", "address_masked": "https://hooks.example/…", "last": None},
    ]
    assert {one["channel"] for one in view["deliveries"]} == {"mail", "hook"}
    assert view["deliveries"][0] == {
        "envelope": envelope.id,
        "kind": "asked",
        "channel": "hook",
        "person": "Mika",
        "state": "queued",
        "at": utc(START),
        "attempts": 0,
        "error": None,
    }
    assert "hunter2" not in json.dumps(view)


async def test_the_last_word_of_a_channel_is_shown_a_trial_or_a_delivery(world: World) -> None:
    world.channels["hook"] = PlayedChannel(outcome=Failed("gone", again=False))
    assert await world.desk.test_notification(world.session("Mika"), "hook") == {
        "channel": "hook",
        "state": "failed",
        "error": "gone",
    }
    last = {"state": "failed", "at": utc(START), "error": "gone"}
    assert (await channel(world, "hook"))["last"] == last
    world.channels["hook"] = PlayedChannel()
    world.time.advance(5)
    await world.opened()
    world.notifier._under = Notifications()
    await world.notifier.tick()
    await world.notifier.tick()
    for task in list(world.notifier._sending.values()):
        await task
    assert (await channel(world, "hook"))["last"]["state"] == "accepted"


async def channel(world: World, name: str) -> Any:
    view = await world.desk.notifications(world.session("Mika"))
    return next(one for one in view["channels"] if one["name"] == name)


async def test_only_an_administrator_sees_or_tries_channels(world: World) -> None:
    with pytest.raises(DeskError) as seen:
        await world.desk.notifications(world.session("Noor"))
    with pytest.raises(DeskError) as tried:
        await world.desk.test_notification(world.session("Noor"), "mail")
    assert (seen.value.status, tried.value.status) == (403, 403)
    assert world.channels["mail"].sent == []  # type: ignore[attr-defined]  # it is a played one


async def test_a_channel_that_is_not_there_is_told_apart(world: World) -> None:
    with pytest.raises(DeskError) as absent:
        await world.desk.test_notification(world.session("Mika"), "male")
    assert absent.value.status == 404


async def test_the_operator_tries_a_channel_from_the_command_line(world: World) -> None:
    world.operating.tries = world.notifier
    assert (await world.operating.notify_test("mail"))["state"] == "accepted"
