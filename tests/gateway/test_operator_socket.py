import asyncio
import json
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import operator_socket as module
from gateway.errors import ConfigError, UsageError
from gateway.operator_socket import COMMANDS, MAX_LINE, OperatorSocket, ask
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


@pytest.fixture
async def server(world: World, tmp_path: Path) -> AsyncIterator[OperatorSocket]:
    async def reload() -> str:
        return "digest"

    made = OperatorSocket(tmp_path / "operator.sock", world.operating, reload)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def path(server: OperatorSocket, tmp_path: Path) -> Path:
    return tmp_path / "operator.sock"


async def asked(path: Path, command: str, **given: Any) -> Any:
    return await asyncio.to_thread(ask, path, command, given)


async def raw(path: Path, line: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    await writer.drain()
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return json.loads(answer) if answer else None


def test_only_this_account_opens_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_it_was_never_open_to_others(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = asyncio.start_unix_server

    async def watched(*args: Any, **named: Any) -> asyncio.AbstractServer:
        made = await real(*args, **named)
        seen.append(stat.S_IMODE((tmp_path / "s").stat().st_mode))
        return made

    monkeypatch.setattr(asyncio, "start_unix_server", watched)
    old = os.umask(0)
    try:
        made = OperatorSocket(tmp_path / "s", world.operating, lambda: asyncio.sleep(0, ""))
        await made.start()
    finally:
        assert os.umask(old) == 0
    assert seen == [0o600]
    await made.stop()


async def test_a_command_is_done_and_answered(path: Path) -> None:
    told = await asked(path, "agent_add", name="bot")
    assert told["agent"] == "bot"
    assert [a["name"] for a in (await asked(path, "agent_list"))["agents"]] == ["bot", "ci-bot"]
    assert await asked(path, "reload") == {"config": "digest"}


async def test_an_error_is_its_sentence(path: Path) -> None:
    with pytest.raises(UsageError, match="There is no agent ghost: secondsig agent list shows them"):
        await asked(path, "agent_pause", name="ghost")


@pytest.mark.parametrize(
    "command", ["approve", "_end", "__init__", "store", "refreshed", "rules", "do", "", "agent_add.__self__"]
)
async def test_nothing_but_a_command_is_done(path: Path, command: str) -> None:
    with pytest.raises(UsageError, match=f"The gateway knows no command {command}"):
        await asked(path, command)


def test_the_commands_are_the_operators_and_none_approves() -> None:
    assert {
        "agent_add",
        "config_show",
        "grant_list",
        "grant_revoke",
        "notify_test",
        "config_diff",
        "agent_list",
        "agent_rotate",
        "agent_pause",
        "agent_resume",
        "agent_revoke",
        "run_begin",
        "run_end",
        "approver_invite",
        "approver_list",
        "approver_revoke",
        "envelope_list",
        "envelope_show",
        "envelope_held",
        "envelope_deny",
        "envelope_cancel",
        "stop_all",
        "audit_list",
    } == COMMANDS


class Peer:
    def __init__(self, uid: int) -> None:
        self._uid = uid

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_PEERCRED)
        return struct.pack("3i", 1, self._uid, self._uid)


@pytest.mark.parametrize(("uid", "own"), [(1000, True), (0, True), (1001, False), (65534, False)])
def test_only_the_account_itself_and_root_are_its_operator(
    monkeypatch: pytest.MonkeyPatch, uid: int, own: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert module._is_own_account(Peer(uid)) is own  # type: ignore[arg-type]  # a peer that is played


async def test_another_account_is_told_no_and_nothing_is_done(
    path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_is_own_account", lambda _peer: False)
    with pytest.raises(UsageError, match="Only the account that runs the gateway is its operator"):
        await asked(path, "agent_add", name="evil")
    assert "evil" not in world.directory.agents


GARBAGE = [
    b"\n",
    b"garbage\n",
    b"\xff\xfe\n",
    b"[]\n",
    b"5\n",
    b'"agent_list"\n',
    b"null\n",
    b"{}\n",
    b'{"do": 5}\n',
    b'{"do": ["agent_list"]}\n',
    b'{"do": {"a": 1}}\n',
    b'{"do": "agent_list", "with": 5}\n',
    b'{"do": "agent_list", "with": {"x": 1}}\n',
    b'{"do": "agent_add", "with": {"name": 5}}\n',
    b'{"do": "agent_add", "with": {"self": 1}}\n',
    b'{"do": "audit_list", "with": {"chosen": 5}}\n',
    b'{"do": "audit_list", "with": {"limit": "x"}}\n',
    b'{"do": "envelope_show", "with": {"envelope": {}}}\n',
    b"[" * 100_000 + b"\n",
]


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
async def test_a_line_that_is_no_command_is_answered_and_the_next_one_works(path: Path, line: bytes) -> None:
    answer = await raw(path, line)
    assert answer is not None
    assert "error" in answer
    assert (await asked(path, "agent_list"))["agents"]


async def test_whoever_hangs_up_or_sends_too_much_stops_nothing(path: Path) -> None:
    assert await raw(path, b"") is not None
    assert await raw(path, b"x" * (MAX_LINE + 10)) is None
    _, writer = await asyncio.open_unix_connection(path)
    writer.transport.abort()
    assert (await asked(path, "agent_list"))["agents"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(COMMANDS)),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)),
)
async def test_no_arguments_of_a_command_are_a_fault(path: Path, command: str, given: dict[str, Any]) -> None:
    answer = await raw(path, json.dumps({"do": command, "with": {"?": 1, **given}}).encode() + b"\n")
    assert answer is not None
    assert "error" in answer


async def test_a_configuration_that_is_refused_says_why(world: World, tmp_path: Path) -> None:
    async def reload() -> str:
        raise ConfigError("it is wrong.")

    made = OperatorSocket(tmp_path / "s", world.operating, reload)
    await made.start()
    with pytest.raises(UsageError, match="it is wrong"):
        await asked(tmp_path / "s", "reload")
    await made.stop()


async def test_a_socket_left_behind_by_a_crash_is_replaced(
    world: World, tmp_path: Path, server: OperatorSocket
) -> None:
    again = OperatorSocket(tmp_path / "operator.sock", world.operating, lambda: asyncio.sleep(0, ""))
    await again.start()
    assert (await asked(tmp_path / "operator.sock", "agent_list"))["agents"]
    await again.stop()
    assert not (tmp_path / "operator.sock").exists()


def test_where_no_gateway_runs_the_asker_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "none", "agent_list", {})


async def test_a_gateway_that_closes_without_an_answer_is_a_lost_connection(tmp_path: Path) -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_unix_server(close, tmp_path / "s")
    with pytest.raises(ConnectionError):
        await asked(tmp_path / "s", "agent_list")
    server.close()
