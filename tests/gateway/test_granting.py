"""A grant stands in for one answer of people: every way to make it stand in for more."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.canonical import jcs
from gateway.errors import Reason, Refusal, StoreError
from gateway.facts import facts_of
from gateway.gate import Release
from gateway.granting import recover_uses
from gateway.grants import described
from gateway.model import Decision, Effect, EntityRef, Risk
from gateway.pausing import By
from gateway.store.writes import (
    Configure,
    FinishUse,
    PauseAgent,
    RemoveAgent,
    RevokePerson,
    RevokeTokens,
    UseGrant,
)
from tests.kit.clocks import START
from tests.kit.granting import (
    FIRST,
    WRITE,
    a_write,
    act,
    grantable,
    granted,
    meaning,
    only_grant,
    send,
)
from tests.kit.things import HOST, KEYS, a_caller, a_request
from tests.kit.world import ASK, DENY, World

OPERATOR = By("operator", "operator")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    grantable(made)
    yield made
    await made.granting.settle()
    await made.close()


async def passes(world: World, **changes: Any) -> bool:
    """True if a grant lets it go; False if people are asked, and then the question is cancelled again."""
    (sent,) = await asyncio.gather(send(world, **changes), return_exceptions=True)
    if isinstance(sent, Release):
        sent.done("completed", 200, "")
        await world.granting.settle()
        return True
    assert isinstance(sent, Refusal)
    assert sent.reason is Reason.REQUIRES_STEP_UP
    assert sent.about is not None
    await world.operating.envelope_cancel(sent.about.envelope)
    return False


# What it is for. -------------------------------------------------------------------------------------------


async def test_what_was_granted_passes_without_asking_and_is_counted(world: World) -> None:
    grant = await granted(world)
    sent = await send(world)
    assert isinstance(sent, Release)
    assert (sent.method, sent.target, sent.body) == ("POST", a_request().target, a_request().body)
    authorised = (await world.said(decision_method="grant"))[-1]
    assert authorised == authorised | {
        "kind": "authorised",
        "decision": "allow",
        "reason": "granted",
        "grant_id": grant["id"],
        "person": "Mika",
        "agent": "ci-bot",
        "action": WRITE,
        "resource": str(FIRST),
        "method": "POST",
        "host": HOST,
        "config_digest": "config-1",
    }
    sent.done("completed", 201, "")
    sent.done("failed", 400, "only the first word counts")
    await world.granting.settle()
    (outcome,) = await world.said(kind="outcome")
    assert (outcome["outcome"], outcome["status"], outcome["grant_id"]) == ("completed", 201, grant["id"])
    assert await passes(world)
    used = (await world.sqlite.grant_uses())[grant["id"]]
    assert (used.count, used.last) == (2, START)


async def test_its_use_is_durable_before_anything_is_sent(world: World) -> None:
    await granted(world)
    world.granting.store = FailingUse(world.sqlite)
    with pytest.raises(StoreError):
        await send(world)
    assert await world.sqlite.grant_uses() == {}


class FailingUse:
    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def apply(self, change: Any, rows: Any = ()) -> Any:
        if isinstance(change, UseGrant | FinishUse):
            raise StoreError("the disk is full")
        return await self._store.apply(change, rows)


async def test_an_outcome_that_cannot_be_written_is_unknown_at_the_next_start(world: World) -> None:
    grant = await granted(world)
    sent = await send(world)
    assert isinstance(sent, Release)
    world.granting.store = FailingUse(world.sqlite)
    sent.done("completed", 200, "")
    await world.granting.settle()
    assert await recover_uses(world.sqlite) == 1
    (outcome,) = await world.said(kind="outcome")
    assert (outcome["outcome"], outcome["grant_id"]) == ("unknown", grant["id"])
    assert await recover_uses(world.sqlite) == 0


async def test_two_uses_at_once_are_both_counted(world: World) -> None:
    grant = await granted(world)
    sent = await asyncio.gather(*(send(world) for _ in range(5)))
    assert len({release.id for release in sent if isinstance(release, Release)}) == 5
    assert (await world.sqlite.grant_uses())[grant["id"]].count == 5


async def test_headers_of_ours_and_of_the_connection_stay_here(world: World) -> None:
    await granted(world)
    headers = (*a_request().headers, ("Secondsig-Purpose", "because"), ("Connection", "close"))
    sent = await send(world, headers=headers)
    assert isinstance(sent, Release)
    assert sent.headers == a_request().headers


# What it is not for. ---------------------------------------------------------------------------------------


async def test_a_grant_used_by_another_agent_asks_people(world: World) -> None:
    await granted(world)
    await world.add_agent("other-bot")
    assert not await passes(world, caller=a_caller("other-bot"))


async def test_a_grant_used_for_another_resource_asks_people(world: World) -> None:
    await granted(world)
    world.library.meaning = meaning(a_write(resource=EntityRef("Shop::Order", "a2")))
    assert not await passes(world)


async def test_a_grant_used_for_another_action_asks_people(world: World) -> None:
    await granted(world)
    world.library.meaning = meaning(a_write(action="/shop/order/close"))
    assert not await passes(world)


async def test_a_grant_used_at_another_host_of_the_service_asks_people(world: World) -> None:
    await granted(world)
    world.library.served["eu.shop.test"] = "shop"
    assert not await passes(world, host="eu.shop.test")


async def test_a_grant_for_an_action_on_a_resource_is_for_it_whatever_else_differs(world: World) -> None:
    await granted(world, covers="resource")
    world.library.meaning = meaning(a_write(context={"size": 2}))
    assert await passes(world)


async def test_a_grant_for_exactly_this_is_not_for_another_context(world: World) -> None:
    await granted(world, covers="intent")
    assert await passes(world)
    world.library.meaning = meaning(a_write(context={"size": 2}))
    assert not await passes(world)


async def test_a_second_unit_slipped_in_beside_a_granted_one_asks_people(world: World) -> None:
    await granted(world, covers="resource")
    world.library.meaning = meaning(a_write(), a_write(action="/shop/order/close"))
    assert not await passes(world)


@pytest.mark.parametrize("group", ["payment", "destructive", "credential"])
async def test_a_grant_used_for_a_payment_asks_people_unless_the_operator_lists_the_group(
    world: World, group: str
) -> None:
    world.set(grants_for=(group,))
    world.library.meaning = meaning(a_write(groups=(group,)))
    await granted(world)
    assert await passes(world)
    world.set(grants_for=())
    assert not await passes(world)


async def test_what_became_single_use_asks_people(world: World) -> None:
    await granted(world)
    unit = a_write()
    world.library.meaning = meaning(replace(unit, approval=replace(unit.approval, single_use=True)))
    assert not await passes(world)


async def test_what_no_template_names_is_covered_by_no_grant(world: World) -> None:
    await granted(world)
    world.library.meaning = meaning(a_write(groups=("unmatched",)))
    assert not await passes(world)


async def test_what_a_template_forbids_is_covered_by_no_grant(world: World) -> None:
    await granted(world)
    world.library.meaning = meaning(a_write(risk=Risk.FORBID))
    assert not await passes(world)


async def test_what_needs_two_people_now_is_not_answered_by_the_one_who_granted_it(world: World) -> None:
    await granted(world)
    world.policy.decision = replace(ASK, quorum=2)
    await world.enrol("Jonas")
    assert not await passes(world)


async def test_what_policy_does_not_let_pass_on_a_grant_asks_people(world: World) -> None:
    await granted(world)
    for answer in (ASK, DENY):
        world.policy.on_grant = answer
        assert not await passes(world)
    assert await world.sqlite.grant_uses() == {}


async def test_what_policy_denies_is_not_unlocked_by_a_grant(world: World) -> None:
    await granted(world)
    world.policy.decision = DENY
    with pytest.raises(Refusal) as refused:
        await send(world)
    assert refused.value.reason is Reason.POLICY_DENIED


async def test_a_denial_outlives_the_grant(world: World) -> None:
    await granted(world)
    other = await world.opened(a_request(headers=(*a_request().headers, ("X-Other", "1"))))
    await world.desk.deny(world.session("Mika"), other.id, "not any more")
    with pytest.raises(Refusal) as refused:
        await send(world)
    assert refused.value.reason is Reason.APPROVAL_DENIED


async def test_an_identical_request_meets_the_question_it_belongs_to(world: World) -> None:
    """Else it would go once by the grant, and once more when the person approves what waits."""
    envelope = await world.opened()
    made = {"envelope": envelope.id, "covers": "resource", "seconds": 900}
    await world.change("grant/envelope", act(world), made)
    with pytest.raises(Refusal) as refused:
        await send(world)
    assert refused.value.about is not None
    assert refused.value.about.envelope == envelope.id
    await world.approve(envelope.id)
    await send(world)
    assert await world.sqlite.grant_uses() == {}


async def test_an_agent_that_brings_a_cosigner_is_held_to_it(world: World) -> None:
    await granted(world)
    with pytest.raises(Refusal) as refused:
        await send(world, headers=(*a_request().headers, ("Secondsig-Cosigner", "forged")))
    assert refused.value.reason is Reason.COSIGNER_INVALID


# When it ends. ---------------------------------------------------------------------------------------------


async def test_a_grant_ends_at_its_end_by_the_stores_clock(world: World) -> None:
    grant = await granted(world, seconds=900)
    world.time.advance(899)
    assert await passes(world)
    world.time.advance(1)
    assert not await passes(world)
    await world.granting.tidy()
    (ended,) = await world.sqlite.ended_grants()
    assert (ended.id, ended.ended_why, ended.ended_at) == (grant["id"], "expired", START + 900)
    (row,) = await world.said(kind="grant", decision="ended")
    assert (row["reason"], row["grant_id"]) == ("expired", grant["id"])


async def test_a_standing_grant_has_no_end_until_it_is_revoked(world: World) -> None:
    grant = await granted(world, seconds=None)
    world.time.advance(10 * 365 * 86_400)
    await world.granting.tidy()
    assert await passes(world)
    assert await world.granting.revoke(grant["id"], OPERATOR) is not None
    assert not await passes(world)
    (row,) = await world.said(kind="grant", decision="revoked")
    assert (row["person"], row["decision_method"]) == ("operator", "operator")


async def test_what_was_revoked_cannot_be_revoked_again_and_nothing_else_is(world: World) -> None:
    grant = await granted(world)
    assert await world.granting.revoke("grt_" + "0" * 26, OPERATOR) is None
    assert await world.granting.revoke(grant["id"], OPERATOR) is not None
    assert await world.granting.revoke(grant["id"], OPERATOR) is None


async def test_a_use_that_races_the_revocation_loses(world: World) -> None:
    """Memory still knows the grant; the store decides."""
    grant = await granted(world)
    known = world.grants.of("ci-bot")
    await world.granting.revoke(grant["id"], OPERATOR)
    world.grants._by_agent = {"ci-bot": known}
    assert not await passes(world)
    assert await world.sqlite.grant_uses() == {}


@pytest.mark.parametrize(
    "change",
    [
        RevokePerson("Mika", START),
        PauseAgent("ci-bot", paused=True, at=START),
        RemoveAgent("ci-bot", START),
        RevokeTokens("ci-bot", START),
        Configure("another"),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_a_use_that_races_what_it_rests_on_loses(world: World, change: Any) -> None:
    """Memory still knows all of it; the store decides."""
    await granted(world)
    await world.sqlite.apply(change)
    rules = world.rules()
    request = a_request()
    mapped = rules.library.map(request)
    facts = facts_of(request, mapped, world.store.now())
    names = world.history.moment(request, mapped, rules).names
    assert await world.granting.release(request, mapped, ASK, names, rules, facts) is None
    assert await world.sqlite.grant_uses() == {}


async def test_a_grant_ends_when_its_signer_is_revoked(world: World) -> None:
    await world.enrol("Jonas")
    await granted(world)
    await world.operating.approver_revoke("Mika")
    assert not await passes(world)
    await world.granting.tidy()
    assert [grant.ended_why for grant in await world.sqlite.ended_grants()] == ["signer"]


async def test_a_grant_is_not_used_and_ends_when_its_signer_may_not_approve_any_more(world: World) -> None:
    await world.enrol("Jonas")
    await granted(world)
    world.policy.approvers = frozenset({"Jonas"})
    assert not await passes(world)
    await world.granting.tidy()
    world.policy.approvers = None
    assert [grant.ended_why for grant in await world.sqlite.ended_grants()] == ["signer"]
    assert not await passes(world), "what has ended stays ended"


async def test_a_grant_of_the_agents_owner_ends_when_owners_may_not_approve_any_more(world: World) -> None:
    await world.enrol("Jonas")
    world.set(owner_may_approve=True)
    await world.add_agent("own-bot", owner="Mika")
    caller = a_caller("own-bot")
    envelope = await world.opened(a_request(caller=caller))
    await granted(world, envelope=envelope.id)
    assert await passes(world, caller=caller)
    (row,) = await world.said(kind="grant", decision="made")
    assert "owner" in row["detail"]
    world.set(owner_may_approve=False)
    assert not await passes(world, caller=caller)


async def test_a_grant_ends_with_its_agent(world: World) -> None:
    await granted(world)
    await world.operating.agent_revoke("ci-bot")
    await world.granting.tidy()
    assert [grant.ended_why for grant in await world.sqlite.ended_grants()] == ["agent_removed"]


async def test_a_template_reload_that_changes_what_is_meant_ends_the_grant_for_good(world: World) -> None:
    await granted(world)
    before = world.library.services
    world.library.services = {"shop": SimpleNamespace(digest="f" * 64, actions=(), unmatched={})}
    assert not await passes(world)
    await world.granting.tidy()
    world.library.services = before
    assert [grant.ended_why for grant in await world.sqlite.ended_grants()] == ["meaning"]
    assert not await passes(world)


async def test_a_clock_that_jumps_uses_and_revives_no_grant(world: World) -> None:
    await granted(world, seconds=900)
    world.time.jump(100)
    rules = world.rules()
    mapped = rules.library.map(a_request())
    facts = facts_of(a_request(), mapped, world.store.now())
    names = world.history.moment(a_request(), mapped, rules).names
    assert await world.granting.release(a_request(), mapped, ASK, names, rules, facts) is None
    world.time.jump(-100)
    assert await passes(world)
    world.time.advance(1000)
    await world.granting.tidy()
    world.time.jump(-1000)
    await world.granting.tidy()
    assert await world.sqlite.grants() == []


async def test_what_did_not_change_is_not_asked_again(world: World) -> None:
    await granted(world, seconds=900)
    rules = world.rules()
    world.granting.rules = lambda: rules
    await world.granting.tidy()
    world.policy.approvers = frozenset()
    await world.granting.tidy()
    assert len(await world.sqlite.grants()) == 1, "policy never changes but as a whole"
    world.time.advance(900)
    await world.granting.tidy()
    assert await world.sqlite.grants() == []


async def test_the_watch_over_grants_survives_a_store_that_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.granting.TICK", 0.001)
    await granted(world, seconds=1)
    world.time.advance(1)
    world.granting.store = FailingEnd(world.sqlite)
    watch = asyncio.create_task(world.granting.run())
    async with asyncio.timeout(60):
        while await world.sqlite.grants():
            await asyncio.sleep(0.005)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


class FailingEnd(FailingUse):
    failures = 1

    async def apply(self, change: Any, rows: Any = ()) -> Any:
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full")
        return await self._store.apply(change, rows)


# What was signed. ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("agent", "other-bot"),
        ("host", "eu.shop.test"),
        ("expires_at", START + 90_000),
        ("kind", "cedar"),
        ("signer", "Jonas"),
        ("says", "Nothing at all."),
        ("fingerprint", "f" * 64),
        ("made_at", START - 1),
        ("signed_change", "chl_gone"),
        ("credential_id", b"another"),
    ],
)
async def test_a_grant_that_was_altered_in_the_store_is_no_grant(
    world: World, column: str, value: object
) -> None:
    grant = await granted(world)
    await world.enrol("Jonas")
    stored = replace(await only_grant(world), **{column: value})  # type: ignore[arg-type]  # one of its own
    assert await world.granting._holds(await only_grant(world), world.rules())
    assert not await world.granting._holds(stored, world.rules()), grant


async def test_a_signature_that_does_not_verify_any_more_carries_no_use(world: World) -> None:
    await granted(world)
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE signed_changes SET assertion = json_set(assertion, '$.response', json('{}'))"
        ),
        writes=True,
    )
    assert not await passes(world)


async def test_a_grant_and_its_payload_altered_alike_are_not_what_the_passkey_signed(world: World) -> None:
    """Whoever has the storage key can seal another payload, but not sign it."""
    await granted(world)
    stored = await only_grant(world)
    longer = replace(stored, expires_at=START + 90_000)
    signed = await world.sqlite.signed_change(stored.signed_change)
    assert signed is not None
    said = json.loads(KEYS.unseal(signed.id, signed.sealed_payload))
    sealed = KEYS.seal(signed.id, jcs({**said, "change": described(longer)}))
    await world.sqlite._ask(
        lambda db: db.execute("UPDATE signed_changes SET sealed_payload = ?", (sealed,)), writes=True
    )
    assert not await world.granting._holds(longer, world.rules())


async def test_a_played_decision_without_people_needs_no_grant(world: World) -> None:
    await granted(world)
    world.policy.decision = Decision(Effect.ALLOW)
    await send(world)
    assert await world.sqlite.grant_uses() == {}


async def test_a_stop_in_the_moment_in_which_an_outcome_was_written_ends(world: World) -> None:
    """What is written, but not yet struck off, must not be waited for without giving anybody a turn."""
    written = asyncio.get_running_loop().create_task(asyncio.sleep(0))
    world.granting._recording.add(written)
    written.add_done_callback(world.granting._recording.discard)
    while not written.done():
        await asyncio.sleep(0)
    assert world.granting._recording
    await world.granting.settle()
    assert not world.granting._recording
