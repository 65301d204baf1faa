import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.canonical import sha256
from gateway.desk.contract import DeskError, Event
from gateway.desk.desk import MAX_ROWS
from gateway.encoding import b64u, from_b64u
from gateway.model import Approval, Decision, Effect, EntityRef
from gateway.rules import RefusedChange
from gateway.store.writes import Shred
from tests.kit.clocks import START
from tests.kit.granting import grantable, granted
from tests.kit.things import GATEWAY, a_mapped, a_request, a_unit
from tests.kit.world import World

NOW = "2027-01-15T08:00:00Z"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    yield made
    await made.close()


async def looked_at(world: World, envelope: str, person: str = "Mika") -> dict[str, Any]:
    return await world.desk.envelope(world.session(person), envelope)


async def test_before_anybody_is_enrolled_the_page_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert await world.desk.state() == {
        "enrolled": False,
        "gateway": GATEWAY,
        "name": "secondsig",
        "server_time": NOW,
    }
    await world.close()


async def test_signed_out_there_is_nothing_but_the_time_left(world: World) -> None:
    envelope = await world.opened()
    assert await world.desk.clock(envelope.id) == {
        "state_open": True,
        "expires_at": "2027-01-15T08:01:00Z",
        "server_time": NOW,
    }
    await world.operating.envelope_deny(envelope.id)
    assert (await world.desk.clock(envelope.id))["state_open"] is False
    with pytest.raises(DeskError) as error:
        await world.desk.clock("env_x")
    assert error.value.status == 404


async def test_one_is_told_who_one_is(world: World) -> None:
    told = await world.desk.me(world.session("Mika"))
    assert told["person"] == {"name": "Mika", "display": "Mika", "groups": ["approvers"]}
    assert told["credential"]["name"] == "Mika's phone"
    assert told["server_time"] == NOW


async def test_what_waits_is_listed_by_urgency_and_what_is_over_apart(world: World) -> None:
    first = await world.opened()
    world.time.advance(5)
    second = await world.opened(a_request(target="/2"))
    denied = await world.opened(a_request(target="/3"))
    await world.operating.envelope_deny(denied.id)
    told = await world.desk.envelopes(world.session("Mika"))
    assert [row["id"] for row in told["waiting"]] == [first.id, second.id]
    assert [row["id"] for row in told["recent"]] == [denied.id]
    json.dumps(told)


async def test_a_page_is_told_all_it_shows_of_an_envelope(world: World) -> None:
    envelope = await world.opened()
    told = await looked_at(world, envelope.id)
    assert told["row"]["id"] == envelope.id
    assert told["may"] == {"approve": True, "deny": True, "why": "ok"}
    assert told["approvers"] == ["Mika", "Noor"]
    assert (told["signatures"], told["cosigner"], told["credential_id"]) == ([], None, None)
    assert (told["revealed"], told["repeats"], told["signed_by_me"]) == ([], None, False)
    assert told["log_entry"] == (await world.store.rows_of([envelope.id]))[-1].seq
    json.dumps(told)


async def test_after_the_decision_the_page_names_the_proofs(world: World) -> None:
    envelope = await world.opened()
    approved = await world.approve(envelope.id)
    told = await looked_at(world, envelope.id)
    assert told["may"] == {"approve": False, "deny": False, "why": "decided"}
    assert told["cosigner"] == approved.cosigner
    assert told["credential_id"] == b64u(world.passkeys["Mika"].id)
    (signature,) = told["signatures"]
    assert (signature["person"], signature["at"]) == ("Mika", NOW)
    assert signature["credential"] == "Mika's phone"
    assert (told["signed_by_me"], (await looked_at(world, envelope.id, "Noor"))["signed_by_me"]) == (
        True,
        False,
    )


async def test_whoever_has_signed_is_not_asked_again(world: World) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, (), 2)
    envelope = await world.opened()
    told = await world.desk.approve(world.session("Mika"), envelope.id, *await answered(world, envelope.id))
    assert (told["row"]["signed"], told["row"]["quorum"], told["row"]["state"]) == (1, 2, "pending")
    assert (await looked_at(world, envelope.id))["may"]["approve"] is False
    assert (await looked_at(world, envelope.id, "Noor"))["may"]["approve"] is True


