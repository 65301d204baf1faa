import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import ucan
from gateway.audit import Kind
from gateway.encoding import b64u
from gateway.envelopes import COSIGNER_LIFE, Envelope, State, Step
from gateway.errors import Reason, Refusal, StoreError, ambiguous
from gateway.gate import Release
from gateway.model import Bind, Decision, Effect, EntityRef, Request
from gateway.releasing import row_of
from gateway.store.writes import (
    AddAgent,
    Change,
    Configure,
    Move,
    Open,
    PauseAgent,
    RevokePerson,
    RevokeTokens,
    Shred,
)
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.things import (
    KEYS,
    OTHER_KEYS,
    a_caller,
    a_mapped,
    a_request,
    a_token,
    a_unit,
    an_agent,
    an_envelope,
    caps,
    money,
)
from tests.kit.world import DENY, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def approved(world: World, *people: str) -> Envelope:
    envelope = await world.opened()
    for person in people or ("Mika",):
        await world.approve(envelope.id, person)
    return await world.now(envelope)


async def released(world: World, envelope: Envelope, **request: Any) -> Release:
    return await world.releaser.release(envelope, a_request(**request))


async def refused(world: World, envelope: Envelope, reason: Reason) -> Refusal:
    with pytest.raises(Refusal) as error:
        await released(world, envelope)
    assert error.value.reason is reason
    assert await world.said(kind="authorised") == []
    assert (await world.now(envelope)).state is not State.SPENT
    return error.value


async def lapses(world: World, envelope: Envelope, why: str) -> None:
    """The envelope is over, the row says why, and a second try finds nothing to use."""
    error = await refused(world, envelope, Reason.CONFIG_CHANGED)
    assert error.retryable
    assert "Nothing was sent" in error.detail
    told = await world.now(envelope)
    assert (told.state, told.cosigner_token) == (State.LAPSED, None)
    (row,) = await world.said(reason="lapsed")
    assert why in row["detail"]
    assert row["cosigner"] == envelope.cosigner
    with pytest.raises(Refusal):
        await released(world, envelope)
    assert (await world.now(envelope)).state is State.LAPSED


# The good way. ---------------------------------------------------------------------------------------------


async def test_the_row_is_durable_before_the_release_is_given(world: World) -> None:
    envelope = await approved(world)
    release = await released(world, envelope)
    told = await world.now(envelope)
    assert (told.state, told.spent_at) == (State.SPENT, START)
    (row,) = await world.said(kind="authorised")
    assert (row["envelope"], row["cosigner"], row["decision_method"]) == (
        envelope.id,
        envelope.cosigner,
        "passkey",
    )
    assert (row["method"], row["host"], row["config_digest"]) == ("POST", "api.shop.test", world.config)
    assert row["detail"] == f"invocation {told.invocation}"
    assert release.id == envelope.id


async def test_policy_hears_how_many_have_signed(world: World) -> None:
    await world.enrol("Noor")
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelope = await approved(world, "Mika", "Noor")
    await released(world, envelope)
    assert world.policy.spent_with == [2]


async def test_a_purpose_changed_after_approval_is_not_what_policy_hears(world: World) -> None:
    envelope = await world.opened(a_request(headers=(("Secondsig-Purpose", "pay the rent"),)))
    await world.approve(envelope.id, "Mika")
    await released(world, await world.now(envelope), headers=(("Secondsig-Purpose", "anything else"),))
    assert world.policy.spent_for == ["pay the rent"]


