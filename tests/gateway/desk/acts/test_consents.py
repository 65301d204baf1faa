"""What an agent is meant for: who says so, in which forms, and what then lies beyond it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.acts.consents import ChangeConsent
from gateway.desk.contract import DeskError
from gateway.errors import Reason, Refusal
from gateway.gate import Forward
from gateway.model import EntityRef, Mapped, Unit
from gateway.rules import with_directory
from tests.gateway.policy.conftest import load_policy
from tests.kit.clocks import START
from tests.kit.granting import DIGEST, a_write
from tests.kit.things import a_request
from tests.kit.world import World

CONSENT = "agent/consent"
REPO = EntityRef("Shop::Repo", "acme/site")
ORG = EntityRef("Shop::Org", "acme")
DAY = 86_400
OPEN = (
    "permit (principal is Agent, action, resource);"
    'permit (principal is Person, action == Action::"approve", resource);'
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Policy lets the agent do everything; Olga owns it, Ada administrates, Mika only approves."""
    made = await World(tmp_path).open()
    await made.enrol("Olga")
    await made.enrol("Ada", ("administrators",))
    await made.add_agent("own-bot", owner="Olga")
    made.policy = load_policy(OPEN)  # type: ignore[assignment]  # the real one
    know(made)
    yield made
    await made.close()


def know(world: World) -> None:
    world.policy = with_directory(world.policy, world.directory)  # type: ignore[arg-type, assignment]  # the real one


def act(world: World) -> ChangeConsent:
    return ChangeConsent(world.directory, world.rules, world.directory.refresh)


async def consent(world: World, person: str = "Olga", **asked: Any) -> dict[str, Any]:
    return await world.change(CONSENT, act(world), {"agent": "own-bot", **asked}, person)


def search(resource: EntityRef = ORG) -> Unit:
    return a_write(action="/shop/search", groups=("read",), context={}, resource=resource)


def delete() -> Unit:
    return a_write(
        action="/shop/repo/delete",
        groups=("destructive",),
        context={},
        resource=REPO,
        parents={REPO: (ORG,)},
    )


async def passes(world: World, *units: Unit) -> bool:
    """True if policy alone let it pass; False if people are asked because of the consent."""
    world.library.meaning = lambda _request: Mapped(units, "shop", "1", DIGEST)
    world.set(hold_for=0)
    request = a_request(caller=replace(a_request().caller, agent="own-bot", token_id="tok_own-bot"))
    deciding = world.pipeline.decide(request, asyncio.Event())
    (sent,) = await asyncio.gather(deciding, return_exceptions=True)
    if isinstance(sent, Forward):
        return True
    assert isinstance(sent, Refusal), sent
    assert sent.reason is Reason.REQUIRES_STEP_UP
    row = (await world.said(kind="decision", decision="step_up"))[-1]
    assert row["detail"] == "consent"
    assert sent.about is not None
    await world.operating.envelope_cancel(sent.about.envelope)
    return False


async def test_an_agent_without_a_consent_is_bound_by_policy_alone(world: World) -> None:
    assert await passes(world, search())
    assert await passes(world, delete())


async def test_what_is_beyond_a_read_only_consent_is_asked_and_never_a_dead_end(world: World) -> None:
    told = await consent(world, form="read_only")
    assert told["says"] == (
        "own-bot is meant for this, until it is withdrawn: every read on anything. All else is asked."
    )
    assert await passes(world, search())
    assert not await passes(world, delete())
    assert not await passes(world, search(), delete()), "one unit beyond it is enough"


async def test_what_was_approved_beyond_a_consent_is_sent(world: World) -> None:
    """The spend asks again, with the consent."""
    await consent(world, form="read_only")
    world.library.meaning = lambda _request: Mapped((delete(),), "shop", "1", DIGEST)
    request = a_request(caller=replace(a_request().caller, agent="own-bot", token_id="tok_own-bot"))
    task = asyncio.create_task(world.pipeline.decide(request, asyncio.Event()))
    async with asyncio.timeout(60):
        while not (waiting := await world.sqlite.envelopes()):
            await asyncio.sleep(0.005)
    told = await world.desk.envelope(world.session("Mika"), waiting[0].id)
    assert told["may"]["approve"]
    await world.approve(waiting[0].id)
    release = await task
    assert release.id == waiting[0].id  # type: ignore[union-attr]  # a release


async def test_a_consent_for_a_project_is_for_all_that_is_in_it(world: World) -> None:
    await consent(world, form="project", resource=str(ORG))
    assert await passes(world, delete())
    assert await passes(world, search())
    assert not await passes(world, search(EntityRef("Shop::Org", "other")))


async def test_a_consent_for_a_time_is_over_at_its_end(world: World) -> None:
    await consent(world, form="until", seconds=DAY)
    assert await passes(world, delete())
    world.time.advance(DAY)
    assert not await passes(world, delete())
    assert not await passes(world, search())


async def test_a_consent_is_renewed_and_narrowed(world: World) -> None:
    await consent(world, form="until", seconds=60)
    await consent(world, form="read_only", seconds=2 * DAY)
    world.time.advance(DAY)
    assert await passes(world, search())
    assert not await passes(world, delete())
    rows = await world.said(kind="agent", decision="consented")
    assert [row["person"] for row in rows] == ["Olga", "Olga"]
    assert "for 48 hours" in rows[1]["detail"]


