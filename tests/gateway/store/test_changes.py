import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.envelopes import COSIGNER_LIFE, TABLE, Envelope, IllegalStep, State, Step
from gateway.store import contract as c
from gateway.store import things, writes
from gateway.store.changes import make
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, a_sign, a_signature, approved, row, with_people
from tests.kit.things import (
    ENVELOPE,
    a_challenge,
    a_credential,
    a_person,
    a_token,
    an_agent,
    an_envelope,
    caps,
)

NOW = START + 10


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    opened = TimedStore(tmp_path / "test.db")
    await with_people(opened)
    yield opened
    await opened.close()


async def current(store: TimedStore) -> Envelope:
    envelope = await store.envelope(ENVELOPE)
    assert envelope is not None
    return envelope


def move(step: Step, version: int = 1, at: int = NOW, **more: object) -> writes.Move:
    return replace(writes.Move(ENVELOPE, version, step, at), **more)  # type: ignore[arg-type]  # a test's own words


def spend(envelope: Envelope, /, **changes: object) -> writes.Spend:
    plain = writes.Spend(
        envelope.id, envelope.version, "bafycosigner", "bafyinvocation", "tok_ci-bot", "config", NOW
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test's own words


# Opening and joining. ------------------------------------------------------------------------------------


async def test_ten_at_once_open_one_question(store: TimedStore) -> None:
    opening = [
        store.apply(writes.Open(an_envelope(id=f"env_{n}"), caps(20)), row(f"opened {n}")) for n in range(10)
    ]
    applied = await asyncio.gather(*opening)
    (done,) = [a for a in applied if isinstance(a, c.Done)]
    joined = [a for a in applied if isinstance(a, c.Joined)]
    assert len(joined) == 9
    assert done.envelope is not None
    assert {j.envelope.id for j in joined} == {done.envelope.id}
    assert [d for d in await store.log() if d and d.startswith("opened")] == [
        f"opened {done.envelope.id.removeprefix('env_')}"
    ]


@pytest.mark.parametrize("change", [{"agent": "other"}, {"join_key": "other"}, {"join_scope": "::1"}])
async def test_another_agent_request_or_address_joins_nothing(
    store: TimedStore, change: dict[str, str]
) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    applied = await store.apply(writes.Open(an_envelope(id="env_2", **change), caps(20)))
    assert isinstance(applied, c.Done)


async def test_an_approved_question_is_joined_and_a_spent_one_is_not(store: TimedStore) -> None:
    envelope = await approved(store)
    joined = await store.apply(writes.Open(an_envelope(id="env_2"), caps(20)))
    assert joined == c.Joined(envelope)
    await store.apply(spend(envelope))
    assert isinstance(await store.apply(writes.Open(an_envelope(id="env_2"), caps(20))), c.Done)


async def test_an_agent_cannot_bury_people_under_questions(store: TimedStore) -> None:
    for n in range(3):
        assert isinstance(
            await store.apply(writes.Open(an_envelope(id=f"env_{n}", join_key=str(n)), caps(3))), c.Done
        )
    lost = await store.apply(writes.Open(an_envelope(id="env_3", join_key="3"), caps(3)), row("one too many"))
    assert lost == c.Lost("limit", full=c.Full("agent", "waiting", 60))
    assert "one too many" not in await store.log()
    other = an_envelope(id="env_4", join_key="3", agent="other")
    assert isinstance(await store.apply(writes.Open(other, caps(3))), c.Done)


async def test_what_is_decided_makes_room_for_the_next(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(1)))
    await store.apply(move(Step.DENY))
    assert isinstance(await store.apply(writes.Open(an_envelope(id="env_2"), caps(1))), c.Done)


# Moving. -------------------------------------------------------------------------------------------------


