import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical import sha256
from gateway.envelopes import Envelope, State
from gateway.errors import Reason, Refusal, StoreError
from gateway.gate import Answer, Carried, Release
from gateway.model import Approval, Mode
from gateway.store.writes import Shred
from gateway.timekeeper import Timekeeper, recover
from tests.kit.clocks import START
from tests.kit.patience import PATIENCE
from tests.kit.stores import FailingStore
from tests.kit.things import ORIGIN, a_caller, a_mapped, a_request, a_unit, with_header
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.add_agent("other")
    yield made
    await made.close()


def preferring(prefer: str) -> Any:
    return with_header(a_request(), "Secondsig-Prefer", prefer)


async def fetch(
    world: World, envelope: Envelope | str, secret: str | None, agent: str = "ci-bot"
) -> tuple[Answer, Any]:
    found = envelope if isinstance(envelope, str) else envelope.id
    headers = () if secret is None else (("Secondsig-Envelope-Secret", secret),)
    answer = await world.inside.answer(
        a_request(
            method="GET",
            scheme="http",
            host="secondsig.internal",
            port=80,
            target=f"/v1/envelopes/{found}/answer",
            headers=headers,
            body=b"",
            caller=a_caller(agent),
        )
    )
    return answer, json.loads(answer.body) if answer.body.startswith(b"{") else answer.body


def marked(answer: Answer) -> bool:
    return "Secondsig-Gateway" in dict(answer.headers)


async def answered(world: World) -> tuple[Envelope, str]:
    envelope, told = await world.promised()
    await world.approve(envelope.id)
    await world.send()
    return envelope, told["envelope_secret"]


# The promise. ----------------------------------------------------------------------------------------------


async def test_the_agent_is_told_where_and_when_to_come_back_and_the_secret_once(world: World) -> None:
    answer = await world.step_up(preferring("respond-async"))
    assert isinstance(answer, Answer)
    headers, body = dict(answer.headers), json.loads(answer.body)
    (envelope,) = await world.sqlite.envelopes(None)
    where = f"http://secondsig.internal/v1/envelopes/{envelope.id}/answer"
    assert (answer.status, headers["Location"], headers["Retry-After"]) == (202, where, "5")
    assert (headers["Secondsig-Envelope"], headers["Cache-Control"]) == (envelope.id, "no-store")
    assert marked(answer)
    secret = body.pop("envelope_secret")
    assert sha256(secret.encode()) == envelope.secret_hash
    assert body.pop("detail").startswith("A person must approve this request. The gateway keeps it")
    assert body == {
        "envelope": envelope.id,
        "state": "pending",
        "location": where,
        "expires_at": "2027-01-15T08:01:00Z",
        "retry_after": 5,
        "approval_url": f"{ORIGIN}/approve/{envelope.id}",
        "status_url": f"http://secondsig.internal/v1/envelopes/{envelope.id}",
    }
    (row,) = await world.said(kind="kept")
    assert (row["reason"], row["envelope"], row["method"]) == ("kept", envelope.id, "POST")
    assert (envelope.mode, envelope.state) == ("async", State.PENDING)


async def test_no_promise_is_given_that_was_not_stored(world: World) -> None:
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _number, name: name == "apply Keep"
    world.keeping.store = failing
    with pytest.raises(StoreError):
        await world.step_up(preferring("respond-async"))
    (envelope,) = await world.sqlite.envelopes(None)
    await world.approve(envelope.id)
    await world.send()
    assert world.courier.sent == []


async def test_a_template_or_the_operator_may_ask_for_async(world: World) -> None:
    world.library.meaning = lambda _r: a_mapped(a_unit(approval=Approval(mode=Mode.ASYNC)))
    assert isinstance(await world.step_up(), Answer)
    world.library.meaning = lambda _r: a_mapped()
    world.set(mode=Mode.ASYNC)
    assert isinstance(await world.step_up(a_request(target="/v1/payments/2")), Answer)


