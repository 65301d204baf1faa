import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import ucan
from gateway.canonical import sha256
from gateway.endings import ended
from gateway.envelopes import Envelope, State
from gateway.errors import Reason, Refusal, StoreError
from gateway.gate import Release
from gateway.model import Approval, Bind, Mode
from gateway.questions import unpack
from gateway.settings import Limits
from gateway.store.writes import Move, Open, PauseAgent, RevokePerson
from gateway.timekeeper import Timekeeper
from gateway.waiting import PATIENCE, hold_for
from tests.kit.clocks import START
from tests.kit.patience import until
from tests.kit.stores import FailingStore
from tests.kit.things import (
    KEYS,
    OTHER_KEYS,
    a_caller,
    a_mapped,
    a_request,
    a_unit,
    an_envelope,
    caps,
    money,
    with_header,
)
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def refusal_of(asking: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await asyncio.wait_for(asking, 60)
    return refused.value


async def all_envelopes(world: World) -> list[Envelope]:
    return await world.sqlite.envelopes(None, 1000)


# One question, one release. --------------------------------------------------------------------------------


async def test_a_held_request_goes_when_a_person_has_signed(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id)
    release = await asyncio.wait_for(task, 60)
    request = a_request()
    assert (release.id, release.method, release.target) == (envelope.id, "POST", request.target)
    assert (release.body, release.headers) == (request.body, request.headers)
    assert (await world.now(envelope)).state is State.SPENT
    assert [row["kind"] for row in await world.said(envelope=envelope.id)] == [
        "decision",
        "signature",
        "mint",
        "authorised",
    ]


async def test_nothing_goes_while_nobody_has_signed(world: World) -> None:
    task, _ = await world.held()
    await asyncio.sleep(0.1)
    assert not task.done()


async def all_wait(world: World, count: int) -> bool:
    found = await all_envelopes(world)
    return bool(found) and world.board.waiting(found[0].id) == count


async def test_ten_at_once_are_one_question_and_one_release(world: World) -> None:
    tasks = [asyncio.create_task(world.ask()) for _ in range(10)]
    await until(lambda: all_wait(world, 10))
    (envelope,) = await all_envelopes(world)
    assert world.board.waiting(envelope.id) == 10
    await world.approve(envelope.id)
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    assert sum(isinstance(result, Release) for result in results) == 1
    assert {result.reason for result in results if isinstance(result, Refusal)} == {Reason.DUPLICATE}
    assert len(await world.said(kind="authorised")) == 1
    assert len(await world.said(reason="requires_step_up")) == 1
    assert len(await all_envelopes(world)) == 1


async def test_ten_retries_after_the_approval_are_one_release(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    results = await asyncio.gather(*(world.ask() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Release) for result in results) == 1
    assert len(await world.said(kind="authorised")) == 1


async def test_the_newest_connection_gets_the_release_and_the_older_is_told(world: World) -> None:
    older, envelope = await world.held()
    newer, _ = await world.held()
    await world.approve(envelope.id)
    refused = await refusal_of(older)
    assert refused.reason is Reason.DUPLICATE
    assert isinstance(await newer, Release)


async def test_when_the_newest_client_has_left_the_older_gets_it(world: World) -> None:
    older, envelope = await world.held()
    gone = asyncio.Event()
    newer, _ = await world.held(None, gone)
    gone.set()
    assert (await refusal_of(newer)).reason is Reason.CANCELLED
    await world.approve(envelope.id)
    assert isinstance(await asyncio.wait_for(older, 60), Release)


async def test_a_client_that_left_is_not_sent_for_and_its_question_stays(world: World) -> None:
    gone = asyncio.Event()
    task, envelope = await world.held(None, gone)
    gone.set()
    refused = await refusal_of(task)
    assert refused.reason is Reason.CANCELLED
    assert (await world.now(envelope)).state is State.PENDING
    await world.approve(envelope.id)
    assert isinstance(await world.ask(), Release)


async def test_a_client_that_leaves_in_the_moment_of_the_approval_is_not_sent_for(world: World) -> None:
    gone = asyncio.Event()
    task, envelope = await world.held(None, gone)
    gone.set()
    await world.approve(envelope.id)
    with pytest.raises(Refusal):
        await task
    assert (await world.now(envelope)).state is State.APPROVED


CHANGES: dict[str, dict[str, Any]] = {
    "one byte": {"body": b'{"amount":601,"currency":"jpy","to":"acct_tea"}'},
    "one space": {"body": a_request().body + b" "},
    "the target": {"target": "/v1/payments?dry=1"},
    "the method": {"method": "PUT"},
    "one header more": {"headers": (*a_request().headers, ("X-More", "1"))},
    "the credential": {"headers": (*a_request().headers[:-1], ("Authorization", "Bearer other"))},
    "the address": {"caller": a_caller(peer="10.0.0.9")},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_approval_does_not_cover_a_request_that_differs_in(world: World, change: str) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    task, other = await world.held(a_request(**CHANGES[change]))
    assert other.id != envelope.id
    assert not task.done()
    assert (await world.now(envelope)).state is State.APPROVED
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_another_agent_does_not_use_an_approval(world: World) -> None:
    await world.add_agent("evil")
    envelope = await world.opened()
    await world.approve(envelope.id)
    task, other = await world.held(a_request(caller=a_caller("evil")))
    assert other.id != envelope.id
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_retry_with_another_request_id_passes_by_itself(world: World) -> None:
    envelope = await world.opened(with_header(a_request(), "X-Request-Id", "1"))
    await world.approve(envelope.id)
    release = await world.ask(with_header(a_request(), "X-Request-Id", "2"))
    assert release.id == envelope.id


async def test_what_was_approved_is_sent_and_not_the_retrys_own_words(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped(a_unit(bind=Bind("decoded")))
    envelope = await world.opened(a_request(body=b'{"a":1,"b":2}'))
    await world.approve(envelope.id)
    release = await world.ask(a_request(body=b'{ "b" : 2, "a" : 1 }'))
    assert release.id == envelope.id
    assert release.body == b'{"a":1,"b":2}'


async def test_once_spent_a_retry_is_a_new_question(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id)
    await task
    again, other = await world.held()
    assert other.id != envelope.id
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


# Refusals. -------------------------------------------------------------------------------------------------


async def test_a_denial_is_told_with_its_note(world: World) -> None:
    task, envelope = await world.held()
    await world.deciding.deny(world.session("Mika"), envelope.id, "Wrong target.")
    refused = await refusal_of(task)
    assert refused.reason is Reason.APPROVAL_DENIED
    assert not refused.retryable
    assert "Mika denied this request" in refused.detail
    assert "Wrong target." in refused.detail
    assert refused.about is not None
    assert (refused.about.envelope, refused.about.note) == (envelope.id, "Wrong target.")


@pytest.mark.parametrize(
    "retry",
    [
        a_request(),
        with_header(a_request(), "X-More", "1"),
        a_request(target="/v1/payments?dry=2"),
        a_request(caller=a_caller(peer="10.0.0.9")),
    ],
    ids=["same", "one more header", "another target", "another address"],
)
async def test_there_is_no_shopping_for_a_kinder_approver(world: World, retry: Any) -> None:
    envelope = await world.opened()
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    world.time.advance(100)
    refused = await refusal_of(world.ask(retry))
    assert (refused.reason, refused.retry_after) == (Reason.APPROVAL_DENIED, 500)
    assert refused.about is not None
    assert refused.about.envelope == envelope.id
    assert len(await all_envelopes(world)) == 1


async def test_what_means_something_else_may_be_asked_after_a_denial(world: World) -> None:
    envelope = await world.opened()
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    world.library.meaning = lambda _request: a_mapped(a_unit(context=money(5)))
    task, _ = await world.held(a_request(target="/5"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_denial_ends_after_its_time(world: World) -> None:
    envelope = await world.opened()
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    world.time.advance(599)
    assert (await refusal_of(world.ask())).retry_after == 1
    world.time.advance(1)
    task, other = await world.held()
    assert other.id != envelope.id
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_approval_does_not_help_after_the_same_intent_was_denied(world: World) -> None:
    approved = await world.opened()
    await world.approve(approved.id)
    denied = await world.opened(with_header(a_request(), "X-More", "1"))
    await world.deciding.deny(world.session("Mika"), denied.id, None)
    assert (await refusal_of(world.ask())).reason is Reason.APPROVAL_DENIED
    assert (await world.now(approved)).state is State.APPROVED


async def test_nobody_is_asked_if_nobody_may_answer(world: World) -> None:
    world.policy.approvers = frozenset()
    refused = await refusal_of(world.ask())
    assert refused.reason is Reason.NO_APPROVER_REACHABLE
    assert await all_envelopes(world) == []


async def test_one_approver_is_not_enough_where_two_are_needed(world: World) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=2)
    assert (await refusal_of(world.ask())).reason is Reason.NO_APPROVER_REACHABLE
    await world.enrol("Noor")
    task, envelope = await world.held()
    assert envelope.quorum == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_owner_alone_is_nobody_who_may_answer(world: World) -> None:
    await world.add_agent("owned", owner="Mika")
    request = a_request(caller=a_caller("owned"))
    assert (await refusal_of(world.ask(request))).reason is Reason.NO_APPROVER_REACHABLE


async def test_an_agent_with_too_many_questions_is_told_to_wait(world: World) -> None:
    world.settings = replace(world.settings, limits=Limits(questions=caps(2)))
    for n in range(2):
        await world.opened(a_request(target=f"/{n}"))
    refused = await refusal_of(world.ask(a_request(target="/3")))
    assert (refused.reason, refused.retryable, refused.retry_after) == (Reason.RATE_LIMITED, True, 60)
    assert "wait for people already" in refused.detail
    assert len(await all_envelopes(world)) == 2


async def test_a_hundred_requests_in_a_minute_do_not_ask_a_hundred_times(world: World) -> None:
    world.settings = replace(world.settings, limits=Limits(questions=caps(100, minute=3)))
    for n in range(3):
        await world.opened(a_request(target=f"/{n}"))
    refused = await refusal_of(world.ask(a_request(target="/3")))
    assert (refused.reason, refused.retryable, refused.retry_after) == (Reason.RATE_LIMITED, True, 60)
    assert "within a minute" in refused.detail


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.DENIED, Reason.APPROVAL_DENIED),
        (State.EXPIRED, Reason.APPROVAL_TIMEOUT),
        (State.CANCELLED, Reason.CANCELLED),
        (State.REVOKED, Reason.REVOKED),
        (State.LAPSED, Reason.LAPSED),
        (State.SPENT, Reason.DUPLICATE),
        (State.COMPLETED, Reason.DUPLICATE),
        (State.UNKNOWN, Reason.UPSTREAM_UNKNOWN),
    ],
)
def test_every_end_has_its_reason(state: State, reason: Reason) -> None:
    refused = ended(an_envelope(state=state))
    assert refused.reason is reason
    assert refused.about is not None
    assert refused.about.envelope == an_envelope().id


async def test_a_withdrawn_approval_is_told(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await world.deciding.withdraw(world.session("Mika"), envelope.id)
    assert (await world.now(envelope)).state is State.REVOKED
    task, other = await world.held()
    assert other.id != envelope.id
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# Modes and time. -------------------------------------------------------------------------------------------


async def test_a_request_that_is_not_held_is_told_how_to_come_back(world: World) -> None:
    world.set(mode=Mode.REJECT)
    refused = await refusal_of(world.ask())
    assert (refused.reason, refused.retryable) == (Reason.REQUIRES_STEP_UP, True)
    assert refused.about is not None
    assert refused.about.secret
    (envelope,) = await all_envelopes(world)
    assert envelope.secret_hash == sha256(refused.about.secret.encode())
    assert refused.about.expires_at == "2027-01-15T08:01:00Z"
    again = await refusal_of(world.ask())
    assert again.about is not None
    assert (again.about.envelope, again.about.secret) == (envelope.id, None)
    await world.approve(envelope.id)
    assert (await world.ask()).id == envelope.id


async def test_a_template_may_refuse_to_hold(world: World) -> None:
    world.set(max_ttl=3600)
    world.library.meaning = lambda _r: a_mapped(a_unit(approval=Approval(mode=Mode.REJECT, ttl=3600)))
    assert (await refusal_of(world.ask())).reason is Reason.REQUIRES_STEP_UP
    (envelope,) = await all_envelopes(world)
    assert envelope.expires_at == START + 3600


async def test_a_hold_that_ends_first_leaves_the_question_open(world: World) -> None:
    world.set(hold_for=0)
    task = asyncio.create_task(world.ask())
    refused = await refusal_of(task)
    assert refused.reason is Reason.REQUIRES_STEP_UP
    (envelope,) = await all_envelopes(world)
    assert envelope.state is State.PENDING
    assert world.board.waiting(envelope.id) == 0


async def test_a_timeout_is_told_to_whoever_waits(world: World) -> None:
    task, envelope = await world.held()
    world.time.advance(60)
    await Timekeeper(world.store, world.board, world.rules).tick()
    refused = await refusal_of(task)
    assert refused.reason is Reason.APPROVAL_TIMEOUT
    assert (await world.now(envelope)).state is State.EXPIRED


def held_for(world: World, agent: str, **approvals: Any) -> float:
    world.set(**approvals)
    request = a_request(headers=(("User-Agent", agent),))
    return hold_for(an_envelope(), request, a_mapped(), world.rules(), START)


async def test_a_question_that_lives_for_hours_holds_no_connection_for_more_than_five_minutes(
    world: World,
) -> None:
    day = an_envelope(mode="async", expires_at=START + 86_400)
    assert hold_for(day, a_request(), a_mapped(), world.rules(), START) == 302
    world.set(hold_for=3600)
    assert hold_for(day, a_request(), a_mapped(), world.rules(), START) == 302


async def test_an_envelope_that_outlives_the_hold_is_answered_and_stays_open(world: World) -> None:
    """An agent that comes back without a preference is refused after the hold; the question lives on."""
    world.set(ttl=3600, max_ttl=3600, mode=Mode.REJECT)
    assert (await refusal_of(world.ask())).reason is Reason.REQUIRES_STEP_UP
    world.set(mode=Mode.HOLD, hold_for=0)
    refused = await refusal_of(world.ask())
    assert (refused.reason, refused.retryable) == (Reason.REQUIRES_STEP_UP, True)
    (envelope,) = await all_envelopes(world)
    assert (envelope.state, envelope.expires_at) == (State.PENDING, START + 3600)


async def test_a_connection_is_held_as_long_as_its_client_is_known_to_bear(world: World) -> None:
    assert held_for(world, "anything") == 62
    assert held_for(world, "python-httpx/0.27", hold_for="auto") == PATIENCE["python-httpx"]
    assert held_for(world, "Python-HTTPX/0.27", hold_for="auto") == PATIENCE["python-httpx"]
    assert held_for(world, "my-python-httpx", hold_for="auto") == 62
    assert held_for(world, "x", hold_for=10) == 10
    assert held_for(world, "x", hold_for=1000) == 62


async def test_a_gateway_that_stops_refuses_and_keeps_the_question(world: World) -> None:
    task, envelope = await world.held()
    world.board.stop()
    refused = await refusal_of(task)
    assert (refused.reason, refused.retryable) == (Reason.GATEWAY_UNAVAILABLE, True)
    assert (await world.now(envelope)).state is State.PENDING


async def test_a_gateway_that_stops_sends_nothing_more(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    world.board.stop()
    assert (await refusal_of(world.ask())).reason is Reason.GATEWAY_UNAVAILABLE
    assert (await world.now(envelope)).state is State.APPROVED


# Cosigners that agents bring. ------------------------------------------------------------------------------


def bringing(*values: str) -> Any:
    return a_request(headers=(*a_request().headers, *(("Secondsig-Cosigner", value) for value in values)))


async def cosigner(world: World, envelope: Envelope) -> str:
    token = (await world.now(envelope)).cosigner_token
    assert token is not None
    return ucan.to_container([token])


async def test_the_cosigner_on_record_is_accepted_and_not_sent_on(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    release = await world.ask(bringing(await cosigner(world, envelope)))
    assert release.id == envelope.id
    assert not any(name.lower().startswith("secondsig-") for name, _ in release.headers)


def forged(world: World, envelope: Envelope, key: Any = KEYS.cosigner) -> str:
    """A true UCAN of the gateway's own key, that was never minted for this envelope."""
    own = ucan.did_key(key.public_key())
    made = ucan.mint(
        key,
        audience=own,
        subject=own,
        command="/cosign/shop/payment/create",
        policy=[["==", ".envelope", envelope.id], ["==", ".request", envelope.digest]],
        nonce=b"n" * 16,
        expires=START + 300,
        meta={},
    )
    return ucan.to_container([made.bytes])


@pytest.mark.parametrize("forgery", ["own key", "other key", "rubbish", "empty", "two", "twice", "another's"])
async def test_a_forged_cosigner_is_refused(world: World, forgery: str) -> None:
    envelope = await world.opened()
    other = await world.opened(a_request(target="/other"))
    await world.approve(envelope.id)
    await world.approve(other.id)
    true = await cosigner(world, envelope)
    token = ucan.from_container(true)[0]
    values = {
        "own key": (forged(world, envelope),),
        "other key": (forged(world, envelope, OTHER_KEYS.cosigner),),
        "rubbish": ("rubbish",),
        "empty": ("",),
        "two": (ucan.to_container([token, ucan.from_container(forged(world, envelope))[0]]),),
        "twice": (true, true),
        "another's": (await cosigner(world, other),),
    }[forgery]
    refused = await refusal_of(world.ask(bringing(*values)))
    assert refused.reason is Reason.COSIGNER_INVALID
    assert (await world.now(envelope)).state is State.APPROVED
    assert await world.said(kind="authorised") == []


async def test_a_cosigner_opens_nothing_before_a_person_has_signed(world: World) -> None:
    envelope = await world.opened()
    refused = await refusal_of(world.ask(bringing(forged(world, envelope))))
    assert refused.reason is Reason.COSIGNER_INVALID
    assert (await world.now(envelope)).state is State.PENDING


async def test_a_forged_cosigner_disturbs_nobody(world: World) -> None:
    """A request that is refused anyhow opens no question and rings at nobody's door."""
    refused = await refusal_of(world.ask(bringing("rubbish")))
    assert refused.reason is Reason.COSIGNER_INVALID
    assert await all_envelopes(world) == []


# Faults. ---------------------------------------------------------------------------------------------------


async def test_whatever_call_of_the_store_fails_nothing_is_released(tmp_path: Path) -> None:
    """Each call in turn, before and after it took effect: never a release, and never a second one."""
    counting = await fault(tmp_path / "count", lambda _n, _c: False, after=False)
    assert counting.released == 1
    assert counting.calls
    for after in (False, True):
        for turn, call in enumerate(counting.calls):
            told = await fault(
                tmp_path / f"{after}{turn}", lambda number, _c, turn=turn: number == turn, after=after
            )
            assert told.released == 0, (after, turn, call)
            assert isinstance(told.error, StoreError), (after, turn, call)
            assert told.authorised == (1 if after and call == "apply Spend" else 0), (after, turn, call)


class Told:
    def __init__(self) -> None:
        self.released, self.authorised = 0, 0
        self.error: BaseException | None = None
        self.calls: list[str] = []


async def fault(folder: Path, fails: Any, *, after: bool) -> Told:
    """A retry of an approved request, through a store that fails where it is told to."""
    os.mkdir(folder)  # noqa: PTH102  # a folder of a test blocks nobody
    world, told = await World(folder).open(), Told()
    envelope = await world.opened()
    await world.approve(envelope.id)
    failing = FailingStore(world.sqlite)
    failing.fails, failing.after = fails, after
    world.waiting.store = world.releaser.store = failing
    try:
        await asyncio.wait_for(world.ask(), 60)
        told.released = 1
    except (StoreError, Refusal) as error:
        told.error = error
    told.calls = failing.calls
    told.authorised = len(await world.said(kind="authorised"))
    assert world.board.waiting(envelope.id) == 0
    await world.close()
    return told


async def test_a_question_that_cannot_be_written_is_not_asked(world: World) -> None:
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _n, call: call == "apply Open"
    world.waiting.store = failing
    before = world.board.last
    with pytest.raises(StoreError):
        await world.ask()
    assert world.board.last == before
    assert await all_envelopes(world) == []


async def test_an_envelope_that_vanished_releases_nothing(world: World) -> None:
    task, envelope = await world.held()
    await world.sqlite._ask(lambda db: db.execute("DELETE FROM envelopes"), writes=True)
    world.board.changed(envelope)
    with pytest.raises(StoreError, match="not in the store any more"):
        await asyncio.wait_for(task, 60)


async def test_two_that_open_at_once_meet_in_the_database(world: World) -> None:
    """The first look found nothing for both; the second to write joins."""
    failing = FailingStore(world.sqlite)

    async def open_first(change: object) -> None:
        if isinstance(change, Open):
            failing.before_apply = None
            await world.sqlite.apply(Open(replace(change.envelope, id="env_" + "9" * 26), caps(20)))

    failing.before_apply = open_first
    world.waiting.store = failing
    task = asyncio.create_task(world.ask())
    await until(lambda: world.board.waiting("env_" + "9" * 26))
    assert [e.id for e in await all_envelopes(world)] == ["env_" + "9" * 26]
    await world.sqlite.apply(Move("env_" + "9" * 26, 1, "cancel", START))  # type: ignore[arg-type]  # the step's own word
    world.board.changed(an_envelope(id="env_" + "9" * 26))
    assert (await refusal_of(task)).reason is Reason.CANCELLED


async def test_what_is_stored_of_a_request_is_sealed(world: World) -> None:
    envelope = await world.opened()
    assert envelope.sealed is not None
    assert unpack(KEYS.unseal(envelope.id, envelope.sealed)).body == a_request().body
    assert b"acct_tea" not in envelope.sealed


async def test_people_revoked_and_agents_paused_while_it_waits_stop_it(world: World) -> None:
    task, envelope = await world.held()
    await world.store.apply(PauseAgent("ci-bot", paused=True, at=START))
    await world.directory.refresh()
    await world.approve(envelope.id)
    assert (await refusal_of(task)).reason is Reason.AGENT_PAUSED
    assert (await world.now(envelope)).state is State.APPROVED
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    await world.store.apply(PauseAgent("ci-bot", paused=False, at=START))
    await world.directory.refresh()
    assert (await refusal_of(world.ask())).reason is Reason.CONFIG_CHANGED
    assert (await world.now(envelope)).state is State.LAPSED
