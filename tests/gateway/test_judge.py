import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.envelopes import State
from gateway.errors import Reason, Refusal
from gateway.gate import Forward, Release
from gateway.judge import MAX_ANSWER, Judge, is_asked, judge_of, question
from gateway.model import Approval, Mapped, Request, SummaryPart
from gateway.settings import Judge as Setting
from gateway.store.writes import PauseAgent
from tests.gateway.history.conftest import RealWorld
from tests.gateway.history.test_history import fits as has_room
from tests.gateway.history.test_history import pay
from tests.kit.clocks import START
from tests.kit.patience import PATIENCE, until
from tests.kit.ports import free_port
from tests.kit.things import a_mapped, a_request, a_unit, with_header

type Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Court:
    """A real endpoint; `answer` is what a test wants it to do."""

    answer: Answer
    url: str = ""
    asked: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def judge(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        return await self.answer(request)


def says(text: str | bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        raw = text if isinstance(text, bytes) else text.encode()
        return web.Response(body=raw, status=status, headers=headers)

    return answer


@pytest.fixture
async def court() -> AsyncIterator[Court]:
    made = Court(says('{"fits": true}'))
    app = web.Application()
    app.router.add_post("/fits", made.judge)
    app.router.add_route("*", "/elsewhere", says('{"fits": true}'))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/fits"
    yield made
    await runner.cleanup()


REQUEST = with_header(a_request(), "Secondsig-Purpose", "to pay for tea")


async def verdict(court: Court, within: int = 2) -> bool:
    return await Judge(court.url, within).fits(REQUEST, a_mapped())


async def test_a_clear_yes_is_a_yes(court: Court) -> None:
    assert await verdict(court)
    court.answer = says(' {"fits" :true}\n')
    assert await verdict(court)


@pytest.mark.parametrize(
    "said",
    [
        '{"fits": false}',
        '{"fits": 1}',
        '{"fits": "true"}',
        '{"fits": null}',
        '{"fits": true, "but": "not really"}',
        '{"fits": false, "fits": true}',
        '{"Fits": true}',
        '[["fits", true]]',
        "true",
        "yes",
        "",
        "{",
        b"\xff",
        "[" * 60_000,
        '{"fits": true}' + " " * MAX_ANSWER,
    ],
    ids=str,
)
async def test_whatever_is_not_a_clear_yes_is_a_no(court: Court, said: str | bytes) -> None:
    court.answer = says(said)
    assert not await verdict(court)


@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 500, 503])
async def test_a_yes_under_another_status_is_a_no(court: Court, status: int) -> None:
    court.answer = says('{"fits": true}', status)
    assert not await verdict(court)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_judge_that_sends_elsewhere_is_not_followed(court: Court, status: int) -> None:
    court.answer = says("", status, Location="/elsewhere")
    assert not await verdict(court)
    assert len(court.asked) == 1


async def test_a_judge_that_takes_too_long_is_a_no(court: Court) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.1)

    for slow in (never, drips):
        court.answer = slow
        async with asyncio.timeout(PATIENCE):
            assert not await verdict(court, within=1)


async def test_a_judge_that_is_not_there_is_a_no() -> None:
    assert not await Judge(f"http://127.0.0.1:{free_port()}/fits", 2).fits(REQUEST, a_mapped())
    assert not await Judge("http://[::bad/", 2).fits(REQUEST, a_mapped())


async def test_a_judge_that_hangs_up_is_a_no(court: Court) -> None:
    async def hangs_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    court.answer = hangs_up
    assert not await verdict(court)


async def test_the_judge_is_told_the_meaning_and_nothing_hidden(court: Court) -> None:
    await verdict(court)
    (told,) = court.asked
    assert (told["agent"], told["purpose"], told["host"]) == ("ci-bot", "to pay for tea", "api.shop.test")
    assert told["units"][0]["summary"] == "Pay 600"
    assert "upstream-secret" not in str(told) + str(court.headers)
    secret = a_unit(summary=(SummaryPart("4111", is_value=True),), redact=("json:/card",))
    assert question(REQUEST, a_mapped(secret))["units"][0]["summary"] is None


def test_only_writes_with_a_purpose_are_judged() -> None:
    assert is_asked(REQUEST, a_mapped())
    assert not is_asked(a_request(), a_mapped())
    assert not is_asked(REQUEST, a_mapped(a_unit(access="read")))
    assert judge_of(Setting()) is None
    assert judge_of(Setting("http://localhost/x", 2)) == Judge("http://localhost/x", 2)


# In the gateway. -------------------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path, court: Court) -> AsyncIterator[RealWorld]:
    made = RealWorld(tmp_path)
    await made.open()
    made.use("permit (principal, action, resource);")
    made.settings = replace(made.settings, judge=Setting(court.url, 2))
    yield made
    await made.close()