async def answered(world: World, envelope: str, person: str = "Mika") -> tuple[str, dict[str, Any]]:
    question = await world.desk.sign(world.session(person), envelope)
    return question["challenge_id"], world.passkeys[person].sign(question["options"])


@pytest.mark.parametrize(
    ("approvers", "why", "deny"), [(frozenset({"Noor"}), "not_allowed", False), (None, "ok", True)]
)
async def test_what_one_may_do_is_what_policy_says(
    world: World, approvers: frozenset[str] | None, why: str, deny: bool
) -> None:
    envelope = await world.opened()
    world.policy.approvers = approvers
    assert (await looked_at(world, envelope.id))["may"] == {"approve": deny, "deny": deny, "why": why}


async def test_an_owner_may_deny_and_not_approve(world: World) -> None:
    from tests.kit.things import a_caller

    await world.add_agent("owned", owner="Mika")
    envelope = await world.opened(a_request(caller=a_caller("owned")))
    told = await looked_at(world, envelope.id)
    assert told["may"] == {"approve": False, "deny": True, "why": "own_request"}
    assert told["approvers"] == ["Noor"]


async def test_what_expired_says_so_and_what_was_shredded_names_no_approvers(world: World) -> None:
    envelope = await world.opened()
    world.time.advance(60)
    from gateway.timekeeper import Timekeeper

    await Timekeeper(world.store, world.board, world.rules).tick()
    assert (await looked_at(world, envelope.id))["may"]["why"] == "expired"
    await world.store.apply(Shred(START + 1000, START + 1000))
    told = await looked_at(world, envelope.id)
    assert (told["approvers"], told["may"]["approve"]) == ([], False)


async def test_what_repeats_something_denied_says_so_first(world: World) -> None:
    before = await world.opened()
    await world.desk.deny(world.session("Noor"), before.id, "No.")
    world.time.advance(700)
    again = await world.opened(a_request(target="/v1/payments?dry=9"))
    assert (await looked_at(world, again.id))["repeats"] == {
        "state": "denied",
        "by": "Noor",
        "note": "No.",
        "idempotency_key": None,
        "at": NOW,
    }


async def test_a_day_later_it_is_forgotten(world: World) -> None:
    before = await world.opened()
    await world.desk.deny(world.session("Noor"), before.id, None)
    world.time.advance(86_401)
    again = await world.opened()
    assert (await looked_at(world, again.id))["repeats"] is None


async def test_whoever_comes_too_late_is_shown_what_is_true_now(world: World) -> None:
    envelope = await world.opened()
    challenge, answer = await answered(world, envelope.id)
    await world.desk.deny(world.session("Noor"), envelope.id, None)
    with pytest.raises(DeskError) as error:
        await world.desk.approve(world.session("Mika"), envelope.id, challenge, answer)
    assert error.value.status == 409
    assert error.value.extra["row"]["decided_by"] == "Noor"
    json.dumps(error.value.extra)


async def test_after_its_time_the_error_brings_the_row(world: World) -> None:
    envelope = await world.opened()
    world.time.advance(60)
    with pytest.raises(DeskError) as error:
        await world.desk.sign(world.session("Mika"), envelope.id)
    assert (error.value.word, error.value.extra["row"]["id"]) == ("expired", envelope.id)
    json.dumps(error.value.extra)


async def test_a_refusal_without_an_envelope_brings_no_row(world: World) -> None:
    envelope = await world.opened()
    world.policy.approvers = frozenset()
    with pytest.raises(DeskError) as error:
        await world.desk.deny(world.session("Mika"), envelope.id, None)
    assert error.value.extra == {}


