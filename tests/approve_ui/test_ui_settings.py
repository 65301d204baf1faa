import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, a_session
from tests.approve_ui.test_ui_looks import receipts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SESSIONS = "#signed-in li"


async def test_ones_own_passkeys_and_sessions_are_listed_and_the_stolen_one_is_ended(
    page: Page, gateway: FakeGateway
) -> None:
    await page.goto("/app/settings")
    await expect(page.locator("#keys li")).to_contain_text("Pixel 9")
    await expect(page.locator("#keys li")).to_contain_text("Stays in one device")
    this, other = page.locator(SESSIONS).nth(0), page.locator(SESSIONS).nth(1)
    await expect(this).to_contain_text("This one")
    await expect(this.get_by_role("button")).to_have_count(0)
    await expect(other).to_contain_text("Chrome on Android")
    await expect(other).to_contain_text("from 10.4.2.17")
    await other.get_by_role("button", name="Sign out").click()
    await expect(page.locator(SESSIONS)).to_have_count(1)
    await expect(page.locator("#end-others")).to_be_hidden()
    assert await gateway.sent(f"sessions/{a_session(2)['id']}/revoke") == [{}]


async def test_a_passkey_gets_another_name_by_a_signature(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/settings")
    await page.click(".rename summary")
    await page.get_by_label("Another name").fill("The blue phone")
    await page.get_by_role("button", name="Sign", exact=True).click()
    await expect(page.locator("dialog.change h2")).to_have_text("Do this.")
    gateway.people["people"][0]["keys"][0]["name"] = "The blue phone"
    await page.click("dialog.change .sign")
    await expect(page.locator("#keys b")).to_have_text("The blue phone")
    key = gateway.people["people"][0]["keys"][0]["id"]
    asked = {"credential": key, "name": "The blue phone"}
    assert await gateway.sent("changes/begin") == [{"kind": "key/rename", "asked": asked}]


async def test_all_other_sessions_end_with_one_press(page: Page, gateway: FakeGateway) -> None:
    gateway.sessions.append(a_session(3, browser=None, address=None))
    await page.goto("/app/settings")
    await expect(page.locator(SESSIONS).nth(2)).to_contain_text("An unknown browser")
    await page.click("#end-others")
    await expect(page.locator(SESSIONS)).to_have_count(1)
    await expect(page.locator("#aloud")).to_have_text("Signed out in 2 places.")


async def test_channels_are_shown_with_how_they_fare_and_tested_with_one_press(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.notifications = receipts()
    await page.goto("/app/settings#notifications")
    hook = page.locator("#channels li").nth(1)
    await expect(hook).to_contain_text("team <b>U+202Ehook")
    await expect(hook).to_contain_text("Failed")
    await expect(hook).to_contain_text("timed out")
    await page.click("#receipts summary")
    lines = page.locator("#deliveries li")
    await expect(lines.nth(0).get_by_role("link")).to_have_attribute("href", "/approve/env_01K9ZC7Q3V8M4T2N")
    await expect(lines.nth(1)).to_contain_text("tried 5 times")
    await expect(lines.nth(2)).to_contain_text("constructor")
    await hook.get_by_role("button", name="Send a test").click()
    await expect(page.locator("#aloud")).to_have_text("The test is on its way.")
    assert await gateway.sent("notifications/test") == [{"channel": "team <b>\u202ehook"}]
    gateway.test_reply = (422, {"error": "failed", "detail": "The hook answered 500."})
    await page.locator("#channels li").nth(0).get_by_role("button").click()
    await expect(page.locator("#problem")).to_contain_text("The hook answered 500.")


async def test_what_does_not_come_says_so_in_its_place_and_the_rest_stands(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.fails["sessions"] = (503, {"error": "unavailable", "detail": "Something in the gateway failed."})
    await page.goto("/app/settings")
    await expect(page.locator("#no-channels")).to_contain_text("Nobody is told when something waits")
    await expect(page.locator("#sessions .state")).to_contain_text("Something in the gateway failed.")
    await expect(page.locator("#keys li")).to_have_count(1)
    await expect(page.locator("#passkeys .state")).to_be_hidden()
    await expect(page.locator("#sessions .state .icon")).to_have_count(1)
    await expect(page.locator("#push")).to_contain_text("Notifications on this device")
    gateway.notifications = (403, {"error": "not_allowed", "detail": "Only an administrator sees this."})
    await page.reload()
    await expect(page.locator("#notifications .state")).to_have_text("Only an administrator sees this.")
    await expect(page.locator("#notifications .icon")).to_have_count(0)


async def test_the_navigation_is_walked_by_keyboard_and_marks_where_one_is(
    page: Page, gateway: FakeGateway
) -> None:
    await page.goto("/app/settings")
    top = page.locator(".masthead nav a")
    assert [word.strip() for word in await top.all_inner_texts()] == [
        "Approvals",
        "Audit",
        "Agents",
        "Settings",
    ]
    await expect(page.locator("[aria-current=page]")).to_have_text("Settings")
    hub = [await link.get_attribute("href") for link in await page.locator(".hub a").all()]
    await page.locator(".hub a").first.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/app/people")
    await expect(page.locator(".masthead [aria-current=true]")).to_have_text("Settings")
    below = [await link.get_attribute("href") for link in await page.locator("nav.below a").all()]
    assert {f"/app/{name}" for name in ("people", "grants", "away", "reviews", "templates", "config")} <= set(
        below
    ) & set(hub)
    await expect(page.locator("nav.below a:visible")).to_have_text("Settings")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await expect(page.locator("nav.below a[aria-current=page]")).to_have_text("People")
    await expect(page.locator("nav.below a:visible")).to_have_count(7)


async def test_whoever_is_signed_out_is_taken_to_the_login(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto("/app/settings")
    await page.wait_for_url("**/login?next=%2Fapp%2Fsettings")
