"""A browser that nobody watches while it is timed.

The tests' tool is told of every request, header and frame, which takes the time of both processors while a
page loads. So it signs somebody in and leaves; then the browser is asked for one page and one answer.
"""

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse
from playwright.async_api import async_playwright

from tests.kit.browser import CHROMIUM, FLAGS, PHONE, BrowserPerson
from tests.kit.patience import until


class QuietBrowser:
    """Chromium on a profile of its own, with one page."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        process = await asyncio.create_subprocess_exec(
            str(CHROMIUM),
            *FLAGS,
            f"--user-data-dir={self.profile}",
            "--remote-debugging-port=0",
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._stack.push_async_callback(process.wait)
        self._stack.callback(process.terminate)
        try:
            self._address = f"127.0.0.1:{await self._port()}"
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _port(self) -> int:
        """The browser writes down which one it took, once it listens there."""
        told = self.profile / "DevToolsActivePort"
        await until(lambda: told.exists() and len(told.read_text("ascii").split()) > 1)
        return int(told.read_text("ascii").split()[0])

    async def signed_in(self, invitation: str, watch: str) -> "QuietPage":
        """The page of somebody who has just enrolled, in which `watch` runs first from now on."""
        async with async_playwright() as playwright:
            browser = await playwright.chromium.connect_over_cdp(f"http://{self._address}")
            person = await BrowserPerson.open(browser.contexts[0])
            await person.enrol(invitation, "Mika")
            url = person.page.url
        client = await self._stack.enter_async_context(ClientSession())
        targets = await (await client.get(f"http://{self._address}/json/list")).json()
        (socket,) = (target["webSocketDebuggerUrl"] for target in targets if target["url"] == url)
        page = QuietPage(await client.ws_connect(socket, max_msg_size=0))
        width, height = PHONE["viewport"].values()
        scale = PHONE["device_scale_factor"]
        await page.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=True,
        )
        await page.tell("Page.enable")
        await page.tell("Page.addScriptToEvaluateOnNewDocument", source=watch)
        return page


class QuietPage:
    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def tell(self, command: str, **given: Any) -> Any:
        """What came of it; one command at a time."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": command, "params": given})
        while (answer := json.loads(await self._socket.receive_str())).get("id") != number:
            continue  # an event, of which nobody asked
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['message']}")
        return answer["result"]

    async def open(self, url: str) -> None:
        """It is there, and goes on loading."""
        await self.tell("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        """What `expression` comes to, in the end."""
        answer = await self.tell(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")
