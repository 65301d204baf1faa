"""Requests that the gateway keeps and sends itself: real client, real proxy, passkey, real upstream."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.demo.client import Answer
from gateway.envelopes import State
from gateway.kept import unseal_request
from gateway.proxy.dialer import Dialer
from tests.kit.inprocess import LIFE, Inside, inside

JSON = {"Content-Type": "application/json", "Authorization": "Bearer upstream-secret"}
URL = "https://upstream.test/orders/a1"
WITHIN = 120


async def order(
    house: Inside, prefer: str = "respond-async", agent: str = "ci-bot", url: str = URL
) -> Answer:
    headers = {**JSON, "Secondsig-Prefer": prefer}
    return await house.agent(agent).send("POST", url, b"{}", headers)


async def accepted(house: Inside) -> tuple[dict[str, Any], Answer]:
    answer = await order(house)
    assert answer.status == 202, answer
    return json.loads(answer.body), answer


async def fetch(
    house: Inside, told: dict[str, Any], secret: str | None = None, agent: str = "ci-bot"
) -> Answer:
    headers = {"Secondsig-Envelope-Secret": told["envelope_secret"] if secret is None else secret}
    return await house.agent(agent).send("GET", told["location"], None, headers)


async def fetched(house: Inside, told: dict[str, Any]) -> Answer:
    """The answer, as an agent that comes back for it gets it."""
    async with asyncio.timeout(WITHIN):
        while True:
            answer = await fetch(house, told)
            if answer.status != 202:
                return answer
            await asyncio.sleep(0.02)


async def until(house: Inside, envelope: str, state: State) -> None:
    async with asyncio.timeout(WITHIN):
        while await house.state(envelope) != state:
            await asyncio.sleep(0.02)


def arrived(house: Inside) -> int:
    return sum(house.upstream.calls.values())


def reason(answer: Answer) -> str:
    said: str = json.loads(answer.body)["reason"]
    return said


async def test_an_async_request_is_answered_202_sent_once_after_approval_and_fetched_once(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as house:
        told, answer = await accepted(house)
        envelope = told["envelope"]
        assert answer.headers["Location"] == f"http://secondsig.internal/v1/envelopes/{envelope}/answer"
        assert (answer.headers["Retry-After"], told["state"]) == ("5", "pending")
        waiting = await fetch(house, told)
        assert (waiting.status, "Secondsig-Gateway" in waiting.headers) == (202, True)
        assert "envelope_secret" not in json.loads(waiting.body)
        assert arrived(house) == 0
        await house.person.approve(envelope)
        got = await fetched(house, told)
        assert (got.status, got.headers["X-Upstream"]) == (201, "real")
        assert "Secondsig-Gateway" not in got.headers
        said = json.loads(got.body)
        assert (said["method"], said["path"]) == ("POST", "/orders/a1")
        sent = {name.lower(): value for name, value in said["headers"]}
        assert sent["authorization"] == "Bearer upstream-secret"
        assert not [name for name in sent if name.startswith("secondsig")]
        again = await fetch(house, told)
        assert (again.status, json.loads(again.body)["error"]) == (410, "fetched")
        assert house.upstream.count("POST", "/orders/a1") == 1
        assert await house.state(envelope) == State.COMPLETED
        rows = await house.service.store.rows_of([envelope])
        assert [str(row.row.kind) for row in rows] == [
            "decision",
            "kept",
            "signature",
            "mint",
            "authorised",
            "outcome",
            "kept",
        ]


async def test_wait_1_holds_for_a_second_and_then_keeps_the_request(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        began = asyncio.get_running_loop().time()
        answer = await order(house, "wait=1")
        assert asyncio.get_running_loop().time() - began >= 1
        assert answer.status == 202
        told = json.loads(answer.body)
        await house.person.approve(told["envelope"])
        assert (await fetched(house, told)).status == 201
        assert arrived(house) == 1


async def test_what_is_approved_within_the_wait_is_answered_at_once(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = asyncio.create_task(order(house, "wait=15"))
        (envelope,) = await house.held()
        await house.person.approve(envelope)
        assert (await task).status == 201
        assert arrived(house) == 1
        assert await house.service.store.kept(envelope) is None


async def test_a_client_that_leaves_before_its_202_has_nothing_sent(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        envelope = await house.asks_and_leaves(URL, {**JSON, "Secondsig-Prefer": "wait=15"})
        await house.person.approve(envelope)
        await asyncio.sleep(0.6)
        assert arrived(house) == 0
        assert await house.state(envelope) == State.APPROVED


async def test_the_answer_is_given_to_no_other_agent_and_to_no_wrong_secret(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await house.add_agent("thief")
        told, _ = await accepted(house)
        await house.person.approve(told["envelope"])
        await until(house, told["envelope"], State.COMPLETED)
        assert (await fetch(house, told, agent="thief")).status == 404
        for guess in ("", "wrong", told["envelope_secret"][:-1], told["envelope"]):
            assert (await fetch(house, told, guess)).status == 403
        assert (await house.agent().send("GET", told["location"])).status == 403
        assert (await fetched(house, told)).status == 201


async def test_identical_requests_are_kept_once_and_the_secret_is_told_once(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        answers = await asyncio.gather(*(order(house) for _ in range(8)))
        told = [json.loads(answer.body) for answer in answers]
        assert {answer.status for answer in answers} == {202}
        assert len({one["envelope"] for one in told}) == 1
        (first,) = [one for one in told if one["envelope_secret"]]
        plain = await house.agent().send("POST", URL, b"{}", JSON)
        assert reason(plain) == "duplicate"
        await house.person.approve(first["envelope"])
        assert (await fetched(house, first)).status == 201
        assert arrived(house) == 1


async def test_a_denied_async_request_is_never_sent_and_its_credential_is_erased(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        await house.person.deny(told["envelope"], "No.")
        answer = await fetch(house, told)
        assert (reason(answer), json.loads(answer.body)["note"]) == ("approval_denied", "No.")
        kept = await house.service.store.kept(told["envelope"])
        assert kept
        assert kept.request is None
        assert arrived(house) == 0


async def test_an_async_request_that_nobody_decides_times_out(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        await house.life_ends(told["envelope"])
        answer = await fetched(house, told)
        assert (reason(answer), json.loads(answer.body)["error"]) == ("approval_timeout", "ApprovalTimeout")
        assert arrived(house) == 0


# Between the approval and the sending. ---------------------------------------------------------------------


async def nothing_is_sent_yet(house: Inside) -> None:
    """From here on the gateway sends nothing by itself, so that something can change before it does."""

    async def nothing() -> None:
        return

    house.service.sender.tick = nothing  # type: ignore[method-assign]  # the sender stands still


async def approved_and_not_sent_yet(house: Inside) -> dict[str, Any]:
    await nothing_is_sent_yet(house)
    told, _ = await accepted(house)
    await house.person.approve(told["envelope"])
    return told


async def goes_on(house: Inside) -> None:
    sender = house.service.sender
    await type(sender).tick(sender)
    await sender.settle()
    await house.service.releaser.settle()


async def lapsed(house: Inside, told: dict[str, Any], why: str) -> None:
    await goes_on(house)
    assert arrived(house) == 0
    assert await house.state(told["envelope"]) == State.LAPSED
    rows = await house.service.store.rows_of([told["envelope"]])
    assert why in (rows[-1].row.detail or "")


async def test_an_agent_paused_after_the_approval_has_nothing_sent(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told = await approved_and_not_sent_yet(house)
        await house.service.operating.agent_pause("ci-bot")
        await lapsed(house, told, "paused ci-bot")
        await house.service.operating.agent_resume("ci-bot")
        assert reason(await fetch(house, told)) == "lapsed"


async def test_an_agent_whose_token_was_rotated_after_the_approval_has_nothing_sent(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told = await approved_and_not_sent_yet(house)
        house.tokens["ci-bot"] = (await house.service.operating.agent_rotate("ci-bot"))["proxy"]
        await lapsed(house, told, "rotated or revoked")
        assert reason(await fetch(house, told)) == "lapsed"


async def test_a_policy_that_changed_after_the_approval_is_the_one_that_counts(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told = await approved_and_not_sent_yet(house)
        house.write_policy('@id("freeze") forbid (principal, action in Action::"payment", resource);')
        await house.service.reload()
        await lapsed(house, told, "forbids it now (freeze)")


async def restarted(house: Inside, later: float = 0) -> None:
    """The same agents with the same tokens; only the proxy's port is another."""
    await house.service.stop()
    house.clock.later(later)
    house.make_service()
    await house.service.start()
    port = house.service.settings.listen.proxy.port
    house.tokens = {name: f"{url.rpartition(':')[0]}:{port}" for name, url in house.tokens.items()}