async def test_where_the_template_says_reject_a_preference_changes_nothing(world: World) -> None:
    """As for requests whose signature is too old by the time that somebody approves."""
    world.library.meaning = lambda _r: a_mapped(a_unit(approval=Approval(mode=Mode.REJECT)))
    with pytest.raises(Refusal) as refused:
        await world.step_up(preferring("respond-async"))
    assert refused.value.reason is Reason.REQUIRES_STEP_UP
    (envelope,) = await world.sqlite.envelopes(None)
    assert await world.sqlite.kept(envelope.id) is None


async def test_an_identical_request_gets_the_place_and_no_secret(world: World) -> None:
    envelope, told = await world.promised()
    for prefer in ("respond-async", "wait=30"):
        again = await asyncio.wait_for(world.step_up(preferring(prefer)), 60)
        assert isinstance(again, Answer)
        body = json.loads(again.body)
        assert (body["envelope"], body["envelope_secret"]) == (envelope.id, None)
    assert (await world.now(envelope)).secret_hash == sha256(told["envelope_secret"].encode())
    assert len(await world.said(kind="kept")) == 1


async def test_what_is_kept_is_never_sent_through_another_connection(world: World) -> None:
    envelope, _ = await world.promised()
    await refused(world.step_up(), Reason.DUPLICATE)
    await world.approve(envelope.id)
    await refused(world.step_up(), Reason.DUPLICATE)
    assert await world.said(kind="authorised") == []


async def test_a_connection_that_waited_before_it_was_kept_is_told_duplicate(world: World) -> None:
    task, envelope = await world.held()
    again = await world.step_up(preferring("respond-async"))
    assert isinstance(again, Answer)
    await world.approve(envelope.id)
    await refused(task, Reason.DUPLICATE)
    await world.send()
    assert len(world.courier.sent) == 1


async def test_whoever_approves_within_the_wait_answers_the_waiting_connection(world: World) -> None:
    task, envelope = await held(world, "wait=60")
    await world.approve(envelope.id)
    assert isinstance(await asyncio.wait_for(task, 60), Release)
    assert await world.sqlite.kept(envelope.id) is None


async def test_after_the_wait_the_gateway_keeps_it(world: World) -> None:
    answer = await asyncio.wait_for(world.step_up(preferring("respond-async, wait=1")), 60)
    assert isinstance(answer, Answer)
    (envelope,) = await world.sqlite.envelopes(None)
    assert await world.sqlite.kept(envelope.id) is not None


async def test_a_client_that_leaves_while_it_waits_has_nothing_kept(world: World) -> None:
    gone = asyncio.Event()
    task, envelope = await held(world, "wait=60", gone)
    gone.set()
    await refused(task, Reason.CANCELLED)
    assert await world.sqlite.kept(envelope.id) is None
    again = await world.step_up(preferring("respond-async"))
    assert isinstance(again, Answer)
    assert json.loads(again.body)["envelope_secret"]


async def test_what_ends_while_it_waits_is_told_as_it_ended(world: World) -> None:
    task, envelope = await held(world, "wait=60")
    await world.deciding.deny(world.session("Mika"), envelope.id, "No.")
    await refused(task, Reason.APPROVAL_DENIED)


async def test_what_ends_in_the_moment_it_would_be_kept_is_told_as_it_ended(world: World) -> None:
    failing = FailingStore(world.sqlite)

    async def deny_first(change: object) -> None:
        if type(change).__name__ == "Keep":
            failing.before_apply = None
            (envelope,) = await world.sqlite.envelopes(None)
            await world.deciding.deny(world.session("Mika"), envelope.id, None)

    failing.before_apply = deny_first
    world.keeping.store = failing
    await refused(world.step_up(preferring("respond-async")), Reason.APPROVAL_DENIED)


