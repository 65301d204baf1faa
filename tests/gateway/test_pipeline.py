import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.envelopes import State
from gateway.errors import About, Reason, Refusal, StoreError, ambiguous
from gateway.gate import Answer, Forward, Release
from gateway.model import Caller, Decision, Effect, ServiceMode
from gateway.pipeline import ROWS_FOR_STRANGERS, WORTH_A_ROW
from gateway.policy import Policy
from gateway.settings import Service
from gateway.store.writes import PauseAgent, RemoveAgent
from tests.kit.clocks import START
from tests.kit.patience import until
from tests.kit.things import HOST, a_caller, a_mapped, a_request, a_unit
from tests.kit.world import ALLOW, DENY, World

LINE = "POST /v1/payments"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def decide(
    world: World, gone: asyncio.Event | None = None, **changes: Any
) -> Answer | Forward | Release:
    return await world.pipeline.decide(a_request(**changes), gone or asyncio.Event())


async def refusal_of(world: World, **changes: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await decide(world, **changes)
    return refused.value


async def is_held(world: World) -> bool:
    waiting = await world.sqlite.envelopes([State.PENDING])
    return bool(waiting) and world.board.waiting(waiting[0].id) > 0


async def noted(world: World, **where: str) -> list[dict[str, Any]]:
    """Rows, once what was noted is written."""
    await until(lambda: not world.sqlite._noted)
    return await world.said(**where)


def in_mode(world: World, mode: ServiceMode) -> None:
    world.settings = replace(world.settings, templates={"shop": Service(mode)})


# What policy says. -----------------------------------------------------------------------------------------


async def test_what_policy_allows_passes_with_its_row(world: World) -> None:
    world.policy.decision = ALLOW
    assert await decide(world) == Forward()
    (row,) = await noted(world, decision="allow")
    assert (row["agent"], row["action"], row["method"], row["host"]) == (
        "ci-bot",
        "/shop/payment/create",
        "POST",
        HOST,
    )
    assert (row["address"], row["config_digest"], row["detail"]) == ("127.0.0.1", world.config, "reads-pass")
    assert row["reason"] is None


async def test_what_policy_denies_is_refused_and_says_which_policy(world: World) -> None:
    world.policy.decision = DENY
    refused = await refusal_of(world)
    assert refused.reason is Reason.POLICY_DENIED
    assert "never: Nobody may." in refused.detail
    assert not refused.retryable
    world.pipeline.refused(a_caller(), refused, f"{HOST}:443", LINE)
    (row,) = await noted(world, decision="deny")
    assert (row["kind"], row["reason"], row["detail"]) == ("decision", "policy_denied", "never")
    assert row["action"] == "/shop/payment/create"


@pytest.mark.parametrize(
    "decision", [Decision(Effect.DENY), Decision(Effect.DENY, error="Cedar could not tell.")]
)
async def test_a_denial_without_a_policy_is_a_denial(world: World, decision: Decision) -> None:
    world.policy.decision = decision
    refused = await refusal_of(world)
    assert refused.reason is Reason.POLICY_DENIED
    world.pipeline.refused(a_caller(), refused, HOST, LINE)
    (row,) = await noted(world, decision="deny")
    assert row["reason"] == "policy_denied"


async def test_what_needs_a_person_waits_and_goes_when_signed(world: World) -> None:
    task = asyncio.create_task(decide(world))
    await until(lambda: task.done() or is_held(world))
    assert not task.done()
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    assert isinstance(await asyncio.wait_for(task, 60), Release)
    assert await noted(world, decision="allow") == []


# Whatever goes wrong. --------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["map", "serves", "body", "decide", "rules", "store"])
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        KeyError("x"),
        StoreError("gone"),
        ambiguous("two ways"),
        RecursionError(),
        TimeoutError(),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_is_raised_nothing_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception
) -> None:
    def failing(*_: object, **__: object) -> Any:
        raise error

    target: tuple[Any, str] = {
        "map": (world.library, "meaning"),
        "serves": (world.library, "serves"),
        "body": (world.library, "body"),
        "decide": (world.policy, "decide"),
        "rules": (world.pipeline, "rules"),
        "store": (world.sqlite, "asked_before"),
    }[broken]
    monkeypatch.setattr(*target, failing)
    with pytest.raises(type(error)):
        await decide(world)
    assert await world.sqlite.envelopes() == []


async def test_a_decision_of_an_unknown_kind_is_a_fault_and_asks_nobody(world: World) -> None:
    """Only an allow is an allow."""
    world.policy.decision = Decision("maybe")  # type: ignore[arg-type]  # what a bug might bring
    with pytest.raises(TypeError, match="is no decision"):
        await decide(world)
    assert await world.sqlite.envelopes() == []


