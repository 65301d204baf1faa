import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import Refusal, UsageError
from gateway.notify.channel import Channel, Failed, Sent
from gateway.notify.notifier import AT_ONCE, BACKOFF
from gateway.settings import AppriseChannel, NotificationRule, Notifications
from gateway.store.things import Delivery
from gateway.store.writes import Tell
from tests.kit.channels import PlayedChannel
from tests.kit.patience import until
from tests.kit.stores import FailingStore
from tests.kit.things import a_request
from tests.kit.world import World

MAIL = {"mail": AppriseChannel("mailto://a")}
AGAIN, FOR_GOOD = Failed("busy", again=True), Failed("gone", again=False)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Tomo")
    made.settings = replace(made.settings, notifications=Notifications(MAIL))
    made.channels["mail"] = PlayedChannel()
    yield made
    await made.close()


def mail(world: World) -> PlayedChannel:
    channel = world.channels["mail"]
    assert isinstance(channel, PlayedChannel)
    return channel


async def tick(world: World) -> None:
    """Everything that is due has gone."""
    for _ in range(3):
        await world.notifier.tick()
        while world.notifier._sending:
            await asyncio.wait(list(world.notifier._sending.values()))


async def rows(world: World, kind: str = "asked") -> list[tuple[str, str, int, str | None]]:
    found = [one for one in await world.sqlite.deliveries() if one.kind == kind]
    return sorted((one.person, one.state, one.attempts, one.error) for one in found)


async def test_whoever_may_approve_is_told_once_over_a_shared_channel(world: World) -> None:
    envelope = await world.opened()
    assert await rows(world) == [("Mika", "queued", 0, None), ("Tomo", "queued", 0, None)]
    await tick(world)
    ((message, _),) = mail(world).sent
    assert (message.kind, message.envelope) == ("asked", envelope.id)
    assert await rows(world) == [("Mika", "accepted", 1, None), ("Tomo", "accepted", 1, None)]
    await tick(world)
    assert len(mail(world).sent) == 1


async def test_over_a_channel_of_their_own_each_person_is_told_apart(world: World) -> None:
    world.settings = replace(world.settings, notifications=Notifications())
    push = PlayedChannel(personal=True, owners=frozenset({"Mika", "Tomo"}), outcome=Sent())
    world.notifier.add_own("push", push)
    await world.opened()
    await tick(world)
    assert sorted(to for _, to in push.sent) == ["Mika", "Tomo"]
    assert [state for _, state, _, _ in await rows(world)] == ["sent", "sent"]


async def test_an_identical_retry_rings_nobody_twice(world: World) -> None:
    await world.opened()
    await tick(world)
    await world.opened()
    await tick(world)
    assert len(mail(world).sent) == 1


async def test_what_failed_for_now_goes_again_later_and_later_and_not_for_ever(world: World) -> None:
    envelope = await world.opened()
    await tick(world)
    mail(world).outcome = AGAIN
    await world.approve(envelope.id)
    await tick(world)
    for tries, wait in enumerate(BACKOFF, 2):
        world.time.advance(wait - 1)
        await tick(world)
        assert len(mail(world).sent) == tries
        world.time.advance(1)
        await tick(world)
        assert len(mail(world).sent) == tries + 1
    told = [(name, "failed", len(BACKOFF) + 1, "busy") for name in ("Mika", "Tomo")]
    assert await rows(world, "decided") == told


async def test_nothing_goes_again_after_the_deadline(world: World) -> None:
    mail(world).outcome = AGAIN
    await world.opened()
    world.time.advance(59)
    await tick(world)
    assert [state for _, state, _, _ in await rows(world)] == ["failed", "failed"]


