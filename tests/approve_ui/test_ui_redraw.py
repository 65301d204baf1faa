"""Lists that are drawn again: the keyboard stays where it was, and what is typed stays typed."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.approve_ui.fake_gateway import (
    FakeGateway,
    a_key,
    a_member,
    agents,
    an_agent,
    grant_of,
    people,
)
from tests.kit.patience import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIGN = "dialog.change .sign"
READS = "Fingerprint that"


async def listening(gateway: FakeGateway) -> None:
    await until(lambda: bool(gateway.listeners))


async def press(button: Locator) -> None:
    await button.focus()
    await button.press("Enter")


async def test_who_paused_an_agent_stands_on_what_resumes_it(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot"), an_agent("night-bot"))
    await page.goto("/app/agents")
    row = page.locator("#agents > li", has_text="ci-bot")
    await press(row.get_by_role("button", name="Pause"))
    await expect(row.get_by_role("button", name="Resume")).to_be_visible()
    assert await row.locator(":focus").count() == 1


async def test_who_signed_limits_stands_there_with_the_limits_open(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot", in_force={"eur": 100}))
    await page.goto("/app/agents")
    row = page.locator("#agents > li")
    await row.locator("summary").click()
    await row.get_by_label("eur").fill("50")
    await press(row.get_by_role("button", name="Sign limits"))
    gateway.agents = agents(an_agent("ci-bot", limits={"eur": 40}, in_force={"eur": 40}))
    await page.click(SIGN)
    await expect(row.get_by_label("eur")).to_have_value("40")
    await expect(row.get_by_role("button", name="Sign limits")).to_be_focused()


async def test_a_name_that_is_being_typed_survives_a_change_of_somebody_else(
    page: Page, gateway: FakeGateway
) -> None:
    await page.goto("/app/settings")
    await page.click(".rename summary")
    await listening(gateway)
    field = page.get_by_label("Another name")
    await field.fill("The blue")
    gateway.people["people"][0]["keys"][0]["name"] = "Renamed elsewhere"
    gateway.configured(1)
    await field.press_sequentially(" phone")
    await expect(field).to_have_value("The blue phone")
    await expect(field).to_be_focused()
    await page.locator("#end-others").focus()
    await expect(page.locator("#keys b").first).to_have_text("Renamed elsewhere")


async def test_a_fingerprint_that_is_being_typed_survives_a_change_of_somebody_else(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.people = people(
        a_member("mika"), a_member("noor", a_key("New", "77d2 0b1e 9c44 a71c", waits_for="mika"))
    )
    await page.goto("/app/people")
    await listening(gateway)
    field = page.get_by_label(READS)
    await field.press_sequentially("77d2")
    gateway.configured(1)
    await field.press_sequentially(" 0b1e")
    await expect(field).to_have_value("77d2 0b1e")


async def test_who_ended_one_of_two_grants_stands_on_the_list(page: Page, gateway: FakeGateway) -> None:
    gateway.grants["grants"] = [grant_of(), grant_of(id="grt_other", agent="night-bot")]
    await page.goto("/app/grants")
    await press(page.get_by_role("button", name="Revoke").first)
    await expect(page.locator("#live tbody tr")).to_have_count(1)
    await expect(page.locator("#live tbody")).to_be_focused()


async def test_who_ended_the_last_grant_stands_at_the_top(page: Page, gateway: FakeGateway) -> None:
    gateway.grants["grants"] = [grant_of()]
    await page.goto("/app/grants")
    await press(page.get_by_role("button", name="Revoke"))
    await expect(page.locator("#live")).to_be_hidden()
    await expect(page.locator("h1")).to_be_focused()


async def test_a_grant_that_did_not_end_keeps_its_button_under_the_keyboard(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.grants["grants"] = [grant_of()]
    gateway.revoke_reply = (503, {"error": "unavailable", "detail": "The gateway is busy."})
    await page.goto("/app/grants")
    await press(page.get_by_role("button", name="Revoke"))
    await expect(page.locator("#problem")).to_be_visible()
    await expect(page.get_by_role("button", name="Revoke")).to_be_focused()
