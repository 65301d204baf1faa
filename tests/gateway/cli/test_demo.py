import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.cli import demo as module
from gateway.cli.main import main
from gateway.demo.person import SoftPerson
from gateway.demo.story import Unexpected
from gateway.errors import SecondsigError


@pytest.fixture(autouse=True)
def _plain_logs() -> object:
    yield
    structlog.reset_defaults()


@pytest.mark.slow
def test_the_whole_story_ends_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--headless"]) == 0
    out = capsys.readouterr().out
    for said in ("policy_denied", "approval_denied", "approval_timeout", "exactly two requests"):
        assert said in out


@pytest.mark.parametrize("as_json", [False, True])
def test_the_story_is_told_to_people_line_by_line_and_to_machines_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    folders: list[Path] = []

    async def story(folder: Path, say: Callable[[str], None]) -> None:
        folders.append(folder)
        say("one")
        say("two")

    monkeypatch.setattr(module, "_headless", story)
    assert main(["demo", "--headless", *(["--json"] if as_json else [])]) == 0
    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out) == {"ok": True, "story": ["one", "two"]}
    else:
        assert out == "one\ntwo\n"
    assert not folders[0].parent.exists()


def test_a_story_that_goes_another_way_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def wrong(_folder: Path, _say: object) -> None:
        raise Unexpected("This demo failed: a denied payment went upstream.")

    monkeypatch.setattr(module, "_headless", wrong)
    assert main(["demo", "--headless"]) == 1
    assert "went upstream" in capsys.readouterr().err


async def test_by_hand_it_asks_whoever_sits_there_and_shows_the_answer(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    playing = asyncio.create_task(module._by_hand(tmp_path / "demo", told.put_nowait))
    link = (await asyncio.wait_for(told.get(), 60)).splitlines()[-1].strip()
    person = SoftPerson(link.partition("/enrol")[0], "Mika")
    try:
        await person.enrol(link)
        assert (await asyncio.wait_for(told.get(), 60)).endswith("/app/approvals")
        waiting: list[dict[str, Any]] = []
        while not waiting:
            await asyncio.sleep(0.02)
            waiting = await person.waiting()
        await person.deny(waiting[0]["id"], "No.")
        assert "answered 403" in await asyncio.wait_for(told.get(), 60)
        await asyncio.wait_for(playing, 60)
    finally:
        playing.cancel()
        await person.close()


async def test_nobody_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0)
    service = argparse.Namespace(directory=argparse.Namespace(people={}))
    with pytest.raises(SecondsigError, match="Nobody enrolled within five minutes"):
        await module._until_enrolled(service)  # type: ignore[arg-type]  # a played one
    service.directory.people = {"Mika": 1}
    monkeypatch.setattr(module, "WAIT", 1)
    await module._until_enrolled(service)  # type: ignore[arg-type]  # a played one