async def test_nothing_of_the_gateways_own_goes_upstream(world: World) -> None:
    envelope = await approved(world)
    headers = (
        ("Host", "api.shop.test"),
        ("Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic x"),
        ("Transfer-Encoding", "chunked"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Secondsig-Purpose", "tea"),
        ("secondsig-cosigner", "x"),
        ("Date", "now"),
        ("Authorization", "Bearer u"),
    )
    release = await released(world, envelope, headers=headers)
    assert release.headers == (
        ("Host", "api.shop.test"),
        ("Date", "now"),
        ("Authorization", "Bearer u"),
    )


async def test_the_key_that_left_is_kept_sealed_and_shredded_with_the_rest(world: World) -> None:
    envelope = await approved(world)
    headers = (*a_request().headers, ("Idempotency-Key", "k-2"))
    await released(world, envelope, headers=headers)
    kept = (await world.now(envelope)).sent_key
    assert kept is not None
    assert b"k-2" not in kept
    assert KEYS.unseal(envelope.id, kept) == b"Idempotency-Key: k-2"
    await world.store.apply(Move(envelope.id, 3, Step.LOSE, START, outcome="unknown"))
    await world.store.apply(Shred(START + 10_000, START + 10_000))
    assert (await world.now(envelope)).sent_key is None


@pytest.mark.parametrize("hides", ["redact", "secret"])
async def test_a_key_that_the_template_hides_is_not_kept(world: World, hides: str) -> None:
    unit = a_unit(**{hides: ("header:Idempotency-Key".lower(),)})
    world.library.meaning = lambda _request: a_mapped(unit)
    headers = (*a_request().headers, ("Idempotency-Key", "k-2"))
    envelope = await approved(world)
    await released(world, envelope, headers=headers)
    assert (await world.now(envelope)).sent_key is None


# Everything is asked again. --------------------------------------------------------------------------------


async def test_a_policy_that_denies_now_lapses_the_approval(world: World) -> None:
    envelope = await approved(world)
    world.policy.decision = DENY
    await lapses(world, envelope, "forbids it now (never)")


@pytest.mark.parametrize("quorum", [2, 5])
async def test_a_policy_that_asks_for_more_people_now_lapses_the_approval(world: World, quorum: int) -> None:
    envelope = await approved(world)
    world.policy.decision = replace(world.policy.decision, quorum=quorum)
    await lapses(world, envelope, f"{quorum} must sign now, not 1")


async def test_a_policy_that_would_not_allow_even_with_the_cosigner_lapses_it(world: World) -> None:
    envelope = await approved(world)
    world.policy.at_spend = Effect.DENY
    await lapses(world, envelope, "even with its approval")


async def test_a_policy_that_still_asks_at_the_spend_lapses_it(world: World) -> None:
    envelope = await approved(world)
    world.policy.at_spend = Effect.STEP_UP
    await lapses(world, envelope, "even with its approval")


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        (
            a_unit(action="/shop/account/close"),
            'it was /shop/payment/create on Shop::Account::"acct_tea", and would now be /shop/account/close',
        ),
        (
            a_unit(resource=EntityRef("Shop::Account", "acct_evil")),
            'would now be /shop/payment/create on Shop::Account::"acct_evil"',
        ),
        (a_unit(context=money(999_999)), "read something else in it now"),
        (a_unit(context={}), "read something else in it now"),
    ],
)
async def test_templates_under_which_it_means_something_else_lapse_it(
    world: World, unit: Any, why: str
) -> None:
    envelope = await approved(world)
    world.library.meaning = lambda _request: a_mapped(unit)
    await lapses(world, envelope, why)


async def test_templates_that_do_not_cover_it_any_more_lapse_it(world: World) -> None:
    envelope = await approved(world)

    def unmapped(_request: object) -> Any:
        raise ambiguous("Nobody knows it.")

    world.library.meaning = unmapped
    await lapses(world, envelope, "no longer cover it")


async def test_a_policy_that_needs_nobody_any_more_does_not_lapse_it(world: World) -> None:
    envelope = await approved(world)
    world.policy.decision = Decision(Effect.ALLOW)
    assert isinstance(await released(world, envelope), Release)


async def test_a_signer_revoked_before_the_spend_lapses_it(world: World) -> None:
    envelope = await approved(world)
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    await lapses(world, envelope, "signature on this request no longer counts")


async def test_a_signer_who_left_the_group_lapses_it(world: World) -> None:
    envelope = await approved(world)
    world.policy.approvers = frozenset({"Noor"})
    await lapses(world, envelope, "no longer counts")


async def test_a_signer_who_became_the_owner_lapses_it(world: World) -> None:
    envelope = await approved(world)
    await world.sqlite._ask(lambda db: db.execute("UPDATE agents SET owner = 'Mika'"), writes=True)
    await world.directory.refresh()
    await lapses(world, envelope, "no longer counts")


async def test_one_of_two_signers_revoked_is_one_too_few(world: World) -> None:
    await world.enrol("Noor")
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelope = await approved(world, "Mika", "Noor")
    await world.store.apply(RevokePerson("Noor", START))
    await world.directory.refresh()
    await lapses(world, envelope, "no longer counts")


