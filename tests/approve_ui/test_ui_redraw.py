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
from tests.approve_ui.test_ui_away import LENT
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


async def test_a_list_is_drawn_again_under_who_only_stands_in_it(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot"))
    await page.goto("/app/agents")
    await listening(gateway)
    turn = page.get_by_role("button", name="New token")
    await turn.focus()
    gateway.agents = agents(an_agent("ci-bot", paused=True))
    gateway.configured(1)
    await expect(page.locator("#agents > li")).to_contain_text("Paused")
    await expect(turn).to_be_focused()


async def test_limits_that_are_being_read_stay_unfolded_when_something_happens(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.agents = agents(
        an_agent("ci-bot", in_force={"eur": 1}), an_agent("night-bot", in_force={"eur": 2})
    )
    await page.goto("/app/agents")
    await listening(gateway)
    await page.locator("[data-row=night-bot] summary").click()
    one, other = an_agent("night-bot", in_force={"eur": 3}), an_agent("ci-bot", paused=True)
    gateway.agents = agents(one, other)
    gateway.configured(1)
    await expect(page.locator("[data-row=ci-bot]")).to_contain_text("Paused")
    await expect(page.locator("[data-row=night-bot]").get_by_label("eur")).to_be_visible()
    await expect(page.locator("[data-row=night-bot] summary")).to_be_focused()
    await expect(page.locator("[data-row=ci-bot] form")).to_be_hidden()


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
    await field.fill("Pixel 9")
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
    gateway.people["people"].append(a_member("tomo"))
    asked = len(gateway.got)
    gateway.configured(1)
    await until(lambda: "/api/v1/people" in gateway.got[asked:])
    await field.press_sequentially(" 0b1e")
    await page.locator("#name").focus()
    await expect(field).to_have_value("77d2 0b1e")
    new = page.locator("#people > li", has_text="tomo")
    await expect(new).to_have_count(0)
    await field.fill("")
    await page.locator("#name").focus()
    await expect(new).to_have_count(1)


async def test_who_ended_one_of_two_grants_stands_on_the_list(page: Page, gateway: FakeGateway) -> None:
    gateway.grants["grants"] = [grant_of(), grant_of(id="grt_other")]
    await page.goto("/app/grants")
    await press(page.get_by_role("button", name="Revoke").first)
    await expect(page.locator("#live tbody tr")).to_have_count(1)
    await expect(page.locator("#live tbody")).to_be_focused()


async def test_the_keyboard_never_moves_to_a_row_that_only_looks_alike(
    page: Page, gateway: FakeGateway
) -> None:
    lent = [{**LENT, "id": f"del_{number}"} for number in (1, 2)]
    gateway.lent = lent
    await page.goto("/app/away")
    await listening(gateway)
    second = page.locator("[data-row=del_2] button")
    await second.focus()
    gateway.lent = [{**one, "what": "the service shop"} for one in lent]
    gateway.configured(1)
    await expect(page.locator("#lent")).to_contain_text("the service shop")
    await expect(second).to_be_focused()
    gateway.lent = lent[:1]
    gateway.configured(2)
    await expect(page.locator("#lent > li")).to_have_count(1)
    await expect(page.locator("#lent")).to_be_focused()


async def test_who_was_told_a_new_token_stands_where_it_was_asked_for(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.agents = agents(an_agent("ci-bot"), an_agent("night-bot"))
    gateway.change_reply = {"agent": "night-bot", "proxy": "http://night-bot:ssig_x@127.0.0.1:8080"}
    await page.goto("/app/agents")
    turn = page.locator("[data-row=night-bot]").get_by_role("button", name="New token")
    await press(turn)
    gateway.agents = agents(an_agent("ci-bot", paused=True), an_agent("night-bot"))
    await page.click(SIGN)
    await page.locator("#token").get_by_role("button", name="Close").click()
    await expect(page.locator("[data-row=ci-bot]")).to_contain_text("Paused")
    await expect(turn).to_be_focused()


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