async def test_a_withdrawn_consent_permits_nothing_and_a_session_is_enough(world: World) -> None:
    await consent(world, form="until", seconds=DAY)
    await world.desk.withdraw_consent(world.session("Mika"), "own-bot")
    assert not await passes(world, search())
    with pytest.raises(DeskError, match="no consent"):
        await world.desk.withdraw_consent(world.session("Mika"), "own-bot")
    (row,) = await world.said(kind="agent", decision="consent_withdrawn")
    assert (row["person"], row["decision_method"]) == ("Mika", "session")


async def test_lifting_a_consent_needs_a_signature_as_giving_one_does(world: World) -> None:
    await consent(world, form="read_only")
    told = await consent(world, "Ada", form="none")
    assert told["says"] == "Lift the bounds of own-bot: policy alone decides what is asked of people."
    assert await passes(world, delete())
    (row,) = await world.said(kind="agent", decision="consent_lifted")
    assert (row["person"], row["decision_method"]) == ("Ada", "passkey")
    with pytest.raises(DeskError, match="no consent"):
        await consent(world, form="none")


async def test_a_consent_in_cedar_is_told_in_words_and_kept(world: World) -> None:
    cedar = 'permit (principal == Agent::"own-bot", action == Action::"/shop/search", resource);'
    await consent(world, form="cedar", cedar=cedar)
    listed = (await world.desk.grants(world.session("Mika")))["consents"]
    assert [(each["agent"], each["says"], each["cedar"]) for each in listed] == [
        ("own-bot", "/shop/search on anything", cedar)
    ]
    assert await passes(world, search())


async def test_a_consent_that_fits_the_templates_no_more_permits_nothing(world: World) -> None:
    await consent(world, form="read_only")
    changed = world.directory.agents["own-bot"].consent
    assert changed is not None
    broken = replace(changed, cedar=changed.cedar.replace('"read"', '"look"'))
    world.directory.agents["own-bot"] = replace(world.directory.agents["own-bot"], consent=broken)
    assert not await passes(world, search())


async def test_a_project_cannot_bring_a_policy_of_its_own(world: World) -> None:
    hostile = f'{ORG}); permit (principal, action, resource == Shop::Org::"x"'
    with pytest.raises(DeskError, match="as Cedar does"):
        await consent(world, form="project", resource=hostile)


async def test_only_its_owner_or_an_administrator_says_what_an_agent_is_for(world: World) -> None:
    with pytest.raises(DeskError) as refused:
        await consent(world, "Mika", form="read_only")
    assert refused.value.word == "not_owner"
    await consent(world, "Ada", form="read_only")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"form": "anything"}, "form is one of"),
        ({"form": "until"}, "for how long"),
        ({"form": "until", "seconds": 0}, "seconds has to be"),
        ({"form": "until", "seconds": 1.5}, "seconds has to be"),
        ({"form": "read_only", "resource": str(ORG)}, "takes no resource"),
        ({"form": "project", "resource": "acme"}, "as Cedar does"),
        ({"form": "project", "resource": 'Shop::Nothing::"acme"'}, "Nothing"),
        ({"form": "none", "seconds": 5}, "takes no seconds"),
        ({"form": "cedar", "cedar": 'permit (principal == Agent::"ci-bot", action, resource);'}, "ci-bot"),
        ({"form": "cedar", "cedar": "permit (principal, action, resource);"}, "name one agent"),
        (
            {
                "form": "cedar",
                "cedar": 'permit (principal == Agent::"own-bot", action, resource) when { context.grant };',
            },
            "context.grant",
        ),
        ({"form": "read_only", "agent": "ghost"}, "no such agent"),
        ({"form": "read_only", "loud": True}, "takes no loud"),
    ],
)
async def test_what_is_not_understood_is_not_signed(world: World, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(DeskError, match=why):
        await consent(world, **asked)
    assert world.directory.agents["own-bot"].consent is None


async def test_a_consent_that_changed_before_the_signature_came_is_not_overwritten(world: World) -> None:
    session = world.session("Olga")
    world.changing.acts[CONSENT] = act(world)
    begun = await world.changing.begin(
        session, CONSENT, {"agent": "own-bot", "form": "until", "seconds": DAY}
    )
    await consent(world, "Ada", form="read_only")
    answer = world.passkeys["Olga"].sign(begun["options"])
    with pytest.raises(DeskError, match="not what would happen"):
        await world.changing.finish(session, begun["challenge_id"], answer)
    told = world.directory.agents["own-bot"].consent
    assert told is not None
    assert (told.form, told.at) == ("read_only", START)


async def test_a_consent_for_an_agent_that_is_gone_is_not_given(world: World) -> None:
    session = world.session("Olga")
    world.changing.acts[CONSENT] = act(world)
    begun = await world.changing.begin(session, CONSENT, {"agent": "own-bot", "form": "read_only"})
    before = world.directory.agents
    await world.operating.agent_revoke("own-bot")
    world.directory.agents = before
    answer = world.passkeys["Olga"].sign(begun["options"])
    with pytest.raises(DeskError, match="meanwhile"):
        await world.changing.finish(session, begun["challenge_id"], answer)