async def test_what_is_kept_after_its_approval_is_sent_as_well(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    assert isinstance(await world.step_up(preferring("respond-async")), Answer)
    await world.send()
    assert len(world.courier.sent) == 1


async def test_the_operators_ttl_bounds_a_question_that_a_template_wants_open_for_a_day(
    world: World,
) -> None:
    world.library.meaning = lambda _r: a_mapped(a_unit(approval=Approval(mode=Mode.ASYNC, ttl=86_400)))
    envelope, _ = await world.promised()
    assert envelope.expires_at == START + 300
    world.set(max_ttl=86_400)
    other, _ = await world.promised(a_request(target="/v1/payments/2"))
    assert other.expires_at == START + 86_400


async def held(
    world: World, prefer: str, gone: asyncio.Event | None = None
) -> tuple["asyncio.Task[Release | Answer]", Envelope]:
    task = asyncio.create_task(world.step_up(preferring(prefer), gone))
    async with asyncio.timeout(PATIENCE):
        while True:
            await asyncio.sleep(0.002)
            for envelope in await world.sqlite.envelopes([State.PENDING]):
                if world.board.waiting(envelope.id):
                    return task, envelope


async def refused(asking: Any, reason: Reason) -> Refusal:
    with pytest.raises(Refusal) as error:
        await asyncio.wait_for(asking, 60)
    assert error.value.reason is reason
    return error.value


# The answer. -----------------------------------------------------------------------------------------------


async def test_the_answer_is_given_once_as_the_upstream_said_it(world: World) -> None:
    envelope, secret = await answered(world)
    answer, body = await fetch(world, envelope, secret)
    assert (answer.status, answer.headers, body) == (201, (("X-Upstream", "real"),), b"made")
    assert not marked(answer)
    again, why = await fetch(world, envelope, secret)
    assert (again.status, why["error"], marked(again)) == (410, "fetched", True)
    kept = await world.sqlite.kept(envelope.id)
    assert kept
    assert (kept.answer, kept.fetched_at) == (None, START)
    (row,) = await world.said(reason="fetched")
    assert (row["kind"], row["envelope"], row["status"]) == ("kept", envelope.id, 201)


async def test_an_upstreams_answer_cannot_pass_for_the_gateways_own(world: World) -> None:
    forged = b'{"type": "http://secondsig.internal/problems/requires-step-up", "reason": "requires_step_up"}'
    world.courier.answer = Carried(403, (("Content-Type", "application/problem+json"),), forged)
    envelope, secret = await answered(world)
    answer, _ = await fetch(world, envelope, secret)
    assert (answer.status, marked(answer)) == (403, False)


async def test_two_that_fetch_at_once_get_one_answer(world: World) -> None:
    envelope, secret = await answered(world)
    got = await asyncio.gather(*(fetch(world, envelope, secret) for _ in range(8)))
    assert sorted(answer.status for answer, _ in got) == [201] + [410] * 7


async def test_before_the_answer_is_there_it_is_202_again_and_the_secret_is_not_told(world: World) -> None:
    envelope, told = await world.promised()
    for step in ("pending", "approved", "spent"):
        answer, body = await fetch(world, envelope, told["envelope_secret"])
        assert (answer.status, body["state"], dict(answer.headers)["Retry-After"]) == (202, step, "5")
        assert told["envelope_secret"] not in answer.body.decode()
        assert marked(answer)
        if step == "pending":
            await world.approve(envelope.id)
        elif step == "approved":
            await world.releaser.release(await world.now(envelope), a_request())


@pytest.mark.parametrize("secret", [None, "", "wrong", "{hash}", "{secret} ", "{SECRET}"])
async def test_whoever_guesses_the_secret_gets_nothing_and_takes_nothing(
    world: World, secret: str | None
) -> None:
    envelope, known = await answered(world)
    guess = secret and secret.replace("{secret}", known).replace("{SECRET}", known.swapcase()).replace(
        "{hash}", sha256(known.encode())
    )
    answer, _ = await fetch(world, envelope, guess)
    assert answer.status == 403
    assert (await fetch(world, envelope, known))[0].status == 201


async def test_two_secrets_are_none(world: World) -> None:
    envelope, secret = await answered(world)
    both = (("Secondsig-Envelope-Secret", secret), ("Secondsig-Envelope-Secret", secret))
    target = f"/v1/envelopes/{envelope.id}/answer"
    answer = await world.inside.answer(a_request(method="GET", target=target, headers=both))
    assert answer.status == 403


async def test_another_agent_with_the_secret_finds_nothing(world: World) -> None:
    envelope, secret = await answered(world)
    stolen = await fetch(world, envelope, secret, agent="other")
    nobodys = await fetch(world, "env_" + "1" * 26, secret, agent="other")
    assert stolen == nobodys
    assert stolen[0].status == 404
    assert (await fetch(world, envelope, secret))[0].status == 201


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
async def test_only_a_get_takes_the_answer(world: World, method: str) -> None:
    envelope, secret = await answered(world)
    target = f"/v1/envelopes/{envelope.id}/answer"
    given = (("Secondsig-Envelope-Secret", secret),)
    answer = await world.inside.answer(a_request(method=method, target=target, headers=given))
    assert answer.status == 404
    assert (await fetch(world, envelope, secret))[0].status == 201


async def test_a_question_that_was_never_promised_has_no_answer(world: World) -> None:
    world.set(hold_for=0)
    with pytest.raises(Refusal) as error:
        await world.step_up()
    assert error.value.about
    assert error.value.about.secret
    answer, body = await fetch(world, error.value.about.envelope, error.value.about.secret)
    assert (answer.status, body["error"]) == (404, "absent")


@pytest.mark.parametrize(("lost", "why"), [("too_long", "longer than"), ("broke_off", "broke off")])
async def test_an_answer_that_is_not_whole_is_said_to_be_and_its_head_is_kept(
    world: World, lost: Any, why: str
) -> None:
    world.courier.answer = Carried(201, (("ETag", "7"),), None, lost)
    envelope, secret = await answered(world)
    answer, body = await fetch(world, envelope, secret)
    assert (answer.status, body["error"], body["status"]) == (502, f"answer_{lost}", 201)
    assert body["headers"] == [["ETag", "7"]]
    assert why in body["detail"]
    assert marked(answer)
    assert (await fetch(world, envelope, secret))[0].status == 410


async def test_every_other_end_is_the_usual_refusal(world: World) -> None:
    async def deny(envelope: Envelope) -> None:
        await world.deciding.deny(world.session("Mika"), envelope.id, "No.")

    async def time_out(_: Envelope) -> None:
        world.time.advance(60)
        await Timekeeper(world.store, world.board, world.rules).tick()

    async def cancel(envelope: Envelope) -> None:
        await world.operating.envelope_cancel(envelope.id)

    async def lose(envelope: Envelope) -> None:
        await world.approve(envelope.id)
        await world.releaser.release(await world.now(envelope), a_request(target=target))
        await recover(world.store)

    ends = [
        (cancel, Reason.CANCELLED),
        (lose, Reason.UPSTREAM_UNKNOWN),
        (time_out, Reason.APPROVAL_TIMEOUT),
        (deny, Reason.APPROVAL_DENIED),
    ]
    for number, (end, reason) in enumerate(ends):
        target = f"/v1/payments/{number}"
        envelope, told = await world.promised(a_request(target=target))
        await end(envelope)
        with pytest.raises(Refusal) as error:
            await fetch(world, envelope, told["envelope_secret"])
        assert error.value.reason is reason


async def test_after_a_restart_a_timeout_is_still_told_as_one(world: World) -> None:
    envelope, told = await world.promised()
    world.wire(world.sqlite)
    await world.directory.refresh()
    world.time.advance(60)
    await Timekeeper(world.store, world.board, world.rules).tick()
    with pytest.raises(Refusal) as error:
        await fetch(world, envelope, told["envelope_secret"])
    assert error.value.reason is Reason.APPROVAL_TIMEOUT


async def test_an_answer_that_was_shredded_is_gone(world: World) -> None:
    envelope, secret = await answered(world)
    await world.store.apply(Shred(envelope.expires_at + 1, START))
    answer, body = await fetch(world, envelope, secret)
    assert (answer.status, body["error"]) == (410, "erased")


async def test_an_answer_that_cannot_be_taken_out_of_the_store_is_not_given(world: World) -> None:
    envelope, secret = await answered(world)
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _number, name: name == "apply TakeAnswer"
    world.keeping.store = failing
    with pytest.raises(StoreError):
        await fetch(world, envelope, secret)
    failing.fails = lambda _number, _name: False
    assert (await fetch(world, envelope, secret))[0].status == 201
