"""A push service that verifies who sends and decrypts what is sent, as npm's web-push-testing does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from gateway.encoding import b64u, from_b64u
from gateway.notify.encryption import public_point
from gateway.subscriptions import Subscription
from tests.kit.ports import free_port
from tests.kit.push import a_subscription
from tests.kit.things import PUSH_KEY

PACKAGE = Path(__file__).parents[1] / "clients" / "node_modules" / "web-push-testing"
OURS = public_point(PUSH_KEY)
START = """
const Server = require(process.argv[1] + "/src/server.js");
const { PushApiModel } = require(process.argv[1] + "/src/PushApiModel.js");
new Server(new PushApiModel(), Number(process.argv[2])).startServer();
"""


@dataclass(frozen=True)
class PushService:
    origin: str
    _client: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            "node", "-e", START, str(PACKAGE), str(port), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                assert b"running" in await process.stdout.readline(), "sh tools/test_needs.sh installs it"
            async with aiohttp.ClientSession() as client:
                yield cls(f"http://localhost:{port}", client)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def subscribe(self, key: bytes = OURS) -> Subscription:
        """A new browser, bound to this key."""
        options = {"userVisibleOnly": "true", "applicationServerKey": b64u(key)}
        said = (await self._ask("subscribe", options))["data"]
        keys = {name: from_b64u(said["keys"][name]) for name in ("p256dh", "auth")}
        return a_subscription(endpoint=said["endpoint"], **keys)

    async def received(self, browser: Subscription) -> list[str]:
        """What the browser could decrypt."""
        asked = {"clientHash": browser.endpoint.rpartition("/")[2]}
        messages: list[str] = (await self._ask("get-notifications", asked))["data"]["messages"]
        return messages

    async def expire(self, browser: Subscription) -> None:
        hash_ = browser.endpoint.rpartition("/")[2]
        async with self._client.post(f"{self.origin}/expire-subscription/{hash_}") as answer:
            assert answer.status == 200

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        async with self._client.post(f"{self.origin}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()