async def test_a_channel_that_breaks_has_failed_and_its_words_are_kept_nowhere(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    mail(world).outcome = RuntimeError("mailtos://me:hunter2@example.com is broken")
    await world.opened()
    await tick(world)
    assert await rows(world) == [(name, "failed", 1, "RuntimeError") for name in ("Mika", "Tomo")]
    assert "hunter2" not in "".join(capsys.readouterr())


async def test_what_was_decided_is_told_over_channels_that_can_follow_up(world: World) -> None:
    world.channels["text"] = PlayedChannel(withdraws=False)
    both = {**MAIL, "text": AppriseChannel("sms://a")}
    world.settings = replace(world.settings, notifications=Notifications(both))
    envelope = await world.opened()
    await tick(world)
    await world.approve(envelope.id)
    await tick(world)
    assert mail(world).kinds == ["asked", "decided"]
    assert world.channels["text"].kinds == ["asked"]  # type: ignore[attr-defined]  # it is a played one
    assert mail(world).sent[1][0].facts["state"] == "approved"
    await world.operating.stop_all()
    await tick(world)
    assert len(mail(world).sent) == 2


async def test_what_was_decided_before_anybody_was_told_is_told_to_nobody(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await tick(world)
    assert mail(world).sent == []
    assert await rows(world) == [(name, "failed", 0, "over") for name in ("Mika", "Tomo")]


async def test_what_was_decided_while_it_was_on_its_way_is_followed_up(world: World) -> None:
    mail(world).held = asyncio.Event()
    envelope = await world.opened()
    await world.notifier.tick()
    await until(lambda: mail(world).open == 1)
    await world.approve(envelope.id)
    await world.notifier.tick()
    mail(world).held.set()  # type: ignore[union-attr]  # it was set above
    await tick(world)
    assert mail(world).kinds == ["asked", "decided"]
    assert [state for _, state, _, _ in await rows(world)] == ["accepted", "accepted"]


async def test_what_is_decided_between_the_look_and_the_sending_is_not_sent(world: World) -> None:
    envelope = await world.opened()
    due = tuple(await world.sqlite.deliveries_due("mail", world.store.now(), 9))
    await world.operating.envelope_cancel(envelope.id)
    await world.notifier._send(mail(world), due)
    assert mail(world).sent == []
    assert [error for _, _, _, error in await rows(world)] == ["over", "over"]


async def test_a_fault_of_ours_stops_no_other_message(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened()
    real, faults = world.notifier.tick, iter([RuntimeError("https://hooks.example/hunter2")])

    async def tick_or_fault() -> None:
        for fault in faults:
            raise fault
        await real()

    monkeypatch.setattr(world.notifier, "tick", tick_or_fault)
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(mail(world).sent) == 1)
    await stopped(running)
    assert "hunter2" not in "".join(capsys.readouterr())


async def test_whoever_opened_the_page_has_seen_it_and_is_not_rung_any_more(world: World) -> None:
    world.settings = replace(
        world.settings,
        notifications=Notifications(MAIL, (NotificationRule(("mail",), to="Mika"),)),
    )
    envelope = await world.opened()
    await world.desk.sign(world.session("Mika"), envelope.id)
    await tick(world)
    assert mail(world).sent == []
    assert await rows(world) == [("Mika", "seen", 0, None)]


async def test_one_who_saw_it_leaves_the_others_as_they_are(world: World) -> None:
    envelope = await world.opened()
    await tick(world)
    await world.desk.sign(world.session("Tomo"), envelope.id)
    assert [(name, state) for name, state, _, _ in await rows(world)] == [
        ("Mika", "accepted"),
        ("Tomo", "seen"),
    ]


async def test_a_slow_channel_has_a_bound_and_keeps_no_other_waiting(world: World) -> None:
    mail(world).held = asyncio.Event()
    quick = world.channels["quick"] = PlayedChannel()
    both = {**MAIL, "quick": AppriseChannel("sms://a")}
    world.settings = replace(world.settings, notifications=Notifications(both))
    for number in range(AT_ONCE + 3):
        await world.opened(a_request(target=f"/v1/payments?n={number}"))
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(quick.sent) == AT_ONCE + 3)
    assert mail(world).open == AT_ONCE
    mail(world).held.set()  # type: ignore[union-attr]  # it was set above
    await until(lambda: len(mail(world).sent) == AT_ONCE + 3)
    assert mail(world).most == AT_ONCE
    await stopped(running)


async def test_what_was_queued_goes_after_a_restart_unless_it_is_over(world: World) -> None:
    first = await world.opened()
    second = await world.opened(a_request(target="/v1/other"))
    await world.operating.envelope_cancel(second.id)
    await world.restart()
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(mail(world).sent) == 1)
    await asyncio.sleep(0.05)
    assert [message.envelope for message, _ in mail(world).sent] == [first.id]
    await stopped(running)


