import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_settings
from gateway.errors import ConfigError, ConfigErrors, Place, StoreError
from gateway.installation import install
from gateway.loading import files_in_force, load_rules, read_rules
from gateway.reloading import MAX_TOLD, Attempt, Reloader, StillChanging, read, sentences, stamp
from gateway.rules import Rules
from gateway.settings import Settings
from tests.kit.patience import until
from tests.kit.world import World

BROKEN = "permit (principal, action, resource"
TICK = 0.02


class Running:
    """A reloader over real files, and what it took from them."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        file = install(folder, proxy="127.0.0.1:0", pages="localhost:0")
        file.write_text(file.read_text().replace("  github:\n  stripe:\n", ""))
        self.settings = load_settings(file, {})
        self.stamps = stamp(files_in_force(self.settings))
        self.rules = load_rules(self.settings, world.directory)
        self.taken: list[str] = []
        self.fails: Exception | None = None
        self.reloader = Reloader(
            world.store,
            world.board,
            world.metrics,
            world.last_change,
            lambda: self.rules,
            self.take,
            self.stamps,
        )

    async def take(self, settings: Settings, rules: Rules) -> None:
        if self.fails is not None:
            raise self.fails
        self.taken.append(rules.digest)
        self.rules = replace(rules, settings=settings)

    def policy(self, text: str, age: float = 0) -> None:
        """Written so that its stamp differs, whatever the clock of the disk."""
        self.settings.policy.write_text(text)
        if age:
            found = self.settings.policy.stat()
            os.utime(self.settings.policy, (found.st_atime, found.st_mtime - age))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    world = await World(tmp_path).open()
    yield Running(world, tmp_path / "config")
    await world.close()


def good(running: Running, number: int = 1) -> str:
    return running.settings.policy.read_text() + f"\n// {number}\n"


# One reload. -----------------------------------------------------------------------------------------------


async def test_a_good_change_is_taken_and_counted(running: Running) -> None:
    before = running.rules.digest
    running.policy(good(running))
    digest = await running.reloader.reload()
    assert digest == running.rules.digest != before
    assert running.taken == [digest]
    assert running.world.metrics.reloads == {"taken": 1, "refused": 0, "failed": 0}
    assert running.world.board.last == 1


@pytest.mark.parametrize("what", ["policy", "entities", "settings", "template"])
async def test_a_bad_change_is_refused_whole_and_told_everywhere(running: Running, what: str) -> None:
    before = running.rules
    files = {"policy": running.settings.policy, "entities": running.settings.entities}
    file = files.get(what, running.settings.file)
    file.write_text({"template": "templates: {playgruond: }"}.get(what, "{" if what != "policy" else BROKEN))
    with pytest.raises((ConfigError, ConfigErrors)):
        await running.reloader.reload()
    assert running.rules is before
    assert running.taken == []
    refused = running.world.last_change.refused
    assert refused is not None
    assert file.name in refused.why[0]
    (row,) = await running.world.said(kind="config")
    assert (row["decision"], row["reason"], row["person"]) == ("refused", "files", "operator")
    assert row["config_digest"] == before.digest
    assert row["detail"] == "\n".join(refused.why)
    assert running.world.metrics.reloads["refused"] == 1
    assert running.world.board.last == 1


async def test_a_good_change_after_a_bad_one_takes_the_notice_away(running: Running) -> None:
    text = running.settings.policy.read_text()
    running.policy(BROKEN)
    with pytest.raises((ConfigError, ConfigErrors)):
        await running.reloader.reload()
    running.policy(text)
    await running.reloader.reload()
    assert running.world.last_change.refused is None


async def test_a_log_that_cannot_be_written_takes_nothing_and_is_no_fault_of_the_files(
    running: Running,
) -> None:
    running.fails = StoreError("gone")
    with pytest.raises(StoreError):
        await running.reloader.reload()
    assert running.world.last_change.refused is None
    assert running.world.metrics.reloads == {"taken": 0, "refused": 0, "failed": 1}


async def test_a_refusal_that_cannot_be_noted_is_still_a_refusal(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> Any:
        raise StoreError("gone")

    monkeypatch.setattr(running.world.store, "apply", failing)
    running.policy(BROKEN)
    with pytest.raises((ConfigError, ConfigErrors)):
        await running.reloader.reload()
    assert running.world.last_change.refused is not None


async def test_a_fault_while_reading_is_a_refusal_and_no_crash(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_settings: Settings) -> Rules:
        raise RecursionError("too deep")

    monkeypatch.setattr("gateway.reloading.read_rules", broken)
    with pytest.raises(ConfigError, match="cannot be read \\(too deep\\)"):
        await running.reloader.reload()
    assert running.world.last_change.refused is not None


@pytest.mark.parametrize("fails", [False, True])
async def test_files_that_change_while_they_are_read_are_never_taken_in_parts(
    running: Running, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Half of the old files and half of the new ones is a configuration that nobody wrote."""

    def changing(settings: Settings) -> Rules:
        rules = read_rules(settings)
        running.policy(good(running))
        if fails:
            raise ConfigError("half a file.")
        return rules

    monkeypatch.setattr("gateway.reloading.read_rules", changing)
    with pytest.raises(StillChanging, match="Reload again"):
        await running.reloader.reload()
    assert running.taken == []
    assert running.world.last_change.refused is None
    assert await running.world.said(kind="config") == []


