"""Each way to approve what one should not, through somebody who is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.backing import Backing
from gateway.delegations import Delegation, counts_for, rests_on
from gateway.desk.contract import DeskError
from gateway.envelopes import Envelope, State
from gateway.errors import Refusal
from gateway.gate import Release
from gateway.model import Approval, Decision, Effect, Mapped, Unit
from gateway.payload import utc
from gateway.policy import Signing
from gateway.store.writes import RevokePerson
from gateway.timekeeper import Timekeeper
from tests.kit.away import HOUR, lend
from tests.kit.clocks import START
from tests.kit.things import a_caller, a_mapped, a_request, a_unit
from tests.kit.world import PlayedPolicy, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Policy lets Mika and Noor approve; Tomo and Priya only read."""
    made = await World(tmp_path).open()
    for name in ("Noor", "Tomo", "Priya"):
        await made.enrol(name)
    made.policy.approvers = frozenset({"Mika", "Noor"})
    yield made
    await made.close()


async def refused(deciding: Any, word: str) -> None:
    with pytest.raises(DeskError) as error:
        await deciding
    assert error.value.word == word


async def lapses(world: World, task: "asyncio.Task[Release]", envelope: Envelope) -> None:
    with pytest.raises(Refusal, match="no longer counts"):
        await task
    assert (await world.now(envelope)).state is State.LAPSED


def needing(world: World, quorum: int) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, (), quorum)


# What a delegation is for. ---------------------------------------------------------------------------------


async def test_who_stands_in_signs_with_their_own_passkey_and_all_say_for_whom(world: World) -> None:
    lent = await lend(world)
    task, envelope = await world.held()
    approved = await world.approve(envelope.id, "Tomo")
    await task
    assert (approved.decided_by, approved.decision_method) == ("Tomo", "passkey")
    (signature,) = await world.store.signatures(envelope.id)
    said = world.deciding.backers.given(signature).said
    assert said["approver"] == "Tomo"
    assert said["for"] == {"person": "Mika", "until": utc(lent.until_at), "delegation": lent.id}
    (row,) = await world.said(kind="signature")
    assert (row["person"], row["detail"]) == ("Tomo", f"for Mika, who is away until {utc(lent.until_at)}")
    (used,) = await world.said(kind="delegation", decision="used")
    assert (used["person"], used["envelope"], used["detail"].split(":")[0]) == ("Tomo", envelope.id, lent.id)


async def test_what_one_may_approve_oneself_is_signed_for_oneself(world: World) -> None:
    await lend(world, to="Noor")
    envelope = await world.opened()
    await world.approve(envelope.id, "Noor")
    (signature,) = await world.store.signatures(envelope.id)
    assert "for" not in world.deciding.backers.given(signature).said
    assert await world.said(decision="used") == []


async def test_without_a_delegation_nobody_signs_for_anybody(world: World) -> None:
    envelope = await world.opened()
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")


# Whom it does not help. ------------------------------------------------------------------------------------


async def test_the_owner_of_an_agent_does_not_approve_through_a_delegation(world: World) -> None:
    await world.add_agent("owned", owner="Tomo")
    await lend(world)
    for may in (False, True):
        world.set(owner_may_approve=may)
        envelope = await world.opened(a_request(caller=a_caller("owned"), target=f"/{may}"))
        await refused(world.approve(envelope.id, "Tomo"), "not_allowed" if may else "own_request")


async def test_what_owners_may_do_is_theirs_alone(world: World) -> None:
    """Mika may approve for her own agent; whom she chose may not."""
    await world.add_agent("owned", owner="Mika")
    world.set(owner_may_approve=True)
    await lend(world)
    envelope = await world.opened(a_request(caller=a_caller("owned")))
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")
    await world.approve(envelope.id, "Mika")


async def test_a_delegate_of_a_delegate_may_nothing(world: World) -> None:
    await lend(world)
    await lend(world, "Tomo", "Priya")
    envelope = await world.opened()
    await refused(world.approve(envelope.id, "Priya"), "not_allowed")


async def test_who_may_approve_nothing_has_nothing_to_lend(world: World) -> None:
    await lend(world, "Priya", "Tomo")
    envelope = await world.opened()
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")


async def test_an_absent_person_who_was_revoked_lends_nothing(world: World) -> None:
    await lend(world)
    envelope = await world.opened()
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    await world.directory.refresh()
    assert world.directory.delegations == ()
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")


async def test_a_passkey_that_is_gone_lends_nothing_also_before_the_delegation_is_ended(world: World) -> None:
    await lend(world)
    envelope = await world.opened()
    kept = world.directory.delegations
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    await world.directory.refresh()
    world.directory.delegations = kept
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")