async def test_a_decision_that_a_crash_kept_from_being_told_is_told_at_the_next_start(world: World) -> None:
    envelope = await world.opened()
    await tick(world)
    await world.approve(envelope.id)
    await world.restart()
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: mail(world).kinds == ["asked", "decided"])
    await stopped(running)


async def test_a_store_that_fails_is_tried_again(world: World) -> None:
    failing = FailingStore(world.sqlite)
    failing.fails = lambda number, name: name == "deliveries_due" and number < 4
    await world.opened()
    world.notifier.store = failing
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(mail(world).sent) == 1)
    await stopped(running)


async def test_what_was_on_its_way_at_the_stop_is_still_queued(world: World) -> None:
    mail(world).held = asyncio.Event()
    await world.opened()
    await world.notifier.tick()
    await until(lambda: mail(world).open == 1)
    await world.notifier.settle()
    await world.notifier.settle()
    assert [state for _, state, _, _ in await rows(world)] == ["queued", "queued"]


async def test_changed_settings_make_new_channels(world: World) -> None:
    made: list[Notifications] = []

    def make(settings: Notifications) -> dict[str, Channel]:
        made.append(settings)
        return {}

    world.notifier.made = make
    world.notifier.channels()
    world.notifier.channels()
    world.settings = replace(world.settings, notifications=Notifications(MAIL, values=True))
    world.notifier.channels()
    assert [settings.values for settings in made] == [False, True]


# Nobody can be told.


async def test_the_agent_is_told_at_once_where_nobody_has_a_channel(world: World) -> None:
    rules = (NotificationRule(("mail",), to="Noor"),)
    world.settings = replace(world.settings, notifications=Notifications(MAIL, rules))
    with pytest.raises(Refusal) as refused:
        await asyncio.wait_for(world.ask(), 60)
    assert refused.value.reason == "no_approver_reachable"
    assert await world.sqlite.envelopes() == []
    with world.reach.page_of("Mika"):
        task, _ = await world.held()
        task.cancel()


async def test_without_a_channel_the_request_is_held_for_the_pages(world: World) -> None:
    world.settings = replace(world.settings, notifications=Notifications())
    task, envelope = await world.held()
    await tick(world)
    await world.approve(envelope.id)
    await task
    assert await rows(world) == []


async def test_when_every_delivery_failed_for_good_the_agent_is_told_and_the_question_stays_open(
    world: World,
) -> None:
    mail(world).outcome = FOR_GOOD
    task, envelope = await world.held()
    await tick(world)
    with pytest.raises(Refusal) as refused:
        await asyncio.wait_for(task, 60)
    assert refused.value.reason == "no_approver_reachable"
    assert refused.value.about is not None
    assert refused.value.about.envelope == envelope.id
    assert str((await world.now(envelope)).state) == "pending"
    with pytest.raises(Refusal, match="no notification reached anybody"):
        await asyncio.wait_for(world.ask(), 60)
    await world.approve(envelope.id)
    await world.ask()


async def test_a_failure_that_may_pass_ends_no_wait(world: World) -> None:
    mail(world).outcome = AGAIN
    task, envelope = await world.held()
    await tick(world)
    await asyncio.sleep(0.05)
    assert not task.done()
    await world.approve(envelope.id)
    await task


