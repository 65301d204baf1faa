"""Vendors' own clients behind the gateway; upstreams on loopback; a software passkey signs every question."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.installation import install
from tests.clients.front import Front, Handler
from tests.clients.robot import Robot, Signed
from tests.kit.ports import free_port
from tests.kit.process import Gateway, clean_environment, run, secondsig

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
"""Agents have an environment of their own: the gateway's pins are not theirs."""

LIMIT = 90.0


@dataclass
class Street:
    """A gateway that serves these hosts, and who signs for it."""

    gateway: Gateway
    front: Front
    robot: Robot
    _before: int = field(default=0)

    async def behind(self, *command: str, **env: str) -> str:
        """What a client printed; it must have ended well."""
        self._before = len(self.robot.signed)
        line = secondsig("run", "--config", str(self.gateway.config), "--", *command)
        code, out, err = await run(*line, env=clean_environment() | env, limit=LIMIT)
        assert code == 0, f"{out}\n{err}"
        return out

    async def script(self, name: str, *arguments: str, **env: str) -> str:
        return await self.behind(str(PYTHON), str(HERE / "scripts" / name), *arguments, **env)

    @property
    def signed(self) -> list[Signed]:
        """What the last client's requests were read as, where somebody had to sign."""
        return self.robot.signed[self._before :]


type Streets = Callable[..., Awaitable[Street]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def streets(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Streets]:
    """Opens streets that close when the module ends."""
    if not PYTHON.exists():
        pytest.fail("The vendors' clients are not installed; `sh tools/test_needs.sh` does it.")
    async with contextlib.AsyncExitStack() as stack:

        async def opened(templates: str, handlers: dict[str, Handler], policy: str = "") -> Street:
            folder = tmp_path_factory.mktemp("street")
            street = await _open(folder, templates, handlers, policy)
            stack.push_async_callback(_close, street, asyncio.create_task(street.robot.sign_everything()))
            return street

        yield opened


async def _open(folder: Path, templates: str, handlers: dict[str, Handler], policy: str) -> Street:
    front = Front(folder / "front", handlers)
    port = await front.start()
    config = install(folder / "gateway")
    _find_compiled(config.parent / "state")
    routes = ", ".join(f'"{host}:443": "127.0.0.1:{port}"' for host in handlers)
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:0", pages: "localhost:{free_port()}"}}
templates: {templates}
approvals: {{ttl: 60s, owner_may_approve: true}}
upstream:
  ca: {front.ca_file}
  connect_to: {{{routes}}}
""",
        encoding="utf-8",
    )
    starter = config.parent / "policy.cedar"
    starter.write_text(starter.read_text(encoding="utf-8") + policy, encoding="utf-8")
    gateway = Gateway(config)
    await gateway.start()
    invitation = await gateway.ask("approver_invite")
    robot = Robot(invitation["url"].partition("/enrol")[0], "Robin Robot")
    await robot.enrol(invitation["url"])
    return Street(gateway, front, robot)


def _find_compiled(state: Path) -> None:
    """As in a gateway that started before: reading the large templates anew is not what is tried here."""
    kept = Path(os.environ["XDG_CACHE_HOME"]) / "secondsig" / "templates"
    if kept.exists():
        state.mkdir(mode=0o700, exist_ok=True)
        shutil.copytree(kept, state / "compiled")


async def _close(street: Street, signing: asyncio.Task[None]) -> None:
    signing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await signing
    await street.robot.close()
    await street.gateway.stop()
    await street.front.stop()
