"""What happens to a held request when the files change beneath it: real files, proxy, pages and upstream."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.client import Answer
from gateway.demo.person import Refused
from gateway.envelopes import State
from tests.e2e.test_attacks import order, reason
from tests.kit.inprocess import TARGET, Inside, inside
from tests.kit.patience import until

FREEZE = '@id("freeze") forbid (principal, action in Action::"payment", resource);'
SPECIAL = (
    "{id: order/special, match: {method: POST, path: /orders/a1}, resource: Host, summary: A special one}"
)
OVERLAY = 'overlay: orders\nrequires: ">=1 <2"\nactions: [{id: order/place, %s}]\n'


async def changed(house: Inside, before: str) -> None:
    """The watch saw the change by itself and took it."""
    await until(lambda: house.service.rules.digest != before)


async def own_template(house: Inside, old: str, new: str) -> None:
    """The template is another file from now on, and says something else."""
    before = house.service.rules.digest
    copy = house.folder / "orders.yaml"
    text = TARGET.read_text(encoding="utf-8")
    assert old in text
    copy.write_text(text.replace(old, new), encoding="utf-8")
    config = house.service.settings.file
    config.write_text(config.read_text(encoding="utf-8").replace(str(TARGET), str(copy)), encoding="utf-8")
    await changed(house, before)


async def overlay(house: Inside, entry: str) -> None:
    before = house.service.rules.digest
    (house.folder / "over.yaml").write_text(OVERLAY % entry, encoding="utf-8")
    config = house.service.settings.file
    text = config.read_text(encoding="utf-8").replace("orders: }", "orders: {overlays: [over.yaml]}}")
    config.write_text(text, encoding="utf-8")
    await changed(house, before)


async def lapsed(house: Inside, envelope: str, answer: Answer, why: str) -> None:
    assert reason(answer) == "config_changed"
    assert why in json.loads(answer.body)["detail"]
    assert sum(house.upstream.calls.values()) == 0
    assert await house.state(envelope) == State.LAPSED
    (row,) = [row for row in await rows(house, envelope) if row["reason"] == "lapsed"]
    assert why in row["detail"]
    assert row["config_digest"] == house.service.rules.digest


async def rows(house: Inside, envelope: str) -> list[dict[str, Any]]:
    return [entry.row.columns() for entry in await house.service.store.rows_of([envelope])]


async def test_a_held_request_that_policy_forbids_by_now_is_refused_and_its_row_says_why(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        before = house.service.rules.digest
        house.write_policy(FREEZE)
        await changed(house, before)
        told = await house.person.call("GET", f"envelopes/{envelope}")
        assert told["earlier_configuration"] is True
        await house.person.approve(envelope)
        await lapsed(house, envelope, await task, "forbids it now (freeze)")


async def test_an_approval_is_never_used_for_another_reading_of_the_same_bytes(tmp_path: Path) -> None:
    """Held as one order, and by the new template an order of somebody else's."""
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await own_template(house, 'Order: "{n}"', 'Order: "everybody/{n}"')
        await house.person.approve(envelope)
        why = 'it was /orders/order/place on Orders::Order::"a1", and would now be /orders/order/place on'
        await lapsed(house, envelope, await task, why)


async def test_an_approval_is_never_used_for_another_action(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await own_template(house, "actions:\n", f"actions:\n  - {SPECIAL}\n")
        await house.person.approve(envelope)
        await lapsed(house, envelope, await task, "would now be /orders/order/special on")


async def test_an_action_that_no_template_has_any_more_can_be_approved_by_nobody(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await own_template(house, "order/place", "order/cancel")
        with pytest.raises(Refused, match="not_allowed"):
            await house.person.approve(envelope)
        await house.service.operating.envelope_deny(envelope)
        assert reason(await task) == "approval_denied"
        assert sum(house.upstream.calls.values()) == 0


async def test_a_request_that_no_template_covers_any_more_is_refused(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await own_template(house, "hosts: [upstream.test]", "hosts: [elsewhere.test]")
        await house.person.approve(envelope)
        await lapsed(house, envelope, await task, "no longer cover it")


async def test_an_overlay_that_forbids_reaches_what_is_held_already(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await overlay(house, "risk: forbid")
        await house.person.approve(envelope)
        await lapsed(house, envelope, await task, "forbids it now")


async def test_an_overlay_that_wants_more_people_is_not_satisfied_by_the_one_who_signed(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        await overlay(house, "approval: {quorum: 2}")
        await house.person.approve(envelope)
        await lapsed(house, envelope, await task, "2 must sign now, not 1")


async def test_what_was_opened_earlier_passes_where_the_change_does_not_concern_it(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        before = house.service.rules.digest
        house.write_policy("\n// a remark\n")
        await changed(house, before)
        await house.person.approve(envelope)
        assert (await task).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 1
        released = [row for row in await rows(house, envelope) if row["kind"] == "authorised"]
        assert [row["config_digest"] for row in released] == [house.service.rules.digest]


async def test_a_change_that_is_refused_touches_nothing_that_is_held(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        task = order(house, "a1")
        (envelope,) = await house.held()
        house.write_policy("forbid (principal, action, resource) when { context.cosinger };")
        await until(lambda: house.service.last_change.refused is not None)
        told = (await house.person.call("GET", "envelopes"))["config"]["refused"]
        assert "cosinger" in told["why"][0]
        await house.person.approve(envelope)
        assert (await task).status == 201


async def test_no_request_of_many_is_decided_by_parts_of_two_configurations(tmp_path: Path) -> None:
    """Reads go on all the while; each row names one of the two digests, and none is refused."""
    async with inside(tmp_path) as house:
        before = house.service.rules.digest
        agent, statuses = house.agent(), list[int]()

        async def reading() -> None:
            while house.service.rules.digest == before or len(statuses) < 5:
                statuses.append((await agent.send("GET", "https://upstream.test/orders")).status)

        readers = [asyncio.create_task(reading()) for _ in range(3)]
        house.write_policy("\n// a remark\n")
        await asyncio.wait_for(asyncio.gather(*readers), 60)
        assert set(statuses) == {201}
        await until(lambda: not house.service.store._noted)
        found = await house.service.store.rows({"decision": "allow"}, None, 1000)
        assert {entry.row.config_digest for entry in found} <= {before, house.service.rules.digest}
