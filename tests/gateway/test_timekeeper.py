import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.envelopes import COSIGNER_LIFE, Envelope, State
from gateway.errors import Refusal
from gateway.inside import status
from gateway.model import Decision, Effect, Mapped
from gateway.payload import utc
from gateway.policy import Signing
from gateway.settings import Escalation
from gateway.store.things import Tally
from gateway.store.writes import Move, Record
from gateway.timekeeper import SHRED_EVERY, Timekeeper, recover
from tests.kit.patience import until
from tests.kit.stores import FailingStore
from tests.kit.things import a_request
from tests.kit.world import PlayedPolicy, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


def keeper(world: World) -> Timekeeper:
    return Timekeeper(world.store, world.board, world.rules)


async def after_approval(world: World) -> Envelope:
    envelope = await world.opened()
    return await world.approve(envelope.id)


async def test_what_nobody_decided_is_refused_with_its_row(world: World) -> None:
    task, envelope = await world.held()
    world.time.advance(60)
    await keeper(world).tick()
    with pytest.raises(Refusal, match="Nobody approved") as refused:
        await task
    assert refused.value.reason == "approval_timeout"
    told = await world.now(envelope)
    assert (told.state, told.decided_by, told.decision_method) == (State.EXPIRED, None, "timeout")
    (row,) = await world.said(reason="approval_timeout")
    assert (row["envelope"], row["decision_method"], row["person"]) == (envelope.id, "timeout", "nobody")


async def test_nothing_ends_before_its_time(world: World) -> None:
    envelope = await world.opened()
    world.time.advance(59)
    await keeper(world).tick()
    assert (await world.now(envelope)).state is State.PENDING


async def test_an_approval_that_nobody_used_lapses(world: World) -> None:
    envelope = await after_approval(world)
    world.time.advance(COSIGNER_LIFE - 1)
    await keeper(world).tick()
    assert (await world.now(envelope)).state is State.APPROVED
    world.time.advance(1)
    await keeper(world).tick()
    told = await world.now(envelope)
    assert (told.state, told.cosigner_token) == (State.LAPSED, None)
    (row,) = await world.said(reason="lapsed")
    assert row["cosigner"] == envelope.cosigner


async def test_somebody_who_decides_in_that_moment_is_not_overruled(world: World) -> None:
    envelope = await world.opened()
    world.time.advance(60)
    failing = FailingStore(world.sqlite)

    async def deny_first(change: object) -> None:
        if isinstance(change, Move):
            failing.before_apply = None
            await world.operating.envelope_deny(envelope.id)

    failing.before_apply = deny_first
    await Timekeeper(failing, world.board, world.rules).tick()
    assert (await world.now(envelope)).state is State.DENIED
    assert await world.said(reason="approval_timeout") == []


async def is_expired(world: World, envelope: Envelope) -> bool:
    return (await world.now(envelope)).state is State.EXPIRED


async def is_shredded(world: World, envelope: Envelope) -> bool:
    return (await world.now(envelope)).sealed is None


async def no_tallies(world: World) -> bool:
    return not await world.sqlite._all("SELECT * FROM tallies")


async def test_time_goes_on_after_a_store_that_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.timekeeper.TICK", 0.001)
    envelope = await world.opened()
    world.time.advance(60)
    failing = FailingStore(world.sqlite)
    failing.fails = lambda number, _name: number < 5
    running = asyncio.create_task(Timekeeper(failing, world.board, world.rules).run())
    await until(lambda: is_expired(world, envelope))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await world.now(envelope)).state is State.EXPIRED


async def test_what_is_over_is_shredded_when_its_retention_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.timekeeper.TICK", 0.001)
    world.set(retention=100)
    envelope = await world.opened()
    world.time.advance(60)
    running = asyncio.create_task(keeper(world).run())
    await asyncio.sleep(0.05)
    assert (await world.now(envelope)).sealed is not None
    world.time.advance(SHRED_EVERY + 101)
    await until(lambda: is_shredded(world, envelope))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await world.now(envelope)).sealed is None


async def test_what_was_on_its_way_in_a_crash_is_unknown_and_never_sent_again(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id)
    await task
    assert (await world.now(envelope)).state is State.SPENT
    assert await recover(world.store) == 1
    told = await world.now(envelope)
    assert (told.state, told.outcome) == (State.UNKNOWN, "unknown")
    (row,) = await world.said(kind="outcome")
    assert (row["outcome"], row["cosigner"], row["envelope"]) == ("unknown", told.cosigner, envelope.id)
    assert await recover(world.store) == 0


async def test_a_plain_restart_lapses_nothing(world: World) -> None:
    approved = await after_approval(world)
    assert await recover(world.store) == 0
    assert (await world.now(approved)).state is State.APPROVED


ONCALL = Escalation(30, "oncall")


class AfterAWhile(PlayedPolicy):
    """Noor may approve what has waited for half a minute."""

    def may_approve(
        self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
    ) -> bool:
        assert signing is not None
        return person == "Mika" or (person == "Noor" and signing.waited >= 30)