async def test_of_two_moves_on_one_version_one_wins_and_the_other_is_told(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    one, other = await asyncio.gather(
        store.apply(move(Step.DENY, by="Mika", method="session"), row("denied")),
        store.apply(move(Step.CANCEL, by="operator", method="operator"), row("cancelled")),
    )
    assert isinstance(one, c.Done)
    assert isinstance(other, c.Lost)
    assert other.why == "changed"
    assert other.envelope is not None
    assert (other.envelope.state, other.envelope.decided_by) == (State.DENIED, "Mika")
    assert "denied" in await store.log()
    assert "cancelled" not in await store.log()


async def test_a_move_of_nothing_is_lost_and_writes_nothing(store: TimedStore) -> None:
    assert await store.apply(move(Step.DENY), row("ghost")) == c.Lost("absent")
    assert "ghost" not in await store.log()


@pytest.mark.parametrize("version", [0, 2, -1])
async def test_a_move_of_another_version_is_lost(store: TimedStore, version: int) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    assert isinstance(await store.apply(move(Step.DENY, version)), c.Lost)
    assert (await current(store)).state is State.PENDING


async def test_a_decision_says_who_when_how_and_why(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    done = await store.apply(move(Step.DENY, by="Mika", method="session", note="No."))
    assert isinstance(done, c.Done)
    assert done.envelope == await current(store)
    assert done.envelope is not None
    told = done.envelope
    assert (told.state, told.version, told.note) == (State.DENIED, 2, "No.")
    assert (told.decided_by, told.decision_method, told.decided_at) == ("Mika", "session", NOW)


async def test_nothing_expires_before_its_time(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    early = await store.apply(move(Step.EXPIRE, at=START + 59), row("early"))
    assert isinstance(early, c.Lost)
    assert (await current(store)).state is State.PENDING
    assert "early" not in await store.log()
    assert isinstance(await store.apply(move(Step.EXPIRE, at=START + 60)), c.Done)
    assert (await current(store)).state is State.EXPIRED


@pytest.mark.parametrize("step", [Step.COMPLETE, Step.LOSE, Step.RETURN, Step.LAPSE, Step.REVOKE])
async def test_a_step_that_the_table_does_not_have_changes_nothing(store: TimedStore, step: Step) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    lost_or_raised: object = None
    try:
        lost_or_raised = await store.apply(move(step), row("illegal"))
    except IllegalStep as error:
        lost_or_raised = error
    assert not isinstance(lost_or_raised, c.Done)
    assert (await current(store)).state is State.PENDING
    assert "illegal" not in await store.log()


@pytest.mark.parametrize("step", [Step.APPROVE, Step.SPEND])
async def test_nothing_is_approved_or_spent_by_a_plain_move(store: TimedStore, step: Step) -> None:
    """Approving is Sign's alone and spending Spend's: a move carries neither signature nor cosigner."""
    envelope = an_envelope() if step is Step.APPROVE else await approved(store)
    if step is Step.APPROVE:
        await store.apply(writes.Open(envelope, caps(20)))
    before = await current(store)
    try:
        applied: object = await store.apply(move(step, before.version), row("short cut"))
    except (IllegalStep, ValueError, TypeError):
        applied = None
    assert not isinstance(applied, c.Done)
    assert await current(store) == before


async def test_what_was_not_sent_is_approved_again_while_its_cosigner_lives(store: TimedStore) -> None:
    envelope = await approved(store)
    await store.apply(spend(envelope))
    returned = await store.apply(move(Step.RETURN, 3, outcome="not_sent"), row("not sent"))
    assert isinstance(returned, c.Done)
    again = await current(store)
    assert (again.state, again.outcome, again.cosigner) == (State.APPROVED, "not_sent", "bafycosigner")
    assert (again.decided_by, again.decision_method) == ("Mika", "passkey")
    assert isinstance(await store.apply(spend(again, invocation="bafysecond")), c.Done)


@pytest.mark.parametrize("late", [0, 1, 1000])
async def test_what_was_not_sent_does_not_outlive_its_cosigner(store: TimedStore, late: int) -> None:
    await store.apply(spend(await approved(store)))
    lost = await store.apply(move(Step.RETURN, 3, at=START + COSIGNER_LIFE + late), row("too late"))
    assert isinstance(lost, c.Lost)
    assert lost.why == "expired"
    assert (await current(store)).state is State.SPENT
    assert "too late" not in await store.log()
    assert isinstance(await store.apply(move(Step.LAPSE, 3)), c.Done)


async def test_what_was_not_sent_cannot_return_beside_a_newer_question(store: TimedStore) -> None:
    """A retry opened a new envelope meanwhile: two open ones must not be, and it must not fail."""
    await store.apply(spend(await approved(store)))
    assert isinstance(await store.apply(writes.Open(an_envelope(id="env_newer"), caps(20))), c.Done)
    lost = await store.apply(move(Step.RETURN, 3, outcome="not_sent"), row("returned"))
    assert isinstance(lost, c.Lost)
    assert (await current(store)).state is State.SPENT
    assert "returned" not in await store.log()


@pytest.mark.parametrize("step", [Step.LAPSE, Step.REVOKE])
async def test_a_cosigner_that_may_not_be_used_any_more_is_erased(store: TimedStore, step: Step) -> None:
    await approved(store)
    await store.apply(move(step, 2, by="Mika", method="session"))
    told = await current(store)
    assert told.cosigner_token is None
    assert told.cosigner == "bafycosigner"


async def test_a_withdrawal_after_the_quorum_names_who_withdrew(store: TimedStore) -> None:
    await approved(store)
    await store.apply(move(Step.REVOKE, 2, by="Noor", method="session"))
    told = await current(store)
    assert (told.state, told.decided_by, told.decision_method) == (State.REVOKED, "Noor", "session")


async def test_a_lapse_does_not_rewrite_who_approved(store: TimedStore) -> None:
    await approved(store)
    await store.apply(move(Step.LAPSE, 2))
    assert (await current(store)).decided_by == "Mika"


async def test_an_outcome_keeps_what_was_known_and_adds_what_is_new(store: TimedStore) -> None:
    await store.apply(spend(await approved(store)))
    await store.apply(move(Step.COMPLETE, 3, outcome="completed", status=201))
    told = await current(store)
    assert (told.state, told.outcome, told.status) == (State.COMPLETED, "completed", 201)


def stepping(envelope: Envelope, step: Step, at: int) -> writes.Change:
    """The change that takes this step: approving and spending have changes of their own."""
    if step is Step.APPROVE:
        return a_sign(envelope.version, signature=a_signature(at=at))
    if step is Step.SPEND:
        return spend(envelope, at=at)
    return move(step, envelope.version, at)


STEPS = st.lists(st.tuples(st.sampled_from(list(Step)), st.integers(0, 700)), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_no_walk_of_moves_leaves_the_table(store: TimedStore, steps: list[tuple[Step, int]]) -> None:
    await store.sql("DELETE FROM signatures")
    await store.sql("DELETE FROM envelopes")
    await store.apply(writes.Open(an_envelope(), caps(20)))
    for step, later in steps:
        before = await current(store)
        try:
            applied = await store.apply(stepping(before, step, START + later))
        except IllegalStep:
            assert (before.state, step) not in TABLE
            continue
        now = await current(store)
        if isinstance(applied, c.Done):
            assert TABLE[before.state, step] is now.state
            assert now.version == before.version + 1
        else:
            assert now == before


# Signing. ------------------------------------------------------------------------------------------------


async def test_a_signature_that_completes_the_quorum_approves_and_brings_the_cosigner(
    store: TimedStore,
) -> None:
    told = await approved(store)
    assert (told.state, told.version, told.cosigner) == (State.APPROVED, 2, "bafycosigner")
    assert (told.cosigner_token, told.cosigner_expires) == (b"token", START + COSIGNER_LIFE)
    assert (told.decided_by, told.decision_method, told.decided_at) == ("Mika", "passkey", START)
    assert await store.signatures(ENVELOPE) == (a_signature(),)


async def test_a_signature_below_the_quorum_approves_nothing(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(quorum=2), caps(20)))
    await store.apply(a_sign(cosigner=None, cosigner_token=None, cosigner_expires=None))
    told = await current(store)
    assert (told.state, told.version, told.cosigner, told.decided_by) == (State.PENDING, 2, None, None)


@pytest.mark.parametrize("at", [START + 60, START + 61])
async def test_nobody_approves_after_the_time_is_up(store: TimedStore, at: int) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    lost = await store.apply(a_sign(signature=a_signature(at=at)), row("late"))
    assert isinstance(lost, c.Lost)
    assert lost.why == "expired"
    assert (await current(store)).state is State.PENDING
    assert await store.signatures(ENVELOPE) == ()
    assert "late" not in await store.log()


async def test_in_the_last_second_somebody_still_approves(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    assert isinstance(await store.apply(a_sign(signature=a_signature(at=START + 59))), c.Done)


async def test_approving_what_was_denied_is_lost(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    await store.apply(move(Step.DENY, by="Noor"))
    lost = await store.apply(a_sign(version=2))
    assert isinstance(lost, c.Lost)
    assert lost.envelope is not None
    assert lost.envelope.state is State.DENIED
    assert await store.signatures(ENVELOPE) == ()


async def test_of_an_approval_and_a_denial_at_once_one_happens(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    applied = await asyncio.gather(store.apply(a_sign()), store.apply(move(Step.DENY)))
    assert [type(a) for a in applied] == [c.Done, c.Lost]


async def test_one_person_signs_once_also_with_another_passkey(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(quorum=2), caps(20)))
    await store.apply(a_sign(cosigner=None, cosigner_token=None, cosigner_expires=None))
    again = a_sign(version=2, signature=a_signature(credential_id=b"another device"))
    lost = await store.apply(again, row("twice"))
    assert isinstance(lost, c.Lost)
    assert lost.why == "exists"
    assert (await current(store)).state is State.PENDING
    assert len(await store.signatures(ENVELOPE)) == 1
    assert "twice" not in await store.log()


async def test_a_passkey_revoked_in_the_meantime_signs_nothing(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    await store.apply(writes.RevokePerson("Mika", NOW))
    lost = await store.apply(a_sign())
    assert isinstance(lost, c.Lost)
    assert lost.why == "used"
    assert (await current(store)).state is State.PENDING


@pytest.mark.parametrize(
    ("kept", "brought", "counts"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
async def test_a_cloned_passkey_whose_counter_goes_back_signs_nothing(
    store: TimedStore, kept: int, brought: int, counts: bool
) -> None:
    await store.sql("UPDATE credentials SET sign_count = ?", (kept,))
    await store.apply(writes.Open(an_envelope(), caps(20)))
    applied = await store.apply(a_sign(credential=a_credential(sign_count=brought, backed_up=True)))
    assert isinstance(applied, c.Done) is counts
    credential = await store.credential(a_credential().id)
    assert credential is not None
    assert (credential.sign_count, credential.backed_up) == ((brought, True) if counts else (kept, False))


async def test_an_assertion_replayed_for_a_second_envelope_moves_no_counter_twice(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(), caps(20)))
    await store.apply(writes.Open(an_envelope(id="env_2", join_key="2"), caps(20)))
    credential = a_credential(sign_count=1)
    assert isinstance(await store.apply(a_sign(credential=credential)), c.Done)
    second = a_sign(signature=a_signature(envelope="env_2"), credential=credential, cosigner="bafyother")
    assert isinstance(await store.apply(second), c.Lost)


def a_batch(count: int = 3, **changes: Any) -> writes.SignBatch:
    """One answer of Mika's passkey over several envelopes, each with a cosigner of its own."""
    credential = a_credential(sign_count=1)
    return writes.SignBatch(
        tuple(
            replace(
                a_sign(
                    signature=a_signature(envelope=f"env_{n}", sealed_batch=b"list"),
                    credential=credential,
                    cosigner=f"bafy{n}",
                ),
                **changes,
            )
            for n in range(count)
        )
    )


async def with_envelopes(store: TimedStore, count: int = 3) -> None:
    for n in range(count):
        opened = an_envelope(id=f"env_{n}", join_key=f"{n}", batch_key="batch", expires_at=START + 60 - n)
        await store.apply(writes.Open(opened, caps(20)))


async def states(store: TimedStore, count: int = 3) -> list[str]:
    found = [await store.envelope(f"env_{n}") for n in range(count)]
    return [str(envelope.state) for envelope in found if envelope]


async def test_a_batch_is_signed_in_one_step_and_the_counter_moves_once(store: TimedStore) -> None:
    await with_envelopes(store)
    applied = await store.apply(a_batch(), row("signed"))
    assert isinstance(applied, c.Done)
    assert [(e.id, e.state, e.cosigner) for e in applied.envelopes] == [
        (f"env_{n}", State.APPROVED, f"bafy{n}") for n in range(3)
    ]
    assert await store.sql("SELECT sign_count FROM credentials") == [(1,)]
    (kept,) = await store.signatures("env_1")
    assert kept.sealed_batch == b"list"
    assert isinstance(await store.apply(a_batch()), c.Lost)


async def test_of_a_batch_of_which_one_is_lost_nothing_is_signed(store: TimedStore) -> None:
    await with_envelopes(store)
    await store.apply(replace(move(Step.DENY), envelope="env_1"))
    lost = await store.apply(a_batch(), row("signed"))
    assert isinstance(lost, c.Lost)
    assert (lost.why, lost.envelope and lost.envelope.id) == ("changed", "env_1")
    assert await states(store) == ["pending", "denied", "pending"]
    assert await store.sql("SELECT COUNT(*) FROM signatures") == [(0,)]
    assert await store.sql("SELECT sign_count FROM credentials") == [(0,)]
    assert "signed" not in await store.log()


async def test_a_batch_that_one_of_them_was_signed_in_before_signs_nothing(store: TimedStore) -> None:
    await with_envelopes(store)
    below: dict[str, Any] = {"cosigner": None, "cosigner_token": None, "cosigner_expires": None}
    await store.apply(a_sign(signature=a_signature(envelope="env_2"), **below))
    batch = a_batch(**below)
    last = replace(batch.signs[2], version=2)
    lost = await store.apply(writes.SignBatch((*batch.signs[:2], last)), row("signed"))
    assert isinstance(lost, c.Lost)
    assert (lost.why, lost.envelope and lost.envelope.id) == ("exists", "env_2")
    assert await store.sql("SELECT COUNT(*) FROM signatures") == [(1,)]
    assert await store.sql("SELECT sign_count FROM credentials") == [(0,)]


async def test_a_passkey_whose_counter_goes_back_signs_no_batch(store: TimedStore) -> None:
    await with_envelopes(store)
    await store.sql("UPDATE credentials SET sign_count = 5")
    assert await store.apply(a_batch()) == c.Lost("used")
    assert await states(store) == ["pending"] * 3


async def test_two_passkeys_in_one_batch_are_a_mistake_that_signs_nothing(store: TimedStore) -> None:
    await with_envelopes(store)
    batch = a_batch()
    other = replace(batch.signs[0], credential=a_credential(sign_count=2))
    with pytest.raises(ValueError, match="one credential"):
        await store.apply(writes.SignBatch((other, *batch.signs[1:])))
    assert await states(store) == ["pending"] * 3


async def test_what_waits_alike_is_found_the_shortest_time_first(store: TimedStore) -> None:
    await with_envelopes(store)
    await store.apply(writes.Open(an_envelope(id="env_9", join_key="9", batch_key="other"), caps(20)))
    await store.apply(writes.Open(an_envelope(id="env_8", join_key="8"), caps(20)))
    await store.apply(replace(move(Step.DENY), envelope="env_1"))
    assert [e.id for e in await store.waiting_alike("batch", 10)] == ["env_2", "env_0"]
    assert [e.id for e in await store.waiting_alike("batch", 1)] == ["env_2"]


async def test_a_withdrawal_before_the_quorum_takes_one_signature_back(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(quorum=2), caps(20)))
    await store.apply(a_sign(cosigner=None, cosigner_token=None, cosigner_expires=None))
    assert isinstance(await store.apply(writes.Withdraw(ENVELOPE, 2, "Mika"), row("back")), c.Done)
    assert await store.signatures(ENVELOPE) == ()
    assert (await current(store)).version == 3
    assert "back" in await store.log()


async def test_nobody_withdraws_what_they_did_not_sign(store: TimedStore) -> None:
    await store.apply(writes.Open(an_envelope(quorum=2), caps(20)))
    assert isinstance(await store.apply(writes.Withdraw(ENVELOPE, 1, "Noor"), row("back")), c.Lost)
    assert (await current(store)).version == 1
    assert "back" not in await store.log()


async def test_a_withdrawal_that_comes_after_the_quorum_is_lost(store: TimedStore) -> None:
    await approved(store)
    assert isinstance(await store.apply(writes.Withdraw(ENVELOPE, 2, "Mika")), c.Lost)
    assert isinstance(await store.apply(writes.Withdraw(ENVELOPE, 1, "Mika")), c.Lost)
    assert isinstance(await store.apply(writes.Withdraw("env_x", 1, "Mika")), c.Lost)
    assert len(await store.signatures(ENVELOPE)) == 1


# Spending. -----------------------------------------------------------------------------------------------


async def test_what_was_approved_is_spent_once(store: TimedStore) -> None:
    envelope = await approved(store)
    tries = [store.apply(spend(envelope, invocation=f"bafy{n}"), row(f"authorised {n}")) for n in range(10)]
    applied = await asyncio.gather(*tries)
    assert [type(a) for a in applied].count(c.Done) == 1
    told = await current(store)
    assert (told.state, told.invocation, told.spent_at) == (State.SPENT, "bafy0", NOW)
    assert [d for d in await store.log() if d and d.startswith("authorised")] == ["authorised 0"]


SPOILED: dict[str, tuple[dict[str, object], list[writes.Change]]] = {
    "another version": ({"version": 1}, []),
    "a later version": ({"version": 3}, []),
    "another cosigner": ({"cosigner": "bafyforged"}, []),
    "no cosigner": ({"cosigner": ""}, []),
    "another envelope": ({"envelope": "env_x"}, []),
    "an expired cosigner": ({"at": START + COSIGNER_LIFE}, []),
    "an unknown token": ({"token_id": "tok_unknown"}, []),
    "another configuration": ({"config_digest": "other"}, []),
    "a revoked token": ({}, [writes.RevokeTokens("ci-bot", NOW)]),
    "a rotated token": (
        {},
        [writes.AddToken(a_token(id="tok_new", hash="new"), replaces_others=True)],
    ),
    "a paused agent": ({}, [writes.PauseAgent("ci-bot", paused=True, at=START)]),
    "a removed agent": ({}, [writes.RemoveAgent("ci-bot", NOW)]),
    "another agent's token": (
        {"token_id": "tok_other"},
        [writes.AddAgent(an_agent("other"), a_token("other"))],
    ),
    "an expired token": (
        {"token_id": "tok_run"},
        [writes.AddToken(a_token(id="tok_run", hash="run", expires_at=NOW))],
    ),
    "a changed configuration": ({}, [writes.Configure("config-2")]),
    "a withdrawn approval": ({}, [move(Step.REVOKE, 2)]),
    "a lapsed approval": ({}, [move(Step.LAPSE, 2)]),
}


@pytest.mark.parametrize("name", SPOILED)
async def test_an_approval_is_not_spent_with(store: TimedStore, name: str) -> None:
    changes, first = SPOILED[name]
    envelope = await approved(store)
    for change in first:
        assert isinstance(await store.apply(change), c.Done)
    before = await current(store)
    lost = await store.apply(spend(envelope, **changes), row("authorised"))
    assert isinstance(lost, c.Lost)
    assert await current(store) == before
    assert before.state is not State.SPENT
    assert "authorised" not in await store.log()


async def test_a_removed_agent_spends_nothing_also_where_its_token_was_left_behind(
    store: TimedStore,
) -> None:
    envelope = await approved(store)
    await store.sql("UPDATE agents SET removed_at = 1")
    assert isinstance(await store.apply(spend(envelope)), c.Lost)


async def test_a_token_that_still_lives_spends(store: TimedStore) -> None:
    envelope = await approved(store)
    await store.apply(writes.AddToken(a_token(id="tok_run", hash="run", run="run_1", expires_at=NOW + 1)))
    assert isinstance(await store.apply(spend(envelope, token_id="tok_run")), c.Done)


async def test_in_its_last_second_a_cosigner_is_spent(store: TimedStore) -> None:
    envelope = await approved(store)
    assert isinstance(await store.apply(spend(envelope, at=START + COSIGNER_LIFE - 1)), c.Done)


async def test_an_agent_that_goes_on_after_a_pause_may_spend(store: TimedStore) -> None:
    envelope = await approved(store)
    await store.apply(writes.PauseAgent("ci-bot", paused=True, at=START))
    await store.apply(writes.PauseAgent("ci-bot", paused=False, at=START))
    assert isinstance(await store.apply(spend(envelope)), c.Done)


# Agents and tokens. --------------------------------------------------------------------------------------


async def test_an_agent_comes_with_its_token_or_not_at_all(store: TimedStore) -> None:
    lost = await store.apply(
        writes.AddAgent(an_agent("new"), a_token("new", hash="hash of ci-bot")), row("half")
    )
    assert isinstance(lost, c.Lost)
    assert [agent.name for agent in await store.agents()] == ["ci-bot"]
    assert "half" not in await store.log()


async def test_a_name_is_never_taken_twice_also_not_a_removed_ones(store: TimedStore) -> None:
    again = writes.AddAgent(an_agent(), a_token(id="tok_2", hash="h2"))
    assert await store.apply(again) == c.Lost("exists")
    await store.apply(writes.RemoveAgent("ci-bot", NOW))
    assert await store.apply(again) == c.Lost("exists")
    assert await store.agents() == []


async def test_no_token_is_given_to_nobody_or_to_the_removed(store: TimedStore) -> None:
    assert await store.apply(writes.AddToken(a_token("ghost"))) == c.Lost("absent")
    await store.apply(writes.RemoveAgent("ci-bot", NOW))
    assert await store.apply(writes.AddToken(a_token(id="t", hash="h"))) == c.Lost("absent")


async def test_a_removed_agents_tokens_are_gone_at_once(store: TimedStore) -> None:
    assert isinstance(await store.apply(writes.RemoveAgent("ci-bot", NOW)), c.Done)
    assert await store.tokens() == []
    assert await store.apply(writes.RemoveAgent("ci-bot", NOW)) == c.Lost("absent")
    assert await store.apply(writes.PauseAgent("ci-bot", paused=True, at=START)) == c.Lost("absent")


async def test_a_rotation_leaves_one_token(store: TimedStore) -> None:
    await store.apply(writes.AddToken(a_token(id="tok_2", hash="h2"), replaces_others=True))
    assert [token.id for token in await store.tokens()] == ["tok_2"]
    await store.apply(writes.AddToken(a_token(id="tok_3", hash="h3", run="run_3")))
    assert {token.id for token in await store.tokens()} == {"tok_2", "tok_3"}


async def test_the_end_of_a_run_revokes_only_its_own_token(store: TimedStore) -> None:
    for name in ("a", "b"):
        await store.apply(writes.AddToken(a_token(id=name, hash=name, run=name)))
    await store.apply(writes.RevokeTokens("ci-bot", NOW, "a"))
    assert {token.id for token in await store.tokens()} == {"tok_ci-bot", "b"}
    assert await store.apply(writes.RevokeTokens("ci-bot", NOW, "a")) == c.Lost("absent")


# People. -------------------------------------------------------------------------------------------------


def enrol(name: str, link: str = "link-2", **changes: object) -> writes.Enrol:
    plain = writes.Enrol(link, a_person(name, created_at=NOW), a_credential(name), adopt_agents=False)
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test's own words


async def invite(store: TimedStore, person: str | None = None, link: str = "link-2") -> None:
    await store.apply(writes.Invite(things.Invitation(link, person, ("approvers",), START + 600)))


async def test_a_link_works_once(store: TimedStore) -> None:
    await invite(store)
    one, other = await asyncio.gather(
        store.apply(enrol("Noor"), row("Noor")), store.apply(enrol("Eve"), row("Eve"))
    )
    assert isinstance(one, c.Done)
    assert other == c.Lost("used")
    assert {person.name for person in await store.people()} == {"Mika", "Noor"}
    assert "Eve" not in await store.log()


@pytest.mark.parametrize("late", [0, 1])
async def test_a_link_ends_with_its_time(store: TimedStore, late: int) -> None:
    await invite(store)
    person = a_person("Noor", created_at=START + 600 + late)
    assert await store.apply(enrol("Noor", person=person)) == c.Lost("used")


async def test_a_link_that_was_never_made_enrols_nobody(store: TimedStore) -> None:
    assert await store.apply(enrol("Eve", "guessed")) == c.Lost("used")


@pytest.mark.parametrize("clash", ["name", "passkey"])
async def test_an_enrolment_that_fails_is_undone_whole_and_the_link_still_works(
    store: TimedStore, clash: str
) -> None:
    await invite(store)
    await store.apply(writes.AddAgent(an_agent("orphan"), a_token("orphan")))
    bad = (
        enrol("Mika", credential=a_credential("Mika", id=b"new"))
        if clash == "name"
        else enrol("Noor", credential=a_credential("Noor", id=a_credential("Mika").id))
    )
    lost = await store.apply(replace(bad, adopt_agents=True), row("half"))
    assert lost == c.Lost("exists")
    assert {person.name for person in await store.people()} == {"Mika"}
    assert [credential.id for credential in await store.credentials()] == [a_credential("Mika").id]
    assert {agent.owner for agent in await store.agents()} == {None}
    assert "half" not in await store.log()
    assert await store.invitation("link-2") is not None
    assert isinstance(await store.apply(enrol("Noor")), c.Done)


async def test_the_first_approver_adopts_only_agents_without_an_owner(store: TimedStore) -> None:
    await store.apply(writes.AddAgent(an_agent("owned", owner="Mika"), a_token("owned")))
    await invite(store)
    await store.apply(enrol("Noor", adopt_agents=True))
    assert {agent.name: agent.owner for agent in await store.agents()} == {"ci-bot": "Noor", "owned": "Mika"}


async def test_a_new_link_ends_the_old_unused_one_for_the_same_person(store: TimedStore) -> None:
    await invite(store, None, "old")
    await invite(store, "Noor", "hers")
    await invite(store, None, "new")
    assert await store.invitation("old") is None
    assert await store.invitation("hers") is not None
    assert await store.invitation("new") is not None


async def test_a_revoked_person_has_no_passkey_and_no_session(store: TimedStore) -> None:
    session = things.StoredSession("t", "tab", "Mika", a_credential().id, START, START + 100)
    await store.apply(writes.SignIn(session, None))
    assert isinstance(await store.apply(writes.RevokePerson("Mika", NOW)), c.Done)
    assert await store.credentials("Mika") == []
    assert await store.credential(a_credential().id) is None
    assert await store.sessions() == []
    assert [person.revoked_at for person in await store.people()] == [NOW]
    assert await store.apply(writes.RevokePerson("Mika", NOW)) == c.Lost("absent")


# Challenges, sessions and the rest. ------------------------------------------------------------------------


async def test_a_challenge_is_answered_once(store: TimedStore) -> None:
    await store.apply(writes.AddChallenge(a_challenge()))
    answers = await asyncio.gather(*(store.apply(writes.UseChallenge("chl_1", NOW)) for _ in range(5)))
    assert answers[0] == c.Done(challenge=a_challenge())
    assert answers[1:] == [c.Lost("used")] * 4
    assert await store.challenge("chl_1") is None


async def test_a_challenge_is_not_answered_after_its_time(store: TimedStore) -> None:
    await store.apply(writes.AddChallenge(a_challenge()))
    assert await store.apply(writes.UseChallenge("chl_1", START + 300)) == c.Lost("expired")
    assert isinstance(await store.apply(writes.UseChallenge("chl_1", START + 299)), c.Done)


async def test_a_challenge_cannot_be_put_in_the_place_of_another(store: TimedStore) -> None:
    await store.apply(writes.AddChallenge(a_challenge()))
    assert await store.apply(writes.AddChallenge(a_challenge(challenge=b"evil"))) == c.Lost("exists")
    kept = await store.challenge("chl_1")
    assert kept is not None
    assert kept.challenge == a_challenge().challenge


async def test_signing_in_moves_the_counter_and_sweeps_old_sessions(store: TimedStore) -> None:
    old = things.StoredSession("old", "tab", "Mika", a_credential().id, START, NOW)
    new = things.StoredSession("new", "tab", "Mika", a_credential().id, NOW, NOW + 100)
    await store.apply(writes.SignIn(old, a_credential(sign_count=1)))
    assert await store.apply(writes.SignIn(new, a_credential(sign_count=1))) == c.Lost("used")
    assert isinstance(await store.apply(writes.SignIn(new, a_credential(sign_count=2))), c.Done)
    assert await store.sessions() == [new]
    (times,) = (await store.key_times()).values()
    assert times.used_at == NOW
    assert isinstance(await store.apply(writes.SignOut("new")), c.Done)
    assert await store.apply(writes.SignOut("new")) == c.Lost("absent")
    assert await store.sessions() == []


async def test_what_was_revealed_is_known_of_each_person_alone(store: TimedStore) -> None:
    for _ in range(2):
        assert isinstance(await store.apply(writes.Reveal(ENVELOPE, "Mika", "json:/a"), row("seen")), c.Done)
    assert await store.revealed(ENVELOPE, "Mika") == {"json:/a"}
    assert await store.revealed(ENVELOPE, "Noor") == frozenset()
    assert (await store.log()).count("seen") == 2


async def test_what_was_held_is_shredded_when_it_is_over_and_not_before(store: TimedStore) -> None:
    open_one = an_envelope(id="env_open", join_key="open")
    await store.apply(writes.Open(open_one, caps(20)))
    await approved(store)
    await store.apply(spend(await current(store)))
    assert await store.apply(writes.Shred(START + 10_000, START + 10_000)) == c.Lost("absent")
    await store.apply(move(Step.COMPLETE, 3))
    assert await store.apply(writes.Shred(START + 60, START + 60)) == c.Lost("absent")
    assert isinstance(await store.apply(writes.Shred(START + 61, START + 61)), c.Done)
    told = await current(store)
    assert (told.sealed, told.cosigner_token) == (None, None)
    still = await store.envelope("env_open")
    assert still is not None
    assert still.sealed == b"sealed"


async def test_old_challenges_are_swept(store: TimedStore) -> None:
    await store.apply(writes.AddChallenge(a_challenge()))
    await store.apply(writes.AddChallenge(a_challenge(id="chl_2", expires_at=START + 900)))
    await store.apply(writes.Open(an_envelope(state=State.DENIED), caps(20)))
    await store.apply(writes.Shred(START + 301, START + 301))
    assert await store.challenge("chl_1") is None
    assert await store.challenge("chl_2") is not None


async def test_old_challenges_are_swept_also_where_nothing_was_held(store: TimedStore) -> None:
    await store.apply(writes.AddChallenge(a_challenge()))
    await store.apply(writes.Shred(START, START + 301))
    assert await store.challenge("chl_1") is None


async def test_only_a_configuration_that_differs_is_a_change(store: TimedStore) -> None:
    assert await store.apply(writes.Configure("config"), row("same")) == c.Lost("exists")
    assert isinstance(await store.apply(writes.Configure("config-2"), row("changed")), c.Done)
    assert await store.meta("config_digest") == "config-2"
    assert "same" not in await store.log()
    assert "changed" in await store.log()


def test_a_change_that_nobody_taught_the_store_is_a_fault() -> None:
    with pytest.raises(TypeError, match="no change str"):
        make("DROP TABLE", None)  # type: ignore[arg-type]  # what is tested