async def test_a_passkey_revoked_before_the_spend_lapses_it_also_if_the_person_has_another(
    world: World,
) -> None:
    envelope = await approved(world)
    await world.second_passkey("Mika")
    used = world.passkeys["Mika"].id
    await world.sqlite._ask(
        lambda db: db.execute("UPDATE credentials SET revoked_at = 1 WHERE id = ?", (used,)), writes=True
    )
    await world.directory.refresh()
    await lapses(world, envelope, "no longer counts")


async def test_a_denial_of_the_same_intent_lapses_what_was_approved_before_it(world: World) -> None:
    envelope = await approved(world)
    alike = await world.opened(a_request(target="/v1/payments?dry=1"))
    await world.deciding.deny(world.session("Mika"), alike.id, None)
    await lapses(world, envelope, "Mika denied the same request")


# What is stored is not believed. ---------------------------------------------------------------------------


async def tamper(world: World, statement: str, *values: Any) -> None:
    await world.sqlite._ask(lambda db: db.execute(statement, values), writes=True)


async def stored(world: World, envelope: Envelope) -> Any:
    (signature,) = await world.store.signatures(envelope.id)
    return signature


async def test_a_signature_altered_in_the_database_does_not_count(world: World) -> None:
    envelope = await approved(world)
    assertion = json.loads(json.dumps((await stored(world, envelope)).assertion))
    assertion["response"]["signature"] = b64u(b"\x30\x06\x02\x01\x01\x02\x01\x01")
    await tamper(world, "UPDATE signatures SET assertion = ?", json.dumps(assertion))
    await lapses(world, envelope, "no longer counts")


PAYLOAD_LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another envelope": lambda said: {**said, "envelope": "env_other"},
    "another person": lambda said: {**said, "approver": "Noor"},
    "another verb": lambda said: {**said, "decision": "deny"},
    "another request": lambda said: {**said, "digest": "0" * 64},
    "another summary": lambda said: {**said, "purpose": "something else"},
}


@pytest.mark.parametrize("lie", PAYLOAD_LIES)
async def test_a_payload_replaced_in_the_database_does_not_count(world: World, lie: str) -> None:
    envelope = await approved(world)
    said = json.loads(KEYS.unseal(envelope.id, (await stored(world, envelope)).sealed_payload))
    sealed = KEYS.seal(envelope.id, json.dumps(PAYLOAD_LIES[lie](said)).encode())
    await tamper(world, "UPDATE signatures SET sealed_payload = ?", sealed)
    await lapses(world, envelope, "no longer counts")


@pytest.mark.parametrize("lie", [name for name in PAYLOAD_LIES if name != "another summary"])
async def test_a_signature_that_is_true_but_over_something_else_does_not_count(
    world: World, lie: str
) -> None:
    """Signed by the right passkey, over a payload that says another thing: only that can refuse it."""
    import hashlib

    from gateway.canonical import jcs

    envelope = await approved(world)
    said = json.loads(KEYS.unseal(envelope.id, (await stored(world, envelope)).sealed_payload))
    payload = jcs(PAYLOAD_LIES[lie](said))
    challenge = b"n" * 32 + hashlib.sha256(payload).digest()
    answer = world.passkeys["Mika"].sign({"challenge": b64u(challenge)})
    await tamper(
        world,
        "UPDATE signatures SET sealed_payload = ?, challenge = ?, assertion = ?",
        KEYS.seal(envelope.id, payload),
        challenge,
        json.dumps(answer),
    )
    await lapses(world, envelope, "no longer counts")


async def test_a_signature_in_anothers_name_does_not_count(world: World) -> None:
    await world.enrol("Noor")
    envelope = await approved(world)
    await tamper(world, "UPDATE signatures SET person = 'Noor'")
    await lapses(world, envelope, "no longer counts")


async def test_a_signature_moved_from_another_envelope_is_a_fault_and_no_release(world: World) -> None:
    envelope = await approved(world)
    other = await world.opened(a_request(target="/other"))
    await world.approve(other.id)
    await tamper(world, "DELETE FROM signatures WHERE envelope = ?", envelope.id)
    await tamper(world, "UPDATE signatures SET envelope = ?", envelope.id)
    with pytest.raises((StoreError, Refusal)):
        await released(world, envelope)
    assert await world.said(kind="authorised") == []