async def test_a_log_that_cannot_be_written_lets_nothing_through(world: World) -> None:
    world.policy.decision = ALLOW
    world.sqlite._healthy = False
    refused = await refusal_of(world)
    assert (refused.reason, refused.status, refused.retry_after) == (Reason.GATEWAY_UNAVAILABLE, 503, 60)
    in_mode(world, ServiceMode.WATCH)
    assert (await refusal_of(world)).reason is Reason.GATEWAY_UNAVAILABLE
    world.settings = replace(world.settings, trusted_hosts=("trusted.test",))
    assert (await refusal_of(world, host="trusted.test")).reason is Reason.GATEWAY_UNAVAILABLE


async def test_a_refusal_of_the_real_store_recovers_by_itself(world: World) -> None:
    """An agent's next refusal is a row, and the row is the try that finds the disk free again."""
    world.policy.decision = ALLOW
    world.sqlite._reserve = 1 << 62
    await decide(world)
    await until(lambda: not world.sqlite.healthy())
    assert (await refusal_of(world)).reason is Reason.GATEWAY_UNAVAILABLE
    world.sqlite._reserve = 0
    await until(world.sqlite.healthy)
    assert await decide(world) == Forward()


# Who. ------------------------------------------------------------------------------------------------------


def header(agent: str, token: str) -> tuple[str, ...]:
    return ("Basic " + base64.b64encode(f"{agent}:{token}".encode()).decode(),)


async def test_an_agent_is_who_its_token_says(world: World) -> None:
    assert world.pipeline.identify(header("ci-bot", "ssig_ci-bot"), "127.0.0.1") == Caller(
        "ci-bot", "tok_ci-bot", None, "127.0.0.1"
    )
    with pytest.raises(Refusal) as refused:
        world.pipeline.identify(header("ci-bot", "wrong"), "127.0.0.1")
    assert refused.value.reason is Reason.UNAUTHENTICATED_AGENT


@pytest.mark.parametrize("host", [HOST, "secondsig.internal", "unknown.test"])
async def test_a_paused_agent_does_nothing_anywhere(world: World, host: str) -> None:
    world.policy.decision = ALLOW
    await world.store.apply(PauseAgent("ci-bot", paused=True, at=START))
    await world.directory.refresh()
    assert (await refusal_of(world, host=host)).reason is Reason.AGENT_PAUSED


async def test_an_agent_removed_after_it_connected_does_nothing(world: World) -> None:
    world.policy.decision = ALLOW
    await world.store.apply(RemoveAgent("ci-bot", START))
    await world.directory.refresh()
    assert (await refusal_of(world)).reason is Reason.UNAUTHENTICATED_AGENT


# Where. ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "host", "port", "allowed"),
    [
        ("https", HOST, 443, True),
        ("http", HOST, 80, False),
        ("https", HOST, 8443, False),
        ("https", "unknown.test", 443, False),
        ("https", f"{HOST}.evil.test", 443, False),
        ("http", "secondsig.internal", 80, True),
        ("https", "secondsig.internal", 443, False),
        ("http", "secondsig.internal", 8080, False),
        ("http", "x.secondsig.internal", 80, False),
        ("https", "trusted.test", 443, True),
        ("https", "trusted.test", 22, False),
        ("http", "trusted.test", 80, False),
        ("https", "not.trusted.test", 443, False),
    ],
)
async def test_without_a_template_there_is_no_passage(
    world: World, scheme: str, host: str, port: int, allowed: bool
) -> None:
    world.settings = replace(world.settings, trusted_hosts=("trusted.test",))
    if allowed:
        world.pipeline.destination(a_caller(), scheme, host, port)
        return
    with pytest.raises(Refusal, match=f"No template covers {scheme}://{host}:{port}") as refused:
        world.pipeline.destination(a_caller(), scheme, host, port)
    assert refused.value.reason is Reason.DESTINATION_REFUSED


async def test_a_host_without_a_template_is_refused_also_when_it_was_dialled(world: World) -> None:
    assert (await refusal_of(world, host="unknown.test")).reason is Reason.DESTINATION_REFUSED


@pytest.mark.parametrize("how", [{"trusted_hosts": ("unknown.test",)}, {"unknown_hosts": "watch"}])
async def test_a_host_the_operator_lets_through_passes_with_a_row(world: World, how: dict[str, Any]) -> None:
    world.settings = replace(world.settings, **how)
    assert await decide(world, host="unknown.test") == Forward()
    (row,) = await noted(world, decision="watch")
    assert (row["host"], row["reason"], row["action"]) == ("unknown.test", "unmapped", None)