def meant(request: Request) -> Request:
    return with_header(request, "Secondsig-Purpose", "tea")


async def send(world: RealWorld, request: Request, gone: asyncio.Event | None = None) -> Any:
    return await world.pipeline.decide(request, gone or asyncio.Event())


async def test_what_fits_its_purpose_passes_and_counts(world: RealWorld, court: Court) -> None:
    assert await send(world, meant(pay(4000))) == Forward()
    assert not await has_room(world, 1001)
    assert await has_room(world, 1000)
    assert len(court.asked) == 1


async def test_what_does_not_fit_asks_a_person_who_can_let_it_go(world: RealWorld, court: Court) -> None:
    court.answer = says('{"fits": false}')
    task = asyncio.create_task(send(world, meant(pay(4000))))
    await until(lambda: world.sqlite.envelopes([State.PENDING]))
    waiting = await world.sqlite.envelopes([State.PENDING])
    (row,) = await world.said(decision="step_up")
    assert row["detail"] == "judge"
    await world.approve(waiting[0].id)
    assert isinstance(await asyncio.wait_for(task, 60), Release)
    assert not await has_room(world, 1001)
    assert len(court.asked) == 1


async def test_the_judge_allows_nothing_that_policy_denies(world: RealWorld, court: Court) -> None:
    world.use("permit (principal, action, resource) when { false };")
    with pytest.raises(Refusal) as refused:
        await send(world, meant(pay()))
    assert refused.value.reason is Reason.POLICY_DENIED
    assert court.asked == []


async def test_what_no_signature_would_allow_is_denied_and_nobody_is_asked(
    world: RealWorld, court: Court
) -> None:
    """A policy that allows only what nobody signed."""
    court.answer = says("no")
    world.use("permit (principal is Agent, action, resource) when { !context.cosigner };")
    with pytest.raises(Refusal) as refused:
        await send(world, meant(pay()))
    assert refused.value.reason is Reason.POLICY_DENIED
    assert await has_room(world, 5000)


async def test_a_read_or_a_write_without_a_purpose_is_not_judged(world: RealWorld, court: Court) -> None:
    assert await send(world, pay()) == Forward()
    assert await send(world, meant(a_request(method="GET", target="/look/x", body=b""))) == Forward()
    assert court.asked == []


async def test_money_is_reserved_while_the_judge_thinks(world: RealWorld, court: Court) -> None:
    thinking, go = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        thinking.set()
        await go.wait()
        return web.json_response({"fits": True})

    court.answer = slow
    task = asyncio.create_task(send(world, meant(pay(4000))))
    await thinking.wait()
    assert not await has_room(world, 1001)
    go.set()
    assert await task == Forward()


@pytest.mark.parametrize(
    ("change", "reason"),
    [("paused", Reason.AGENT_PAUSED), ("gone", Reason.CANCELLED), ("config", Reason.CONFIG_CHANGED)],
)
async def test_a_yes_that_comes_too_late_lets_nothing_pass(
    world: RealWorld, court: Court, change: str, reason: Reason
) -> None:
    gone = asyncio.Event()

    async def meanwhile(_: web.Request) -> web.StreamResponse:
        if change == "paused":
            await world.store.apply(PauseAgent("ci-bot", paused=True, at=START))
            await world.directory.refresh()
        elif change == "gone":
            gone.set()
        else:
            world.config = "config-2"
        return web.json_response({"fits": True})

    court.answer = meanwhile
    with pytest.raises(Refusal) as refused:
        await send(world, meant(pay(4000)), gone)
    assert refused.value.reason is reason
    assert await has_room(world, 5000)


async def test_as_many_sign_as_the_template_asks_for_and_that_holds_at_the_spend(
    world: RealWorld, court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    court.answer = says("no")
    await world.enrol("Kim")
    world.use("permit (principal, action, resource);")
    real = world.library.map

    def for_two(request: Request) -> Mapped:
        mapped: Mapped = real(request)
        return replace(mapped, units=tuple(replace(u, approval=Approval(quorum=2)) for u in mapped.units))

    class TwoSign:
        map = staticmethod(for_two)

        def __getattr__(self, name: str) -> Any:
            return getattr(shop, name)

    shop, world.library = world.library, TwoSign()
    task = asyncio.create_task(send(world, meant(pay(1))))
    await until(lambda: world.sqlite.envelopes([State.PENDING]))
    waiting = await world.sqlite.envelopes([State.PENDING])
    assert waiting[0].quorum == 2
    await world.approve(waiting[0].id)
    assert not task.done()
    await world.approve(waiting[0].id, "Kim")
    assert isinstance(await asyncio.wait_for(task, 60), Release)
