import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import Kind, Row
from gateway.desk import templates
from gateway.desk.contract import DeskError
from gateway.desk.templates import Templates
from gateway.errors import UsageError
from gateway.model import ServiceMode
from gateway.rules import RefusedChange
from gateway.settings import Service
from gateway.store.writes import Record
from gateway.templates import Library
from tests.kit.clocks import START
from tests.kit.world import World

SHOP = """
format: 1
service: shop
namespace: Shop
version: 1.2.0
title: The shop
hosts: [api.shop.test]
actions:
  - {id: list, match: {method: GET, path: /list}, summary: List}
  - {id: pay, match: {method: POST, path: /pay}, risk: step_up, summary: Pay}
  - {id: never, match: {method: POST, path: /never}, risk: forbid, summary: Never}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika"})
    await made.enrol("Noor")
    yield made
    await made.close()


def shown(world: World, explain: Any = None) -> Templates:
    return Templates(world.store, world.directory, world.rules, world.last_change, explain)


async def test_what_is_loaded_is_told_with_its_mode_hosts_and_actions_by_risk(world: World) -> None:
    file = world.folder / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    world.library = Library.load([file])  # type: ignore[assignment]  # the real one
    world.settings = replace(
        world.settings, templates={"shop": Service(ServiceMode.WATCH)}, template_files=(file,)
    )
    told = await shown(world).view(world.session("Noor"))
    (shop,) = told["services"]
    assert (shop["name"], shop["title"], shop["version"]) == ("shop", "The shop", "1.2.0")
    assert (shop["mode"], shop["hosts"], shop["own"]) == ("watch", ["api.shop.test"], True)
    assert shop["actions"] == {"low": 1, "step_up": 1, "forbid": 1}
    assert (shop["overlays"], shop["loosened"]) == (0, 0)
    assert (told["administrator"], told["agents"], told["refused"]) == (False, ["ci-bot"], None)


async def test_what_was_refused_and_what_no_action_names_is_told(world: World) -> None:
    world.last_change.refused = RefusedChange(START, ("shop.yaml:3:1: nothing is called pya.",))
    for n in range(3):
        row = Row(
            Kind.REFUSED, "deny", "destination_refused", "ci-bot", method="CONNECT", host="new.test",
            detail=f"No template covers it {n}.",
        )  # fmt: skip
        await world.store.apply(Record(), [row])
    odd = Row(Kind.DECISION, "step_up", agent="ci-bot", action="/shop/unmatched/write", method="PUT")
    plain = Row(Kind.DECISION, "allow", agent="ci-bot", action="/shop/list", method="GET")
    await world.store.apply(Record(), [odd, plain])
    view = await shown(world).view(world.session("Mika"))
    assert view["refused"]["why"] == ["shop.yaml:3:1: nothing is called pya."]
    found = {each["host"]: each for each in view["unmatched"]}
    assert len(found) == 2
    assert (found["new.test"]["count"], found["new.test"]["detail"]) == (3, "No template covers it 2.")
    assert found[None]["action"] == "/shop/unmatched/write"


async def test_only_an_administrator_has_a_request_explained(world: World) -> None:
    desk = shown(world, lambda *_: {"outcome": "allow"})
    with pytest.raises(DeskError, match="Only an administrator"):
        await desk.tried(world.session("Noor"), "curl https://api.shop.test/", None)
    assert await desk.tried(world.session("Mika"), "curl x", "ci-bot") == {"outcome": "allow"}


async def test_what_is_no_request_is_a_sentence(world: World) -> None:
    def refuse(*_: Any) -> dict[str, Any]:
        raise UsageError("That is no request.")

    with pytest.raises(DeskError, match="no request") as error:
        await shown(world, refuse).tried(world.session("Mika"), "?", None)
    assert error.value.status == 400


async def test_an_explanation_that_takes_too_long_stops_nothing_and_keeps_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "PATIENCE", 0.05)
    go_on = threading.Event()

    def slow(*_: Any) -> dict[str, Any]:
        go_on.wait(20)
        raise RuntimeError("nobody hears this")

    desk = shown(world, slow)
    with pytest.raises(DeskError, match="not explained within") as error:
        await desk.tried(world.session("Mika"), "curl x", None)
    assert error.value.status == 422
    with pytest.raises(DeskError, match="Another request"):
        await desk.tried(world.session("Mika"), "curl x", None)
    go_on.set()
    while not desk._running.done():  # type: ignore[union-attr]  # it was begun
        await asyncio.sleep(0.01)
    desk.explain = lambda *_: {"outcome": "deny"}
    assert await desk.tried(world.session("Mika"), "curl x", None) == {"outcome": "deny"}