async def test_a_state_set_to_approved_in_the_database_releases_nothing(world: World) -> None:
    envelope = await world.opened()
    await tamper(world, "UPDATE envelopes SET state = 'approved', cosigner_expires = ?", START + 300)
    await lapses(world, replace(await world.now(envelope)), "no longer counts")


async def test_a_lower_quorum_in_the_database_releases_nothing(world: World) -> None:
    await world.enrol("Noor")
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelope = await approved(world, "Mika", "Noor")
    await tamper(world, "DELETE FROM signatures WHERE person = 'Noor'")
    await tamper(world, "UPDATE envelopes SET quorum = 1")
    now = await world.now(envelope)
    world.policy.at_spend = Effect.DENY
    await lapses(world, now, "even with its approval")
    assert set(world.policy.spent_with) == {1}


def minted(envelope: Envelope, key: Any = KEYS.cosigner, **changes: Any) -> ucan.Token:
    own = ucan.did_key(key.public_key())
    told: dict[str, Any] = {
        "audience": own,
        "subject": own,
        "command": "/cosign/shop/payment/create",
        "policy": [["==", ".envelope", envelope.id], ["==", ".request", envelope.digest]],
        "nonce": b"n" * 16,
        "expires": START + 300,
        "meta": {},
    }
    return ucan.mint(key, **{**told, **changes})


COSIGNERS: dict[str, Callable[[Envelope], ucan.Token]] = {
    "for another envelope": lambda e: minted(
        e, policy=[["==", ".envelope", "env_other"], ["==", ".request", e.digest]]
    ),
    "for another request": lambda e: minted(
        e, policy=[["==", ".envelope", e.id], ["==", ".request", "0" * 64]]
    ),
    "by another key": lambda e: minted(e, OTHER_KEYS.cosigner),
    "that has expired": lambda e: minted(e, expires=START),
}


@pytest.mark.parametrize("which", COSIGNERS)
async def test_a_cosigner_put_into_the_database_lapses(world: World, which: str) -> None:
    envelope = await approved(world)
    token = COSIGNERS[which](envelope)
    await tamper(world, "UPDATE envelopes SET cosigner = ?, cosigner_token = ?", token.cid, token.bytes)
    await lapses(world, await world.now(envelope), "cosigner of this approval does not hold")


async def test_a_cosigner_that_does_not_fit_its_name_lapses(world: World) -> None:
    envelope = await approved(world)
    await tamper(world, "UPDATE envelopes SET cosigner_token = ?", minted(envelope).bytes)
    await lapses(world, await world.now(envelope), "was altered")


async def test_a_cosigner_that_was_erased_lapses(world: World) -> None:
    envelope = await approved(world)
    await tamper(world, "UPDATE envelopes SET cosigner_token = NULL")
    await lapses(world, await world.now(envelope), "is gone")


async def test_an_invocation_in_the_place_of_the_cosigner_lapses(world: World) -> None:
    envelope = await approved(world)
    own = ucan.did_key(KEYS.cosigner.public_key())
    token = ucan.invoke(
        KEYS.cosigner,
        delegation=minted(envelope),
        subject=own,
        command="/cosign/shop/payment/create",
        arguments={"envelope": envelope.id, "request": envelope.digest},
        nonce=b"n" * 16,
        issued=START,
        expires=START + 300,
    )
    await tamper(world, "UPDATE envelopes SET cosigner = ?, cosigner_token = ?", token.cid, token.bytes)
    await lapses(world, await world.now(envelope), "not a delegation")


async def test_an_expired_cosigner_releases_nothing(world: World) -> None:
    envelope = await approved(world)
    world.time.advance(COSIGNER_LIFE)
    await lapses(world, envelope, "cosigner of this approval does not hold")


# Who and when. ---------------------------------------------------------------------------------------------


async def test_a_clock_that_jumped_releases_nothing_and_keeps_the_approval(world: World) -> None:
    envelope = await approved(world)
    world.time.jump(3)
    error = await refused(world, envelope, Reason.GATEWAY_UNAVAILABLE)
    assert (error.retryable, error.retry_after) == (True, 60)
    assert (await world.now(envelope)).state is State.APPROVED


