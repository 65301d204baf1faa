"""Ways round an approval, each tried through the real proxy and the real pages; the upstream counts."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.demo.authenticator import SoftPasskey
from gateway.demo.client import Answer
from gateway.demo.person import Refused
from gateway.envelopes import State
from tests.kit.inprocess import LIFE, Inside, inside
from tests.kit.patience import until

JSON = {"Content-Type": "application/json"}


def order(house: Inside, number: str, body: bytes = b"{}", agent: str = "ci-bot", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"https://upstream.test/orders/{number}"
    return asyncio.create_task(house.agent(agent).send("POST", url, body, {**JSON, **named}))


def reason(answer: Answer) -> str:
    said: str = json.loads(answer.body)["reason"]
    return said


async def test_ten_identical_requests_at_once_are_one_question_and_one_release(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        tasks = [order(house, "a1") for _ in range(10)]
        (envelope,) = await house.held()
        await until(lambda: house.service.board.waiting(envelope) == 10)
        await house.person.approve(envelope)
        answers = await asyncio.gather(*tasks)
        assert sorted(answer.status for answer in answers) == [201] + [403] * 9
        assert {reason(answer) for answer in answers if answer.status == 403} == {"duplicate"}
        assert house.upstream.count("POST", "/orders/a1") == 1
        assert len(await house.service.store.envelopes(None)) == 1


@pytest.mark.parametrize(
    ("number", "body", "headers"),
    [
        ("a1", b"{} ", {}),
        ("a2", b"{}", {}),
        ("a1", b"{}", {"X_More": "1"}),
        ("a1", b"{}", {"Authorization": "Bearer b"}),
    ],
    ids=["a byte of the body", "the path", "a header", "the upstream credential"],
)
async def test_swapped_request_after_approval_is_refused(tmp_path: Path, number, body, headers) -> None:
    """What was approved passes; what differs in anything asks anew."""
    async with inside(tmp_path) as house:
        approved = await house.asks_and_leaves("https://upstream.test/orders/a1", JSON)
        await house.person.approve(approved)
        swapped = order(house, number, body, **headers)
        (other,) = await house.held()
        assert other != approved
        assert await house.state(approved) == State.APPROVED
        await house.life_ends(other)
        assert reason(await swapped) == "approval_timeout"
        assert sum(house.upstream.calls.values()) == 0


async def test_the_approval_of_one_agent_does_not_serve_another(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await house.add_agent("other")
        approved = await house.asks_and_leaves("https://upstream.test/orders/a1", JSON)
        await house.person.approve(approved)
        task = order(house, "a1", agent="other")
        (other,) = await house.held()
        await house.life_ends(other)
        assert reason(await task) == "approval_timeout"
        assert sum(house.upstream.calls.values()) == 0


async def cosigner_of(house: Inside, number: str) -> tuple[str, str]:
    """An approved envelope whose client has left, and its cosigner as the agent fetches it."""
    envelope = await house.asks_and_leaves(f"https://upstream.test/orders/{number}", JSON)
    await house.person.approve(envelope)
    status = await house.agent().send("GET", f"http://secondsig.internal/v1/envelopes/{envelope}")
    cosigner: str = json.loads(status.body)["cosigner"]
    return envelope, cosigner


async def test_the_right_cosigner_passes_once_and_never_again(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        envelope, cosigner = await cosigner_of(house, "a1")
        assert (await order(house, "a1", Secondsig_Cosigner=cosigner)).status == 201
        await house.service.releaser.settle()
        assert await house.state(envelope) == State.COMPLETED
        assert reason(await order(house, "a1", Secondsig_Cosigner=cosigner)) == "cosigner_invalid"
        assert house.upstream.count("POST", "/orders/a1") == 1


@pytest.mark.parametrize("forged", ["", "AAAA", "not a container", "Qg" * 40])
async def test_forged_cosigner_is_refused(tmp_path: Path, forged: str) -> None:
    async with inside(tmp_path) as house:
        await cosigner_of(house, "a1")
        assert reason(await order(house, "a1", Secondsig_Cosigner=forged)) == "cosigner_invalid"
        assert sum(house.upstream.calls.values()) == 0


async def test_cosigner_of_another_request_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        _, first = await cosigner_of(house, "a1")
        await cosigner_of(house, "a2")
        assert reason(await order(house, "a2", Secondsig_Cosigner=first)) == "cosigner_invalid"
        assert reason(await order(house, "a3", Secondsig_Cosigner=first)) == "cosigner_invalid"
        assert sum(house.upstream.calls.values()) == 0


async def test_cosigner_of_another_agent_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await house.add_agent("thief")
        envelope, cosigner = await cosigner_of(house, "a1")
        assert (
            reason(await order(house, "a1", agent="thief", Secondsig_Cosigner=cosigner)) == "cosigner_invalid"
        )
        seen = await house.agent("thief").send("GET", f"http://secondsig.internal/v1/envelopes/{envelope}")
        assert seen.status == 404
        assert sum(house.upstream.calls.values()) == 0


async def test_approval_without_user_verification_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await refused_signature(house, user_verifies=False)


async def test_approval_from_another_origin_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await refused_signature(house, origin="https://secondsig.example.evil")


async def test_approval_from_a_frame_of_another_site_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await refused_signature(house, cross_origin=True)


async def refused_signature(house: Inside, **attack: object) -> None:
    task = order(house, "a1")
    (envelope,) = await house.held()
    for name, value in attack.items():
        setattr(house.person.passkey, name, value)
    with pytest.raises(Refused, match="passkey_refused"):
        await house.person.approve(envelope)
    assert await house.state(envelope) == State.PENDING
    await house.life_ends(envelope)
    assert reason(await task) == "approval_timeout"
    assert sum(house.upstream.calls.values()) == 0


async def test_replayed_assertion_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        tasks = [order(house, "a1"), order(house, "a2")]
        first, second = await house.held(2)
        asked = await house.person.call("POST", f"envelopes/{first}/sign", {})
        signed = {
            "challenge_id": asked["challenge_id"],
            "credential": house.person.passkey.sign(asked["options"]),
        }
        with pytest.raises(Refused, match="challenge_used"):
            await house.person.call("POST", f"envelopes/{second}/approve", signed)
        with pytest.raises(Refused, match="challenge_used"):
            await house.person.call("POST", f"envelopes/{first}/approve", signed)
        other = await house.person.call("POST", f"envelopes/{second}/sign", {})
        with pytest.raises(Refused, match="passkey_refused"):
            await house.person.call(
                "POST",
                f"envelopes/{second}/approve",
                {**signed, "challenge_id": other["challenge_id"]},
            )
        await house.life_ends(second)
        assert {reason(await task) for task in tasks} == {"approval_timeout"}
        assert sum(house.upstream.calls.values()) == 0


async def test_a_passkey_nobody_enrolled_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        stranger = SoftPasskey("localhost", house.service.settings.origin)
        stranger.register(
            {
                **_creation("localhost"),
                "challenge": "AAAA",
                "user": {"id": "AAAA", "name": "x", "displayName": "x"},
            }
        )
        asked = await house.person.call("POST", f"envelopes/{envelope}/sign", {})
        options = {**asked["options"], "allowCredentials": []}
        with pytest.raises(Refused, match="unknown_passkey"):
            await house.person.call(
                "POST",
                f"envelopes/{envelope}/approve",
                {"challenge_id": asked["challenge_id"], "credential": stranger.sign(options)},
            )
        await house.life_ends(envelope)
        assert reason(await task) == "approval_timeout"
        assert sum(house.upstream.calls.values()) == 0


def _creation(rp_id: str) -> dict[str, object]:
    return {
        "rp": {"id": rp_id, "name": "x"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "authenticatorSelection": {"userVerification": "required", "residentKey": "required"},
        "excludeCredentials": [],
    }


async def test_the_owner_of_an_agent_cannot_approve_where_that_is_off(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        house.service._rules = _without_owner(house)
        await house.add_agent("mine", owner="Mika")
        answer = await order(house, "a1", agent="mine")
        assert reason(answer) == "no_approver_reachable"
        assert sum(house.upstream.calls.values()) == 0


def _without_owner(house: Inside):
    from dataclasses import replace

    rules = house.service.rules
    approvals = replace(rules.settings.approvals, owner_may_approve=False)
    return replace(rules, settings=replace(rules.settings, approvals=approvals))


async def test_an_agent_cannot_reach_the_pages_through_the_proxy(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        port = house.service.settings.listen.pages.port
        for url in (
            f"http://localhost:{port}/api/v1/state",
            f"http://127.0.0.1:{port}/",
            f"http://[::1]:{port}/",
        ):
            answer = await house.agent().send("GET", url)
            assert (answer.status, reason(answer)) == (403, "destination_refused")


async def test_a_policy_that_changed_between_approval_and_release_wins(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        envelope, _ = await cosigner_of(house, "a1")
        house.write_policy('@id("freeze") forbid (principal, action in Action::"payment", resource);')
        await house.service.reload()
        answer = await order(house, "a1")
        assert reason(answer) == "policy_denied"
        assert sum(house.upstream.calls.values()) == 0
        assert await house.state(envelope) == State.APPROVED


async def test_a_policy_that_changed_while_the_client_was_held_wins(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        house.write_policy('@id("freeze") forbid (principal, action in Action::"payment", resource);')
        await house.service.reload()
        await house.person.approve(envelope)
        assert reason(await task) == "config_changed"
        assert sum(house.upstream.calls.values()) == 0
        assert await house.state(envelope) == State.LAPSED


async def test_what_was_denied_stays_refused_whatever_header_is_added(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await house.person.deny(envelope, "No.")
        assert reason(await task) == "approval_denied"
        again = await order(house, "a1", X_More="kinder approver wanted")
        assert reason(again) == "approval_denied"
        assert int(again.headers["Retry-After"]) > 0
        assert await house.person.waiting() == []


async def test_secondsig_headers_from_an_agent_never_reach_upstream(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1", Secondsig_Purpose="a claim", Secondsig_Approved="yes", SecondSig_X="1")
        (envelope,) = await house.held()
        await house.person.approve(envelope)
        assert (await task).status == 201
        sent = {name.lower() for name in house.upstream.seen[0].headers}
        assert not {name for name in sent if name.startswith(("secondsig", "proxy"))}


async def test_stopping_refuses_what_is_held_and_keeps_its_question(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await house.restart()
        answer = await task
        assert (answer.status, reason(answer)) == (503, "gateway_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        again = order(house, "a1")
        assert await house.held() == [envelope]
        await house.person.approve(envelope)
        assert (await again).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 1


async def test_an_approval_ends_with_its_time_also_over_a_restart(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await house.service.stop()
        await task
        house.clock.later(LIFE + 1)
        await house.restart()
        await house.comes_to(envelope, State.EXPIRED)
        with pytest.raises(Refused, match="expired: Time ran out at"):
            await house.person.approve(envelope)


async def test_a_revoked_token_stops_an_approved_request(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await house.service.operating.agent_rotate("ci-bot")
        await house.person.approve(envelope)
        assert reason(await task) in {"lapsed", "unauthenticated_agent"}
        assert sum(house.upstream.calls.values()) == 0
