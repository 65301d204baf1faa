from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import ENVELOPE, FakeGateway, payload, row_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ADDRESS = "/app/reviews"


def review(**changes: Any) -> dict[str, Any]:
    row = row_of(payload(), state="completed", decision_method="break_glass", decided_by="jonas")
    broken = {"person": "jonas", "reason": "Nobody <b>answers</b>", "at": "2026-11-20T08:00:00Z"}
    return {
        "row": row,
        "opened_at": "2026-11-20T08:00:00Z",
        "owner": None,
        "broken_by": [broken],
        "closed_at": None,
        "closed_by": None,
        "verdict": None,
        "note": None,
        **changes,
    }


async def fill(page: Page) -> None:
    await page.click("button:has-text('Close this review')")
    await page.click("text=was right")
    await page.fill("#close-note", "I was on the call.")
    await page.click("text=Show what I sign")


async def test_a_second_person_reads_signs_and_closes_it(page: Page, gateway: FakeGateway) -> None:
    gateway.reviews, gateway.change_says = [review()], "Breaking glass was right."
    gateway.change = {"review": {"envelope": ENVELOPE}, "verdict": "justified", "note": "I was on the call."}
    await page.goto(ADDRESS)
    await expect(page.locator(".review")).to_contain_text("Nobody <b>answers</b>")
    await fill(page)
    await expect(page.locator("dialog.change h2")).to_have_text("Breaking glass was right.")
    await expect(page.locator("dialog.change .facts")).to_contain_text("I was on the call.")
    await page.click("dialog.change .sign")
    await expect(page.locator(".review .tag")).to_contain_text("Was right")
    (begun,) = await gateway.sent("changes/begin")
    assert begun == {
        "kind": "review/close",
        "asked": {"envelope": ENVELOPE, "verdict": "justified", "note": "I was on the call."},
    }
    assert len(await gateway.sent("changes/finish")) == 1


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "agent/resume"},
        {"person": "jonas"},
        {"type": "secondsig/approval"},
        {"asked": {"envelope": ENVELOPE, "verdict": "not_justified", "note": "I was on the call."}},
    ],
)
async def test_another_change_in_its_place_is_not_signed(
    page: Page, gateway: FakeGateway, lie: dict[str, Any]
) -> None:
    gateway.reviews, gateway.tamper_change = [review()], lambda said: {**said, **lie}
    await page.goto(ADDRESS)
    await fill(page)
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    assert "changes/finish" not in gateway.posted


async def test_the_signer_and_the_owner_are_offered_nothing(page: Page, gateway: FakeGateway) -> None:
    own = {"person": "mika", "reason": "Nobody answers", "at": "2026-11-20T08:00:00Z"}
    gateway.reviews = [review(broken_by=[own]), review(owner="mika")]
    await page.goto(ADDRESS)
    await expect(page.locator("text=Somebody else must close it")).to_have_count(2)
    await expect(page.locator("button:has-text('Close this review')")).to_have_count(0)


async def test_the_queue_says_that_reviews_are_open_until_they_are_closed(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.reviews = [review()]
    await page.goto("/app/approvals")
    await expect(page.locator("#open-reviews")).to_contain_text("one review is open")
    gateway.reviews = [review(closed_at="2026-11-20T09:00:00Z")]
    gateway.announce(7, ENVELOPE, "completed")
    await expect(page.locator("#open-reviews")).to_be_hidden()


async def test_everything_is_stopped_only_after_it_was_asked_again(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await page.click("#stop")
    await page.click("#stop-ask button:has-text('Back')")
    assert "stop-all" not in gateway.posted
    await page.click("#stop")
    await page.click("#stop-sure")
    await expect(page.locator("#stop-said")).to_contain_text("requests denied: 1")
    assert await gateway.sent("stop-all") == [{}]