async def test_a_paused_agent_gets_nothing_and_keeps_the_approval(world: World) -> None:
    envelope = await approved(world)
    await world.store.apply(PauseAgent("ci-bot", paused=True, at=START))
    await world.directory.refresh()
    await refused(world, envelope, Reason.AGENT_PAUSED)
    assert (await world.now(envelope)).state is State.APPROVED


IN_THAT_MOMENT: dict[str, Change] = {
    "paused": PauseAgent("ci-bot", paused=True, at=START),
    "its token revoked": RevokeTokens("ci-bot", START),
    "the configuration changed": Configure("config-2"),
}


@pytest.mark.parametrize("what", IN_THAT_MOMENT)
async def test_what_changes_in_the_moment_of_the_spend_stops_it(world: World, what: str) -> None:
    """Memory still says yes; the compare-and-swap says no."""
    envelope = await approved(world)
    await world.store.apply(IN_THAT_MOMENT[what])
    await refused(world, envelope, Reason.LAPSED)
    assert (await world.now(envelope)).state is State.APPROVED


async def test_another_agents_token_spends_nothing(world: World) -> None:
    await world.store.apply(AddAgent(an_agent("evil"), a_token("evil")))
    envelope = await approved(world)
    with pytest.raises(Refusal) as error:
        await released(world, envelope, caller=a_caller("ci-bot", token_id="tok_evil"))
    assert error.value.reason is Reason.LAPSED
    assert await world.said(kind="authorised") == []


async def test_rules_that_are_not_those_in_force_spend_nothing(world: World) -> None:
    envelope = await approved(world)
    world.config = "config that was never written"
    await refused(world, envelope, Reason.LAPSED)


async def test_of_two_releases_at_once_one_goes(world: World) -> None:
    envelope = await approved(world)
    results = await asyncio.gather(*(released(world, envelope) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Release) for result in results) == 1
    assert {r.reason for r in results if isinstance(r, Refusal)} == {Reason.DUPLICATE}


async def test_a_withdrawal_in_the_moment_of_the_spend_wins(world: World) -> None:
    envelope = await approved(world)
    failing = FailingStore(world.sqlite)
    world.releaser.store = failing

    async def withdraw(change: object) -> None:
        if type(change).__name__ == "Spend":
            failing.before_apply = None
            await world.deciding.withdraw(world.session("Mika"), envelope.id)

    failing.before_apply = withdraw
    await refused(world, envelope, Reason.LAPSED)
    assert (await world.now(envelope)).state is State.REVOKED


async def test_a_lapse_that_comes_too_late_changes_nothing(world: World) -> None:
    envelope = await approved(world)
    await released(world, envelope)
    world.policy.decision = DENY
    with pytest.raises(Refusal):
        await released(world, envelope)
    assert (await world.now(envelope)).state is State.SPENT
    assert await world.said(reason="lapsed") == []


# Which bytes. ----------------------------------------------------------------------------------------------


