from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.limits import LimitsAct
from gateway.desk.contract import DeskError
from gateway.store.things import Holder
from tests.kit.world import World

CI = Holder("agent", "ci-bot")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika"})
    yield made
    await made.close()


async def change(
    world: World, limits: Any, kind: str = "agent", name: str = "ci-bot", person: str = "Mika", **more: Any
) -> dict[str, Any]:
    act = LimitsAct(world.directory, world.rules, world.directory.refresh)
    asked = {"kind": kind, "name": name, "limits": limits, **more}
    return await world.change("limits/set", act, asked, person)


async def test_an_agents_limits_are_set_changed_and_inherited_again(world: World) -> None:
    assert (await change(world, {"jpy": 600, "eur/day": 0}))["limits"] == {"eur/day": 0, "jpy": 600}
    assert world.directory.limits == {CI: {"eur/day": 0, "jpy": 600}}
    await change(world, {"jpy": 100, "eur/day": None})
    assert world.directory.limits == {CI: {"jpy": 100}}
    first, second = await world.said(kind="config", decision="limits")
    assert first["detail"] == "agent ci-bot: eur/day: inherited to 0, jpy: inherited to 600"
    assert second["detail"] == "agent ci-bot: eur/day: 0 to inherited, jpy: 600 to 100"
    assert (second["person"], second["decision_method"], second["agent"]) == ("Mika", "passkey", "ci-bot")


async def test_a_teams_limits_are_its_own(world: World) -> None:
    await change(world, {"jpy": 500}, kind="team", name="platform")
    assert world.directory.limits == {Holder("team", "platform"): {"jpy": 500}}


async def test_only_what_differs_is_signed(world: World) -> None:
    await change(world, {"jpy": 500})
    act = LimitsAct(world.directory, world.rules, world.directory.refresh)
    plan = await act.plan("Mika", {"kind": "agent", "name": "ci-bot", "limits": {"jpy": 500, "eur": 5}})
    assert plan.change["limits"] == {"eur": {"from": None, "to": 5}}
    with pytest.raises(DeskError, match="already"):
        await change(world, {"jpy": 500})


async def test_a_limit_that_somebody_else_changed_meanwhile_is_not_overwritten(world: World) -> None:
    world.changing.acts["limits/set"] = LimitsAct(world.directory, world.rules, world.directory.refresh)
    asked = {"kind": "agent", "name": "ci-bot", "limits": {"jpy": 600}}
    begun = await world.changing.begin(world.session("Mika"), "limits/set", asked)
    await change(world, {"jpy": 100})
    answer = world.passkeys["Mika"].sign(begun["options"])
    with pytest.raises(DeskError, match="not what would happen"):
        await world.changing.finish(world.session("Mika"), begun["challenge_id"], answer)
    assert world.directory.limits == {CI: {"jpy": 100}}


async def test_whoever_is_no_administrator_sets_no_limits(world: World) -> None:
    await world.enrol("Noor")
    with pytest.raises(DeskError, match="Only an administrator"):
        await change(world, {"jpy": 1}, person="Noor")
    assert world.directory.limits == {}


@pytest.mark.parametrize(
    "limits",
    [
        {},
        [],
        {"jpy": -1},
        {"jpy": True},
        {"jpy": 1.5},
        {"jpy": "5"},
        {"jpy": 2**63},
        {"": 1},
        {"a b": 1},
        {"x" * 65: 1},
        {f"l{n}": n for n in range(51)},
    ],
)
async def test_what_is_no_limit_is_not_signed(world: World, limits: Any) -> None:
    with pytest.raises(DeskError, match="has to be"):
        await change(world, limits)


@pytest.mark.parametrize(("kind", "name"), [("agent", "ghost"), ("team", "ghost"), ("person", "ci-bot")])
async def test_nobody_has_no_limits(world: World, kind: str, name: str) -> None:
    with pytest.raises(DeskError, match="no such agent or team"):
        await change(world, {"jpy": 1}, kind=kind, name=name)


async def test_nothing_else_is_changed_with_them(world: World) -> None:
    with pytest.raises(DeskError, match="takes no owner"):
        await change(world, {"jpy": 1}, owner="Mika")