async def test_reloads_are_done_one_after_the_other(running: Running) -> None:
    running.policy(good(running))
    digests = await asyncio.gather(*(running.reloader.reload() for _ in range(3)))
    assert len(set(digests)) == 1
    assert len(running.taken) == 3


# The watch. ------------------------------------------------------------------------------------------------


@pytest.fixture
async def watching(running: Running) -> AsyncIterator[Running]:
    task = asyncio.create_task(running.reloader.watch(TICK))
    yield running
    task.cancel()


async def test_what_does_not_change_is_not_read(watching: Running) -> None:
    await asyncio.sleep(10 * TICK)
    assert watching.taken == []


async def test_a_change_is_taken_once(watching: Running) -> None:
    watching.policy(good(watching))
    await until(lambda: bool(watching.taken))
    await asyncio.sleep(10 * TICK)
    assert len(watching.taken) == 1


async def test_a_bad_change_is_refused_once_and_the_next_good_one_taken(watching: Running) -> None:
    text = watching.settings.policy.read_text()
    watching.policy(BROKEN)
    await until(lambda: watching.world.last_change.refused is not None)
    await asyncio.sleep(10 * TICK)
    assert watching.world.metrics.reloads["refused"] == 1
    watching.policy(text + "// mended\n")
    await until(lambda: watching.world.last_change.refused is None)
    assert len(watching.taken) == 1


def test_a_file_that_is_still_being_written_is_not_read(running: Running) -> None:
    look = running.reloader._changed_and_still
    assert not look()
    for number in range(1, 4):
        running.policy(good(running), age=number)
        assert not look()
    assert look()


def test_a_file_that_vanishes_for_a_moment_is_not_a_change(running: Running) -> None:
    """As editors save: the old name goes, the new file takes it."""
    look = running.reloader._changed_and_still
    away = running.settings.policy.with_suffix(".away")
    running.settings.policy.rename(away)
    assert not look()
    away.rename(running.settings.policy)
    assert not look()
    assert not look()


async def test_a_file_that_only_the_refused_settings_name_is_watched(watching: Running) -> None:
    """The settings name an overlay that is wrong: mending the overlay alone is enough."""
    over = watching.settings.file.parent / "over.yaml"
    over.write_text("overlay: shop\nrequires: '>=1'\n")
    text = watching.settings.file.read_text()
    watching.settings.file.write_text(text.replace("playground:", "playground: {overlays: [over.yaml]}"))
    await until(lambda: watching.world.last_change.refused is not None)
    over.write_text("overlay: playground\nrequires: '>=1'\nunmatched: {read: step_up}\n")
    await until(lambda: watching.world.last_change.refused is None)
    assert len(watching.taken) == 1
    over.write_text("overlay: playground\nrequires: '>=1'\nunmatched: {read: forbid}\n")
    await until(lambda: len(watching.taken) == 2)
    await asyncio.sleep(10 * TICK)
    assert len(watching.taken) == 2


async def test_a_log_that_fails_is_tried_again_until_it_works(watching: Running) -> None:
    watching.fails = StoreError("gone")
    watching.policy(good(watching))
    await until(lambda: watching.world.metrics.reloads["failed"] >= 2)
    watching.fails = None
    await until(lambda: bool(watching.taken))


async def test_a_fault_in_the_watch_does_not_end_it(watching: Running) -> None:
    watching.fails = RuntimeError("a bug")
    watching.policy(good(watching))
    await asyncio.sleep(10 * TICK)
    watching.fails = None
    await until(lambda: bool(watching.taken))


# The parts. ------------------------------------------------------------------------------------------------


def test_a_stamp_tells_each_way_in_which_a_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    missing = stamp([file])
    file.write_text("one")
    written = stamp([file])
    file.write_text("longer")
    longer = stamp([file])
    os.utime(file, ns=(1, 1))
    touched = stamp([file])
    other = tmp_path / "g"
    other.write_text("longer")
    os.utime(other, ns=(1, 1))
    other.replace(file)
    replaced = stamp([file])
    assert missing == {file: None}
    assert len({str(each) for each in (missing, written, longer, touched, replaced)}) == 5


def test_settings_that_cannot_be_read_leave_the_attempt_without_any(tmp_path: Path) -> None:
    attempt = Attempt({})
    with pytest.raises(ConfigError):
        read(tmp_path / "none.yaml", attempt)
    assert attempt.settings is None


def test_what_is_told_has_a_bound() -> None:
    one = ConfigError("Wrong.", Place("f", 1, 1))
    assert sentences(one) == ("f:1:1: Wrong.",)
    assert sentences(ConfigErrors((one, one))) == ("f:1:1: Wrong.", "f:1:1: Wrong.")
    told = sentences(ConfigErrors((one,) * (MAX_TOLD + 3)))
    assert len(told) == MAX_TOLD + 1
    assert told[-1] == "And 3 more mistakes."