async def test_withdrawing_revealing_and_a_mismatch_go_through(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped(a_unit(redact=("json:/to",)))
    envelope = await world.opened()
    mika = world.session("Mika")
    assert (await world.desk.reveal(mika, envelope.id, "json:/to"))["value"] == "acct_tea"
    assert (await looked_at(world, envelope.id))["revealed"] == ["json:/to"]
    assert await world.desk.mismatch(mika, envelope.id, "a", "b") == {}
    await world.desk.approve(mika, envelope.id, *await answered(world, envelope.id))
    assert (await world.desk.withdraw(mika, envelope.id))["row"]["state"] == "revoked"


# The log. --------------------------------------------------------------------------------------------------


async def test_the_log_is_paged_and_bounded(world: World) -> None:
    for n in range(3):
        await world.opened(a_request(target=f"/{n}"))
    mika = world.session("Mika")
    first = await world.desk.rows(mika, "kind:decision", None, 2)
    assert len(first["rows"]) == 2
    assert first["next"] == first["rows"][-1]["seq"]
    rest = await world.desk.rows(mika, "kind:decision", first["next"], 2)
    assert (len(rest["rows"]), rest["next"]) == (1, None)
    assert len((await world.desk.rows(mika, None, None, 0))["rows"]) == 1
    assert "chains" not in rest


async def test_nobody_asks_for_the_whole_log_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[int] = []
    real = world.sqlite.rows

    async def watched(where: Any, before: Any, limit: int) -> Any:
        wanted.append(limit)
        return await real(where, before, limit)

    monkeypatch.setattr(world.sqlite, "rows", watched)
    await world.desk.rows(world.session("Mika"), None, None, 10**9)
    await world.desk.rows(world.session("Mika"), None, None, -5)
    assert wanted == [MAX_ROWS, 1]


async def test_a_step_up_is_told_as_a_chain(world: World) -> None:
    task, envelope = await world.held()
    approved = await world.approve(envelope.id)
    await task
    told = await world.desk.rows(world.session("Mika"), "decision:step_up", None, 50)
    (chain,) = told["chains"]
    assert [row["kind"] for row in chain] == ["decision", "signature", "mint", "authorised"]
    assert chain[0]["reason"] == "requires_step_up"
    assert chain[2]["credential_id"] == b64u(world.passkeys["Mika"].id)
    assert chain[3]["cosigner"] == approved.cosigner == chain[2]["cosigner"]


async def test_a_filter_that_is_none_is_a_sentence(world: World) -> None:
    with pytest.raises(DeskError) as error:
        await world.desk.rows(world.session("Mika"), "nonsense", None, 5)
    assert (error.value.status, error.value.word) == (400, "bad_filter")


# The feed. -------------------------------------------------------------------------------------------------


async def events(world: World, last: int | None, count: int) -> list[Event]:
    feed = world.desk.subscribe(world.session("Mika"), last)
    return [await asyncio.wait_for(anext(feed), 60) for _ in range(count)]


async def test_a_feed_greets_and_then_tells_what_comes(world: World) -> None:
    feed = world.desk.subscribe(world.session("Mika"), None)
    hello = await anext(feed)
    assert (hello.name, hello.data) == ("hello", {"server_time": NOW, "missed": False})
    following = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    envelope = await world.opened()
    event = await asyncio.wait_for(following, 60)
    assert (event.name, event.data) == ("envelope", {"id": envelope.id, "state": "pending"})
    assert event.id == hello.id + 1


async def test_a_change_between_the_greeting_and_the_next_look_is_not_missed(world: World) -> None:
    feed = world.desk.subscribe(world.session("Mika"), None)
    await anext(feed)
    envelope = await world.opened()
    assert (await asyncio.wait_for(anext(feed), 60)).data["id"] == envelope.id


async def test_a_page_that_was_away_resumes_where_it_was(world: World) -> None:
    first, second = await world.opened(), await world.opened(a_request(target="/2"))
    told = await events(world, 1, 2)
    assert [event.name for event in told] == ["hello", "envelope"]
    assert (told[0].id, told[0].data["missed"]) == (1, False)
    assert told[1].data["id"] == second.id
    assert first.id != second.id


async def test_a_page_from_before_a_restart_is_told_where_it_is_now_and_that_it_missed_something(
    world: World,
) -> None:
    await world.opened()
    (hello,) = await events(world, 999, 1)
    assert (hello.id, hello.data["missed"]) == (world.board.last, True)


async def test_what_changes_between_the_first_answer_and_the_feed_is_told(world: World) -> None:
    me = await world.desk.me(world.session("Mika"))
    envelope = await world.opened()
    hello, event = await events(world, me["event"], 2)
    assert not hello.data["missed"]
    assert event.data["id"] == envelope.id


# Ready. ----------------------------------------------------------------------------------------------------


async def test_it_is_ready_while_it_can_write_and_its_clock_is_true(world: World) -> None:
    assert await world.desk.ready() == (True, "Ready.")
    world.time.jump(10)
    assert await world.desk.ready() == (False, "The clock jumped.")
    world.sqlite._healthy = False
    assert await world.desk.ready() == (False, "The log cannot be written.")


async def test_signing_in_and_out_go_through_the_desk(world: World) -> None:
    begun = await world.desk.login_begin()
    done = await world.desk.login_finish(begun["challenge_id"], world.passkeys["Mika"].sign(begun["options"]))
    session = world.desk.session(done.cookie, done.body["tab"])
    assert session is not None
    assert await world.desk.logout(session) == {}
    assert world.desk.session(done.cookie, done.body["tab"]) is None


async def test_sessions_and_templates_are_told_by_the_desk(world: World) -> None:
    world.policy.administrators = frozenset({"Mika"})
    begun = await world.desk.login_begin()
    done = await world.desk.login_finish(begun["challenge_id"], world.passkeys["Mika"].sign(begun["options"]))
    session = world.desk.session(done.cookie, done.body["tab"])
    assert session is not None
    (mine,) = (await world.desk.own_sessions(session))["sessions"]
    assert (await world.desk.templates(session))["services"] == []
    explained = await world.desk.explain(session, "curl x", "ci-bot")
    assert explained == {"outcome": "allow", "written": "curl x", "agent": "ci-bot"}
    assert await world.desk.revoke_other_sessions(session) == {"ended": []}
    assert await world.desk.revoke_session(session, mine["id"]) == {"ended": [mine["id"]]}
    assert world.desk.session(done.cookie, done.body["tab"]) is None


async def test_a_change_that_was_refused_is_told_with_what_is_in_force(world: World) -> None:
    told = await world.desk.envelopes(world.session("Mika"))
    assert told["config"] == {"digest": "config-1", "refused": None}
    world.last_change.refused = RefusedChange(START, ("policy.cedar:1:1: Wrong.",))
    told = await world.desk.envelopes(world.session("Mika"))
    assert told["config"]["refused"] == {"at": NOW, "why": ["policy.cedar:1:1: Wrong."]}
    assert "config" not in await world.desk.state()


async def test_pages_hear_that_the_configuration_changed(world: World) -> None:
    events = world.desk.subscribe(world.session("Mika"), None)
    assert (await anext(events)).name == "hello"
    heard = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    world.board.configured()
    assert await heard == Event(world.board.last, "config", {})


async def test_an_unknown_outcome_is_counted_and_says_the_key_it_left_with(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    keyed = a_request(headers=(*a_request().headers, ("Idempotency-Key", "k-1")))
    release = await world.releaser.release(await world.now(envelope), keyed)
    assert (await looked_at(world, envelope.id))["idempotency_key"] == "Idempotency-Key: k-1"
    with structlog.testing.capture_logs() as logged:
        release.done("unknown", None, "the connection broke")
        await world.releaser.settle()
    assert [line["event"] for line in logged if line["envelope"] == envelope.id] == ["outcome.unknown"]
    assert 'secondsig_envelopes{state="unknown"} 1' in await world.desk.metrics("scrape")
    again = await world.opened(keyed)
    told = await looked_at(world, again.id)
    assert told["repeats"]["state"] == "unknown"
    assert told["repeats"]["idempotency_key"] == "Idempotency-Key: k-1"
    assert told["idempotency_key"] is None


async def test_a_question_opened_under_an_earlier_configuration_says_so(world: World) -> None:
    envelope = await world.opened()
    assert (await looked_at(world, envelope.id))["earlier_configuration"] is False
    world.config = "config-2"
    assert (await looked_at(world, envelope.id))["earlier_configuration"] is True


@pytest.mark.parametrize("token", ["", "scrap", "scrape "])
async def test_metrics_tell_a_stranger_nothing(world: World, token: str) -> None:
    with pytest.raises(DeskError) as error:
        await world.desk.metrics(token)
    assert (error.value.status, error.value.extra) == (401, {})


async def test_metrics_count_the_envelopes_of_every_state(world: World) -> None:
    await world.opened()
    page = await world.desk.metrics("scrape")
    assert 'secondsig_envelopes{state="pending"} 1' in page
    assert 'secondsig_envelopes{state="unknown"} 0' in page
    assert 'secondsig_config_digest_info{digest="config-1"} 1' in page
    assert "secondsig_config_refused 0" in page
    world.last_change.refused = RefusedChange(START, ("Wrong.",))
    assert "secondsig_config_refused 1" in await world.desk.metrics("scrape")


# Together. -------------------------------------------------------------------------------------------------


async def two_alike(world: World) -> list[str]:
    world.library.meaning = lambda request: a_mapped(
        a_unit(approval=Approval(batch="tea"), resource=EntityRef("Shop::Account", request.target))
    )
    return [(await world.opened(a_request(target=target))).id for target in ("/1", "/2")]


async def test_a_page_is_told_each_request_of_a_batch_whole(world: World) -> None:
    ids = await two_alike(world)
    assert (await looked_at(world, ids[0]))["alike"] == ids
    waiting = (await world.desk.envelopes(world.session("Mika")))["waiting"]
    assert len({row["batch"] for row in waiting}) == 1
    asked = await world.desk.begin_batch(world.session("Mika"), ids)
    listed = json.loads(from_b64u(asked["payload"]))["envelopes"]
    for entry, told in zip(listed, asked["requests"], strict=True):
        assert entry["payload"] == sha256(from_b64u(told["payload"]))
        assert told["row"]["id"] == entry["envelope"]
        assert (told["repeats"], told["earlier_configuration"]) == (None, False)
    assert asked["server_time"] == NOW
    json.dumps(asked)
    answer = world.passkeys["Mika"].sign(asked["options"])
    await world.deciding.deny(world.session("Noor"), ids[1], None)
    decided = await world.desk.approve_batch(world.session("Mika"), asked["challenge_id"], answer)
    assert [(row["id"], row["state"]) for row in decided["rows"]] == [(ids[0], "approved")]
    assert decided["left_out"] == [
        {"envelope": ids[1], "error": "decided", "detail": f"Noor denied this first, at {NOW}."}
    ]


async def test_a_batch_of_which_one_is_over_says_which(world: World) -> None:
    ids = await two_alike(world)
    denied = await world.desk.deny_batch(world.session("Noor"), ids[:1], "No.")
    assert [(row["id"], row["note"]) for row in denied["rows"]] == [(ids[0], "No.")]
    with pytest.raises(DeskError) as error:
        await world.desk.begin_batch(world.session("Mika"), ids)
    assert (error.value.word, error.value.extra["row"]["id"]) == ("decided", ids[0])


async def test_a_request_of_a_batch_from_before_a_change_says_so(world: World) -> None:
    ids = await two_alike(world)
    world.config = "config-2"
    asked = await world.desk.begin_batch(world.session("Mika"), ids)
    assert [told["earlier_configuration"] for told in asked["requests"]] == [True, True]


async def test_a_session_lists_and_revokes_grants_and_is_told_what_ended(world: World) -> None:
    grantable(world)
    made = await granted(world)
    session = world.session("Mika")
    told = await world.desk.grants(session)
    assert [grant["id"] for grant in told["grants"]] == [made["id"]]
    await world.desk.revoke_grant(session, made["id"])
    told = await world.desk.grants(session)
    assert (told["grants"], [grant["ended_by"] for grant in told["ended"]]) == ([], ["Mika"])
    (row,) = await world.said(kind="grant", decision="revoked")
    assert (row["person"], row["decision_method"]) == ("Mika", "session")
    with pytest.raises(DeskError, match="no such grant"):
        await world.desk.revoke_grant(session, made["id"])
