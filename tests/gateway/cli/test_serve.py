import asyncio
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from gateway.cli import serve as module
from gateway.cli.serve import configure_logging
from gateway.installation import install


class Running:
    """`secondsig serve` as an operator runs it, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = install(folder, proxy="127.0.0.1:0", pages="localhost:0")

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli.main", "serve", "--config", str(self.config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("SECONDSIG_")},
        )

    async def welcome(self) -> str:
        assert self.process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = await asyncio.wait_for(self.process.stdout.readline(), 60)
            assert line, said
            said += line.decode()
        return said

    async def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 60)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(tmp_path)
    await made.start()
    yield made
    if made.process.returncode is None:
        made.process.kill()
    await made.process.communicate()


@pytest.mark.slow
async def test_it_says_where_everything_is_and_hides_the_first_link_from_logs(running: Running) -> None:
    said = await running.welcome()
    assert re.search(r"Agents:  http://127\.0\.0\.1:[1-9]\d*", said)
    assert re.search(r"People:  http://localhost:[1-9]\d*", said)
    link = running.folder / "state" / "enrolment-link"
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    assert "/enrol#" in link.read_text()
    assert "/enrol#" not in said
    assert str(link) in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_in_order(running: Running, number: int) -> None:
    await running.welcome()
    assert await running.stop(number) == 0
    assert not (running.folder / "state" / "operator.sock").exists()


@pytest.mark.slow
async def test_a_policy_that_is_wrong_does_not_end_it(running: Running) -> None:
    await running.welcome()
    (running.folder / "policy.cedar").write_text("permit (")
    running.process.send_signal(signal.SIGHUP)
    assert running.process.stderr is not None
    for _ in range(20):
        line = await asyncio.wait_for(running.process.stderr.readline(), 60)
        if b"config.refused" in line:
            break
    else:
        raise AssertionError("the refusal was not logged")
    assert running.process.returncode is None
    assert await running.stop() == 0


async def test_in_one_process_it_starts_reloads_and_ends_by_signals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reloads: list[str] = []
    reloaded = asyncio.Event()

    async def reload(service: object) -> None:
        reloads.append(type(service).__name__)
        reloaded.set()

    monkeypatch.setattr(module, "_reload", reload)
    serving = asyncio.create_task(module._serve(Running(tmp_path).config))
    said = ""
    while "Ctrl-C" not in said:
        await asyncio.sleep(0.01)
        assert not serving.done(), serving.exception()
        said += capsys.readouterr().out
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.wait_for(reloaded.wait(), 60)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(serving, 60) == 0
    assert reloads == ["Service"]


@pytest.mark.parametrize("wrong", [False, True])
async def test_a_reload_that_fails_was_logged_already_and_raises_nothing(
    wrong: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    from gateway.errors import ConfigError

    class Reloading:
        async def reload(self) -> str:
            if wrong:
                raise ConfigError("it is wrong.")
            return "digest"

    configure_logging(machine=True)
    await module._reload(Reloading())  # type: ignore[arg-type]  # a played one
    assert capsys.readouterr().err == ""
    structlog.reset_defaults()


class Operating:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def agent_add(self, name: str) -> None:
        self.done.append(f"add {name}")


class Service:
    """As much of one as the welcome needs."""

    def __init__(self, folder: Path, *, agents: bool, people: bool) -> None:
        from gateway.service import Paths
        from gateway.settings import Settings

        self.settings = Settings(file=folder, state=folder, policy=folder, entities=folder)
        self.paths, self.operating = Paths(folder), Operating()
        self.directory = type("D", (), {"agents": {"x": 1} if agents else {}})
        self.first_link = None if people else {"url": "http://localhost/enrol#secret", "minutes": 10}


async def welcomed(service: Service) -> None:
    await module._welcome(service)  # type: ignore[arg-type]  # a played one


async def test_at_a_terminal_the_link_is_shown_there_and_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    service = Service(tmp_path, agents=False, people=False)
    await welcomed(service)
    assert service.operating.done == ["add default"]
    assert "http://localhost/enrol#secret" in capsys.readouterr().out
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # an empty folder blocks nobody


async def test_a_gateway_that_is_set_up_invites_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(tmp_path, agents=True, people=True)
    await welcomed(service)
    assert service.operating.done == []
    assert "enrol" not in capsys.readouterr().out.lower()


def test_logs_are_json_where_machines_read_them(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    configure_logging(machine=True)
    structlog.get_logger().info("event", value="\x1b[2J")
    told = capsys.readouterr()
    assert told.out == ""
    assert json.loads(told.err)["event"] == "event"
    assert "\x1b" not in told.err
    configure_logging(machine=False, quiet=True)
    structlog.get_logger().error("event")
    assert capsys.readouterr().err == ""
    structlog.reset_defaults()


def test_a_first_start_writes_a_configuration_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gateway.cli.main import main

    async def nothing(_path: Path) -> int:
        return 0

    monkeypatch.setattr(module, "_serve", nothing)
    target = tmp_path / "new" / "secondsig.yaml"
    assert main(["serve", "--config", str(target)]) == 0
    assert target.exists()
    out = capsys.readouterr().out
    assert f"wrote a safe configuration to {target}" in out
    assert "owner_may_approve is on" in out
    assert main(["serve", "--config", str(target)]) == 0
    assert "First start" not in capsys.readouterr().out
    structlog.reset_defaults()
