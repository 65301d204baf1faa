"""Programs, broken glass and the kill switch over real proxy, pages, Cedar and upstream."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.person import Refused, SoftPerson
from gateway.envelopes import State
from tests.e2e.test_attacks import order, reason
from tests.kit.inprocess import Inside, inside
from tests.kit.patience import until

SCRIPT = Path(__file__).parents[2] / "docs" / "guides" / "program.py"
PERMITS = """
@id("fraud-may") permit (principal == Program::"fraud", action == Action::"delegate", resource)
when { resource.service == "orders" };
"""
ACCEPTS = """
@id("vouched-passes") permit (principal is Agent, action == Action::"/orders/order/place", resource)
when { context.delegate };
"""


async def run(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return out.decode()


async def change(person: SoftPerson, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    begun = await person.call("POST", "changes/begin", {"kind": kind, "asked": asked})
    credential = person.passkey.sign(begun["options"])
    answer = {"challenge_id": begun["challenge_id"], "credential": credential}
    return await person.call("POST", "changes/finish", answer)


async def registered(house: Inside, added: str) -> str:
    """The script's key is registered, and the policy says what is added."""
    file = str(house.folder / "fraud.pem")
    key = (await run("key", file)).strip()
    await change(
        house.person, "program/register", {"name": "fraud", "key": key, "verbs": ["deny", "delegate"]}
    )
    policy = house.folder / "policy.cedar"
    before = house.service.rules.digest
    text = policy.read_text(encoding="utf-8").replace(
        'forbid (principal is Agent, action in Action::"payment", resource)\nwhen { !context.cosigner };',
        'forbid (principal is Agent, action in Action::"payment", resource)\n'
        "when { !context.cosigner && !context.delegate };",
    )
    policy.write_text(text + added, encoding="utf-8")
    await until(lambda: house.service.rules.digest != before)
    return file


async def test_the_program_of_the_guide_denies_and_vouches_and_leaves_the_rest(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        file = await registered(house, PERMITS + ACCEPTS)
        orders = {name: order(house, name) for name in ("test1", "fraud1", "plain1")}
        await house.held(3)
        out = await run(house.service.settings.origin, "fraud", file, "--once")
        assert sorted(line.split()[:2] for line in out.splitlines()) == [
            ["delegate", "approved"],
            ["deny", "denied"],
        ]
        assert (await orders["test1"]).status == 201
        denied = await orders["fraud1"]
        assert reason(denied) == "approval_denied"
        assert "looks like fraud" in json.loads(denied.body)["detail"]
        (left,) = await house.held()
        assert house.upstream.count("POST", "/orders/test1") == 1
        assert sum(house.upstream.calls.values()) == 1
        await house.person.approve(left)
        assert (await orders["plain1"]).status == 201
        rows = [entry.row for entry in await house.service.store.rows({"kind": "authorised"}, None, 10)]
        assert sorted(row.decision_method or "" for row in rows) == ["delegate", "passkey"]


async def test_a_policy_that_names_no_delegate_lets_no_program_stand_for_a_person(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        file = await registered(house, PERMITS)
        task = order(house, "test1")
        (envelope,) = await house.held()
        out = await run(house.service.settings.origin, "fraud", file, "--once")
        assert "refused: Policy accepts no program's word" in out
        assert await house.state(envelope) == State.PENDING
        await house.person.deny(envelope)
        assert reason(await task) == "approval_denied"
        assert sum(house.upstream.calls.values()) == 0


async def test_a_policy_that_permits_a_program_nothing_shows_it_nothing(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        file = await registered(house, ACCEPTS)
        task = order(house, "test1")
        (envelope,) = await house.held()
        assert await run(house.service.settings.origin, "fraud", file, "--once") == ""
        await house.person.deny(envelope)
        await task


async def test_everything_is_stopped_from_the_pages_and_resumed_by_passkey(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        tasks = [order(house, name) for name in ("a1", "a2")]
        waiting = await house.held(2)
        told = await house.person.call("POST", "stop-all", {})
        assert sorted(told["denied"]) == sorted(waiting)
        assert "ci-bot" in told["paused"]
        assert {reason(await task) for task in tasks} == {"approval_denied"}
        assert reason(await order(house, "a3")) == "agent_paused"
        rows = [entry.row for entry in await house.service.store.rows({"reason": "stop_all"}, None, 10)]
        assert {(row.person, row.decision_method) for row in rows} == {("Mika", "session")}
        await change(house.person, "agent/resume", {"agent": "ci-bot"})
        task = order(house, "a4")
        await house.person.approve((await house.held())[0])
        assert (await task).status == 201


TWO = """
@id("two-sign") forbid (principal is Agent, action in Action::"payment", resource)
unless { context.cosigner && (context.approvals >= 2 || context.break_glass) };
"""
BREAKERS = '[{"uid": {"type": "Person", "id": "Mika"}, "attrs": {}, "parents": [%s]}]'
MEMBER = '{"type": "Group", "id": "break_glass"}, {"type": "Group", "id": "approvers"}'


async def policies(house: Inside, policy: str, groups: str) -> None:
    before = house.service.rules.digest
    entities = house.folder / "entities.json"
    entities.write_text(BREAKERS % groups, encoding="utf-8")
    house.write_policy(policy)
    await until(lambda: house.service.rules.digest != before)


async def break_glass(house: Inside, envelope: str) -> dict[str, Any]:
    person, path = house.person, f"envelopes/{envelope}/break-glass"
    begun = await person.call("POST", f"{path}/begin", {"reason": "The other approver is on a plane"})
    credential = person.passkey.sign(begun["options"])
    answer = {"challenge_id": begun["challenge_id"], "credential": credential}
    row: dict[str, Any] = (await person.call("POST", f"{path}/finish", answer))["row"]
    return row


async def test_glass_is_broken_where_policy_names_it_and_what_two_would_sign_goes_once(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as house:
        await policies(house, TWO, MEMBER)
        task = order(house, "a1")
        (envelope,) = await house.held()
        assert (await house.person.call("GET", f"envelopes/{envelope}"))["may_break_glass"]
        row = await break_glass(house, envelope)
        assert (row["state"], row["decision_method"]) == ("approved", "break_glass")
        assert (await task).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 1
        (review,) = (await house.person.call("GET", "reviews"))["reviews"]
        assert review["broken_by"][0]["reason"] == "The other approver is on a plane"
        asked = {"envelope": envelope, "verdict": "justified", "note": "I say it was."}
        with pytest.raises(Refused, match="own_signature"):
            await change(house.person, "review/close", asked)
        assert (await house.person.call("GET", "envelopes"))["open_reviews"] == 1


async def test_glass_opens_nothing_that_a_policy_forbids(tmp_path: Path) -> None:
    forbids = '@id("never") forbid (principal, action in Action::"payment", resource) when { %s };'
    async with inside(tmp_path) as house:
        await policies(house, forbids % "context.break_glass", MEMBER)
        task = order(house, "a1")
        (envelope,) = await house.held()
        with pytest.raises(Refused, match="forbidden"):
            await break_glass(house, envelope)
        assert await house.state(envelope) == State.PENDING
        await house.person.deny(envelope)
        await task


async def test_without_a_member_in_reach_two_who_cannot_be_had_are_not_waited_for(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await policies(house, TWO, '{"type": "Group", "id": "approvers"}')
        assert reason(await order(house, "a1")) == "no_approver_reachable"