async def test_what_was_approved_before_a_restart_is_sent_once_after_it(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told = await approved_and_not_sent_yet(house)
        await restarted(house)
        assert (await fetched(house, told)).status == 201
        assert arrived(house) == 1


async def test_what_was_on_its_way_in_a_crash_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told = await approved_and_not_sent_yet(house)
        envelope = await house.service.store.envelope(told["envelope"])
        kept = await house.service.store.kept(told["envelope"])
        assert envelope
        assert kept
        assert kept.request
        request = unseal_request(house.service.keys, envelope.id, kept.request)
        await house.service.releaser.release(envelope, request)  # spent, and then the power goes
        await restarted(house)
        answer = await fetched(house, told)
        assert (answer.status, reason(answer)) == (502, "upstream_unknown")
        await asyncio.sleep(0.6)
        assert arrived(house) == 0
        assert await house.state(told["envelope"]) == State.UNKNOWN


async def test_time_that_ran_out_while_the_gateway_was_down_is_told_as_a_timeout(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        await restarted(house, later=LIFE + 1)
        answer = await fetched(house, told)
        said = json.loads(answer.body)
        assert (said["reason"], said["error"]) == ("approval_timeout", "ApprovalTimeout")
        status = await house.agent().send("GET", told["status_url"])
        shown = json.loads(status.body)
        assert (shown["decision_method"], shown["error"]) == ("timeout", "ApprovalTimeout")
        rows = await house.service.store.rows_of([told["envelope"]])
        assert (rows[-1].row.decision_method, rows[-1].row.person) == ("timeout", "nobody")


async def test_an_upstream_that_is_down_is_tried_again_while_the_approval_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sending.TRY_AGAIN_AFTER", 0.3)
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        dialer = house.service.engine._shared.dialer
        there, dialer.connect_to = dialer.connect_to, {("upstream.test", 443): ("127.0.0.1", 1)}
        await house.person.approve(told["envelope"])
        async with asyncio.timeout(WITHIN):
            while not await house.service.store.rows({"outcome": "not_sent"}, None, 1):
                await asyncio.sleep(0.02)
        dialer.connect_to = there
        assert (await fetched(house, told)).status == 201
        assert arrived(house) == 1


# Where the answer is. --------------------------------------------------------------------------------------


async def test_the_location_is_answered_inside_and_its_name_is_never_looked_up_or_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    addresses = Dialer.addresses

    async def look(self: Dialer, host: str, port: int) -> list[tuple[str, int]]:
        asked.append(host)
        return await addresses(self, host, port)

    monkeypatch.setattr(Dialer, "addresses", look)
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        assert (await fetch(house, told)).status == 202
        await house.person.approve(told["envelope"])
        assert (await fetched(house, told)).status == 201
        elsewhere = told["location"].replace("http://", "http://x.")
        for url in (elsewhere, told["location"].replace("http://", "https://")):
            with contextlib.suppress(OSError):  # a tunnel to it is refused inside the handshake
                answer = await house.agent().send("GET", url)
                assert "Secondsig-Gateway" in answer.headers
                assert answer.status in {403, 404}
        assert asked == ["upstream.test"]


async def test_peoples_pages_give_no_answer_to_whoever_has_the_secret(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        told, _ = await accepted(house)
        pages = f"{house.service.settings.origin}/v1/envelopes/{told['envelope']}/answer"
        assert await status_of(pages, told["envelope_secret"]) == 404


async def status_of(url: str, secret: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Secondsig-Envelope-Secret": secret}) as answer,
    ):
        return answer.status