async def test_a_trusted_host_with_a_template_is_still_decided(world: World) -> None:
    world.settings = replace(world.settings, trusted_hosts=(HOST,), unknown_hosts="watch")
    world.policy.decision = DENY
    assert (await refusal_of(world)).reason is Reason.POLICY_DENIED


# Modes. ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "reason"), [(ALLOW, None), (DENY, "policy_denied")])
async def test_what_is_watched_passes_and_is_recorded(
    world: World, decision: Decision, reason: str | None
) -> None:
    in_mode(world, ServiceMode.WATCH)
    world.policy.decision = decision
    assert await decide(world) == Forward()
    (row,) = await noted(world, decision="watch")
    assert (row["action"], row["reason"]) == ("/shop/payment/create", reason)
    assert await world.sqlite.envelopes() == []


async def test_what_is_watched_and_cannot_be_read_passes_and_says_so(world: World) -> None:
    in_mode(world, ServiceMode.WATCH)

    def unreadable(_request: object) -> Any:
        raise ambiguous("two ways")

    world.library.meaning = unreadable
    assert await decide(world) == Forward()
    (row,) = await noted(world, decision="watch")
    assert (row["action"], row["reason"]) == (None, "ambiguous_request")


async def test_a_bug_while_watching_is_a_fault_and_not_a_passage(world: World) -> None:
    in_mode(world, ServiceMode.WATCH)

    def broken(_request: object) -> Any:
        raise KeyError("x")

    world.library.meaning = broken
    with pytest.raises(KeyError):
        await decide(world)


async def test_a_service_that_is_off_is_a_tunnel_with_a_row(world: World) -> None:
    assert not world.pipeline.tunnel_untouched(HOST)
    in_mode(world, ServiceMode.OFF)
    assert world.pipeline.tunnel_untouched(HOST)
    assert not world.pipeline.tunnel_untouched("unknown.test")
    world.pipeline.tunnel_opened(a_caller(run="run_1"), HOST, 443)
    (row,) = await noted(world, kind="tunnel")
    assert (row["decision"], row["agent"], row["run"], row["host"]) == (
        "off",
        "ci-bot",
        "run_1",
        f"{HOST}:443",
    )


async def test_a_request_that_was_read_is_decided_also_where_tunnels_are_off(world: World) -> None:
    in_mode(world, ServiceMode.OFF)
    world.policy.decision = DENY
    assert (await refusal_of(world)).reason is Reason.POLICY_DENIED


async def test_a_service_nobody_configured_is_enforced(world: World) -> None:
    world.settings = replace(world.settings, templates={})
    world.policy.decision = DENY
    assert (await refusal_of(world)).reason is Reason.POLICY_DENIED


async def test_hosts_and_bodies_are_asked_of_the_rules(world: World) -> None:
    assert world.pipeline.needs_http1(HOST)
    assert not world.pipeline.needs_http1("unknown.test")
    assert world.pipeline.body_limit(a_caller(), HOST) == world.settings.limits.body


# Inside. ---------------------------------------------------------------------------------------------------


async def test_the_gateway_answers_for_itself_and_asks_nobody(world: World) -> None:
    world.policy.decision = DENY
    answer = await decide(world, host="secondsig.internal", scheme="http", port=80, method="GET", target="/")
    assert isinstance(answer, Answer)
    assert json.loads(answer.body)["agent"] == "ci-bot"
    assert world.pipeline.internal("secondsig.internal")
    assert not world.pipeline.internal("playground.secondsig.internal")


# Refusals. -------------------------------------------------------------------------------------------------


async def test_a_refusal_is_answered_and_recorded(world: World) -> None:
    answer = world.pipeline.refused(
        a_caller(run="run_1"), ambiguous("Two ways."), f"{HOST}:443", "GET /v1/x?y=1"
    )
    assert answer.status == 403
    assert json.loads(answer.body)["reason"] == "ambiguous_request"
    (row,) = await noted(world, kind="refused")
    assert (row["decision"], row["reason"], row["agent"], row["run"]) == (
        "deny",
        "ambiguous_request",
        "ci-bot",
        "run_1",
    )
    assert (row["method"], row["host"], row["detail"]) == ("GET", f"{HOST}:443", "Two ways.")


async def test_a_stranger_is_answered_and_recorded(world: World) -> None:
    answer = world.pipeline.refused(None, Refusal(Reason.UNAUTHENTICATED_AGENT, "Who?"), "", "")
    assert answer.status == 407
    (row,) = await noted(world, kind="refused")
    assert (row["agent"], row["address"], row["method"], row["host"]) == (None, None, None, None)


