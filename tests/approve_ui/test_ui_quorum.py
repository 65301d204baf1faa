"""How many must sign, how many have, for whom, and who comes next."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, payload, unit
from tests.approve_ui.steps import ADDRESS, heading, open_ready
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

UNTIL = "2099-11-27T10:00:00Z"


def given(person: str, **changes: Any) -> dict[str, Any]:
    return {
        "person": person,
        "at": "2026-11-20T10:00:00Z",
        "credential": "YubiKey 5C",
        "counts": True,
        "for": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("quorum", "signed", "facts", "says"),
    [
        (2, 0, "0 of 2. Yours would be the first", "Yours is the first of two: nothing is sent yet"),
        (2, 1, "1 of 2. Yours would be the second", "Yours is the last signature: it is sent at once"),
        (3, 1, "1 of 3. Yours would be the second", "Yours is the second of three: nothing is sent yet"),
    ],
)
async def test_each_sees_how_many_signed_and_what_their_own_signature_does(
    page: Page, gateway: FakeGateway, quorum: int, signed: int, facts: str, says: str
) -> None:
    gateway.sample = payload(quorum=quorum)
    gateway.changes = {"signed": signed}
    gateway.signatures = [given("jonas")] * signed
    await open_ready(page)
    await expect(page.locator(".facts")).to_contain_text(facts)
    await expect(page.locator("#says")).to_contain_text(says)


async def test_who_signed_first_of_three_reads_that_two_more_are_needed(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = payload(quorum=3)
    gateway.after_approve = {"state": "pending", "decided_by": None}
    await open_ready(page)
    await press_approve(page)
    await heading(page, "Signed by you. Two more signatures are needed")


async def test_whose_right_is_used_already_is_told_and_may_still_deny(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = payload(quorum=2)
    gateway.may = {"approve": False, "deny": True, "why": "counted"}
    gateway.signatures = [given("priya", **{"for": {"person": "mika", "until": UNTIL}})]
    gateway.changes = {"signed": 1}
    await page.goto(ADDRESS)
    await heading(page, "Your right to sign this is used already")
    await expect(page.locator("#signatures .given")).to_contain_text("for mika, away until")
    await expect(page.locator("#deny-it")).to_be_visible()
    await expect(page.locator("#approve")).to_have_attribute("aria-disabled", "true")


async def test_a_signature_that_no_longer_counts_says_so(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = payload(quorum=2)
    gateway.signatures = [given("jonas", counts=False)]
    await open_ready(page)
    await expect(page.locator("#signatures")).to_contain_text("does not count any more")
    await expect(page.locator("#signatures .given")).to_have_count(0)
    await expect(page.locator(".facts")).to_contain_text("0 of 2")


async def test_who_stands_in_and_who_comes_next_are_named(page: Page, gateway: FakeGateway) -> None:
    gateway.delegates = [{"person": "tomo", "for": {"person": "jonas", "until": UNTIL}}]
    step = {"to": "oncall", "at": UNTIL, "went_at": None, "people": ["sam"]}
    gateway.escalation = [step, {**step, "to": "managers", "went_at": UNTIL, "people": []}]
    await open_ready(page)
    await expect(page.locator("#standing-in")).to_contain_text("tomo, for jonas until")
    await expect(page.locator("#escalation li").first).to_contain_text("Goes to oncall at")
    await expect(page.locator("#escalation li").first).to_contain_text(": sam")
    await expect(page.locator("#escalation li").last).to_contain_text("Went to managers at")


async def test_for_whom_and_the_exact_amount_are_shown_and_signed(page: Page, gateway: FakeGateway) -> None:
    money = {"money": {"currency": "eur", "minor": "1000001", "exponent": 2}}
    one = {**unit(), "context": {"money": "10000.01 EUR"}, "money": money}
    away = {"person": "jonas", "until": UNTIL, "delegation": "del_1"}
    gateway.sample = payload(version=2, units=[one], **{"for": away})
    await open_ready(page)
    sheet = page.locator("#sheet")
    await expect(page.locator(".facts")).to_contain_text("jonas, who is away until")
    await expect(sheet).to_contain_text("exactly 1000001 of the smallest unit of eur")
    await expect(page.locator("h3", has_text="Also signed")).to_have_count(0)
    await press_approve(page)
    await heading(page, "Approved and sent")


async def test_a_payload_of_a_version_this_page_does_not_know_is_not_signed(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = payload(version=3)
    await page.goto(ADDRESS)
    await heading(page, "Do not sign")