async def test_one_channel_that_works_is_enough(world: World) -> None:
    mail(world).outcome = FOR_GOOD
    world.channels["text"] = PlayedChannel()
    both = {**MAIL, "text": AppriseChannel("sms://a")}
    world.settings = replace(world.settings, notifications=Notifications(both))
    task, envelope = await world.held()
    await tick(world)
    await asyncio.sleep(0.05)
    assert not task.done()
    await world.approve(envelope.id)
    await task


async def test_a_page_that_is_open_is_not_ended_by_channels_that_fail(world: World) -> None:
    mail(world).outcome = FOR_GOOD
    with world.reach.page_of("Tomo"):
        task, envelope = await world.held()
        await tick(world)
        await asyncio.sleep(0.05)
        assert not task.done()
        await world.approve(envelope.id)
        await task


async def test_after_a_restart_it_is_known_what_went_out_in_vain(world: World) -> None:
    mail(world).outcome = FOR_GOOD
    await world.opened()
    await tick(world)
    await world.restart()
    running = asyncio.create_task(world.notifier.run())
    await asyncio.sleep(0.1)
    with pytest.raises(Refusal, match="no notification reached anybody"):
        await asyncio.wait_for(world.ask(), 60)
    await stopped(running)


# Trying a channel.


async def test_a_channel_is_tried_and_the_last_try_is_remembered(world: World) -> None:
    assert await world.notifier.test("mail") == {"channel": "mail", "state": "accepted", "error": None}
    ((message, _),) = mail(world).sent
    assert message.kind == "test"
    mail(world).outcome = FOR_GOOD
    assert (await world.notifier.test("mail"))["error"] == "gone"
    assert world.notifier.tested()["mail"].state == "failed"
    assert await world.sqlite.deliveries() == []


async def test_a_channel_that_is_not_there_or_is_somebodys_own_is_not_tried(world: World) -> None:
    world.notifier.add_own("push", PlayedChannel(personal=True))
    for name in ("male", "push"):
        with pytest.raises(UsageError, match=r"those of secondsig\.yaml are: mail\."):
            await world.notifier.test(name)


async def test_more_people_are_told_when_they_are_asked_later(world: World) -> None:
    envelope = await world.opened()
    await tick(world)
    await ask_noor(world, envelope.id)
    await tick(world)
    assert len(mail(world).sent) == 2


async def test_whoever_is_asked_while_a_message_is_on_its_way_is_told_when_it_has_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.notify.notifier.LOOK_EVERY", 1000.0)
    mail(world).held = held = asyncio.Event()
    envelope = await world.opened()
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: mail(world).open == 1)
    await ask_noor(world, envelope.id)
    world.notifier._woken.set()
    await until(lambda: not world.notifier._woken.is_set())
    held.set()
    await until(lambda: len(mail(world).sent) == 2)
    await stopped(running)


async def test_whoever_is_asked_just_as_a_message_goes_is_told_when_it_has_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.notify.notifier.LOOK_EVERY", 1000.0)
    mail(world).held = held = asyncio.Event()
    envelope = await world.opened()
    real = world.sqlite.deliveries_due

    async def due_as_the_first_goes(
        name: str, now: int, limit: int, busy: Sequence[str] = ()
    ) -> Sequence[Delivery]:
        due = await real(name, now, limit, busy)
        if busy and not held.is_set():
            held.set()
            await until(lambda: not world.notifier._sending)
        return due

    monkeypatch.setattr(world.sqlite, "deliveries_due", due_as_the_first_goes)
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: mail(world).open == 1)
    await ask_noor(world, envelope.id)
    world.notifier._woken.set()
    await until(lambda: len(mail(world).sent) == 2)
    await stopped(running)


