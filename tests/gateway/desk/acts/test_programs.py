from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.programs import RegisterProgram, RevokeOne
from gateway.desk.contract import DeskError
from tests.kit.programs import SoftProgram
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    made.policy.administrators = frozenset({"Mika"})
    yield made
    await made.close()


async def register(world: World, person: str = "Mika", **changes: Any) -> dict[str, Any]:
    act = RegisterProgram(world.directory, world.rules, world.directory.refresh)
    asked = {"name": "fraud", "key": SoftProgram(world).did, "verbs": ["delegate", "deny"], **changes}
    return await world.change("program/register", act, asked, person)


async def revoke(world: World, person: str = "Mika", **asked: Any) -> dict[str, Any]:
    act = RevokeOne(world.directory, world.rules, world.directory.refresh)
    return await world.change("program/revoke", act, {"name": "fraud", **asked}, person)


async def refused(world: World, changing: Any, word: str) -> None:
    before = dict(world.directory.programs)
    with pytest.raises(DeskError) as error:
        await changing
    assert error.value.word == word
    assert world.directory.programs == before


async def test_an_administrator_registers_a_program_with_what_it_may(world: World) -> None:
    await register(world)
    program = world.directory.programs["fraud"]
    assert program.verbs == ("deny", "delegate")
    (row,) = await world.said(kind="program")
    assert (row["decision"], row["reason"], row["person"]) == ("registered", "fraud", "Mika")
    assert program.key in row["detail"]
    told = await world.desk.programs(world.session("Noor"))
    assert [each["name"] for each in told["programs"]] == ["fraud"]


async def test_nobody_else_registers_or_revokes_one(world: World) -> None:
    await refused(world, register(world, "Noor"), "not_administrator")
    await register(world)
    await refused(world, revoke(world, "Noor"), "not_administrator")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "a b"}, "bad_name"),
        ({"name": ""}, "bad_request"),
        ({"key": "did:key:zabc"}, "bad_key"),
        ({"verbs": ["approve"]}, "bad_request"),
        ({"verbs": ["deny", "approve"]}, "bad_request"),
        ({"verbs": ["deny", "deny"]}, "bad_request"),
        ({"verbs": []}, "bad_request"),
        ({"verbs": "deny"}, "bad_request"),
        ({"people": 1}, "bad_request"),
    ],
)
async def test_what_is_not_a_program_is_not_registered(
    world: World, changes: dict[str, Any], word: str
) -> None:
    await refused(world, register(world, **changes), word)


async def test_neither_a_name_nor_a_key_stands_for_two_programs(world: World) -> None:
    await register(world)
    await refused(world, register(world), "exists")
    key = world.directory.programs["fraud"].key
    await refused(world, register(world, name="second", key=key), "exists")


async def test_a_revoked_program_is_gone_and_its_name_is_not_used_again(world: World) -> None:
    await register(world)
    await revoke(world)
    assert world.directory.programs == {}
    await refused(world, revoke(world), "absent")
    await refused(world, register(world), "changed")
