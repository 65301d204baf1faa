import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import sending
from gateway.envelopes import COSIGNER_LIFE, Envelope, State
from gateway.gate import Carried
from gateway.model import Decision, Effect
from gateway.store.writes import AddToken, Configure, RevokePerson, RevokeTokens
from gateway.timekeeper import recover
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.things import a_mapped, a_request, a_token, a_unit, money, with_header
from tests.kit.world import DENY, World


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(sending, "TRY_AGAIN_AFTER", 0.0)
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def approved(world: World) -> Envelope:
    envelope, _ = await world.promised()
    return await world.approve(envelope.id)


async def nothing_sent(world: World, envelope: Envelope, state: State, why: str = "") -> None:
    """Not now and not later, and no row claims that it was authorised."""
    await world.send()
    assert (await world.now(envelope)).state is state
    if state is State.LAPSED:
        (row,) = await world.said(reason="lapsed")
        assert why in row["detail"]
        assert row["cosigner"] == envelope.cosigner
        kept = await world.sqlite.kept(envelope.id)
        assert kept
        assert kept.request is None
    await world.send()
    assert world.courier.sent == []
    assert await world.said(kind="authorised") == []


# The good way. ---------------------------------------------------------------------------------------------


async def test_what_was_approved_is_sent_once_exactly_as_it_came(world: World) -> None:
    envelope = await approved(world)
    for _ in range(3):
        await world.send()
    (release,) = world.courier.sent
    request = a_request()
    assert (release.id, release.method, release.target) == (envelope.id, request.method, request.target)
    assert (release.headers, release.body) == (request.headers, request.body)
    assert [(to.scheme, to.host, to.port) for to in world.courier.to] == [("https", request.host, 443)]
    told = await world.now(envelope)
    assert (told.state, told.outcome, told.status) == (State.COMPLETED, "completed", 201)
    assert [row["kind"] for row in await world.said(envelope=envelope.id)] == [
        "decision",
        "kept",
        "signature",
        "mint",
        "authorised",
        "outcome",
    ]
    kept = await world.sqlite.kept(envelope.id)
    assert kept
    assert (kept.request, kept.answer is not None) == (None, True)


async def test_nothing_is_sent_before_people_have_approved(world: World) -> None:
    envelope, _ = await world.promised()
    await nothing_sent(world, envelope, State.PENDING)


