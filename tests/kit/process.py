"""The gateway as its own process, as an operator runs it."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from gateway.operator_socket import ask

START_SECONDS = 180


class Gateway:
    """`secondsig serve` on this configuration."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.state = config.parent / "state"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Seconds until it listens."""
        began = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            *secondsig("serve", "--config", str(self.config)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=(self.config.parent / "stderr").open("ab"),
            env=clean_environment(),
        )
        while time.monotonic() - began < START_SECONDS:
            if self.process.returncode is not None:
                raise RuntimeError(
                    f"the gateway ended: {(self.config.parent / 'stderr').read_text()[-2000:]}"
                )
            try:
                await self.ask("agent_list")
            except (OSError, ValueError):
                await asyncio.sleep(0.02)
            else:
                return time.monotonic() - began
        raise RuntimeError("the gateway did not start")

    async def ask(self, command: str, **given: Any) -> Any:
        return await asyncio.to_thread(ask, self.state / "operator.sock", command, given)

    def kill(self) -> None:
        """As a power cut."""
        if self.process and self.process.returncode is None:
            self.process.kill()

    async def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 120)


def secondsig(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gateway.cli.main", *arguments)


def clean_environment() -> dict[str, str]:
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG",
        "COVERAGE_FILE",
        "XDG_CACHE_HOME",
    )
    return {name: os.environ[name] for name in kept if name in os.environ}


async def run(*command: str, env: dict[str, str] | None = None, limit: float = 300) -> tuple[int, str, str]:
    """Exit code, output, errors of a client."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env or clean_environment(),
    )
    out, err = await asyncio.wait_for(process.communicate(), limit)
    return process.returncode or 0, out.decode(), err.decode()


def parsed(text: str) -> Any:
    return json.loads(text)
