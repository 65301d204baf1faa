from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.envelopes import Envelope, State
from gateway.errors import Reason, Refusal
from gateway.model import Mapped, Request
from gateway.pausing import By
from gateway.settings import Limits
from tests.kit.things import a_caller, a_mapped, a_request, a_unit
from tests.kit.world import World

BY_MIKA = By("Mika", "session")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Each path means something of its own; three denials in a row pause an agent."""
    made = await World(tmp_path).open()
    made.library.meaning = by_path
    made.settings = replace(made.settings, limits=Limits(denials_in_a_row=3))
    yield made
    await made.close()


def by_path(request: Request) -> Mapped:
    return a_mapped(a_unit(context={"path": request.target}))


async def denied(world: World, target: str) -> Envelope:
    envelope = await world.opened(a_request(target=target))
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    return envelope


def is_paused(world: World, agent: str = "ci-bot") -> bool:
    return world.directory.agents[agent].paused


async def test_an_agent_that_keeps_asking_for_what_is_denied_is_paused(world: World) -> None:
    waiting = await world.opened(a_request(target="/waiting"))
    for number in range(3):
        assert not is_paused(world)
        await denied(world, f"/{number}")
    assert is_paused(world)
    assert (await world.now(waiting)).state is State.CANCELLED
    (row,) = await world.said(kind="agent", decision="paused")
    assert (row["agent"], row["decision_method"], row["detail"]) == (
        "ci-bot",
        "rate_limit",
        "denied 3 times in a row",
    )
    with pytest.raises(Refusal) as refused:
        world.directory.check_not_paused("ci-bot")
    assert refused.value.reason is Reason.AGENT_PAUSED


async def test_an_approval_between_denials_begins_the_count_anew(world: World) -> None:
    await denied(world, "/1")
    await denied(world, "/2")
    world.time.advance(1)
    approved = await world.opened(a_request(target="/fine"))
    await world.approve(approved.id)
    world.time.advance(1)
    await denied(world, "/3")
    assert not is_paused(world)


async def test_one_denial_that_ends_several_questions_counts_once(world: World) -> None:
    """The same thing asked from three addresses was denied once."""
    world.set(join="address")
    for peer in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
        await world.opened(a_request(target="/same", caller=a_caller(peer=peer)))
    await denied(world, "/same")
    ended = await world.store.envelopes([State.DENIED])
    assert len(ended) == 4
    assert not is_paused(world)


async def test_silence_is_no_denial(world: World) -> None:
    await denied(world, "/1")
    await denied(world, "/2")
    unanswered = await world.opened(a_request(target="/unanswered"))
    await world.operating.envelope_cancel(unanswered.id)
    assert not is_paused(world)
    await denied(world, "/3")
    assert is_paused(world)


async def test_a_resumed_agent_is_not_stopped_by_its_past(world: World) -> None:
    for number in range(3):
        await denied(world, f"/{number}")
    world.time.advance(1)
    await world.operating.agent_resume("ci-bot")
    world.time.advance(1)
    await denied(world, "/again")
    assert not is_paused(world)


async def test_another_agents_denials_stop_nobody_else(world: World) -> None:
    await world.add_agent("other")
    for number in range(3):
        await denied(world, f"/{number}")
    assert not is_paused(world, "other")


async def test_nobody_is_paused_where_the_limit_is_off(world: World) -> None:
    world.settings = replace(world.settings, limits=Limits(denials_in_a_row=0))
    for number in range(4):
        await denied(world, f"/{number}")
    assert not is_paused(world)


async def test_an_operators_denials_count_as_well(world: World) -> None:
    for number in range(3):
        envelope = await world.opened(a_request(target=f"/{number}"))
        await world.operating.envelope_deny(envelope.id)
    assert is_paused(world)


async def test_a_person_stops_an_agent_and_all_that_waits_of_it(world: World) -> None:
    await world.add_agent("other")
    mine = await world.opened(a_request(target="/mine"))
    others = await world.opened(a_request(target="/others", caller=a_caller("other")))
    told = await world.desk.pause_agent(world.session("Mika"), "ci-bot")
    assert told == {"agent": "ci-bot", "paused": True, "cancelled": [mine.id]}
    assert (await world.now(mine)).state is State.CANCELLED
    assert (await world.now(others)).state is State.PENDING
    (row,) = await world.said(kind="agent", decision="paused")
    assert (row["person"], row["decision_method"]) == ("Mika", "session")
    assert row["credential_id"]
    (end,) = [each for each in await world.said(envelope=mine.id) if each["kind"] == "end"]
    assert (end["person"], end["reason"], end["detail"]) == ("Mika", "cancelled", "the agent was paused")


async def test_what_was_approved_does_not_go_while_its_agent_is_paused(world: World) -> None:
    task, envelope = await world.held(a_request(target="/held"))
    await world.pausing.stop("ci-bot", BY_MIKA)
    await world.approve(envelope.id)
    with pytest.raises(Refusal) as refused:
        await task
    assert refused.value.reason is Reason.AGENT_PAUSED


async def test_nobody_pauses_an_agent_that_is_not_there(world: World) -> None:
    with pytest.raises(DeskError) as error:
        await world.desk.pause_agent(world.session("Mika"), "nobody")
    assert error.value.status == 404
    assert not await world.pausing.after_denial("nobody")


async def test_what_somebody_decided_first_stays_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause between a look and its write cancels nothing that was decided in between."""
    envelope = await world.opened(a_request(target="/1"))
    stale = await world.store.envelopes([State.PENDING])
    await world.deciding.deny(world.session("Mika"), envelope.id, None)

    async def as_it_was(*_: object) -> list[Envelope]:
        return stale

    monkeypatch.setattr(world.pausing.store, "envelopes", as_it_was)
    assert await world.pausing.pause("ci-bot", BY_MIKA) == []
    assert (await world.now(envelope)).state is State.DENIED


async def test_everything_is_stopped_by_a_person_who_is_named_in_every_row(world: World) -> None:
    await world.add_agent("second")
    waiting = [await world.opened(), await world.opened(a_request(target="/other"))]
    told = await world.desk.stop_all(world.session("Mika"))
    assert told["paused"] == ["ci-bot", "second"]
    assert sorted(told["denied"]) == sorted(envelope.id for envelope in waiting)
    assert all(agent.paused for agent in world.directory.agents.values())
    rows = [*await world.said(reason="stop_all"), *await world.said(kind="agent", decision="paused")]
    assert len(rows) == 4
    assert {(row["person"], row["decision_method"]) for row in rows} == {("Mika", "session")}
    for envelope in waiting:
        assert (await world.now(envelope)).state is State.DENIED


async def test_what_was_decided_meanwhile_is_not_denied_by_stopping(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    told = await world.desk.stop_all(world.session("Mika"))
    assert told["denied"] == []
    with pytest.raises(Refusal):
        await world.releaser.release(await world.now(envelope), a_request())
