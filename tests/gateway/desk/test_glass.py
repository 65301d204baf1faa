import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.contract import DeskError
from gateway.encoding import from_b64u
from gateway.envelopes import Envelope, State
from gateway.errors import Refusal
from gateway.model import Approval, Decision, Effect
from gateway.store.writes import RevokePerson
from tests.kit.away import lend
from tests.kit.things import a_mapped, a_request, a_unit
from tests.kit.world import World

WHY = "The pager rang and nobody answers"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two must sign; Mika and Noor may break glass, and one of them is enough then."""
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    await made.enrol("Sol")
    made.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    made.policy.breakers, made.policy.broken_by = frozenset({"Mika", "Noor"}), 1
    yield made
    await made.close()


async def refused(deciding: Any, word: str) -> DeskError:
    with pytest.raises(DeskError) as error:
        await deciding
    assert error.value.word == word
    return error.value


async def untouched(world: World, envelope: Envelope) -> None:
    assert (await world.now(envelope)).state is State.PENDING
    assert await world.store.signatures(envelope.id) == ()
    assert await world.store.breakings(envelope.id) == ()
    assert await world.said(kind="mint") == []


async def test_one_person_breaks_glass_and_it_goes_and_a_review_stays_open(world: World) -> None:
    envelope = await world.opened()
    told = await world.break_glass(envelope.id)
    assert (told.state, told.decision_method, told.decided_by) == (State.APPROVED, "break_glass", "Mika")
    (review,) = await world.store.reviews()
    assert (review.envelope, review.closed_at) == (envelope.id, None)
    await world.releaser.release(told, a_request())
    (row,) = await world.said(kind="authorised")
    assert row["decision_method"] == "break_glass"


async def test_what_is_signed_says_that_glass_is_broken_and_why(world: World) -> None:
    envelope = await world.opened()
    asked = await world.glass.begin(world.session("Mika"), envelope.id, f"  {WHY}\n ")
    said = json.loads(from_b64u(asked["payload"]))
    assert (said["decision"], said["reason"], said["approver"]) == ("break_glass", WHY, "Mika")
    assert said["envelope"] == envelope.id


async def test_every_row_of_it_says_so_and_one_kind_is_there_to_be_watched(world: World) -> None:
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    rows = [row for row in await world.said(envelope=envelope.id) if row["kind"] != "decision"]
    assert [row["kind"] for row in rows] == ["signature", "break_glass", "mint", "review"]
    assert {row["decision_method"] for row in rows} == {"break_glass"}
    assert {row["person"] for row in rows} == {"Mika"}
    assert [row["detail"] for row in rows] == [WHY] * 4


async def test_everybody_who_watches_is_told(world: World) -> None:
    envelope = await world.opened()
    before = world.board.last
    await world.break_glass(envelope.id)
    assert world.board.last > before


async def test_where_policy_wants_two_the_second_completes_it_and_nothing_stays_open(world: World) -> None:
    world.policy.broken_by = 2
    envelope = await world.opened()
    assert (await world.break_glass(envelope.id)).state is State.PENDING
    told = await world.break_glass(envelope.id, "Noor")
    assert (told.state, told.decision_method) == (State.APPROVED, "break_glass")
    assert await world.store.reviews() == []
    await world.releaser.release(told, a_request())
    assert world.policy.spent_with[-1] == 2


async def test_one_who_approved_before_may_break_glass_and_counts_once(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    told = await world.break_glass(envelope.id)
    assert told.state is State.APPROVED
    assert [given.person for given in await world.store.signatures(envelope.id)] == ["Mika"]
    assert world.policy.spent_with[-1] == 1


async def test_an_ordinary_signature_beside_broken_glass_counts_and_the_review_stays(world: World) -> None:
    world.policy.broken_by = 2
    envelope = await world.opened()
    await world.approve(envelope.id, "Sol")
    assert (await world.break_glass(envelope.id)).state is State.APPROVED
    assert len(await world.store.reviews()) == 1


async def test_broken_glass_completes_no_ordinary_quorum(world: World) -> None:
    world.policy.broken_by = 2
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    assert (await world.approve(envelope.id, "Sol")).state is State.PENDING


async def test_somebody_whom_policy_does_not_let_approve_may_still_break_glass(world: World) -> None:
    world.policy.approvers = frozenset({"Sol", "Mira"})
    await world.enrol("Mira")
    envelope = await world.opened()
    assert (await world.break_glass(envelope.id)).state is State.APPROVED


# Who and what may not. --------------------------------------------------------------------------------------


async def test_a_non_member_breaks_no_glass(world: World) -> None:
    envelope = await world.opened()
    await refused(world.break_glass(envelope.id, "Sol"), "not_allowed")
    await untouched(world, envelope)


async def test_a_member_who_left_before_the_answer_breaks_no_glass(world: World) -> None:
    envelope = await world.opened()
    asked = await world.glass.begin(world.session("Mika"), envelope.id, WHY)
    world.policy.breakers = frozenset({"Noor"})
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(
        world.glass.finish(world.session("Mika"), envelope.id, asked["challenge_id"], answer), "not_allowed"
    )
    await untouched(world, envelope)


async def test_the_owner_of_the_agent_breaks_no_glass_for_it(world: World) -> None:
    await world.add_agent("owned", owner="Mika")
    world.set(owner_may_approve=True)
    envelope = await world.opened(
        a_request(caller=replace(a_request().caller, agent="owned", token_id="tok_owned"))
    )
    await refused(world.break_glass(envelope.id), "own_request")


async def test_somebody_without_a_passkey_breaks_no_glass(world: World) -> None:
    envelope = await world.opened()
    session = world.session("Mika")
    await world.store.apply(RevokePerson("Mika", world.store.now()))
    await world.directory.refresh()
    await refused(world.glass.begin(session, envelope.id, WHY), "no_passkey")


async def test_what_policy_forbids_stays_forbidden_whatever_is_broken(world: World) -> None:
    envelope = await world.opened()
    world.policy.broken_by = None
    error = await refused(world.break_glass(envelope.id), "forbidden")
    assert error.status == 403
    await untouched(world, envelope)


async def test_a_policy_that_forbids_between_the_question_and_the_answer_is_heard(world: World) -> None:
    envelope = await world.opened()
    asked = await world.glass.begin(world.session("Mika"), envelope.id, WHY)
    world.policy.broken_by = None
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(
        world.glass.finish(world.session("Mika"), envelope.id, asked["challenge_id"], answer), "forbidden"
    )
    await untouched(world, envelope)


@pytest.mark.parametrize("reason", ["", "too short", " " * 40, "\u200b" * 40, "\n\t" * 20, "x" * 281])
async def test_a_reason_that_says_nothing_opens_nothing(world: World, reason: str) -> None:
    envelope = await world.opened()
    await refused(world.break_glass(envelope.id, reason=reason), "bad_reason")
    await untouched(world, envelope)


# Mixing up what was signed. ---------------------------------------------------------------------------------


async def test_a_break_glass_signature_replayed_as_an_approval_is_refused(world: World) -> None:
    envelope = await world.opened()
    session = world.session("Mika")
    asked = await world.glass.begin(session, envelope.id, WHY)
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(
        world.deciding.approve(session, envelope.id, asked["challenge_id"], answer), "challenge_used"
    )
    await untouched(world, envelope)


async def test_an_approval_replayed_as_broken_glass_is_refused(world: World) -> None:
    envelope = await world.opened()
    session = world.session("Mika")
    asked = await world.deciding.sign(session, envelope.id)
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(world.glass.finish(session, envelope.id, asked["challenge_id"], answer), "challenge_used")
    await untouched(world, envelope)


async def test_an_answer_to_one_question_breaks_no_glass_for_another(world: World) -> None:
    one, other = await world.opened(), await world.opened(a_request(target="/2"))
    session = world.session("Mika")
    asked = await world.glass.begin(session, one.id, WHY)
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(world.glass.finish(session, other.id, asked["challenge_id"], answer), "challenge_used")
    await untouched(world, other)


async def test_another_persons_passkey_breaks_no_glass_in_ones_session(world: World) -> None:
    envelope = await world.opened()
    session = world.session("Mika")
    asked = await world.glass.begin(session, envelope.id, WHY)
    asked["options"]["allowCredentials"] = []
    answer = world.passkeys["Noor"].sign(asked["options"])
    await refused(world.glass.finish(session, envelope.id, asked["challenge_id"], answer), "other_person")
    await untouched(world, envelope)


async def test_nobody_breaks_glass_over_what_they_have_not_seen(world: World) -> None:
    world.policy.approvers = frozenset({"Sol", "Noor"})
    world.library.meaning = lambda _request: a_mapped(a_unit(redact=("json:/to",)))
    envelope = await world.opened()
    await refused(world.break_glass(envelope.id), "not_revealed")
    await world.deciding.reveal(world.session("Mika"), envelope.id, "json:/to")
    assert (await world.break_glass(envelope.id)).state is State.APPROVED


# Beside rights that are lent. -------------------------------------------------------------------------------


async def test_who_stands_in_for_a_member_breaks_no_glass(world: World) -> None:
    """Sol signs for Mika, who may break glass; Sol may not."""
    await lend(world, "Mika", "Sol")
    envelope = await world.opened()
    await refused(world.break_glass(envelope.id, "Sol"), "not_allowed")
    assert await world.glass.may("Sol", envelope) is False
    await untouched(world, envelope)


async def test_who_breaks_glass_and_who_signs_for_them_are_one_where_policy_wants_two(world: World) -> None:
    world.policy.broken_by, world.policy.approvers = 2, frozenset({"Mika", "Noor"})
    await lend(world, "Mika", "Sol")
    envelope = await world.opened()
    await world.approve(envelope.id, "Sol")
    assert (await world.break_glass(envelope.id, "Mika")).state is State.PENDING
    assert world.policy.spent_with[-1] == 1
    assert (await world.break_glass(envelope.id, "Noor")).state is State.APPROVED
    assert world.policy.spent_with[-1] == 2


async def test_who_signed_for_another_and_then_breaks_glass_is_one(world: World) -> None:
    """Noor has two rights here, her own and the one that Sol lent her, and is one person."""
    world.policy.broken_by, world.policy.approvers = 2, frozenset({"Sol"})
    await lend(world, "Sol", "Noor")
    envelope = await world.opened()
    await world.approve(envelope.id, "Noor")
    assert (await world.break_glass(envelope.id, "Noor")).state is State.PENDING
    assert [given.person for given in await world.store.signatures(envelope.id)] == ["Noor"]
    assert await world.said(kind="mint") == []


async def test_who_broke_glass_does_not_sign_for_somebody_else_as_well(world: World) -> None:
    world.policy.broken_by, world.policy.approvers = 2, frozenset({"Sol"})
    await lend(world, "Sol", "Noor")
    envelope = await world.opened()
    await world.break_glass(envelope.id, "Noor")
    await refused(world.approve(envelope.id, "Noor"), "changed")
    assert (await world.now(envelope)).state is State.PENDING


async def test_a_right_beside_broken_glass_that_is_taken_back_before_the_spend_counts_no_more(
    world: World,
) -> None:
    world.policy.broken_by, world.policy.approvers = 2, frozenset({"Mika"})
    lent = await lend(world, "Mika", "Sol")
    envelope = await world.opened()
    await world.approve(envelope.id, "Sol")
    assert (await world.break_glass(envelope.id, "Noor")).state is State.APPROVED
    await world.desk.withdraw_delegation(world.session("Mika"), lent.id)
    await lapses(world, envelope)


async def test_who_may_sign_for_somebody_alone_is_not_offered_broken_glass(world: World) -> None:
    world.policy.decision, world.policy.approvers = Decision(Effect.STEP_UP, quorum=1), frozenset({"Sol"})
    envelope = await world.opened()
    assert await world.glass.may("Noor", envelope) is True
    await lend(world, "Sol", "Noor")
    assert await world.glass.may("Noor", envelope) is False


# Beside batches. --------------------------------------------------------------------------------------------


async def alike(world: World) -> list[str]:
    """Two requests that could be signed as one batch."""
    world.library.meaning = lambda _request: a_mapped(a_unit(approval=Approval(batch="tea")))
    return [(await world.opened(a_request(target=f"/{n}"))).id for n in (1, 2)]


async def test_the_signature_of_a_batch_breaks_no_glass(world: World) -> None:
    envelopes, session = await alike(world), world.session("Mika")
    asked = await world.batching.begin(session, envelopes)
    answer = world.passkeys["Mika"].sign(asked.options)
    await refused(world.glass.finish(session, envelopes[0], asked.challenge.id, answer), "challenge_used")
    assert await world.store.breakings(envelopes[0]) == ()
    assert await world.store.signatures(envelopes[0]) == ()


async def test_a_signature_that_breaks_glass_approves_no_batch(world: World) -> None:
    envelopes, session = await alike(world), world.session("Mika")
    asked = await world.glass.begin(session, envelopes[0], WHY)
    answer = world.passkeys["Mika"].sign(asked["options"])
    await refused(world.batching.approve(session, asked["challenge_id"], answer), "challenge_used")
    assert await world.store.signatures(envelopes[0]) == ()


async def test_broken_glass_completes_no_quorum_of_a_batch(world: World) -> None:
    world.policy.broken_by = 2
    envelopes, session = await alike(world), world.session("Sol")
    await world.break_glass(envelopes[0], "Noor")
    asked = await world.batching.begin(session, envelopes)
    answer = world.passkeys["Sol"].sign(asked.options)
    done = (await world.batching.approve(session, asked.challenge.id, answer)).done
    assert [envelope.state for envelope in done] == [State.PENDING, State.PENDING]
    assert await world.said(kind="mint") == []


async def test_who_broke_glass_for_one_signs_no_batch_with_it(world: World) -> None:
    world.policy.broken_by = 2
    envelopes = await alike(world)
    await world.break_glass(envelopes[0], "Mika")
    await refused(world.batching.begin(world.session("Mika"), envelopes), "signed")


async def test_glass_broken_after_a_batch_was_shown_is_not_signed_over(world: World) -> None:
    world.policy.broken_by = 2
    envelopes, session = await alike(world), world.session("Mika")
    asked = await world.batching.begin(session, envelopes)
    answer = world.passkeys["Mika"].sign(asked.options)
    await world.break_glass(envelopes[0], "Mika")
    with pytest.raises(DeskError):
        await world.batching.approve(session, asked.challenge.id, answer)
    assert await world.store.signatures(envelopes[1]) == ()
    (given,) = await world.store.signatures(envelopes[0])
    assert world.deciding.backers.given(given).breaks_glass


# The day. ---------------------------------------------------------------------------------------------------


def allowed_a_day(world: World, most: int) -> None:
    world.settings = replace(world.settings, limits=replace(world.settings.limits, break_glass=most))


async def test_beyond_the_daily_cap_no_glass_is_broken(world: World) -> None:
    allowed_a_day(world, 1)
    first, second = await world.opened(), await world.opened(a_request(target="/2"))
    await world.break_glass(first.id)
    assert (await refused(world.break_glass(second.id, "Noor"), "daily_cap")).status == 429
    assert (await world.now(second)).state is State.PENDING
    assert await world.store.breakings(second.id) == ()
    world.time.advance(86_400)
    third = await world.opened(a_request(target="/3"))
    assert (await world.break_glass(third.id)).state is State.APPROVED


async def test_two_at_once_do_not_pass_the_daily_cap_together(world: World) -> None:
    """Both were told that there is room."""
    allowed_a_day(world, 1)
    wanted = {"Mika": await world.opened(), "Noor": await world.opened(a_request(target="/2"))}
    answers = {}
    for person, envelope in wanted.items():
        asked = await world.glass.begin(world.session(person), envelope.id, WHY)
        answers[person] = asked["challenge_id"], world.passkeys[person].sign(asked["options"])
    done = await asyncio.gather(
        *(
            world.glass.finish(world.session(person), envelope.id, *answers[person])
            for person, envelope in wanted.items()
        ),
        return_exceptions=True,
    )
    words = [error.word for error in done if isinstance(error, DeskError)]
    assert words == ["daily_cap"]
    states = [(await world.now(envelope)).state for envelope in wanted.values()]
    assert sorted(states) == [State.APPROVED, State.PENDING]


async def test_the_second_signature_for_one_envelope_is_no_second_use(world: World) -> None:
    allowed_a_day(world, 1)
    world.policy.broken_by = 2
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    assert (await world.break_glass(envelope.id, "Noor")).state is State.APPROVED


async def test_glass_that_was_broken_and_withdrawn_still_counts_for_the_day(world: World) -> None:
    allowed_a_day(world, 1)
    envelope, other = await world.opened(), await world.opened(a_request(target="/2"))
    await world.break_glass(envelope.id)
    await world.deciding.withdraw(world.session("Mika"), envelope.id)
    await refused(world.break_glass(other.id), "daily_cap")


async def test_where_none_is_allowed_a_day_nobody_breaks_glass(world: World) -> None:
    allowed_a_day(world, 0)
    await refused(world.break_glass((await world.opened()).id), "daily_cap")


# At the spend. ----------------------------------------------------------------------------------------------


async def lapses(world: World, envelope: Envelope) -> None:
    with pytest.raises(Refusal):
        await world.releaser.release(await world.now(envelope), a_request())
    assert (await world.now(envelope)).state is State.LAPSED
    assert await world.said(kind="authorised") == []


async def test_a_break_glass_flag_forged_in_the_column_releases_nothing(world: World) -> None:
    """One ordinary signature of two, and the database says that glass was broken."""
    envelope = await world.opened()
    await world.approve(envelope.id)
    other = await world.opened(a_request(target="/2"))
    broken = await world.break_glass(other.id, "Noor")
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE envelopes SET state = 'approved', decision_method = 'break_glass', cosigner = 'x', "
            "cosigner_token = ?, cosigner_expires = ? WHERE id = ?",
            (broken.cosigner_token, broken.cosigner_expires, envelope.id),
        ),
        writes=True,
    )
    await lapses(world, envelope)


async def test_an_approval_relabelled_as_ordinary_does_not_pass_on_broken_glass(world: World) -> None:
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    await world.sqlite._ask(
        lambda db: db.execute("UPDATE envelopes SET decision_method = 'passkey'"), writes=True
    )
    await lapses(world, envelope)


async def test_a_breaker_who_left_the_group_before_the_spend_lets_nothing_go(world: World) -> None:
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    world.policy.breakers = frozenset()
    await lapses(world, envelope)


async def test_a_policy_that_takes_break_glass_back_lapses_it(world: World) -> None:
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    world.policy.broken_by = None
    await lapses(world, envelope)


# What a page is told. ---------------------------------------------------------------------------------------


async def offered(world: World, envelope: Envelope, person: str = "Mika") -> bool:
    told = await world.desk.envelope(world.session(person), envelope.id)
    return bool(told["may_break_glass"])


async def test_it_is_offered_only_to_members_where_approving_is_not_enough(world: World) -> None:
    envelope = await world.opened()
    assert await offered(world, envelope)
    assert not await offered(world, envelope, "Sol")
    world.policy.broken_by = None
    assert not await offered(world, envelope)


async def test_it_is_not_offered_to_somebody_who_can_simply_approve(world: World) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, quorum=1)
    envelope = await world.opened()
    assert not await offered(world, envelope)
    world.policy.approvers = frozenset({"Sol"})
    assert await offered(world, envelope)


async def test_it_is_not_offered_twice_nor_beyond_the_day_nor_after_the_end(world: World) -> None:
    world.policy.broken_by = 2
    envelope = await world.opened()
    await world.break_glass(envelope.id)
    assert not await offered(world, envelope)
    told = await world.desk.envelope(world.session("Noor"), envelope.id)
    assert [(each["person"], each["reason"]) for each in told["broken_glass"]] == [("Mika", WHY)]
    allowed_a_day(world, 1)
    assert not await offered(world, await world.opened(a_request(target="/2")))
    await world.operating.envelope_cancel(envelope.id)
    assert not await offered(world, envelope, "Noor")


async def test_a_kept_request_is_sent_once_when_glass_was_broken_and_counts_as_sent(world: World) -> None:
    envelope, _ = await world.promised()
    told = await world.break_glass(envelope.id)
    assert world.history.while_waiting(told, a_mapped()).recent("tea")["requests_hour"] == 1
    for _ in range(2):
        await world.send()
    (release,) = world.courier.sent
    assert release.id == envelope.id
    assert (await world.now(envelope)).state is State.COMPLETED
    assert len(world.history._past("ci-bot").did) == 1
    (row,) = await world.said(kind="authorised")
    assert row["decision_method"] == "break_glass"