async def test_where_nothing_was_left_a_message_that_has_gone_makes_nobody_look_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.notify.notifier.LOOK_EVERY", 1000.0)
    looks = 0
    real = world.notifier.tick

    async def tick_and_count() -> None:
        nonlocal looks
        looks += 1
        await real()

    monkeypatch.setattr(world.notifier, "tick", tick_and_count)
    await world.opened()
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(mail(world).sent) == 1 and not world.notifier._sending)
    await stopped(running)
    assert looks == 1


@contextlib.asynccontextmanager
async def idle(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """The notifier runs and looks for nothing by itself any more: each look from now on is told."""
    monkeypatch.setattr("gateway.notify.notifier.LOOK_EVERY", 1000.0)
    looks: list[str] = []
    real = world.sqlite.deliveries_due

    async def due_and_tell(name: str, now: int, limit: int, busy: Sequence[str] = ()) -> Sequence[Delivery]:
        looks.append(name)
        return await real(name, now, limit, busy)

    monkeypatch.setattr(world.sqlite, "deliveries_due", due_and_tell)
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: looks == ["mail"] and not world.notifier._left)
    looks.clear()
    yield looks
    await stopped(running)


async def test_who_is_asked_is_told_without_a_look_at_the_store(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with idle(world, monkeypatch) as looks:
        await world.opened()
        await until(lambda: len(mail(world).sent) == 1 and not world.notifier._sending)
        assert looks == []
    assert await rows(world) == [(name, "accepted", 1, None) for name in ("Mika", "Tomo")]


async def test_where_there_is_no_room_nobody_overtakes_who_was_asked_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with idle(world, monkeypatch):
        mail(world).held = held = asyncio.Event()
        opened = [(await world.opened(a_request(target=f"/{n}"))).id for n in range(AT_ONCE + 2)]
        await until(lambda: mail(world).open == AT_ONCE)
        assert world.notifier._left == {"mail"}
        held.set()
        await until(lambda: len(mail(world).sent) == AT_ONCE + 2)
    assert [message.envelope for message, _ in mail(world).sent] == opened


async def test_before_the_notifier_runs_and_after_it_stopped_nothing_goes(world: World) -> None:
    await world.opened()
    assert not world.notifier._sending
    running = asyncio.create_task(world.notifier.run())
    await until(lambda: len(mail(world).sent) == 1)
    await stopped(running)
    await world.opened(a_request(target="/later"))
    assert not world.notifier._sending
    assert ("Mika", "queued", 0, None) in await rows(world)


async def test_channels_that_cannot_be_made_are_nothing_to_whoever_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with idle(world, monkeypatch):
        made, broken = world.notifier.made, []

        def unmakeable(_settings: Notifications) -> dict[str, Channel]:
            broken.append("asked")
            raise RuntimeError("no such service")

        world.notifier.made = unmakeable
        world.settings = replace(world.settings, notifications=Notifications(dict(MAIL)))
        await world.opened()
        await until(lambda: len(broken) > 0)
        assert mail(world).sent == []
        world.notifier.made = made
        world.notifier._woken.set()
        await until(lambda: len(mail(world).sent) == 1)


async def test_what_is_queued_during_a_look_goes_with_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with idle(world, monkeypatch) as looks:
        counted = world.sqlite.deliveries_due
        early: list[object] = []

        async def due_before_the_question(
            name: str, now: int, limit: int, busy: Sequence[str] = ()
        ) -> Sequence[Delivery]:
            due = await counted(name, now, limit, busy)
            if len(looks) == 1:
                await world.opened()
                early.extend([*world.notifier._sending, *mail(world).sent])
            return due

        monkeypatch.setattr(world.sqlite, "deliveries_due", due_before_the_question)
        world.notifier._woken.set()
        await until(lambda: len(mail(world).sent) == 1)
    assert looks[:2] == ["mail", "mail"]
    assert early == []


async def ask_noor(world: World, envelope: str) -> None:
    now = world.store.now()
    await world.store.apply(Tell((Delivery(envelope, "asked", "mail", "Noor", now, now, now),)))


async def stopped(running: "asyncio.Task[None]") -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
