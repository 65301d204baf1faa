from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.payload import utc
from gateway.store.writes import EndDelegation
from tests.kit.away import HOUR, lend
from tests.kit.clocks import START
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    for name in ("Tomo", "Noor"):
        await made.enrol(name)
    yield made
    await made.close()


async def test_everybody_sees_who_stands_in_for_whom_before_and_while_it_holds(world: World) -> None:
    later = await lend(world, asked={"from": utc(START + 60)})
    told = await world.desk.delegations(world.session("Noor"))
    assert told["delegations"] == [
        {
            "id": later.id, "person": "Mika", "to": "Tomo", "what": "everything they may approve",
            "service": None, "group": None, "from": utc(START + 60), "until": utc(START + HOUR),
            "live": False, "may_withdraw": False,
        }
    ]  # fmt: skip
    assert told["people"] == ["Mika", "Tomo"]
    world.time.advance(60)
    assert (await world.desk.delegations(world.session("Noor")))["delegations"][0]["live"] is True
    world.time.advance(HOUR)
    assert (await world.desk.delegations(world.session("Noor")))["delegations"] == []


async def test_the_page_of_a_question_names_who_stands_in_and_until_when(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    envelope = await world.opened()
    assert (await world.desk.envelope(world.session("Noor"), envelope.id))["delegates"] == []
    lent = await lend(world)
    told = await world.desk.envelope(world.session("Noor"), envelope.id)
    away = {"person": "Mika", "until": utc(lent.until_at)}
    assert (told["approvers"], told["delegates"]) == (["Mika"], [{"person": "Tomo", "for": away}])
    assert (await world.desk.envelope(world.session("Tomo"), envelope.id))["may"]["approve"] is True
    await world.approve(envelope.id, "Tomo")
    told = await world.desk.envelope(world.session("Noor"), envelope.id)
    (signature,) = told["signatures"]
    assert (signature["person"], signature["for"], signature["counts"]) == ("Tomo", away, True)


@pytest.mark.parametrize("person", ["Mika", "Tomo", "Noor"])
async def test_both_sides_and_administrators_end_it_with_their_session_alone(
    world: World, person: str
) -> None:
    world.policy.administrators = frozenset({"Noor"})
    lent = await lend(world)
    seen = world.board.last
    assert await world.desk.withdraw_delegation(world.session(person), lent.id) == {"id": lent.id}
    assert world.directory.delegations == ()
    assert world.board.last > seen
    (row,) = await world.said(decision="withdrawn")
    assert (row["kind"], row["person"], row["decision_method"]) == ("delegation", person, "session")
    assert row["detail"] == f"{lent.id}: Tomo for Mika, everything they may approve"


async def test_somebody_else_does_not_end_it(world: World) -> None:
    lent = await lend(world)
    with pytest.raises(DeskError, match="between two others"):
        await world.desk.withdraw_delegation(world.session("Noor"), lent.id)
    assert world.directory.delegations == (lent,)


async def test_what_is_not_there_or_over_already_says_so(world: World) -> None:
    with pytest.raises(DeskError, match="no such delegation"):
        await world.desk.withdraw_delegation(world.session("Mika"), "del_x")
    lent = await lend(world)
    await world.store.apply(EndDelegation(lent.id, START, "withdrawn"))
    with pytest.raises(DeskError, match="over already"):
        await world.desk.withdraw_delegation(world.session("Mika"), lent.id)
    assert await world.said(decision="withdrawn") == []


async def test_a_signature_that_no_longer_counts_is_shown_as_such_and_not_counted(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    world.policy.decision = world.policy.decision.__class__(world.policy.decision.effect, (), 2)
    world.policy.approvers = frozenset({"Mika", "Noor"})
    lent = await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    session = world.session("Noor")
    assert (await world.desk.envelope(session, envelope.id))["row"]["signed"] == 1
    await world.desk.withdraw_delegation(world.session("Mika"), lent.id)
    told = await world.desk.envelope(session, envelope.id)
    assert (told["row"]["signed"], told["signatures"][0]["counts"]) == (0, False)
