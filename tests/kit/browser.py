"""Chromium with a virtual authenticator, driven as a person would."""

import os
import shutil
from pathlib import Path
from typing import Any, Self

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000
"""What is awaited comes at once, or on a busy machine late; what never comes fails all the same."""

expect.set_options(timeout=PATIENCE_MS)
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

SIZES = {"narrow": (360, 740), "phone": (390, 844), "desk": (1280, 900)}

NOTES_WHETHER_OPEN = """() => {
  const button = document.querySelector("#approve");
  const open = () => button.getAttribute("aria-disabled") === "false";
  window.pressedOpen = undefined;
  addEventListener("click", () => { window.pressedOpen = open(); }, { capture: true, once: true });
}"""


async def press_approve(page: Page) -> None:
    """Presses Approve until it was open when pressed: whatever changes on the page shuts it for a second."""
    button = page.locator("#approve")
    pressed = False
    while not pressed:
        await expect(button).to_have_attribute("aria-disabled", "false")
        await page.evaluate(NOTES_WHETHER_OPEN)
        await button.click()
        pressed = await page.evaluate("window.pressedOpen")


async def pictures(page: Page, name: str) -> None:
    """Where PICTURES names a folder, the page is drawn into it in each size and scheme."""
    if folder := os.environ.get("PICTURES"):
        before = page.viewport_size
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=Path(folder) / f"{name}-{size}-{scheme}.png")
        if before:
            await page.set_viewport_size(before)


class Chromium:
    async def __aenter__(self) -> Self:
        self._playwright = await async_playwright().start()
        self.browser: Browser = await self._playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.browser.close()
        await self._playwright.stop()

    async def person(self, **context: Any) -> "BrowserPerson":
        made = await self.browser.new_context(**(context or PHONE))
        return await BrowserPerson.open(made)


class BrowserPerson:
    """One page with a passkey of its own."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context, self.page = context, page
        self.trouble: list[str] = []

    @classmethod
    async def open(cls, context: BrowserContext) -> "BrowserPerson":
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        person = cls(context, page)
        page.on("pageerror", lambda error: person.trouble.append(str(error)))
        page.on("console", lambda said: person.trouble.append(said.text) if said.type == "error" else None)
        session = await context.new_cdp_session(page)
        await session.send("WebAuthn.enable")
        await session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return person

    async def enrol(self, link: str, name: str) -> None:
        await self.page.goto(link)
        await self.page.get_by_label("name").first.fill(name)
        await self.page.get_by_role("button", name="Enrol").click()
        await self.page.wait_for_url("**/app/approvals")

    async def approve_next(self) -> None:
        """From the queue to the signature, at a person's pace."""
        await self.open_next()
        await expect(self.page.locator("#approve")).to_have_text("Approve")
        await press_approve(self.page)

    async def open_next(self) -> None:
        """The first question that waits, or that comes while the page is open."""
        origin = "/".join(self.page.url.split("/")[:3])
        await self.page.goto(f"{origin}/app/approvals")
        await self.page.locator("#waiting tbody a[href^='/approve/env_']").first.click()
