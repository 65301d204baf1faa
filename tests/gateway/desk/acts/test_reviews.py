from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.reviews import CloseOne
from gateway.desk.contract import DeskError
from gateway.envelopes import Envelope
from gateway.model import Decision, Effect
from gateway.store.contract import Lost
from gateway.store.writes import CloseReview
from tests.kit.away import lend
from tests.kit.things import a_request
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Olga owns the agent; Mika broke glass for it."""
    made = await World(tmp_path).open()
    for name in ("Noor", "Olga", "Sol"):
        await made.enrol(name)
    await made.add_agent("owned", owner="Olga")
    made.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    made.policy.breakers, made.policy.broken_by = frozenset({"Mika", "Noor"}), 1
    yield made
    await made.close()


async def broken(world: World) -> Envelope:
    caller = replace(a_request().caller, agent="owned", token_id="tok_owned")
    return await world.break_glass((await world.opened(a_request(caller=caller))).id)


def closing(world: World) -> CloseOne:
    return CloseOne(world.store, world.directory, world.board, world.rules, world.deciding.backers)


async def close(world: World, envelope: Envelope, person: str, **changes: Any) -> dict[str, Any]:
    asked = {"envelope": envelope.id, "verdict": "justified", "note": "I was on the call.", **changes}
    return await world.change("review/close", closing(world), asked, person)


async def refused(world: World, envelope: Envelope, person: str, word: str, **changes: Any) -> None:
    with pytest.raises(DeskError) as error:
        await close(world, envelope, person, **changes)
    assert error.value.word == word
    assert await world.store.open_reviews() == 1


async def test_a_second_person_closes_it_and_the_row_says_how(world: World) -> None:
    envelope = await broken(world)
    await close(world, envelope, "Sol", verdict="not_justified")
    (review,) = await world.store.reviews()
    assert (review.closed_by, review.verdict, review.note) == ("Sol", "not_justified", "I was on the call.")
    assert await world.store.open_reviews() == 0
    opened, closed = await world.said(kind="review")
    assert (opened["reason"], closed["reason"]) == ("opened", "not_justified")
    assert (closed["person"], closed["decision_method"]) == ("Sol", "passkey")
    assert (closed["envelope"], closed["detail"]) == (envelope.id, "I was on the call.")
    (signed,) = await world.store.signed_changes()
    assert (signed.kind, signed.person) == ("review/close", "Sol")


async def test_the_signer_does_not_close_their_own_review(world: World) -> None:
    await refused(world, await broken(world), "Mika", "own_signature")


async def test_the_signer_cannot_close_it_past_the_code_above_either(world: World) -> None:
    envelope = await broken(world)
    change = CloseReview(envelope.id, "Mika", "justified", "Fine.", world.store.now())
    assert isinstance(await world.store.apply(change), Lost)
    assert await world.store.open_reviews() == 1


async def test_the_agents_owner_does_not_close_it(world: World) -> None:
    await refused(world, await broken(world), "Olga", "own_request")


async def test_an_owner_does_not_close_it_after_the_agent_was_removed(world: World) -> None:
    envelope = await broken(world)
    await world.operating.agent_revoke("owned")
    await refused(world, envelope, "Olga", "own_request")


async def test_who_signed_beside_the_one_who_broke_glass_does_not_close_it(world: World) -> None:
    world.policy.broken_by = 2
    envelope = await world.opened()
    await world.approve(envelope.id, "Sol")
    await world.break_glass(envelope.id)
    await refused(world, envelope, "Sol", "own_signature")
    await close(world, envelope, "Noor")


async def test_who_lent_the_right_that_signed_beside_it_does_not_close_it(world: World) -> None:
    world.policy.broken_by, world.policy.approvers = 2, frozenset({"Noor"})
    await lend(world, "Noor", "Sol")
    caller = replace(a_request().caller, agent="owned", token_id="tok_owned")
    envelope = await world.opened(a_request(caller=caller))
    await world.approve(envelope.id, "Sol")
    await world.break_glass(envelope.id)
    await refused(world, envelope, "Noor", "own_signature")
    await refused(world, envelope, "Sol", "own_signature")


async def test_a_review_is_closed_once(world: World) -> None:
    envelope = await broken(world)
    await close(world, envelope, "Sol")
    with pytest.raises(DeskError, match="Sol closed this review already"):
        await close(world, envelope, "Noor")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"verdict": "maybe"}, "bad_request"),
        ({"note": "   "}, "bad_request"),
        ({"note": "\u202e"}, "bad_request"),
        ({"note": "x" * 281}, "bad_request"),
        ({"more": "x"}, "bad_request"),
    ],
)
async def test_a_verdict_that_says_nothing_closes_nothing(
    world: World, changes: dict[str, Any], word: str
) -> None:
    await refused(world, await broken(world), "Sol", word, **changes)


async def test_what_was_never_broken_has_no_review(world: World) -> None:
    envelope = await broken(world)
    await refused(world, await world.opened(), "Sol", "absent")
    await refused(world, replace(envelope, id="env_absent"), "Sol", "absent")


async def test_reviews_are_listed_open_ones_first_and_counted(world: World) -> None:
    first = await broken(world)
    second = await world.break_glass((await world.opened(a_request(target="/2"))).id)
    session = world.session("Sol")
    await close(world, first, "Sol")
    told = await world.desk.reviews(session)
    assert [(each["row"]["id"], each["verdict"]) for each in told["reviews"]] == [
        (second.id, None),
        (first.id, "justified"),
    ]
    assert told["reviews"][1]["broken_by"][0]["person"] == "Mika"
    assert (await world.desk.envelopes(session))["open_reviews"] == 1
    assert "secondsig_open_reviews 1\n" in await world.desk.metrics("scrape")
