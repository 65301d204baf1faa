"""The pages by keyboard alone: all can be reached, in the order of reading, and shows where one is."""

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, payload, row_of, text, with_field
from tests.approve_ui.steps import APPROVE, arm, focused_heading, open_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WHERE = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const marked = [e, e.closest('tr, li')].filter(Boolean).some((shown) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  });
  const { left, top, width, height } = e.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + Math.min(height, 40) / 2];
  const over = document.elementFromPoint(x, y);
  const seen = Boolean(over) && (e.contains(over) || over.contains(e));
  const name = (e.getAttribute('aria-label') ?? e.textContent).trim().replace(/\\s+/g, ' ');
  return [e.tagName.toLowerCase(), name.slice(0, 60), marked, seen, Boolean(e.closest('nav'))];
}"""
"""What has the focus: its name, whether it shows that it has it, and whether something covers it."""


async def walk(page: Page) -> list[tuple[str, str]]:
    """Tab until the page ends; each stop must show itself."""
    stops: list[tuple[str, str]] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        here = await page.evaluate(WHERE)
        if here is None:
            return stops
        kind, name, marked, seen, in_navigation = here
        assert marked, f"nothing shows that {name} has the focus"
        if not in_navigation:
            assert seen, f"something covers {name}"
            stops.append((kind, name))
    raise AssertionError("the focus never leaves the page")


async def test_the_approval_page_is_walked_in_the_order_in_which_it_is_read(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = with_field("json:/trick", text("pay\u200broll"))
    await open_ready(page)
    assert await page.evaluate(WHERE) is None
    stops = await walk(page)
    names = [name for _, name in stops]
    assert names[:3] == ["Skip to content", "Secondsig", "json:/trick"]
    assert names[3].startswith("Display verified")
    assert names[4:] == ["decoded text", "Show without a box", "Deny", "Approve"]


async def test_a_request_is_read_denied_or_approved_without_a_pointer(
    page: Page, gateway: FakeGateway
) -> None:
    await open_ready(page)
    await arm(page)
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "deny-it":
            break
    await page.keyboard.press("Enter")
    await expect(page.locator("#deny")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#deny")).to_be_hidden()
    assert await page.evaluate("document.activeElement.id") == "deny-it"
    await arm(page)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == APPROVE.removeprefix("#")
    await page.keyboard.press("Enter")
    await focused_heading(page, "Approved and sent")
    assert "deny" not in gateway.posted


async def test_the_queue_is_walked_row_by_row(page: Page, gateway: FakeGateway) -> None:
    for size in ({"width": 390, "height": 844}, {"width": 1280, "height": 900}):
        flood = {"in_10_min": 9, "usual_per_hour": 1}
        gateway.waiting = [
            row_of(payload(), unusual=flood),
            row_of(payload(envelope="env_2"), summary=[{"text": "Delete "}, {"value": "acme/site"}]),
        ]
        gateway.recent = [row_of(payload(envelope="env_3"), state="expired")]
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await page.goto("/app/approvals")
        await page.wait_for_selector("#waiting tbody tr")
        await page.wait_for_selector("#push button:visible")
        await page.wait_for_selector("#unusual button")
        stops = await walk(page)
        assert [name for _, name in stops] == [
            "Skip to content",
            "Secondsig",
            "Sign out",
            "Stop everything",
            "Pause agent",
            "Write public/index.html on main of acme/site",
            "Delete acme/site",
            "All in the audit log",
            "Write public/index.html on main of acme/site",
            "Turn on",
        ]