async def test_a_template_that_names_approvers_is_not_widened_by_a_delegation(world: World) -> None:
    """Mika is not one of them, so whom she chose is not either, though they are."""

    class Narrow(PlayedPolicy):
        def may_approve(
            self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
        ) -> bool:
            return person == mapped.units[0].approval.approvers

    world.policy = Narrow()
    world.library.meaning = lambda _request: a_mapped(a_unit(approval=Approval(approvers="Noor")))
    await lend(world)
    await lend(world, "Mika", "Noor")
    envelope = await world.opened()
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")
    await world.approve(envelope.id, "Noor")


async def test_an_agent_named_like_a_person_stands_in_for_nobody(world: World) -> None:
    await refused(lend(world, to="ci-bot"), "absent")
    await world.enrol("ci-bot")
    world.policy.approvers = frozenset({"Mika"})
    envelope = await world.opened()
    await refused(world.approve(envelope.id, "ci-bot"), "not_allowed")


# Of what and when. -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        ({"service": "shop"}, True),
        ({"service": "bank"}, False),
        ({"group": "payment"}, True),
        ({"group": "write"}, True),
        ({"group": "publish"}, False),
    ],
)
async def test_only_what_was_lent_is_lent(world: World, asked: dict[str, str], may: bool) -> None:
    world.library.services = {"shop": object(), "bank": object()}
    await lend(world, asked=asked)
    envelope = await world.opened()
    if may:
        await world.approve(envelope.id, "Tomo")
    else:
        await refused(world.approve(envelope.id, "Tomo"), "not_allowed")


def lent_for(service: str | None = None, group: str | None = None) -> Delegation:
    return Delegation("del_1", "Mika", "Tomo", service, group, START, START + HOUR, START)


@pytest.mark.parametrize("extra", [a_unit(groups=()), a_unit(service="bank")])
def test_a_request_with_one_unit_that_was_not_lent_is_not_lent(extra: Unit) -> None:
    mapped = a_mapped(a_unit(), extra)
    assert lent_for().covers(mapped)
    assert not (lent_for(service="shop").covers(mapped) and lent_for(group="payment").covers(mapped))