async def test_an_approval_without_a_promise_is_not_sent_by_the_gateway(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await nothing_sent(world, envelope, State.APPROVED)


async def test_everything_is_asked_again_with_the_signatures_that_are_good_now(world: World) -> None:
    await approved(world)
    await world.send()
    assert world.policy.spent_with == [1]


async def test_the_authorised_row_is_durable_before_the_first_byte(world: World) -> None:
    envelope = await approved(world)
    rows: list[str] = []
    carry = world.courier.carry

    async def look(*args: object) -> Carried | None:
        rows.extend(row["kind"] for row in await world.said(envelope=envelope.id))
        return await carry(*args)  # type: ignore[arg-type]  # handed on as it came

    world.courier.carry = look  # type: ignore[method-assign,assignment]  # a test looks on
    await world.send()
    assert rows[-1] == "authorised"


async def test_it_is_sent_as_soon_as_it_is_approved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LOOK_EVERY", 60)
    running = asyncio.create_task(world.sender.run())
    envelope, _ = await world.promised()
    await asyncio.sleep(0.05)
    await world.approve(envelope.id)
    async with asyncio.timeout(60):
        while not world.courier.sent:
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await world.sender.settle()


async def test_an_approval_that_was_not_heard_of_is_seen_at_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that another process of the gateway took."""
    monkeypatch.setattr(sending, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(world.board, "_announce", lambda *_args: None)
    running = asyncio.create_task(world.sender.run())
    await approved(world)
    async with asyncio.timeout(60):
        while not world.courier.sent:
            await asyncio.sleep(0.005)
    world.board.stop()
    await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await world.sender.settle()


# What changed between the approval and the sending. ---------------------------------------------------------


async def test_an_agent_paused_between_has_nothing_sent_also_not_when_it_is_resumed(world: World) -> None:
    envelope = await approved(world)
    await world.operating.agent_pause("ci-bot")
    await nothing_sent(world, envelope, State.LAPSED, "paused ci-bot")
    await world.operating.agent_resume("ci-bot")
    await nothing_sent(world, envelope, State.LAPSED, "paused ci-bot")


async def test_a_token_revoked_between_has_nothing_sent(world: World) -> None:
    envelope = await approved(world)
    await world.store.apply(RevokeTokens("ci-bot", START))
    await world.directory.refresh()
    await nothing_sent(world, envelope, State.LAPSED, "rotated or revoked")


async def test_a_token_revoked_in_that_very_moment_has_nothing_sent(world: World) -> None:
    """What the gateway remembers of tokens is not what decides: the compare-and-swap asks the store."""
    envelope = await approved(world)
    await world.store.apply(RevokeTokens("ci-bot", START))
    await nothing_sent(world, envelope, State.APPROVED)


async def test_a_rotated_token_has_nothing_sent_although_the_agent_has_another(world: World) -> None:
    envelope = await approved(world)
    await world.operating.agent_rotate("ci-bot")
    await nothing_sent(world, envelope, State.LAPSED, "rotated or revoked")


async def test_a_token_that_expired_between_has_nothing_sent(world: World) -> None:
    short = a_token(id="tok_short", hash="h", expires_at=START + 50)
    await world.store.apply(AddToken(short))
    await world.directory.refresh()
    request = a_request(caller=replace(a_request().caller, token_id="tok_short"))
    envelope, _ = await world.promised(request)
    approved = await world.approve(envelope.id)
    world.time.advance(50)
    await nothing_sent(world, approved, State.LAPSED, "expired")


async def test_an_agent_removed_between_has_nothing_sent(world: World) -> None:
    envelope = await approved(world)
    await world.operating.agent_revoke("ci-bot")
    await nothing_sent(world, envelope, State.LAPSED)


async def forbids(world: World) -> None:
    world.policy.decision = DENY


async def allows_no_longer(world: World) -> None:
    world.policy.at_spend = Effect.DENY


async def wants_two(world: World) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, (), 2)


async def reads_another_amount(world: World) -> None:
    world.library.meaning = lambda _r: a_mapped(a_unit(context=money(60_000)))


async def signer_left(world: World) -> None:
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()


async def signer_may_no_longer(world: World) -> None:
    world.policy.approvers = frozenset()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forbids, "forbids it now"),
        (allows_no_longer, "no longer allows"),
        (wants_two, "2 must sign now"),
        (reads_another_amount, "templates changed"),
        (signer_left, "no longer counts"),
        (signer_may_no_longer, "no longer counts"),
    ],
)
async def test_rules_that_changed_between_are_the_ones_that_count(
    world: World, change: Callable[[World], Awaitable[None]], why: str
) -> None:
    envelope = await approved(world)
    await change(world)
    await nothing_sent(world, envelope, State.LAPSED, why)


async def test_an_approval_withdrawn_between_has_nothing_sent(world: World) -> None:
    envelope = await approved(world)
    await world.deciding.withdraw(world.session("Mika"), envelope.id)
    await nothing_sent(world, envelope, State.REVOKED)


async def test_an_approval_withdrawn_in_that_very_moment_has_nothing_sent(world: World) -> None:
    envelope = await approved(world)
    failing = FailingStore(world.sqlite)

    async def withdraw_first(change: object) -> None:
        if type(change).__name__ == "Spend":
            failing.before_apply = None
            await world.deciding.withdraw(world.session("Mika"), envelope.id)

    failing.before_apply = withdraw_first
    world.releaser.store = failing
    await nothing_sent(world, envelope, State.REVOKED)


async def test_a_configuration_that_changed_in_that_very_moment_is_asked_at_the_next_look(
    world: World,
) -> None:
    envelope = await approved(world)
    await world.store.apply(Configure("config-2"))
    await world.send()
    assert (world.courier.sent, (await world.now(envelope)).state) == ([], State.APPROVED)
    world.config = "config-2"
    await world.send()
    assert len(world.courier.sent) == 1


async def test_the_same_meaning_denied_in_another_form_has_nothing_sent(world: World) -> None:
    envelope = await approved(world)
    world.set(deny_for=0)
    other, _ = await world.promised(with_header(a_request(), "X-More", "1"))
    await world.deciding.deny(world.session("Mika"), other.id, None)
    await nothing_sent(world, envelope, State.LAPSED, "Mika denied the same request")


# Crashes. --------------------------------------------------------------------------------------------------


async def test_after_a_restart_what_was_approved_is_sent_while_its_cosigner_lives(world: World) -> None:
    envelope = await approved(world)
    world.time.advance(COSIGNER_LIFE - 1)
    await restart(world)
    for _ in range(2):
        await world.send()
    assert len(world.courier.sent) == 1
    assert (await world.now(envelope)).state is State.COMPLETED


async def test_after_a_restart_what_nobody_can_use_any_more_is_not_sent(world: World) -> None:
    envelope = await approved(world)
    world.time.advance(COSIGNER_LIFE)
    await restart(world)
    await nothing_sent(world, envelope, State.LAPSED, "expired")


async def test_what_was_spent_before_a_kill_is_unknown_and_never_repeated(world: World) -> None:
    envelope = await approved(world)
    await world.releaser.release(envelope, a_request())
    assert (await world.now(envelope)).state is State.SPENT
    await restart(world)
    for _ in range(2):
        await world.send()
    assert world.courier.sent == []
    told = await world.now(envelope)
    assert (told.state, told.outcome) == (State.UNKNOWN, "unknown")
    kept = await world.sqlite.kept(envelope.id)
    assert kept
    assert (kept.request, kept.answer) == (None, None)


async def restart(world: World) -> None:
    world.wire(world.sqlite)
    await world.directory.refresh()
    await recover(world.store)


async def test_a_send_that_fails_somehow_is_unknown_and_never_repeated(world: World) -> None:
    envelope = await approved(world)
    world.courier.fault = RuntimeError("the engine broke")
    for _ in range(2):
        await world.send()
    assert len(world.courier.sent) == 1
    assert (await world.now(envelope)).state is State.UNKNOWN


async def test_an_upstream_that_never_answered_is_unknown_and_never_asked_again(world: World) -> None:
    envelope = await approved(world)
    world.courier.answer, world.courier.outcome = None, "unknown"
    for _ in range(2):
        await world.send()
    assert len(world.courier.sent) == 1
    assert (await world.now(envelope)).state is State.UNKNOWN


async def test_what_was_not_sent_at_all_is_tried_again_with_a_spend_of_its_own(world: World) -> None:
    envelope = await approved(world)
    answer = world.courier.answer
    world.courier.answer, world.courier.outcome = None, "not_sent"
    await world.send()
    assert (await world.now(envelope)).state is State.APPROVED
    world.courier.answer, world.courier.outcome = answer, "completed"
    await world.send()
    assert (await world.now(envelope)).state is State.COMPLETED
    invocations = [row["detail"] for row in await world.said(kind="authorised")]
    assert len(set(invocations)) == 2


async def test_what_was_not_sent_is_left_in_peace_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TRY_AGAIN_AFTER", 60.0)
    await approved(world)
    world.courier.answer, world.courier.outcome = None, "not_sent"
    for _ in range(3):
        await world.send()
    assert len(world.courier.sent) == 1


async def test_two_looks_at_once_are_one_try(world: World) -> None:
    await approved(world)
    world.sender.store = counting = FailingStore(world.sqlite)
    await asyncio.gather(*(world.sender.tick() for _ in range(5)))
    await world.sender.settle()
    assert counting.calls.count("kept") == len(world.courier.sent) == 1


async def test_two_senders_at_once_are_one_send(world: World) -> None:
    """As two processes on one store: the compare-and-swap decides."""
    await approved(world)
    other = replace(world.sender, _sending={}, _not_before={})
    await asyncio.gather(world.sender.tick(), other.tick())
    await asyncio.gather(world.sender.settle(), other.settle())
    assert len(world.courier.sent) == 1


# A store or a clock that fails. ----------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["to_send", "kept", "signatures", "apply Spend"])
async def test_a_store_that_fails_sends_nothing_and_later_once(world: World, call: str) -> None:
    await approved(world)
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _number, name: name == call
    world.sender.store = world.releaser.store = failing
    await world.send()
    assert world.courier.sent == []
    failing.fails = lambda _number, _name: False
    for _ in range(2):
        await world.send()
    assert len(world.courier.sent) == 1


async def test_a_spend_that_failed_but_happened_is_never_sent(world: World) -> None:
    envelope = await approved(world)
    failing = FailingStore(world.sqlite)
    failing.fails, failing.after = lambda _number, name: name == "apply Spend", True
    world.releaser.store = failing
    for _ in range(2):
        await world.send()
        await world.releaser.settle()
    assert world.courier.sent == []
    assert (await world.now(envelope)).state is State.APPROVED


async def test_a_lapse_that_cannot_be_written_sends_nothing_either(world: World) -> None:
    envelope = await approved(world)
    await world.operating.agent_pause("ci-bot")
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _number, name: name == "apply Move"
    world.releaser.store = failing
    await world.send()
    assert (world.courier.sent, (await world.now(envelope)).state) == ([], State.APPROVED)


async def test_a_clock_that_jumped_sends_nothing(world: World) -> None:
    envelope = await approved(world)
    world.time.jump(-100)
    await nothing_sent(world, envelope, State.APPROVED)


async def test_a_kept_request_that_was_altered_is_not_sent(world: World) -> None:
    envelope = await approved(world)
    await world.sqlite._ask(lambda db: db.execute("UPDATE kept SET request = zeroblob(99)"), writes=True)
    await nothing_sent(world, envelope, State.APPROVED)


async def test_another_envelopes_request_put_in_its_place_is_not_sent(world: World) -> None:
    envelope = await approved(world)
    await world.promised(a_request(target="/v1/payments/2"))
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE kept SET request = (SELECT request FROM kept WHERE envelope <> ?)", (envelope.id,)
        ),
        writes=True,
    )
    await nothing_sent(world, envelope, State.APPROVED)
