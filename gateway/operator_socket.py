"""The operator's way in: one JSON line a question, over a socket that only this account can open."""

import asyncio
import inspect
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from gateway.errors import SecondsigError, UsageError
from gateway.operating import Operating

MAX_LINE = 1 << 20
COMMANDS = frozenset(
    name for name, member in inspect.getmembers(Operating, inspect.iscoroutinefunction) if name[0] != "_"
)

log = structlog.get_logger()


class OperatorSocket:
    def __init__(self, path: Path, operating: Operating, reload: Callable[[], Awaitable[str]]) -> None:
        self._path, self._operating, self._reload = path, operating, reload
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(await reader.readline(), writer.get_extra_info("socket"))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError) as error:
            log.info("operator.gone", error=str(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes, peer: socket.socket) -> dict[str, Any]:
        if not _is_own_account(peer):
            return {"error": "Only the account that runs the gateway is its operator."}
        try:
            asked = json.loads(line)
            return {"ok": await self.do(asked["do"], asked.get("with", {}))}
        except SecondsigError as error:
            return {"error": str(error)}
        except Exception as error:  # noqa: BLE001  # a line that nobody expected stops nothing
            return {
                "error": f"The gateway did not understand the command ({error}): are both of one version?"
            }

    async def do(self, command: str, arguments: dict[str, Any]) -> Any:
        if command == "reload":
            return {"config": await self._reload()}
        if command not in COMMANDS:
            raise UsageError(f"The gateway knows no command {command}: are both of one version?")
        return await getattr(self._operating, command)(**arguments)


def _is_own_account(peer: socket.socket) -> bool:
    """The kernel's word for who is at the other end."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid in {os.geteuid(), 0})


def ask(path: Path, command: str, arguments: dict[str, Any]) -> Any:
    """One question to the running gateway. ConnectionError if none runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(30)
        sock.connect(str(path))
        sock.sendall(json.dumps({"do": command, "with": arguments}).encode() + b"\n")
        with sock.makefile("rb") as file:
            line = file.readline()
    if not line:
        raise ConnectionError("the gateway closed the connection")
    answer = json.loads(line)
    if "error" in answer:
        raise UsageError(answer["error"])
    return answer["ok"]