async def test_strangers_who_knock_all_day_do_not_fill_the_disk(world: World) -> None:
    refusal = Refusal(Reason.UNAUTHENTICATED_AGENT, "Who?")
    for _ in range(ROWS_FOR_STRANGERS + 10):
        assert world.pipeline.refused(None, refusal, "", "").status == 407
    assert len(await noted(world, kind="refused")) == ROWS_FOR_STRANGERS
    world.time.advance(60)
    world.pipeline.refused(None, refusal, "", "")
    assert len(await noted(world, kind="refused")) == ROWS_FOR_STRANGERS + 1


async def test_what_the_envelopes_rows_say_already_is_not_said_twice(world: World) -> None:
    refusal = Refusal(Reason.REQUIRES_STEP_UP, "Wait.", about=About("env_1"))
    assert world.pipeline.refused(a_caller(), refusal, HOST, LINE).status == 403
    assert await noted(world, kind="refused") == []


@pytest.mark.parametrize("reason", sorted(WORTH_A_ROW))
async def test_what_no_row_of_the_envelope_says_is_said(world: World, reason: Reason) -> None:
    world.pipeline.refused(a_caller(), Refusal(reason, "No.", about=About("env_1")), HOST, LINE)
    (row,) = await noted(world, kind="refused")
    assert row["reason"] == reason


async def test_a_denied_intent_that_is_tried_again_is_a_row_with_its_envelope(world: World) -> None:
    envelope = await world.opened()
    await world.operating.envelope_deny(envelope.id)
    refused = await refusal_of(world, target="/v1/payments?dry=9")
    world.pipeline.refused(a_caller(), refused, HOST, LINE)
    (row,) = await noted(world, kind="refused")
    assert (row["reason"], row["envelope"], row["action"]) == (
        "approval_denied",
        envelope.id,
        "/shop/payment/create",
    )


async def test_git_reads_its_refusal_as_text(world: World) -> None:
    answer = world.pipeline.refused(
        a_caller(), Refusal(Reason.UNMAPPED, "No."), HOST, "GET /a.git/info/refs?service=git-upload-pack"
    )
    assert answer.body.startswith(b"No template covers")


async def test_a_row_that_cannot_be_made_does_not_stop_the_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_row: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(world.sqlite, "note", broken)
    assert world.pipeline.refused(a_caller(), ambiguous("x"), HOST, LINE).status == 403


# With the real thing. --------------------------------------------------------------------------------------


async def test_the_starters_policy_and_the_playground_hold_a_payment(world: World) -> None:
    from gateway.loading import load_library, shipped_templates
    from gateway.rules import with_directory

    assert "playground" in shipped_templates()
    world.settings = replace(world.settings, templates={"playground": Service()})
    library = load_library(world.settings)
    starter = Path("gateway/starter")
    policy = Policy.load(
        (starter / "policy.cedar").read_text(),
        "policy.cedar",
        (starter / "entities.json").read_text(),
        "entities.json",
        library.cedar_schema(),
        [],
        [],
    )
    world.library = library  # type: ignore[assignment]  # the real one
    world.policy = with_directory(policy, world.directory)  # type: ignore[assignment]  # the real one
    host = "playground.secondsig.internal"
    headers = (("Host", host), ("Content-Type", "application/json"))
    reading = await decide(world, host=host, method="GET", target="/v1/accounts", headers=headers, body=b"")
    assert reading == Forward()
    payment = a_request(
        host=host,
        target="/v1/payments",
        headers=headers,
        body=b'{"amount": 600, "currency": "jpy", "to": "acct_tea"}',
    )
    task = asyncio.create_task(world.pipeline.decide(payment, asyncio.Event()))
    await until(lambda: task.done() or is_held(world))
    assert not task.done(), task.exception()
    (envelope,) = await world.sqlite.envelopes([State.PENDING])
    await world.approve(envelope.id)
    release = await asyncio.wait_for(task, 60)
    assert isinstance(release, Release)
    assert release.body == payment.body
    swapped = replace(payment, body=payment.body.replace(b"600", b"60000"))
    world.set(hold_for=0)
    with pytest.raises(Refusal) as refused:
        await world.pipeline.decide(swapped, asyncio.Event())
    assert refused.value.reason is Reason.REQUIRES_STEP_UP


async def test_each_unit_is_told_by_its_first(world: World) -> None:
    world.policy.decision = ALLOW
    world.library.meaning = lambda _request: a_mapped(a_unit(action="/shop/first"), a_unit())
    await decide(world)
    (row,) = await noted(world, decision="allow")
    assert row["action"] == "/shop/first"


async def test_every_decision_of_policy_is_counted(world: World) -> None:
    for decision in (ALLOW, ALLOW, DENY):
        world.policy.decision = decision
        with contextlib.suppress(Refusal):
            await decide(world)
    assert world.metrics.decisions == {"allow": 2, "deny": 1, "step_up": 0}
