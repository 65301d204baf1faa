import asyncio
import json
from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.envelopes import State
from gateway.errors import Reason, Refusal, StoreError, ambiguous
from gateway.gate import Forward, Release
from gateway.model import Request, ServiceMode
from gateway.settings import Service
from tests.gateway.history.conftest import RealWorld
from tests.kit.patience import until
from tests.kit.things import HEADERS, a_request

NEVER_MORE = """
permit (principal, action, resource);
@id("one-signature") forbid (principal is Agent, action, resource) unless { context.cosigner };
@id("never-more") forbid (principal is Agent, action in Action::"payment", resource)
when { context has spent && context.spent.day > 5000 };
"""


def pay(amount: int = 499, currency: str = "cny", to: str = "tea", **changes: Any) -> Request:
    body = json.dumps({"amount": amount, "currency": currency}).encode()
    return a_request(target=f"/pay/{to}", body=body, **changes)


async def send(world: RealWorld, request: Request) -> Any:
    return await world.pipeline.decide(request, asyncio.Event())


async def more_wait(world: RealWorld, before: int) -> bool:
    return len(await world.sqlite.envelopes([State.PENDING])) > before


async def waits(world: RealWorld, request: Request) -> "asyncio.Task[Any]":
    """It is held, and this is its connection."""
    before = len(await world.sqlite.envelopes([State.PENDING]))
    task = asyncio.create_task(send(world, request))
    await until(lambda: task.done() or more_wait(world, before))
    assert not task.done(), task.result()
    return task


async def passes(world: RealWorld, request: Request) -> bool:
    """True where nobody is asked. A connection that is held is closed again."""
    gone = asyncio.Event()
    task = asyncio.create_task(world.pipeline.decide(request, gone))
    await until(lambda: task.done() or more_wait(world, 0))
    if task.done():
        return task.exception() is None and bool(task.result() == Forward())
    gone.set()
    with pytest.raises(Refusal):
        await task
    for envelope in await world.sqlite.envelopes([State.PENDING]):
        await world.deciding.deny(world.session("Mika"), envelope.id, None)
    return False


async def restarted(world: RealWorld) -> None:
    """What is in memory is gone; what is written is read."""
    await world.sqlite._ask(lambda _db: None, writes=True)
    policy = world.policy
    world.wire(world.sqlite)
    await world.directory.refresh()
    world.policy = policy
    await world.history.load()


async def test_of_a_hundred_payments_of_499_only_the_first_ten_pass_unasked(
    world: RealWorld,
) -> None:
    world.settings = replace(
        world.settings,
        approvals=replace(world.settings.approvals, deny_for=0),
        limits=replace(world.settings.limits, denials_in_a_row=0),
    )
    passed = [await passes(world, pay(to=f"acct_{n}")) for n in range(100)]
    assert passed == [True] * 10 + [False] * 90


async def test_a_restart_forgets_no_payment(world: RealWorld) -> None:
    for number in range(10):
        assert await send(world, pay(to=f"acct_{number}")) == Forward()
    await restarted(world)
    assert not await passes(world, pay())


async def test_a_day_later_the_sum_is_gone(world: RealWorld) -> None:
    for number in range(10):
        assert await send(world, pay(to=f"acct_{number}")) == Forward()
    world.time.advance(86_400 - 1)
    assert not await passes(world, pay(to="early"))
    world.time.advance(301)
    assert await passes(world, pay(to="late"))


async def test_two_concurrent_payments_cannot_both_fit(world: RealWorld) -> None:
    tasks = [asyncio.create_task(send(world, pay(3000, to=f"acct_{n}"))) for n in range(2)]
    await until(lambda: tasks[0].done() and more_wait(world, 0))
    assert [task.done() for task in tasks] == [True, False]
    assert tasks[0].result() == Forward()
    tasks[1].cancel()


async def test_what_waits_is_reserved_and_a_denial_gives_it_back(world: RealWorld) -> None:
    held = await waits(world, pay(6000, to="big"))
    assert not await fits(world, 100)
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    with pytest.raises(Refusal):
        await held
    assert await fits(world, 5000)


async def fits(world: RealWorld, amount: int) -> bool:
    """Whether a payment would pass now; nothing is counted."""
    request = pay(amount, to="probe")
    rules = world.rules()
    moment = world.history.moment(request, rules.library.map(request), rules)
    (unit,) = moment.mapped.units
    spent = moment.spent(unit)
    assert spent is not None
    return spent["day"] <= 5000