def test_a_delegation_lives_from_its_start_until_just_before_its_end() -> None:
    lent = lent_for()
    assert [lent.is_live(at) for at in (START - 1, START, START + HOUR - 1, START + HOUR)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [lent.is_over(at) for at in (START, START + HOUR)] == [False, True]


async def test_a_delegation_counts_for_nothing_before_its_start_and_after_its_end(world: World) -> None:
    starts = utc(world.store.now() + 30)
    await lend(world, asked={"from": starts})
    early = await world.opened()
    await refused(world.approve(early.id, "Tomo"), "not_allowed")
    world.time.advance(30)
    await world.approve(early.id, "Tomo")
    world.time.advance(HOUR - 30)
    late = await world.opened(a_request(target="/late"))
    await refused(world.approve(late.id, "Tomo"), "not_allowed")


# Between the signature and the spend. ----------------------------------------------------------------------


async def signed_by_tomo(world: World) -> tuple["asyncio.Task[Release]", Envelope, Delegation]:
    """Tomo has signed for Mika, as the first of two."""
    needing(world, 2)
    lent = await lend(world, lasts=30)
    task, envelope = await world.held()
    await world.approve(envelope.id, "Tomo")
    return task, envelope, lent


async def test_a_delegation_that_ended_between_signature_and_spend_no_longer_counts(world: World) -> None:
    lent = await lend(world, lasts=30)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    world.time.advance(30)
    assert not lent.is_live(world.store.now())
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_a_delegation_that_was_withdrawn_between_signature_and_spend_no_longer_counts(
    world: World,
) -> None:
    lent = await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await world.desk.withdraw_delegation(world.session("Mika"), lent.id)
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_another_delegation_does_not_stand_in_for_the_one_that_was_signed(world: World) -> None:
    lent = await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await lend(world)
    await world.desk.withdraw_delegation(world.session("Tomo"), lent.id)
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_an_absent_person_revoked_between_signature_and_spend_takes_the_signature_along(
    world: World,
) -> None:
    await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    await world.directory.refresh()
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_a_delegate_revoked_between_signature_and_spend_no_longer_counts(world: World) -> None:
    await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await world.store.apply(RevokePerson("Tomo", world.store.now()))
    await world.directory.refresh()
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_an_absent_person_who_lost_the_group_in_between_takes_the_signature_along(world: World) -> None:
    await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    world.policy.approvers = frozenset({"Noor"})
    await lapses(world, asyncio.create_task(world.ask()), envelope)


async def test_a_delegation_that_ended_before_the_second_signature_leaves_one(world: World) -> None:
    task, envelope, _ = await signed_by_tomo(world)
    world.time.advance(30)
    told = await world.approve(envelope.id, "Noor")
    assert told.state is State.PENDING
    assert (await world.approve(envelope.id, "Mika")).state is State.APPROVED
    await task


async def test_who_signs_for_another_at_the_spend_must_still_mean_the_same(world: World) -> None:
    """Tomo may approve himself by then; what he signed was for Mika, whose delegation is over."""
    lent = await lend(world)
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    world.policy.approvers = frozenset({"Mika", "Noor", "Tomo"})
    await world.desk.withdraw_delegation(world.session("Mika"), lent.id)
    await lapses(world, asyncio.create_task(world.ask()), envelope)


# Quorums. --------------------------------------------------------------------------------------------------


async def test_one_right_is_not_two_signatures(world: World) -> None:
    """Whoever is away and returns cannot be the second beside who stood in."""
    task, envelope, _ = await signed_by_tomo(world)
    await refused(world.approve(envelope.id, "Mika"), "counted")
    assert (await world.desk.envelope(world.session("Mika"), envelope.id))["may"] == {
        "approve": False, "deny": True, "why": "counted",
    }  # fmt: skip
    await world.approve(envelope.id, "Noor")
    await task
    assert world.policy.spent_with == [2]


async def test_one_person_does_not_make_a_quorum_of_those_they_chose(world: World) -> None:
    needing(world, 2)
    await lend(world)
    await lend(world, "Mika", "Priya")
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await refused(world.approve(envelope.id, "Priya"), "counted")
    await refused(world.approve(envelope.id, "Mika"), "counted")


async def test_who_stands_in_for_two_signs_once(world: World) -> None:
    needing(world, 2)
    await lend(world)
    await lend(world, "Noor", "Tomo")
    envelope = await world.opened()
    told = await world.approve(envelope.id, "Tomo")
    assert told.state is State.PENDING
    await refused(world.approve(envelope.id, "Tomo"), "changed")
    assert (await world.now(envelope)).state is State.PENDING


async def test_who_stands_in_for_two_signs_for_the_one_who_has_not_signed(world: World) -> None:
    needing(world, 2)
    await lend(world)
    await lend(world, "Noor", "Tomo")
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    assert (await world.approve(envelope.id, "Tomo")).state is State.APPROVED
    signatures = await world.store.signatures(envelope.id)
    assert {counts_for(world.deciding.backers.given(one).said) for one in signatures} == {"Mika", "Noor"}


async def test_two_signatures_with_one_right_are_one_at_the_spend(world: World) -> None:
    """Both verify, and both people may sign: it is still one person's right."""
    _, envelope, _ = await signed_by_tomo(world)
    by_tomo = await world.store.signatures(envelope.id)
    await world.desk.withdraw(world.session("Tomo"), envelope.id)
    await world.approve(envelope.id, "Mika")
    both = by_tomo + await world.store.signatures(envelope.id)
    assert len({signature.person for signature in both}) == 2
    counting = world.deciding.backers.counting(envelope, a_mapped(), world.rules(), both)
    backing = Backing(counting, frozenset())
    assert [given.by for given in backing.approvals] == ["Tomo", "Mika"]
    assert backing.rights == {"Mika"}
    assert backing.flags(envelope) is None
    assert [rests_on(world.deciding.backers.given(one).said) is None for one in both] == [False, True]


async def test_an_absent_person_adds_nobody_to_those_who_can_be_reached(world: World) -> None:
    needing(world, 2)
    world.policy.approvers = frozenset({"Mika"})
    await lend(world)
    with pytest.raises(Refusal, match="nobody who may is enrolled"):
        await world.ask()


# Its end. --------------------------------------------------------------------------------------------------


async def test_the_end_is_a_row_once_also_after_a_restart(world: World) -> None:
    lent = await lend(world)
    for _ in range(2):
        await Timekeeper(world.store, world.board, world.rules).tick()
    assert await world.said(decision="ended") == []
    world.time.advance(HOUR)
    for _ in range(2):
        await Timekeeper(world.store, world.board, world.rules).tick()
    (row,) = await world.said(decision="ended")
    assert (row["kind"], row["person"]) == ("delegation", "Mika")
    assert row["detail"] == f"{lent.id}: Tomo no longer signs for Mika"
    await world.directory.refresh()
    assert world.directory.delegations == ()
