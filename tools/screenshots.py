"""Draws the pictures of the docs from the pages themselves, in the states that their tests draw.

python -m tools.screenshots            writes docs/images/
python -m tools.screenshots FOLDER     writes them elsewhere
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.approve_ui.conftest import add_passkey
from tests.approve_ui.fake_gateway import FakeGateway, Site, serving
from tests.approve_ui.test_ui_looks import Scene, queue, ready, story
from tests.kit.browser import Chromium

FOLDER = Path(__file__).parent.parent / "docs" / "images"
STILL_MS = 600
"""Until what comes in slowly is there: fonts, the guard's last word, the live line."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What fits into it, and how finely it is drawn: a picture of the docs has 120 kB at most."""

    width: int
    height: int
    scale: float


PHONE, DESK = Frame(390, 740, 1.5), Frame(1100, 700, 1)


@dataclass(frozen=True, slots=True)
class Picture:
    scene: Scene
    frame: Frame
    scheme: Literal["light", "dark"]


PICTURES = {
    "approval.png": Picture(ready, PHONE, "light"),
    "approval-dark.png": Picture(ready, PHONE, "dark"),
    "queue.png": Picture(queue, DESK, "light"),
    "audit.png": Picture(story, DESK, "light"),
}


async def draw(folder: Path) -> None:
    async with serving() as site, Chromium() as chromium:
        for name, picture in PICTURES.items():
            await _one(chromium, site, picture, folder / name)


async def _one(chromium: Chromium, site: Site, picture: Picture, file: Path) -> None:
    site.gateway = FakeGateway()
    context = await chromium.browser.new_context(
        viewport={"width": picture.frame.width, "height": picture.frame.height},
        base_url=site.url,
        color_scheme=picture.scheme,
        device_scale_factor=picture.frame.scale,
        locale="en-GB",
    )
    page = await context.new_page()
    await add_passkey(page, site.gateway.credential_id)
    await picture.scene(page, site.gateway)
    await page.wait_for_timeout(STILL_MS)
    await page.screenshot(path=file)
    await context.close()


def main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw(folder))
    print(f"{len(PICTURES)} pictures written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
