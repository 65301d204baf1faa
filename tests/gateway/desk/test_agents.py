from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desk.agents import Agents
from gateway.store.things import Holder
from gateway.store.writes import SetLimits
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def test_agents_are_shown_with_their_limits_and_what_waits(world: World) -> None:
    await world.add_agent("another", owner="Mika")
    await world.store.apply(SetLimits(Holder("agent", "ci-bot"), (("jpy", 600),)))
    await world.store.apply(SetLimits(Holder("team", "platform"), (("jpy", 500),)))
    await world.directory.refresh()
    await world.opened()
    view = await Agents(world.store, world.directory, world.rules).view(world.session("Mika"))
    assert (view["me"], view["administrator"], view["people"]) == ("Mika", False, ["Mika"])
    another, ci = view["agents"]
    assert (another["name"], another["owner"], another["waiting"]) == ("another", "Mika", 0)
    assert (ci["limits"], ci["in_force"], ci["waiting"]) == ({"jpy": 600}, {"eur": 500}, 1)
    assert view["teams"] == [{"name": "platform", "limits": {"jpy": 500}}]
    assert "token" not in str(view)