async def test_under_a_decoded_binding_only_the_bytes_that_were_approved_are_sent(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped(a_unit(bind=Bind("decoded")))
    envelope = await approved(world)
    release = await released(world, envelope, body=b'{"anything":"else"}')
    assert release.body == a_request().body


async def test_a_decoded_body_that_was_erased_is_never_replaced_by_the_retrys(world: World) -> None:
    """Without the sealed bytes nobody knows what was approved: refusing is the only safe answer."""
    world.library.meaning = lambda _request: a_mapped(a_unit(bind=Bind("decoded")))
    envelope = await approved(world)
    await tamper(world, "UPDATE envelopes SET sealed = NULL")
    with pytest.raises((Refusal, StoreError)):
        await released(world, await world.now(envelope), body=b'{"anything":"else"}')


def form(boundary: str, name: str = "a") -> Request:
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n1\r\n--{boundary}--\r\n'
    kind = ("Content-Type", f"multipart/form-data; boundary={boundary}")
    kept = tuple(pair for pair in a_request().headers if pair[0].lower() != "content-type")
    return a_request(body=body.encode(), headers=(*kept, kind))


async def test_a_form_that_is_sent_again_goes_out_under_the_boundary_that_was_approved(world: World) -> None:
    """Under another boundary the approved bytes could have other parts."""
    world.library.kind = "multipart"
    first, again = form("one"), form("two")
    opened = await world.opened(first)
    await world.approve(opened.id, "Mika")
    envelope = await world.now(opened)
    release = await released(world, envelope, headers=again.headers, body=again.body)
    assert release.body == first.body
    types = [value for name, value in release.headers if name.lower() == "content-type"]
    assert types == ["multipart/form-data; boundary=one"]


# Outcomes. -------------------------------------------------------------------------------------------------


async def done(world: World, envelope: Envelope, outcome: Any, status: int | None = None) -> Envelope:
    release = await released(world, envelope)
    release.done(outcome, status, "a detail")
    await world.releaser.settle()
    return await world.now(envelope)


async def test_a_release_that_was_answered_is_completed(world: World) -> None:
    told = await done(world, await approved(world), "completed", 201)
    assert (told.state, told.outcome, told.status) == (State.COMPLETED, "completed", 201)
    (row,) = await world.said(kind="outcome")
    assert (row["outcome"], row["status"], row["detail"]) == ("completed", 201, "a detail")
    assert row["cosigner"] == told.cosigner


@pytest.mark.parametrize("outcome", ["failed", "unclear"])
async def test_an_answer_that_means_no_is_an_outcome_of_its_own_and_is_not_sent_again(
    world: World, outcome: str
) -> None:
    told = await done(world, await approved(world), outcome, 200)
    assert (told.state, told.outcome, told.status) == (State.COMPLETED, outcome, 200)
    (row,) = await world.said(kind="outcome")
    assert (row["outcome"], row["status"]) == (outcome, 200)
    with pytest.raises(Refusal) as error:
        await released(world, told)
    assert error.value.reason is Reason.DUPLICATE


async def test_only_a_template_that_knows_how_its_service_says_no_has_answers_read(world: World) -> None:
    assert (await released(world, await approved(world))).reader is None
    world.library.meaning = lambda _request: a_mapped(a_unit(outcome_failed_when={"json:/ok": False}))
    reader = (await released(world, await approved(world))).reader
    assert reader is not None
    assert reader.rules == ({"json:/ok": False},)


async def test_a_release_that_nobody_answered_is_unknown_and_never_goes_again(world: World) -> None:
    told = await done(world, await approved(world), "unknown")
    assert told.state is State.UNKNOWN
    with pytest.raises(Refusal) as error:
        await released(world, told)
    assert error.value.reason is Reason.DUPLICATE


async def test_a_release_that_never_left_may_go_again_once_while_its_cosigner_lives(world: World) -> None:
    told = await done(world, await approved(world), "not_sent")
    assert (told.state, told.outcome) == (State.APPROVED, "not_sent")
    again = await done(world, told, "completed", 200)
    assert again.state is State.COMPLETED
    assert [row["outcome"] for row in await world.said(kind="outcome")] == ["not_sent", "completed"]


async def test_a_release_that_never_left_lapses_when_its_cosigner_has_expired(world: World) -> None:
    envelope = await approved(world)
    release = await released(world, envelope)
    world.time.advance(COSIGNER_LIFE)
    release.done("not_sent", None, "")
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.LAPSED
    (row,) = await world.said(kind="outcome")
    assert (row["outcome"], row["detail"]) == ("not_sent", None)


async def test_a_release_that_never_left_lapses_when_its_retry_asked_anew(world: World) -> None:
    envelope = await approved(world)
    release = await released(world, envelope)
    newer = await world.opened()
    assert newer.id != envelope.id
    release.done("not_sent", None, "")
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.LAPSED
    assert [row["outcome"] for row in await world.said(kind="outcome")] == ["not_sent"]


async def test_an_outcome_is_heard_once(world: World) -> None:
    envelope = await approved(world)
    release = await released(world, envelope)
    release.done("completed", 200, "")
    release.done("not_sent", None, "")
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.COMPLETED
    assert len(await world.said(kind="outcome")) == 1


@pytest.mark.parametrize("word", ["", "done", "COMPLETED"])
async def test_an_outcome_that_nobody_knows_is_unknown_and_not_sent_again(world: World, word: str) -> None:
    """In doubt it may have arrived."""
    told = await done(world, await approved(world), word)
    assert told.state is State.UNKNOWN


async def test_an_outcome_that_cannot_be_written_leaves_it_spent(world: World) -> None:
    envelope = await approved(world)
    release = await released(world, envelope)
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _n, call: call == "apply Move"
    world.releaser.store = failing
    release.done("completed", 200, "")
    world.board.stop()
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.SPENT


@pytest.mark.parametrize("after", [False, True])
async def test_an_outcome_that_could_not_be_written_is_written_once_when_it_can(
    world: World, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.releasing.RETRY_SECONDS", 0.001)
    envelope = await approved(world)
    release = await released(world, envelope)
    failing = FailingStore(world.sqlite)
    failing.fails, failing.after = (lambda number, _call: number < 3), after
    world.releaser.store = failing
    release.done("completed", 200, "")
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.COMPLETED
    assert [row["outcome"] for row in await world.said(kind="outcome")] == ["completed"]


async def test_pages_hear_of_every_step(world: World) -> None:
    envelope = await approved(world)
    before = world.board.last
    await done(world, envelope, "completed", 200)
    assert world.board.last == before + 2


# Faults. ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
async def test_a_spend_that_may_have_been_written_or_not_releases_nothing(world: World, after: bool) -> None:
    envelope = await approved(world)
    failing = FailingStore(world.sqlite)
    failing.fails, failing.after = (lambda _n, call: call == "apply Spend"), after
    world.releaser.store = failing
    with pytest.raises(StoreError):
        await released(world, envelope)
    told = await world.now(envelope)
    assert told.state is (State.SPENT if after else State.APPROVED)
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.APPROVED, "nothing was sent, so it may be used still"
    assert [row["outcome"] for row in await world.said(kind="outcome")] == ["not_sent"] * after


async def test_a_spend_whose_request_was_cancelled_in_that_moment_is_taken_back(world: World) -> None:
    envelope = await approved(world)
    reached, failing = asyncio.Event(), FailingStore(world.sqlite)

    async def wait(_change: object) -> None:
        reached.set()
        await asyncio.sleep(60)

    failing.before_apply = wait
    world.releaser.store = failing
    task = asyncio.create_task(released(world, envelope))
    await reached.wait()
    failing.before_apply = None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.APPROVED


async def test_a_body_that_cannot_be_unsealed_is_a_fault(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped(a_unit(bind=Bind("decoded")))
    envelope = await approved(world)
    await tamper(world, "UPDATE envelopes SET sealed = ?", OTHER_KEYS.seal(envelope.id, b"{}"))
    with pytest.raises(StoreError):
        await released(world, await world.now(envelope))
    await world.releaser.settle()
    assert (await world.now(envelope)).state is State.APPROVED


async def test_a_body_is_shredded_only_when_it_is_over(world: World) -> None:
    envelope = await approved(world)
    await world.store.apply(Shred(START + 10_000, START + 10_000))
    assert (await world.now(envelope)).sealed is not None


def test_a_row_names_its_envelope() -> None:
    row = row_of(an_envelope(run="run_1"), Kind.END, reason="x")
    assert (row.agent, row.run, row.address, row.envelope) == (
        "ci-bot",
        "run_1",
        "127.0.0.1",
        an_envelope().id,
    )
    assert (row.action, row.resource, row.reason) == (
        "/shop/payment/create",
        'Shop::Account::"acct_tea"',
        "x",
    )


async def test_an_open_question_beside_a_spent_one_is_its_own(world: World) -> None:
    envelope = await approved(world)
    await released(world, envelope)
    fresh = replace(envelope, id="env_" + "8" * 26, state=State.PENDING, cosigner=None, invocation=None)
    assert (await world.store.apply(Open(fresh, caps(20)))).__class__.__name__ == "Done"


async def test_a_stop_in_the_moment_in_which_an_outcome_was_written_ends(world: World) -> None:
    """What is written, but not yet struck off, must not be waited for without giving anybody a turn."""

    async def write() -> None:
        await asyncio.sleep(0)

    world.releaser._later(write)
    (written,) = world.releaser._recording
    while not written.done():
        await asyncio.sleep(0)
    assert world.releaser._recording
    await world.releaser.settle()
    assert not world.releaser._recording
