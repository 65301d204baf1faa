"""Like requests under one signature, through the real proxy and the real pages; the upstream counts."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.person import Refused
from gateway.encoding import from_b64u
from gateway.envelopes import State
from tests.kit.inprocess import Inside, inside
from tests.kit.patience import until

JSON = {"Content-Type": "application/json"}


def order(house: Inside, number: int, agent: str = "ci-bot") -> "asyncio.Task[Any]":
    url = f"https://upstream.test/orders/a{number}"
    return asyncio.create_task(house.agent(agent).send("POST", url, b"{}", JSON))


async def begin(house: Inside, envelopes: list[str]) -> dict[str, Any]:
    return await house.person.call("POST", "batches/begin", {"envelopes": envelopes})


async def approve(house: Inside, asked: dict[str, Any]) -> dict[str, Any]:
    """The passkey's answer, to a list that hashes to its challenge and to the payloads that came with it."""
    batch = from_b64u(asked["payload"])
    assert from_b64u(asked["options"]["challenge"])[32:] == hashlib.sha256(batch).digest()
    hashes = [hashlib.sha256(from_b64u(one["payload"])).hexdigest() for one in asked["requests"]]
    assert [entry["payload"] for entry in json.loads(batch)["envelopes"]] == hashes
    answer = {
        "challenge_id": asked["challenge_id"],
        "credential": house.person.passkey.sign(asked["options"]),
    }
    return await house.person.call("POST", "batches/approve", answer)


async def test_one_signature_sends_five_held_requests_and_leaves_the_sixth_waiting(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        tasks = [order(house, number) for number in range(6)]
        await house.held(6)
        rows = await house.person.waiting()
        assert len({row["batch"] for row in rows}) == 1
        envelopes = sorted(row["id"] for row in rows)
        alike = (await house.person.call("GET", f"envelopes/{envelopes[0]}"))["alike"]
        assert sorted(alike) == envelopes
        decided = await approve(house, await begin(house, envelopes[:5]))
        assert [row["id"] for row in decided["rows"]] == envelopes[:5]
        assert decided["left_out"] == []
        await until(lambda: sum(house.upstream.calls.values()) == 5)
        await until(lambda: sum(task.done() for task in tasks) == 5)
        assert sorted(task.result().status for task in tasks if task.done()) == [201] * 5
        assert await house.state(envelopes[5]) == State.PENDING
        await house.service.releaser.settle()
        cosigners = {row["cosigner"] for row in await minted(house)}
        assert len(cosigners) == 5
        denied = await house.person.call("POST", "batches/deny", {"envelopes": envelopes, "note": "Enough."})
        assert [row["id"] for row in denied["rows"]] == [envelopes[5]]
        assert {left["error"] for left in denied["left_out"]} == {"decided"}
        assert sorted(answer.status for answer in await asyncio.gather(*tasks)) == [201] * 5 + [403]
        assert sum(house.upstream.calls.values()) == 5


async def minted(house: Inside) -> list[dict[str, Any]]:
    entries = await house.service.store.rows({"kind": "mint"}, None, 100)
    return [entry.row.columns() for entry in entries]


async def test_a_batch_answered_twice_at_once_sends_everything_once(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        tasks = [order(house, number) for number in range(3)]
        asked = await begin(house, await house.held(3))
        answer = house.person.passkey.sign(asked["options"])
        body = {"challenge_id": asked["challenge_id"], "credential": answer}
        tries = [house.person.call("POST", "batches/approve", body) for _ in range(4)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, dict) for result in results) == 1
        assert {result.status for result in results if isinstance(result, Refused)} == {409}
        assert {answer.status for answer in await asyncio.gather(*tasks)} == {201}
        assert sum(house.upstream.calls.values()) == 3


async def test_a_request_of_another_agent_slipped_into_a_batch_is_never_sent(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await house.add_agent("other")
        tasks = [order(house, 1), order(house, 2), order(house, 3, agent="other")]
        envelopes = await house.held(3)
        with pytest.raises(Refused, match="not_alike"):
            await begin(house, envelopes)
        await house.life_ends(envelopes[0])
        assert {answer.status for answer in await asyncio.gather(*tasks)} == {403}
        assert sum(house.upstream.calls.values()) == 0


async def test_a_batch_signed_over_a_restart_is_verified_again_and_sent(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        for number in range(2):
            await house.asks_and_leaves(f"https://upstream.test/orders/a{number}", JSON)
        await approve(house, await begin(house, await house.held(2)))
        await house.restart()
        answers = [await order(house, number) for number in range(2)]
        assert [answer.status for answer in answers] == [201, 201]
        assert sum(house.upstream.calls.values()) == 2
