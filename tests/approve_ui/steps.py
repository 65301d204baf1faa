"""What the tests of the approval page do again and again."""

from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import ENVELOPE

APPROVE = "#approve"
ADDRESS = f"/approve/{ENVELOPE}"

REGISTER = """async () => {
  const maker = trustedTypes.createPolicy("secondsig-worker", { createScriptURL: () => "/sw.js" });
  await navigator.serviceWorker.register(maker.createScriptURL(""));
  await navigator.serviceWorker.ready;
}"""
"""What the panel does when it is turned on, where nobody can subscribe."""


async def open_ready(page: Page) -> None:
    """Opens the question and waits until the display is verified."""
    await page.goto(ADDRESS)
    await expect(page.locator("details.verified > summary")).to_be_visible()


async def arm(page: Page) -> None:
    await expect(page.locator(APPROVE)).to_have_attribute("aria-disabled", "false")


async def heading(page: Page, text: str) -> None:
    await expect(page.locator(".outcome h1:visible")).to_contain_text(text)


async def focused_heading(page: Page, text: str) -> None:
    await heading(page, text)
    await expect(page.locator(".outcome h1:focus")).to_contain_text(text)


async def expect_alarm(page: Page) -> None:
    """The page shouts, shows nothing of the request, and has no way to sign."""
    await heading(page, "Do not sign")
    await expect(page.locator("body")).to_have_class("alarm-page")
    await expect(page.locator(APPROVE)).to_be_hidden()
    assert await page.locator("#sheet").inner_text() == ""
