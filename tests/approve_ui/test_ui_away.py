"""“While I am away”: nothing is signed but what was asked for and is shown."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LENT = {
    "id": "del_1",
    "person": "mika",
    "to": "jonas",
    "what": "everything they may approve",
    "service": None,
    "group": None,
    "from": "2026-11-20T10:00:00Z",
    "until": "2099-11-27T10:00:00Z",
    "live": True,
    "may_withdraw": True,
}


SAYS = "While mika is away, priya may approve everything they may approve."
SIGN = "dialog.change .sign"


async def look(page: Page, gateway: FakeGateway, what: str = "") -> None:
    gateway.change_says = SAYS
    gateway.change = {"person": "mika", "to": "priya", "until": "2030-01-02T03:04:00Z", "besides": []}
    await page.goto("/app/away")
    await page.get_by_label("Who signs for me").select_option("priya")
    await page.get_by_label("What").select_option(what)
    await page.get_by_label("Until").fill("2030-01-02T03:04")
    await page.get_by_role("button", name="Read and sign").click()


@pytest.mark.parametrize(
    ("what", "scope"),
    [("", {}), ("service shop", {"service": "shop"}), ("group payment", {"group": "payment"})],
)
async def test_what_was_asked_for_is_shown_whole_and_signed(
    page: Page, gateway: FakeGateway, what: str, scope: dict[str, str]
) -> None:
    await look(page, gateway, what)
    dialog = page.locator("dialog.change")
    await expect(dialog.locator("h2")).to_have_text(SAYS)
    await expect(dialog).to_contain_text("2030-01-02T03:04:00Z")
    (begun,) = await gateway.sent("changes/begin")
    asked = begun["asked"]
    assert (begun["kind"], asked) == (
        "delegation/set",
        {"to": "priya", "until": asked["until"], **scope},
    )
    assert "changes/finish" not in gateway.posted
    gateway.lent = [LENT]
    await page.click(SIGN)
    await expect(page.locator("#lent li")).to_have_count(1)
    await expect(dialog).to_have_count(0)
    (finished,) = await gateway.sent("changes/finish")
    assert finished["challenge_id"] == "ch_c"


async def test_who_goes_back_signs_nothing(page: Page, gateway: FakeGateway) -> None:
    await look(page, gateway)
    await page.locator("dialog.change").get_by_role("button", name="Back").click()
    await expect(page.locator("dialog.change")).to_have_count(0)
    await expect(page.locator("#problem")).to_be_hidden()
    assert "changes/finish" not in gateway.posted


@pytest.mark.parametrize(
    "other",
    [
        {"asked": {"to": "eve", "until": "2030-01-02T03:04:00Z"}},
        {"person": "jonas"},
        {"kind": "agent/resume"},
        {"type": "secondsig/approval"},
        {"version": 2},
        {"rp_id": "elsewhere.example"},
    ],
)
async def test_a_gateway_that_answers_with_another_change_gets_no_signature(
    page: Page, gateway: FakeGateway, other: dict[str, Any]
) -> None:
    gateway.tamper_change = lambda change: change | other
    await look(page, gateway)
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    await expect(page.locator("dialog.change")).to_have_count(0)
    assert "changes/finish" not in gateway.posted


async def test_a_challenge_over_other_bytes_gets_no_signature(page: Page, gateway: FakeGateway) -> None:
    gateway.tamper_challenge = lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])
    await look(page, gateway)
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    assert "changes/finish" not in gateway.posted


async def test_a_page_that_shows_something_else_signs_nothing(page: Page, gateway: FakeGateway) -> None:
    await look(page, gateway)
    await expect(page.locator("dialog.change h2")).to_be_visible()
    await page.evaluate("document.querySelector('dialog.change h2').textContent = 'Nothing much.'")
    await page.click(SIGN)
    await expect(page.locator("dialog.change [role=alert]")).to_contain_text("Nothing was changed")
    assert "changes/finish" not in gateway.posted


async def test_who_stands_in_is_listed_and_can_be_withdrawn(page: Page, gateway: FakeGateway) -> None:
    gateway.lent = [LENT, {**LENT, "id": "del_2", "live": False, "may_withdraw": False}]
    await page.goto("/app/away")
    await expect(page.locator("#lent li")).to_have_count(2)
    await expect(page.locator("#lent li").first).to_contain_text(
        "jonas for mika: everything they may approve"
    )
    await expect(page.locator("#lent li").last).to_contain_text("from ")
    gateway.lent = []
    await page.get_by_role("button", name="Withdraw").click()
    await expect(page.locator("#none")).to_be_visible()
    assert await gateway.sent("delegations/del_1/withdraw") == [{}]


async def test_where_nobody_else_is_enrolled_there_is_nothing_to_set(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.stand_ins = []
    await page.goto("/app/away")
    await expect(page.locator("#nobody")).to_be_visible()
    await expect(page.locator("#set")).to_be_hidden()