@pytest.mark.parametrize("how", ["expired", "cancelled"])
async def test_what_nobody_signed_gives_its_share_back(world: RealWorld, how: str) -> None:
    held = await waits(world, pay(6000, to="big"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    if how == "expired":
        world.time.advance(61)
        from gateway.timekeeper import Timekeeper

        await Timekeeper(world.store, world.board, world.rules).tick()
    else:
        await world.operating.envelope_cancel(envelope.id)
    with pytest.raises(Refusal):
        await held
    assert await fits(world, 5000)


@pytest.mark.parametrize(
    ("outcome", "keeps"), [("completed", True), ("unknown", True), ("failed", True), ("not_sent", True)]
)
async def test_what_was_signed_counts_unless_it_lapses(world: RealWorld, outcome: str, keeps: bool) -> None:
    held = await waits(world, pay(6000, to="big"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    release = await asyncio.wait_for(held, 60)
    assert not await fits(world, 1)
    release.done(outcome, 200, "")
    await world.releaser.settle()
    assert await fits(world, 1) is not keeps
    await restarted(world)
    assert await fits(world, 1) is not keeps


async def test_what_was_not_sent_and_lapsed_gives_its_share_back(world: RealWorld) -> None:
    held = await waits(world, pay(6000, to="big"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    release = await asyncio.wait_for(held, 60)
    world.time.advance(301)
    release.done("not_sent", None, "refused")
    await world.releaser.settle()
    assert await fits(world, 5000)
    await restarted(world)
    assert await fits(world, 5000)


async def test_what_lapses_takes_no_name_from_the_same_question_asked_again(world: RealWorld) -> None:
    """Else an identical retry would count beside it, and what people approved could not be collected."""
    held = await waits(world, pay(6000, to="big"))
    (first,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(first.id)
    release = await asyncio.wait_for(held, 60)
    again = await waits(world, pay(6000, to="big"))
    (second,) = await world.sqlite.envelopes([State.PENDING])
    world.time.advance(301)
    release.done("not_sent", None, "refused")
    await world.releaser.settle()
    (past,) = world.history._pasts.values()
    assert [one.envelope for one in past.held] == [second.id]
    known = past.held.named((second.join_key, second.join_scope))
    assert known is not None
    assert known.envelope == second.id
    again.cancel()


async def test_at_the_spend_this_very_request_counts_once(world: RealWorld) -> None:
    """A policy that no signature lifts: 4000 of 5000 is all right, 8000 would not be."""
    world.use(NEVER_MORE)
    held = await waits(world, pay(4000))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    await asyncio.wait_for(held, 60)
    with pytest.raises(Refusal) as refused:
        await send(world, pay(2000, to="other"))
    assert refused.value.reason is Reason.POLICY_DENIED


async def test_an_identical_retry_is_not_counted_beside_its_own_question(world: RealWorld) -> None:
    world.use(NEVER_MORE)
    first = await waits(world, pay(4000))
    again = asyncio.create_task(send(world, pay(4000)))
    await asyncio.sleep(0.05)
    assert not again.done()
    with pytest.raises(Refusal):
        await send(world, pay(4000, headers=(*a_request().headers, ("X-Other", "1"))))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    await asyncio.wait_for(again, 60)
    with pytest.raises(Refusal):
        await first


async def test_restarted_questions_are_still_reserved(world: RealWorld) -> None:
    held = await waits(world, pay(6000, to="big"))
    world.board.stop()
    with pytest.raises(Refusal):
        await held
    await restarted(world)
    assert not await fits(world, 1)
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    assert await fits(world, 5000)


async def test_watched_payments_count_too(world: RealWorld) -> None:
    world.settings = replace(world.settings, templates={"shop": Service(ServiceMode.WATCH)})
    assert await send(world, pay(6000)) == Forward()
    assert not await fits(world, 1)


async def test_a_quote_is_no_payment_and_another_currency_another_sum(world: RealWorld) -> None:
    quote = replace(pay(9999), target="/quote/tea")
    assert await send(world, quote) == Forward()
    assert await fits(world, 5000)
    world.settings = replace(world.settings, templates={"shop": Service(ServiceMode.WATCH)})
    await send(world, pay(9999, "jpy"))
    assert await fits(world, 5000)


async def test_a_sum_beyond_cedars_numbers_is_a_deny_and_does_not_stop_the_log(world: RealWorld) -> None:
    world.settings = replace(world.settings, templates={"shop": Service(ServiceMode.WATCH)})
    for number in range(3):
        await send(world, pay(2**63 - 1, to=f"acct_{number}"))
    await restarted(world)
    assert world.sqlite.healthy()
    world.settings = replace(world.settings, templates={})
    with pytest.raises(Refusal) as refused:
        await send(world, pay(1))
    assert refused.value.reason is Reason.POLICY_DENIED


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (Refusal(Reason.NO_APPROVER_REACHABLE, "Nobody."), False),
        (StoreError("gone"), True),
        (KeyError("x"), True),
    ],
    ids=["refused", "store", "bug"],
)
async def test_where_nobody_knows_whether_a_question_was_opened_its_share_is_kept(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch, error: Exception, kept: bool
) -> None:
    async def failing(*_: object) -> Any:
        raise error

    monkeypatch.setattr(world.waiting, "step_up", failing)
    with pytest.raises(type(error)):
        await send(world, pay(6000))
    assert await fits(world, 1) is not kept


async def test_a_failure_after_the_question_was_opened_leaves_its_share_to_the_question(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> Any:
        raise StoreError("gone")

    monkeypatch.setattr(world.waiting, "_hold", failing)
    with pytest.raises(StoreError):
        await send(world, pay(6000))
    assert not await fits(world, 1)
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    assert await fits(world, 5000)


async def test_what_was_denied_makes_nothing_usual_and_what_was_signed_does(world: RealWorld) -> None:
    def first(request: Request) -> frozenset[str]:
        rules = world.rules()
        return world.history.moment(request, rules.library.map(request), rules).first

    held = await waits(world, pay(6000, to="new"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.deciding.deny(world.session("Mika"), envelope.id, None)
    with pytest.raises(Refusal):
        await held
    assert "resource" in first(pay(1, to="new"))
    held = await waits(world, pay(7000, to="other"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    await asyncio.wait_for(held, 60)
    assert first(pay(1, to="other")) == frozenset()
    stolen = pay(1, to="other", headers=(*HEADERS[:2], ("Authorization", "Bearer another")))
    assert first(stolen) == {"credential"}
    assert first(pay(1, to="other", caller=replace(a_request().caller, peer="10.0.0.9"))) == {"address"}
    await restarted(world)
    assert first(pay(1, to="other")) == frozenset()


async def test_what_people_are_told_of_the_agent_is_signed_with_the_rest(world: RealWorld) -> None:
    for number in range(2):
        assert await send(world, pay(1, to=f"acct_{number}")) == Forward()
    held = await waits(world, pay(6000, to="big"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    told = world.deciding.opened(envelope).shared
    assert told["observed"] == {
        "first_time": ["resource"],
        "address_requests_30_days": 2,
        "question_this_hour": 1,
    }
    assert told["intent_risk"]["level"] == envelope.intent_risk == "high"
    assert "More money than this agent moved at once in 30 days" in told["intent_risk"]["reasons"]
    held.cancel()


async def test_a_flood_of_questions_stands_in_the_row(world: RealWorld) -> None:
    for hour in range(6):
        assert await send(world, pay(1, to=f"acct_{hour}")) == Forward()
        world.time.advance(3600)
    tasks = [await waits(world, pay(6000 + n, to=f"big_{n}")) for n in range(5)]
    rows = (await world.desk.envelopes(world.session("Mika")))["waiting"]
    assert {tuple((row["unusual"] or {}).items()) for row in rows} == {
        (("in_10_min", 5), ("usual_per_hour", 0))
    }
    for task in tasks:
        task.cancel()


async def test_an_agent_of_which_nothing_is_known_is_not_unusual(world: RealWorld) -> None:
    assert world.history.unusual("nobody") is None


async def test_a_body_that_cannot_be_read_again_joins_nothing(world: RealWorld) -> None:
    class Unreadable:
        def body(self, _: object) -> Any:
            raise ambiguous("two ways")

    request = pay(6000, to="big")
    held = await waits(world, request)
    mapped = world.library.map(request)
    (unit,) = mapped.units
    rules = world.rules()
    same = world.history.moment(request, mapped, rules)
    assert same.spent(unit) == {"hour": 6000, "day": 6000}
    doubtful = world.history.moment(request, mapped, replace(rules, library=cast("Any", Unreadable())))
    assert doubtful.spent(unit) == {"hour": 12_000, "day": 12_000}
    held.cancel()


async def test_an_approval_after_more_was_spent_is_asked_again_with_the_sums_of_now(world: RealWorld) -> None:
    world.use(
        """
        permit (principal, action, resource);
        @id("asks") forbid (principal is Agent, action == Action::"/shop/pay", resource)
        unless { context.cosigner || (context has money && context.money.minor < 3000) };
        @id("never-more") forbid (principal is Agent, action in Action::"payment", resource)
        when { context has spent && context.spent.day > 5000 };
        """
    )
    held = await waits(world, pay(3000, to="big"))
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    assert await send(world, pay(2000)) == Forward()
    with pytest.raises(Refusal):
        await send(world, pay(1))
    await world.approve(envelope.id)
    assert isinstance(await asyncio.wait_for(held, 60), Release)
