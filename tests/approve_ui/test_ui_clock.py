"""Times in the reader's zone with the exact UTC at hand, and numbers in columns."""

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, payload, row_of
from tests.approve_ui.test_ui_audit import chain, entry

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FIGURES = """() => [...document.querySelectorAll('td, td *')].filter((e) =>
  e.checkVisibility() && /\\d/.test(e.textContent) &&
  getComputedStyle(e).fontVariantNumeric !== 'tabular-nums'
).map((e) => e.outerHTML.slice(0, 120))"""


async def test_a_time_is_the_readers_own_and_says_exactly_when(page: Page, gateway: FakeGateway) -> None:
    gateway.rows = {"rows": [entry(9, "refused", 2, reason="unmapped")], "next": None}
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    await page.goto("/app/audit")
    time = page.locator("#rows tbody time")
    await expect(time).to_contain_text("10:41:02")
    assert await time.get_attribute("datetime") == "2026-11-20T01:41:02Z"
    assert await time.get_attribute("title") == "2026-11-20 01:41:02 UTC"
    await session.send("Emulation.setTimezoneOverride", {"timezoneId": ""})
    await session.detach()


async def test_every_time_of_the_log_and_the_queue_says_exactly_when(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.rows = {"rows": chain(), "next": None, "chains": [chain()]}
    gateway.recent = [row_of(payload(), state="expired")]
    gateway.refused_change = {"at": "2026-11-20T01:41:02Z", "why": ["no"]}
    for address, times in (("/app/audit?filter=decision:step_up", 6), ("/app/approvals", 2)):
        await page.goto(address)
        told = page.locator("main time:visible")
        await expect(told).to_have_count(times)
        for title in await told.evaluate_all("(all) => all.map((one) => one.title)"):
            assert title.endswith(" UTC")


async def test_numbers_in_tables_stand_in_columns(page: Page, gateway: FakeGateway) -> None:
    gateway.rows = {"rows": [entry(n, "refused", n, reason="unmapped") for n in (9, 10)], "next": None}
    gateway.rows["rows"].insert(0, entry(48_207, "refused", 3))
    gateway.waiting = [row_of(payload())]
    gateway.recent = [row_of(payload(), state="completed", status=200)]
    await page.set_viewport_size({"width": 1280, "height": 900})
    for address in ("/app/approvals", "/app/audit"):
        await page.goto(address)
        await page.wait_for_selector("tbody tr")
        assert await page.evaluate(FIGURES) == []
    ends = "(all) => all.map((one) => one.firstChild.getBoundingClientRect().right)"
    assert len(set(await page.locator("#rows td.time").evaluate_all(ends))) == 1
