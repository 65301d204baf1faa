"""Who may answer in advance, for what, and how long: all that is refused before anybody signs."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.desk.acts.grants import GrantFromCedar, how_long
from gateway.desk.contract import DeskError
from gateway.envelopes import State
from gateway.model import Approval, EntityRef, Mapped, Money
from gateway.policy import Policy, Signing
from gateway.rules import with_directory
from gateway.store.writes import PauseAgent
from tests.gateway.policy.conftest import SCHEMA, load_policy
from tests.kit.away import lend
from tests.kit.clocks import START
from tests.kit.granting import DIGEST, WRITE, a_write, act, grantable, granted, meaning, only_grant, send
from tests.kit.things import HOST, a_request
from tests.kit.world import PlayedPolicy, World

READS = 'permit (principal == Agent::"ci-bot", action in Action::"read", resource);'


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    grantable(made)
    yield made
    await made.close()


async def refusal_of(world: World, person: str = "Mika", **asked: Any) -> DeskError:
    envelope = asked.pop("envelope", None) or (await world.opened()).id
    with pytest.raises(DeskError) as refused:
        await act(world).plan(person, {"envelope": envelope, "covers": "resource", "seconds": 900, **asked})
    assert await world.sqlite.grants() == []
    return refused.value


# From a question. ------------------------------------------------------------------------------------------


async def test_what_is_signed_names_all_that_the_grant_is_for(world: World) -> None:
    envelope = await world.opened()
    asked = {"envelope": envelope.id, "covers": "intent", "seconds": 900}
    plan = await act(world).plan("Mika", asked)
    assert plan.says == (
        f'Do not ask again about ci-bot, for 15 minutes: {WRITE} on Shop::Order::"a1" at {HOST}, '
        "exactly this request."
    )
    (unit,) = plan.change["units"]
    assert unit["action"] == WRITE
    assert plan.change["host"] == HOST
    assert plan.change["intent"] == envelope.intent_key
    assert plan.change["seconds"] == 900
    made = await world.change("grant/envelope", act(world), asked)
    assert made["grant"]["says"] == plan.says
    (row,) = await world.said(kind="grant", decision="made")
    assert row == row | {
        "grant_id": made["grant"]["id"],
        "envelope": envelope.id,
        "person": "Mika",
        "agent": "ci-bot",
        "decision_method": "passkey",
        "detail": plan.says,
    }


async def test_a_standing_grant_says_that_it_lasts_until_it_is_revoked(world: World) -> None:
    grant = await granted(world, seconds=None)
    assert "until it is revoked" in grant["says"]
    assert "whatever else differs" in grant["says"]
    assert grant["expires_at"] is None


async def test_an_answered_question_can_be_granted_and_a_denied_one_cannot(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    asked = {"envelope": envelope.id, "covers": "resource", "seconds": 60}
    assert (await world.change("grant/envelope", act(world), asked))["grant"]["uses"] == 0
    world.library.meaning = meaning(a_write(resource=EntityRef("Shop::Order", "a2")))
    other = await world.opened(a_request(target="/other"))
    await world.desk.deny(world.session("Mika"), other.id, None)
    with pytest.raises(DeskError, match="This was denied"):
        await act(world).plan("Mika", {**asked, "envelope": other.id})


async def test_the_agents_owner_may_not_grant_where_owners_may_not_approve(world: World) -> None:
    await world.add_agent("own-bot", owner="Mika")
    await world.enrol("Jonas")
    request = a_request(caller=replace(a_request().caller, agent="own-bot", token_id="tok_own-bot"))
    envelope = await world.opened(request)
    assert (await refusal_of(world, envelope=envelope.id)).word == "own_request"
    world.set(owner_may_approve=True)
    plan = await act(world).plan("Mika", {"envelope": envelope.id, "covers": "intent"})
    assert "exactly this request" in plan.says


async def test_somebody_who_may_not_approve_may_not_grant(world: World) -> None:
    await world.enrol("Jonas")
    world.policy.approvers = frozenset({"Jonas"})
    assert (await refusal_of(world)).word == "not_allowed"


async def test_who_stands_in_for_somebody_away_approves_and_does_not_grant(world: World) -> None:
    """A right that is lent for a time would answer beyond that time."""
    await world.enrol("Tomo")
    world.policy.approvers = frozenset({"Mika"})
    await lend(world)
    envelope = await world.opened()
    assert (await refusal_of(world, "Tomo", envelope=envelope.id)).word == "not_allowed"
    assert (await world.approve(envelope.id, "Tomo")).state is State.APPROVED


@pytest.mark.parametrize(
    "holds",
    [
        lambda signing: signing.waited >= 30,
        lambda signing: signing.intent_risk != "high",
    ],
    ids=["a right that comes with waiting", "a right for small risks"],
)
async def test_a_right_that_is_not_there_for_every_request_grants_nothing(
    world: World, holds: Callable[[Signing], bool]
) -> None:
    class Sometimes(PlayedPolicy):
        def may_approve(
            self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
        ) -> bool:
            return person == "Jonas" or (signing is not None and holds(signing))

    await world.enrol("Jonas")
    world.policy = Sometimes()
    grantable(world)
    envelope = await world.opened()
    world.time.advance(40)
    assert (await world.desk.envelope(world.session("Mika"), envelope.id))["may"]["approve"]
    assert (await refusal_of(world, envelope=envelope.id)).word == "not_allowed"
    assert (await act(world).plan("Jonas", {"envelope": envelope.id, "covers": "intent"})).says


async def test_who_may_sign_small_amounts_only_grants_none(world: World) -> None:
    """A grant does not tell amounts: whoever needs to know them could not stand behind it a moment later."""

    class Small(PlayedPolicy):
        def may_approve(
            self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
        ) -> bool:
            return any("price" in unit.context for unit in mapped.units)

    world.policy = Small()
    grantable(world)
    world.library.meaning = meaning(a_write(context={"price": Money("eur", 5, 2)}))
    envelope = await world.opened()
    assert (await world.desk.envelope(world.session("Mika"), envelope.id))["may"]["approve"]
    assert (await refusal_of(world, envelope=envelope.id)).word == "not_allowed"


async def test_what_two_people_sign_is_granted_by_nobody(world: World) -> None:
    await world.enrol("Jonas")
    world.policy.decision = replace(world.policy.decision, quorum=2)
    refused = await refusal_of(world)
    assert (refused.word, "2 people" in refused.detail) == ("not_grantable", True)


async def test_what_is_redacted_is_revealed_before_it_is_granted(world: World) -> None:
    world.library.meaning = meaning(a_write(redact=("json:/to",)))
    envelope = await world.opened()
    assert (await refusal_of(world, envelope=envelope.id)).word == "not_revealed"
    await world.desk.reveal(world.session("Mika"), envelope.id, "json:/to")
    plan = await act(world).plan("Mika", {"envelope": envelope.id, "covers": "intent"})
    assert "exactly this request" in plan.says


@pytest.mark.parametrize("group", ["payment", "destructive", "credential", "unmatched"])
async def test_what_needs_a_person_each_time_is_not_offered_to_anybody(world: World, group: str) -> None:
    world.library.meaning = meaning(a_write(), a_write(action="/shop/other", groups=(group,)))
    assert (await refusal_of(world)).word == "not_grantable"


async def test_a_single_use_action_cannot_be_granted(world: World) -> None:
    world.library.meaning = meaning(a_write(approval=Approval(single_use=True)))
    assert (await refusal_of(world)).word == "not_grantable"


async def test_what_policy_wants_a_person_for_each_time_is_not_granted_in_vain(world: World) -> None:
    world.policy.on_grant = None
    refused = await refusal_of(world)
    assert (refused.word, "change nothing" in refused.detail) == ("not_grantable", True)


async def test_the_page_is_told_whether_a_question_can_be_granted(world: World) -> None:
    world.changing.acts["grant/envelope"] = act(world)
    envelope = await world.opened()
    assert (await world.desk.envelope(world.session("Mika"), envelope.id))["grantable"] is True
    await world.desk.deny(world.session("Mika"), envelope.id, None)
    assert (await world.desk.envelope(world.session("Mika"), envelope.id))["grantable"] is False
    world.policy.on_grant = None
    world.library.meaning = meaning(a_write(resource=EntityRef("Shop::Order", "a2")))
    other = await world.opened(a_request(target="/other"))
    assert (await world.desk.envelope(world.session("Mika"), other.id))["grantable"] is False


async def test_what_was_read_under_other_templates_cannot_be_granted(world: World) -> None:
    envelope = await world.opened()
    for services in ({}, {"shop": SimpleNamespace(digest="f" * 64, actions=(), unmatched={})}):
        world.library.services = services  # type: ignore[assignment]  # none, or another
        assert (await refusal_of(world, envelope=envelope.id)).word == "changed"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"seconds": 901}, "from 1 to 900"),
        ({"seconds": 0}, "from 1 to 900"),
        ({"seconds": True}, "from 1 to 900"),
        ({"seconds": "900"}, "from 1 to 900"),
        ({"covers": "everything"}, "covers has to be"),
        ({"covers": "cedar"}, "covers has to be"),
        ({"agent": "other-bot"}, "takes no agent"),
    ],
)
async def test_what_is_not_understood_is_not_signed(world: World, asked: dict[str, Any], why: str) -> None:
    assert why in (await refusal_of(world, **asked)).detail


async def test_a_longer_time_is_the_operators_to_allow(world: World) -> None:
    world.set(grant_for=86_400)
    grant = await granted(world, seconds=86_400)
    assert "for 24 hours" in grant["says"]


async def test_a_grant_for_an_agent_that_is_gone_is_not_made(world: World) -> None:
    envelope = await world.opened()
    asked = {"envelope": envelope.id, "covers": "resource", "seconds": 900}
    session = world.session("Mika")
    world.changing.acts["grant/envelope"] = act(world)
    begun = await world.changing.begin(session, "grant/envelope", asked)
    await world.operating.agent_revoke("ci-bot")
    answer = world.passkeys["Mika"].sign(begun["options"])
    with pytest.raises(DeskError, match="changed meanwhile"):
        await world.changing.finish(session, begun["challenge_id"], answer)
    assert await world.sqlite.grants() == []


async def test_a_grant_signed_for_one_time_is_not_made_under_other_templates(world: World) -> None:
    """What is done is what was signed, or nothing."""
    envelope = await world.opened()
    session = world.session("Mika")
    world.changing.acts["grant/envelope"] = act(world)
    begun = await world.changing.begin(
        session, "grant/envelope", {"envelope": envelope.id, "covers": "resource", "seconds": 900}
    )
    world.library.services = {"shop": SimpleNamespace(digest="f" * 64, actions=(), unmatched={})}
    with pytest.raises(DeskError):
        await world.changing.finish(
            session, begun["challenge_id"], world.passkeys["Mika"].sign(begun["options"])
        )
    assert await world.sqlite.grants() == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "until it is revoked"),
        (1, "for 1 second"),
        (90, "for 90 seconds"),
        (60, "for 1 minute"),
        (900, "for 15 minutes"),
        (3600, "for 1 hour"),
    ],
)
def test_how_long_is_told_in_words(seconds: int | None, words: str) -> None:
    assert how_long(seconds) == words


# From Cedar. -----------------------------------------------------------------------------------------------


def shop_policy(world: World, text: str) -> Policy:
    return with_directory(load_policy(text, schema=SCHEMA), world.directory)


@pytest.fixture
async def shop(world: World) -> World:
    """Mika is an administrator and may approve; every search is asked about, and grants answer."""
    await world.enrol("Ada", ("administrators", "approvers"))
    world.library.meaning = lambda _request: searching("/shop/search", ("read",))
    world.policy = shop_policy(  # type: ignore[assignment]  # the real one
        world,
        "permit (principal is Agent, action, resource) when { context.cosigner || context.grant };"
        'permit (principal in Group::"approvers", action == Action::"approve", resource);',
    )
    return world


def searching(action: str, groups: tuple[str, ...]) -> Mapped:
    org = EntityRef("Shop::Org", "acme")
    return Mapped((a_write(action=action, groups=groups, context={}, resource=org),), "shop", "1", DIGEST)


def from_cedar(world: World) -> GrantFromCedar:
    return GrantFromCedar(world.deciding, world.grants, world.rules)


async def test_an_administrator_grants_what_a_cedar_text_permits(shop: World) -> None:
    made = await shop.change("grant/cedar", from_cedar(shop), {"cedar": READS}, "Ada")
    assert made["grant"]["says"] == (
        "Do not ask again about ci-bot, until it is revoked: every read on anything."
    )
    await send(shop)
    assert (await shop.sqlite.grant_uses())[made["grant"]["id"]].count == 1
    shop.library.meaning = lambda _request: searching("/shop/unmatched/write", ("unmatched",))
    with pytest.raises(Exception, match="must approve"):
        await send(shop)


async def test_a_text_that_fits_the_templates_no_more_ends_its_grant(shop: World) -> None:
    await shop.change("grant/cedar", from_cedar(shop), {"cedar": READS, "seconds": 60}, "Ada")
    shop.policy = with_directory(  # type: ignore[assignment]  # the real one
        load_policy("", schema=SCHEMA.replace('"read"', '"look"')), shop.directory
    )
    await shop.granting.tidy()
    assert [grant.ended_why for grant in await shop.sqlite.ended_grants()] == ["meaning"]


async def test_an_administrator_who_may_not_approve_grants_nothing_by_cedar(shop: World) -> None:
    """The text is signed, but each use asks whether its signer may approve that very request."""
    await shop.enrol("Root", ("administrators",))
    shop.policy = with_directory(shop.policy, shop.directory)  # type: ignore[arg-type, assignment]  # the real one
    await shop.change("grant/cedar", from_cedar(shop), {"cedar": READS}, "Root")
    with pytest.raises(Exception, match="must approve"):
        await send(shop)
    assert await shop.sqlite.grant_uses() == {}


async def test_a_grant_by_cedar_ends_when_its_signer_is_no_administrator_any_more(shop: World) -> None:
    await shop.change("grant/cedar", from_cedar(shop), {"cedar": READS}, "Ada")
    await shop.granting.tidy()
    assert (await only_grant(shop)).signer == "Ada"
    shop.policy = load_policy("", schema=SCHEMA)  # type: ignore[assignment]  # one that knows nobody
    await shop.granting.tidy()
    assert [grant.ended_why for grant in await shop.sqlite.ended_grants()] == ["signer"]


async def test_only_administrators_grant_by_cedar(shop: World) -> None:
    with pytest.raises(DeskError) as refused:
        await from_cedar(shop).plan("Mika", {"cedar": READS})
    assert refused.value.word == "not_administrator"


@pytest.mark.parametrize(
    ("cedar", "why"),
    [
        (READS + READS.replace("ci-bot", "other-bot"), "more than one agent"),
        (READS.replace(";", " when { context.cosigner };"), "context.cosigner"),
        (READS.replace("permit", "forbid"), "only permit"),
        ('permit (principal == Agent::"ci-bot", action, resource);', "Name the actions"),
        (READS.replace("ci-bot", "ghost"), "no such agent"),
        (READS.replace('"read"', '"communicate"'), "no action of a template"),
        (READS.replace('"read"', '"raed"'), "read"),
        ("permit", "complete"),
    ],
)
async def test_a_text_that_would_grant_something_else_is_not_signed(
    shop: World, cedar: str, why: str
) -> None:
    with pytest.raises(DeskError, match=why):
        await from_cedar(shop).plan("Ada", {"cedar": cedar})


async def test_a_paused_agent_uses_no_grant(shop: World) -> None:
    await shop.change("grant/cedar", from_cedar(shop), {"cedar": READS}, "Ada")
    await shop.sqlite.apply(PauseAgent("ci-bot", paused=True, at=START))
    await shop.directory.refresh()
    with pytest.raises(Exception, match="paused"):
        await send(shop)
    assert await shop.sqlite.grant_uses() == {}
