"""Being answered in advance, through the real proxy, pages, policy and database; the upstream counts."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.client import Answer
from gateway.demo.person import Refused
from gateway.encoding import from_b64u
from tests.kit.inprocess import Inside, inside

JSON = {"Content-Type": "application/json"}
PLAIN = "groups: [payment]"


async def put(house: Inside, number: str, body: bytes = b"{}", agent: str = "ci-bot") -> Answer:
    return await house.agent(agent).send("POST", f"https://upstream.test/orders/{number}", body, JSON)


async def sign(house: Inside, kind: str, **asked: Any) -> dict[str, Any]:
    """What the page does: signs only what hashes to its challenge and is what was asked for."""
    begun = await house.person.call("POST", "changes/begin", {"kind": kind, "asked": asked})
    payload = from_b64u(begun["payload"])
    assert from_b64u(begun["options"]["challenge"])[32:] == hashlib.sha256(payload).digest()
    assert json.loads(payload)["asked"] == asked
    answer = {
        "challenge_id": begun["challenge_id"],
        "credential": house.person.passkey.sign(begun["options"]),
    }
    return await house.person.call("POST", "changes/finish", answer)


@pytest.fixture
def plain_orders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Orders that are writes like any other, not payments."""
    import tests.kit.inprocess as kit

    text = kit.TARGET.read_text(encoding="utf-8")
    assert PLAIN in text
    copy = tmp_path / "orders.yaml"
    copy.write_text(text.replace(PLAIN, "groups: [content]"), encoding="utf-8")
    monkeypatch.setattr(kit, "TARGET", copy)


@pytest.mark.usefixtures("plain_orders")
async def test_what_was_granted_passes_until_it_is_revoked_and_is_in_the_log(tmp_path: Path) -> None:
    async with inside(tmp_path, approvals=", mode: reject") as house:
        envelope = await opened_and_approved(house)
        assert (await house.person.call("GET", f"envelopes/{envelope}"))["grantable"] is True
        grant = (await sign(house, "grant/envelope", envelope=envelope, covers="resource", seconds=900))[
            "grant"
        ]
        for body in (b"{}", b'{"n": 2}'):
            assert (await put(house, "a1", body)).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 3
        await house.service.granting.settle()
        rows = [entry.row for entry in await house.service.store.rows({"grant_id": grant["id"]}, None, 100)]
        assert [(row.kind, row.outcome) for row in reversed(rows)] == [
            ("grant", None),
            ("authorised", None),
            ("outcome", "completed"),
            ("authorised", None),
            ("outcome", "completed"),
        ]
        (listed,) = (await house.person.call("GET", "grants"))["grants"]
        assert (listed["id"], listed["uses"]) == (grant["id"], 2)
        assert (await put(house, "a2")).status == 403
        await house.person.call("POST", f"grants/{grant['id']}/revoke", {})
        assert (await put(house, "a1", b'{"n": 3}')).status == 403
        with pytest.raises(Refused, match="no such grant"):
            await house.person.call("POST", f"grants/{grant['id']}/revoke", {})
        assert house.upstream.count("POST", "/orders/a1") == 3


async def opened_and_approved(house: Inside) -> str:
    assert (await put(house, "a1")).status == 403
    (envelope,) = await house.held()
    await house.person.approve(envelope)
    assert (await put(house, "a1")).status == 201
    return envelope


@pytest.mark.usefixtures("plain_orders")
async def test_a_grant_outlives_a_restart_and_what_hung_then_is_unknown(tmp_path: Path) -> None:
    async with inside(tmp_path, approvals=", mode: reject") as house:
        envelope = await opened_and_approved(house)
        await sign(house, "grant/envelope", envelope=envelope, covers="resource")
        await house.restart()
        assert (await put(house, "a1", b'{"n": 2}')).status == 201


async def test_a_payment_is_offered_to_nobody_and_granted_to_nobody(tmp_path: Path) -> None:
    async with inside(tmp_path, approvals=", mode: reject") as house:
        envelope = await opened_and_approved(house)
        assert (await house.person.call("GET", f"envelopes/{envelope}"))["grantable"] is False
        with pytest.raises(Refused, match="Each payment"):
            await sign(house, "grant/envelope", envelope=envelope, covers="resource", seconds=900)


async def test_a_consent_has_people_asked_about_what_lies_beyond_it(tmp_path: Path) -> None:
    """Policy lets this agent read; what it was meant for is less."""
    async with inside(tmp_path, approvals=", mode: reject") as house:
        reading = "https://upstream.test/orders"
        assert (await house.agent().send("GET", reading)).status == 201
        elsewhere = 'Playground::Account::"acct_tea"'
        await sign(house, "agent/consent", agent="ci-bot", form="project", resource=elsewhere)
        answer = await house.agent().send("GET", reading)
        assert (answer.status, json.loads(answer.body)["reason"]) == (403, "requires_step_up")
        (envelope,) = await house.held()
        told = await house.person.approve(envelope)
        assert told["state"] == "approved"
        assert (await house.agent().send("GET", reading)).status == 201
        await sign(house, "agent/consent", agent="ci-bot", form="none")
        assert (await house.agent().send("GET", reading)).status == 201
