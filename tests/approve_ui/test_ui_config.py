import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, config

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

DIFF = "--- in force/p.cedar\n+++ files/p.cedar\n@@ -1 +1 @@\n-forbid (a);\n+permit (<b>\u202ea</b>);\n"


async def test_a_change_that_waits_is_shown_as_text_and_signed(page: Page, gateway: FakeGateway) -> None:
    gateway.config = config(diff=DIFF, refused=["the files changed"])
    gateway.change_says = "Take the changed configuration."
    gateway.change = {"diff": DIFF, "files": {"from": "a", "to": "b"}}
    await page.goto("/app/config")
    await expect(page.locator("#diff .added").nth(1)).to_have_text("+permit (<b>U+202Ea</b>);")
    await page.get_by_role("button", name="Read and sign").click()
    dialog = page.locator("dialog.change")
    await expect(dialog.locator("h2")).to_have_text("Take the changed configuration.")
    await expect(dialog).to_contain_text("+permit (<b>U+202Ea</b>);")
    gateway.config = config()
    await dialog.locator(".sign").click()
    await expect(page.locator("#waits")).to_be_hidden()
    assert await gateway.sent("changes/begin") == [{"kind": "config/apply", "asked": {}}]


async def test_where_the_files_decide_nothing_waits(page: Page, gateway: FakeGateway) -> None:
    gateway.config = config(trust="files", files=None)
    await page.goto("/app/config")
    await expect(page.locator("#in-force")).to_contain_text("The files, as they are")
    await expect(page.locator("#waits")).to_be_hidden()
    await expect(page.locator("#files")).to_be_hidden()


async def test_files_that_are_wrong_are_said_and_not_offered(page: Page, gateway: FakeGateway) -> None:
    gateway.config = config(wrong="policy.cedar:3: unexpected <b>")
    await page.goto("/app/config")
    await expect(page.locator("#wrong")).to_contain_text("unexpected <b>")
    await expect(page.locator("#sign")).to_be_hidden()


async def test_whoever_is_no_administrator_reads_it_only(page: Page, gateway: FakeGateway) -> None:
    gateway.config = config(diff=DIFF, administrator=False)
    await page.goto("/app/config")
    await expect(page.locator("#not-yours")).to_be_visible()
    await expect(page.locator("#sign")).to_be_hidden()
