import json

import pytest
import rfc8785
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, payload, unb64u
from tests.approve_ui.steps import ADDRESS, APPROVE, arm, expect_alarm, heading, open_ready
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
WHY = "The pager rang and nobody answers"


@pytest.fixture(autouse=True)
def blocked(gateway: FakeGateway) -> None:
    """Two must sign, and this person may break glass."""
    gateway.sample = payload(quorum=2)
    gateway.may_break_glass = True


async def ask(page: Page, reason: str = WHY) -> None:
    await page.click("#break-glass")
    await page.fill("#glass-reason", reason)
    await page.click("#glass-sure")


async def test_glass_is_broken_over_a_payload_that_says_so_and_why(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await ask(page, f"  {WHY}\n")
    await expect(page.locator("#glass-follows")).to_contain_text("Everybody is told")
    await expect(page.locator("#sheet")).to_contain_text(WHY)
    await expect(page.locator(APPROVE)).to_contain_text("Break glass")
    await press_approve(page)
    await heading(page, "Approved and sent")
    assert "approve" not in gateway.posted
    (sent,) = await gateway.sent("break-glass/finish")
    client = json.loads(unb64u(sent["credential"]["response"]["clientDataJSON"]))
    signed = {**gateway.sample, "decision": "break_glass", "reason": WHY}
    assert client["challenge"] == gateway.challenge(rfc8785.dumps(signed))
    assert await gateway.sent("break-glass/begin") == [{"reason": WHY}]


async def test_it_arms_no_sooner_than_an_approval(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await ask(page)
    await expect(page.locator(APPROVE)).to_have_attribute("aria-disabled", "true")
    await arm(page)


async def test_somebody_whom_policy_does_not_let_approve_breaks_glass_from_the_same_page(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.may = {"approve": False, "deny": False, "why": "not_allowed"}
    await page.goto(ADDRESS)
    await heading(page, "You can read this, not decide it")
    await ask(page)
    await press_approve(page)
    await heading(page, "Approved and sent")


async def test_without_the_group_nothing_is_offered(page: Page, gateway: FakeGateway) -> None:
    gateway.may_break_glass = False
    await open_ready(page)
    await expect(page.locator("#glass")).to_be_hidden()


@pytest.mark.parametrize("reason", ["", "short", " " * 40])
async def test_a_reason_that_says_nothing_goes_nowhere(page: Page, gateway: FakeGateway, reason: str) -> None:
    await open_ready(page)
    await ask(page, reason)
    await expect(page.locator("#glass-ask")).to_be_visible()
    assert "break-glass/begin" not in gateway.posted


async def test_back_breaks_nothing(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await page.click("#break-glass")
    await page.click("#glass-ask button:has-text('Back')")
    await expect(page.locator("#glass-ask")).to_be_hidden()
    assert "break-glass/begin" not in gateway.posted


async def test_a_refusal_says_why_and_leaves_the_approval_as_it_was(page: Page, gateway: FakeGateway) -> None:
    gateway.glass_reply = 429, {"error": "daily_cap", "detail": "Glass was broken 3 times within a day."}
    await open_ready(page)
    await ask(page)
    await expect(page.locator("#glass-problem")).to_contain_text("3 times within a day")
    await press_approve(page)
    await heading(page, "Approved and sent")
    assert len(await gateway.sent("approve")) == 1


async def test_one_may_go_back_to_approving_and_then_signs_an_approval(
    page: Page, gateway: FakeGateway
) -> None:
    await open_ready(page)
    await ask(page)
    await page.click("#leave-glass")
    await expect(page.locator(APPROVE)).to_contain_text("Approve")
    await press_approve(page)
    await heading(page, "Approved and sent")
    assert "break-glass/finish" not in gateway.posted


async def test_a_reason_that_was_changed_on_its_way_is_not_signed(page: Page, gateway: FakeGateway) -> None:
    gateway.reason_signed = "Because I feel like it"
    await open_ready(page)
    await ask(page)
    await expect_alarm(page)


async def test_an_approval_in_the_place_of_broken_glass_is_not_signed(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.glass_reply = gateway.signed()
    await open_ready(page)
    await ask(page)
    await expect_alarm(page)


async def test_everybody_who_opens_it_reads_who_broke_glass_and_why(page: Page, gateway: FakeGateway) -> None:
    gateway.may_break_glass = False
    gateway.broken_glass = [{"person": "jonas", "reason": "<b>Fire</b> alarm", "at": "2026-11-20T08:00:00Z"}]
    await open_ready(page)
    await expect(page.locator("#broken")).to_contain_text("jonas broke glass")
    await expect(page.locator("#broken")).to_contain_text("<b>Fire</b> alarm")
    gateway.signed_in = False
    await page.goto(ADDRESS)
    await expect(page.locator("#sign-in")).to_be_visible()
    await expect(page.locator("#broken")).to_be_hidden()
