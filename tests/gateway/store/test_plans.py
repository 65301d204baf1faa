"""A question costs the same whatever was asked before: nothing on its way reads a whole table that grows,
nor everything that one agent ever asked.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.settings import AppriseChannel, Notifications
from tests.kit.world import World

GROWS = ("envelopes", "log", "deliveries", "signatures", "challenges", "reveals", "kept", "tallies")

SMALL = ("envelopes_waiting", "deliveries_queued")
"""Indexes of what is open only, which may be read whole."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.settings = replace(
        made.settings, notifications=Notifications({"mail": AppriseChannel("mailto://a")})
    )
    yield made
    await made.close()


async def test_no_statement_on_the_way_of_a_question_reads_a_whole_table(world: World) -> None:
    said: list[str] = []
    await world.sqlite._ask(lambda db: db.set_trace_callback(said.append))
    task, envelope = await world.held()
    await world.approve(envelope.id)
    await asyncio.wait_for(task, 60)
    await world.releaser.settle()
    await world.opened()
    await world.sqlite.deliveries_due("mail", world.store.now(), 10)
    await world.sqlite._ask(lambda db: db.set_trace_callback(None))
    asked = {statement for statement in said if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement)}
    assert len(asked) > 10
    whole = [
        (step, statement)
        for statement in asked
        for step in await plan(world, statement)
        if re.match(r"SEARCH envelopes .*\(agent=\?\)$", step)
        or re.match(rf"SCAN ({'|'.join(GROWS)})\b(?!.* INDEX ({'|'.join(SMALL)})\b)", step)
    ]
    assert whole == []


async def plan(world: World, statement: str) -> list[str]:
    return [row[3] for row in await world.sqlite._all(f"EXPLAIN QUERY PLAN {statement}")]
