from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.agents import ResumeAgent
from gateway.desk.contract import DeskError
from gateway.pausing import By
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika"})
    await made.pausing.pause("ci-bot", By("Mika", "session"))
    yield made
    await made.close()


async def resume(world: World, asked: dict[str, Any] | None = None, person: str = "Mika") -> dict[str, Any]:
    act = ResumeAgent(world.directory, world.rules, world.directory.refresh)
    return await world.change("agent/resume", act, asked or {"agent": "ci-bot"}, person)


async def test_an_administrator_lets_an_agent_go_on(world: World) -> None:
    assert await resume(world) == {"agent": "ci-bot", "paused": False}
    assert not world.directory.agents["ci-bot"].paused
    (row,) = await world.said(kind="agent", decision="resumed")
    assert (row["agent"], row["person"], row["decision_method"]) == ("ci-bot", "Mika", "passkey")


async def test_whoever_is_no_administrator_resumes_nothing(world: World) -> None:
    await world.enrol("Noor")
    with pytest.raises(DeskError, match="Only an administrator"):
        await resume(world, person="Noor")
    assert world.directory.agents["ci-bot"].paused


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"agent": "ghost"}, "no such agent"),
        ({"agent": "ci-bot", "limits": {}}, "takes no limits"),
        ({"agent": 1}, "has to be a text"),
    ],
)
async def test_what_makes_no_sense_is_not_signed(world: World, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(DeskError, match=said):
        await resume(world, asked)


async def test_an_agent_that_goes_on_already_is_not_resumed(world: World) -> None:
    await resume(world)
    with pytest.raises(DeskError, match="not paused"):
        await resume(world)
