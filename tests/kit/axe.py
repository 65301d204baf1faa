"""axe-core, asked about a page from a world of its own: the page and its policy stay what they are."""

import json
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page

SCRIPT = Path(__file__).parents[1] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
LEVELS = ("wcag2a", "wcag21a", "wcag2aa", "wcag21aa", "wcag22aa")
HOW = json.dumps({"runOnly": LEVELS, "resultTypes": ["violations"], "preload": False})
ASK = f"""axe.run(document, {HOW})
  .then(({{violations}}) => violations.flatMap(({{id, help, nodes}}) =>
    nodes.map(({{html, any}}) => [id, help, html.slice(0, 160), any[0]?.message].join(" "))))"""


class Axe:
    """Asks about one document; after a navigation another is needed."""

    def __init__(self, session: CDPSession, world: int) -> None:
        self._session, self._world = session, world

    @classmethod
    async def beside(cls, page: Page) -> "Axe":
        if not SCRIPT.exists():
            raise FileNotFoundError("axe-core is not installed; `sh tools/test_needs.sh` does it.")
        session = await page.context.new_cdp_session(page)
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = await session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        axe = cls(session, world["executionContextId"])
        await axe._evaluate(f"{SCRIPT.read_text(encoding='utf-8')};0")
        return axe

    async def violations(self) -> list[str]:
        found: list[str] = await self._evaluate(ASK)
        return found

    async def close(self) -> None:
        await self._session.detach()

    async def _evaluate(self, expression: str) -> Any:
        asked = {
            "expression": expression,
            "contextId": self._world,
            "awaitPromise": True,
            "returnByValue": True,
        }
        answer = await self._session.send("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"axe failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")
