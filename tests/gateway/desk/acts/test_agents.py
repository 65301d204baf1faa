from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.agents import AddAgent, Known, ResumeAgent, RotateToken
from gateway.desk.changing import Act
from gateway.desk.contract import DeskError
from gateway.directory import token_hash
from gateway.pausing import By
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika"})
    yield made
    await made.close()


def known(world: World) -> Known:
    return Known(world.directory, world.rules, world.directory.refresh)


ACTS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "add": (AddAgent, {"name": "new-bot"}),
    "rotate": (RotateToken, {"agent": "ci-bot"}),
    "resume": (ResumeAgent, {"agent": "ci-bot"}),
}


async def change(
    world: World, kind: str, asked: dict[str, Any] | None = None, person: str = "Mika"
) -> dict[str, Any]:
    made, plain = ACTS[kind]
    act: Act = made(known(world))
    return await world.change(f"agent/{kind}", act, plain if asked is None else asked, person)


async def pause(world: World) -> None:
    await world.pausing.pause("ci-bot", By("Mika", "session"))


@pytest.mark.parametrize("kind", ACTS)
async def test_whoever_is_no_administrator_changes_no_agent(world: World, kind: str) -> None:
    await world.enrol("Noor")
    await pause(world)
    before = await world.store.tokens(), await world.store.agents()
    with pytest.raises(DeskError, match="Only an administrator"):
        await change(world, kind, person="Noor")
    assert (await world.store.tokens(), await world.store.agents()) == before


@pytest.mark.parametrize("kind", ["rotate", "resume"])
async def test_there_is_no_such_agent(world: World, kind: str) -> None:
    with pytest.raises(DeskError, match="no such agent"):
        await change(world, kind, {"agent": "ghost"})


@pytest.mark.parametrize("kind", ACTS)
async def test_what_is_not_understood_is_not_signed(world: World, kind: str) -> None:
    with pytest.raises(DeskError, match="takes no limits"):
        await change(world, kind, {**ACTS[kind][1], "limits": {}})


async def test_an_administrator_lets_an_agent_go_on(world: World) -> None:
    await pause(world)
    assert await change(world, "resume") == {"agent": "ci-bot", "paused": False}
    assert not world.directory.agents["ci-bot"].paused
    (row,) = await world.said(kind="agent", decision="resumed")
    assert (row["agent"], row["person"], row["decision_method"]) == ("ci-bot", "Mika", "passkey")


async def test_an_agent_that_goes_on_already_is_not_resumed(world: World) -> None:
    with pytest.raises(DeskError, match="not paused"):
        await change(world, "resume")


async def test_a_new_agent_gets_a_token_once(world: World) -> None:
    told = await change(world, "add", {"name": "new-bot", "team": "platform", "owner": "Mika"})
    token = told["proxy"].partition("new-bot:")[2].partition("@")[0]
    assert token_hash(token) in {stored.hash for stored in await world.store.tokens()}
    agent = world.directory.agents["new-bot"]
    assert (agent.team, agent.owner, agent.paused) == ("platform", "Mika", False)
    assert token not in str(await world.said(kind="agent"))
    assert token not in str(await world.store.signed_changes())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "have 1 to 64"),
        ({"name": "a b"}, "have 1 to 64"),
        ({"name": "a@b:c"}, "have 1 to 64"),
        ({"name": "a", "team": "t t"}, "have 1 to 64"),
        ({"name": "ci-bot"}, "agent ci-bot already"),
        ({"name": "a", "owner": "Ghost"}, "Ghost is not enrolled"),
        ({"name": 7}, "has to be a text"),
    ],
)
async def test_an_agent_that_makes_no_sense_is_not_signed(
    world: World, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(DeskError, match=said):
        await change(world, "add", asked)


async def test_a_new_token_ends_the_old_ones(world: World) -> None:
    told = await change(world, "rotate")
    token = told["proxy"].partition("ci-bot:")[2].partition("@")[0]
    assert [stored.hash for stored in await world.store.tokens()] == [token_hash(token)]
    assert await world.said(kind="agent", decision="rotated")