async def test_a_question_that_nobody_decides_goes_to_the_next_group_and_a_row_says_so(world: World) -> None:
    world.set(escalate=(ONCALL,))
    envelope = await world.opened()
    world.time.advance(29)
    await keeper(world).tick()
    assert await world.said(kind="escalation") == []
    world.time.advance(1)
    seen = world.board.last
    await keeper(world).tick()
    (row,) = await world.said(kind="escalation")
    assert (row["envelope"], row["person"], row["decision_method"]) == (envelope.id, "nobody", "timeout")
    assert row["detail"] == "to oncall, 30 s after it was opened"
    assert world.board.last == seen + 1


async def test_it_goes_there_once_also_after_a_restart(world: World) -> None:
    world.set(escalate=(ONCALL,))
    await world.opened()
    world.time.advance(31)
    await keeper(world).tick()
    world.wire(world.sqlite)
    await world.directory.refresh()
    await keeper(world).tick()
    assert len(await world.said(kind="escalation")) == 1


async def test_a_gateway_that_was_down_meanwhile_makes_up_for_it(world: World) -> None:
    world.set(escalate=(ONCALL, Escalation(40, "managers")))
    await world.opened()
    world.time.advance(45)
    await keeper(world).tick()
    told = [row["detail"] for row in await world.said(kind="escalation")]
    assert told == ["to oncall, 30 s after it was opened", "to managers, 40 s after it was opened"]


async def test_what_is_decided_or_over_goes_nowhere(world: World) -> None:
    world.set(escalate=(ONCALL,))
    await after_approval(world)
    late = await world.opened(a_request(target="/late"))
    world.time.advance(60)
    await keeper(world).tick()
    assert (await world.now(late)).state is State.EXPIRED
    assert await world.said(kind="escalation") == []


async def test_whoever_it_goes_to_signs_from_then_on_and_not_a_second_earlier(world: World) -> None:
    await world.enrol("Noor")
    world.set(escalate=(ONCALL,))
    world.policy = AfterAWhile()
    envelope = await world.opened()
    told = await world.desk.envelope(world.session("Mika"), envelope.id)
    at = utc(envelope.opened_at + 30)
    assert told["approvers"] == ["Mika"]
    assert told["escalation"] == [{"to": "oncall", "at": at, "went_at": None, "people": ["Noor"]}]
    world.time.advance(29)
    with pytest.raises(DeskError, match="Policy does not let you"):
        await world.approve(envelope.id, "Noor")
    world.time.advance(1)
    await keeper(world).tick()
    told = await world.desk.envelope(world.session("Noor"), envelope.id)
    assert told["escalation"][0]["went_at"] == at
    assert (told["approvers"], told["may"]["approve"]) == (["Mika", "Noor"], True)
    assert (await world.approve(envelope.id, "Noor")).state is State.APPROVED


async def test_a_signature_is_as_late_as_it_was_given_also_when_it_is_used(world: World) -> None:
    """Who may sign in the first half minute only is not refused because it took longer to be used."""

    class AtFirst(PlayedPolicy):
        def may_approve(
            self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
        ) -> bool:
            assert signing is not None
            return signing.waited < 30

    world.policy = AtFirst()
    envelope = await world.opened()
    await world.approve(envelope.id)
    world.time.advance(40)
    await world.ask()
    assert (await world.now(envelope)).state is State.SPENT


async def test_people_who_come_with_a_step_can_be_reached_and_others_not(world: World) -> None:
    await world.enrol("Noor")
    world.policy = AfterAWhile()
    world.policy.decision = Decision(Effect.STEP_UP, (), 2)
    with pytest.raises(Refusal, match="nobody who may is enrolled"):
        await world.ask()
    world.set(escalate=(Escalation(60, "too late"),))
    with pytest.raises(Refusal, match="nobody who may is enrolled"):
        await world.ask()
    world.set(escalate=(ONCALL,))
    assert (await world.opened()).quorum == 2


async def test_after_a_restart_time_that_ran_out_meanwhile_is_a_timeout_with_its_row(world: World) -> None:
    envelope = await world.opened()
    world.wire(world.sqlite)
    await world.directory.refresh()
    assert await recover(world.store) == 0
    world.time.advance(3600)
    await keeper(world).tick()
    told = await world.now(envelope)
    assert (told.state, told.decision_method, told.decided_by) == (State.EXPIRED, "timeout", None)
    (row,) = await world.said(kind="end")
    assert (row["reason"], row["decision_method"], row["person"]) == ("approval_timeout", "timeout", "nobody")
    shown = status(told, world.store.now())
    assert (shown["error"], shown["decision_method"]) == ("ApprovalTimeout", "timeout")
    await keeper(world).tick()
    assert len(await world.said(kind="end")) == 1


async def test_what_is_remembered_of_agents_is_forgotten_after_30_days(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.timekeeper.TICK", 0.001)
    world.store.tally([Tally("ci-bot", "from", "home", world.store.now(), 1)])
    await world.store.apply(Record())
    world.time.advance(32 * 86_400)
    running = asyncio.create_task(keeper(world).run())
    await until(lambda: no_tallies(world))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await world.sqlite._all("SELECT * FROM tallies") == []
