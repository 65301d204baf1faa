"""Copies of the database put back, through the real proxy and the real pages; the upstream counts."""

import shutil
from pathlib import Path

import pytest

from gateway.demo.person import Refused
from gateway.envelopes import State
from tests.e2e.test_attacks import JSON, order, reason
from tests.kit.inprocess import Inside, inside


def copy(house: Inside, name: str) -> None:
    shutil.copytree(house.service.paths.database.parent, house.folder / name)


async def put_back(house: Inside, name: str) -> None:
    """What a restore does: the gateway is stopped, its data replaced, and started again."""
    data = house.service.paths.database.parent
    await house.service.stop()
    shutil.rmtree(data)
    shutil.copytree(house.folder / name, data)
    await start(house)


async def start(house: Inside) -> None:
    """With the tokens that agents have, at the port that the proxy has now."""
    house.make_service()
    await house.service.start()
    for name, proxy in house.tokens.items():
        house.tokens[name] = f"{proxy.rpartition(':')[0]}:{house.service.settings.listen.proxy.port}"


async def approved(house: Inside, number: str = "a1") -> str:
    """Approved while the agent is away: it is not spent yet."""
    envelope = await house.asks_and_leaves(f"https://upstream.test/orders/{number}", JSON)
    await house.person.approve(envelope)
    return envelope


async def test_a_spent_approval_that_comes_back_from_a_copy_is_not_spent_again(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        envelope = await approved(house)
        copy(house, "copied")
        answer = await order(house, "a1")
        assert answer.status == 201
        await house.service.releaser.settle()
        await put_back(house, "copied")
        assert await house.state(envelope) == State.LAPSED
        again = order(house, "a1")
        anew = await question_after_signing_in(house)
        assert anew != envelope
        assert house.upstream.count("POST", "/orders/a1") == 1
        await house.person.deny(anew)
        assert reason(await again) == "approval_denied"
        assert house.upstream.count("POST", "/orders/a1") == 1
        (row,) = await house.service.store.rows({"kind": "store"}, None, 10)
        assert row.row.decision == "restored"


async def question_after_signing_in(house: Inside) -> str:
    with pytest.raises(Refused, match="401"):
        await house.person.waiting()
    await house.person.sign_in()
    (envelope,) = await house.held()
    return envelope


async def test_a_session_that_was_ended_does_not_come_back_with_a_copy(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        copy(house, "copied")
        tab = house.person._tab
        await house.person.call("POST", "logout", {})
        await put_back(house, "copied")
        house.person._tab = tab
        with pytest.raises(Refused, match="401"):
            await house.person.waiting()


async def test_a_plain_restart_keeps_an_approval_for_its_one_use(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        envelope = await approved(house)
        await house.service.stop()
        await start(house)
        assert await house.state(envelope) == State.APPROVED
        assert (await order(house, "a1")).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 1
