"""Not being asked again: what is signed is shown, and what was granted is ended with one press."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import (
    ENVELOPE,
    GRANT,
    SAYS,
    FakeGateway,
    agents,
    an_agent,
    consent_of,
    grant_of,
)
from tests.approve_ui.steps import heading, open_ready
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


SIGN = "dialog.change .sign"
SAYS_IT = "dialog.change h2"
BYTES = "dialog.change code"
OFFER_PROBLEM = "#again-problem"


@pytest.fixture(autouse=True)
def grants(gateway: FakeGateway) -> None:
    gateway.change_says = SAYS
    gateway.change_reply = {"grant": grant_of()}


async def approved(page: Page) -> None:
    await open_ready(page)
    await press_approve(page)
    await heading(page, "Approved and sent")


async def ask(page: Page, name: str = "For 15 minutes") -> None:
    await page.get_by_role("button", name=name).click()


async def test_after_an_approval_the_page_offers_not_to_ask_again(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await expect(page.locator("#again")).to_be_hidden()
    await press_approve(page)
    await heading(page, "Approved and sent")
    await ask(page)
    await expect(page.locator(SAYS_IT)).to_have_text(SAYS)
    asked = {"envelope": ENVELOPE, "covers": "intent", "seconds": 900}
    assert await gateway.sent("changes/begin") == [{"kind": "grant/envelope", "asked": asked}]
    assert '"says":"' + SAYS in (await page.locator(BYTES).text_content() or "")
    assert "changes/finish" not in gateway.posted
    await page.click(SIGN)
    await expect(page.locator("#again-done")).to_contain_text("Signed. " + SAYS)
    (signed,) = await gateway.sent("changes/finish")
    assert signed["challenge_id"] == "ch_c"
    assert signed["credential"]["response"]["signature"]
    await expect(page.get_by_role("button", name="For 15 minutes")).to_be_hidden()


async def test_a_standing_grant_for_an_action_on_a_resource_is_asked_for_as_such(
    page: Page, gateway: FakeGateway
) -> None:
    await approved(page)
    await page.get_by_label("This action on this resource").check()
    await ask(page, "Until I revoke it")
    await expect(page.locator(SAYS_IT)).to_be_visible()
    (asked,) = await gateway.sent("changes/begin")
    assert asked["asked"] == {"envelope": ENVELOPE, "covers": "resource"}
    await page.locator("dialog.change").get_by_role("button", name="Back").click()
    await expect(page.get_by_role("button", name="Until I revoke it")).to_be_visible()
    await expect(page.locator("#again-done")).to_be_hidden()
    assert "changes/finish" not in gateway.posted


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "grant/cedar"},
        {"person": "jonas"},
        {"type": "secondsig/approval"},
        {"asked": {"envelope": ENVELOPE, "covers": "resource", "seconds": 900}},
        {"rp_id": "evil.test"},
        {"version": 2},
    ],
    ids=lambda lie: next(iter(lie)),
)
async def test_another_change_than_the_one_that_was_asked_for_is_never_signed(
    page: Page, gateway: FakeGateway, lie: dict[str, Any]
) -> None:
    gateway.tamper_change = lambda change: {**change, **lie}
    await approved(page)
    await ask(page)
    await expect(page.locator(OFFER_PROBLEM)).to_contain_text("something else. Nothing was signed")
    await expect(page.locator(SIGN)).to_have_count(0)


async def test_bytes_that_the_challenge_does_not_bind_are_never_signed(
    page: Page, gateway: FakeGateway
) -> None:
    await approved(page)
    gateway.tamper_bytes = lambda raw: raw.replace(b"15 minutes", b"60 minutes")
    await ask(page)
    await expect(page.locator(OFFER_PROBLEM)).to_contain_text("something else. Nothing was signed")


@pytest.mark.parametrize("part", [SAYS_IT, BYTES])
async def test_a_page_that_was_changed_before_the_signature_signs_nothing(
    page: Page, gateway: FakeGateway, part: str
) -> None:
    await approved(page)
    await ask(page)
    await expect(page.locator(SAYS_IT)).to_be_visible()
    await page.locator(part).evaluate("node => { node.textContent = 'Harmless.'; }")
    await page.click(SIGN)
    await expect(page.locator("dialog.change .caution")).to_contain_text("does not show what would be signed")
    assert "changes/finish" not in gateway.posted


async def test_what_the_gateway_refuses_to_grant_is_told(page: Page, gateway: FakeGateway) -> None:
    gateway.change_reply = (403, {"error": "not_grantable", "detail": "Each payment needs a person."})
    await approved(page)
    await ask(page)
    await page.click(SIGN)
    await expect(page.locator("dialog.change .caution")).to_contain_text("Each payment needs a person.")
    await expect(page.locator("#again-done")).to_be_hidden()


async def test_a_denied_question_offers_no_grant(page: Page, gateway: FakeGateway) -> None:
    gateway.changes = {"state": "denied", "decided_by": "mika", "decision_method": "session"}
    await page.goto(f"/approve/{ENVELOPE}")
    await heading(page, "Denied by you")
    await expect(page.locator("#again")).to_be_hidden()


async def test_what_cannot_be_granted_is_not_offered(page: Page, gateway: FakeGateway) -> None:
    gateway.grantable = False
    await approved(page)
    await expect(page.locator("#again")).to_be_hidden()


async def test_grants_are_listed_with_their_uses_and_revoked_with_one_press(
    page: Page, gateway: FakeGateway
) -> None:
    used = "2026-11-20T10:41:02Z"
    gateway.grants["grants"] = [grant_of(uses=3, last_used_at=used)]
    await page.goto("/app/grants")
    row = page.locator("#live tbody tr")
    await expect(row).to_contain_text(SAYS)
    await expect(row).to_contain_text("When it is revoked")
    await expect(row.locator("td").nth(4)).to_contain_text("3last")
    await row.get_by_role("button", name="Revoke").click()
    await expect(page.locator("#live")).to_be_hidden()
    await expect(page.locator("#ended tbody tr")).to_contain_text("Revoked")
    await expect(page.locator("#none")).to_be_visible()
    assert await gateway.sent(f"grants/{GRANT}/revoke") == [{}]


async def test_a_grant_that_was_not_revoked_says_so_and_stays(page: Page, gateway: FakeGateway) -> None:
    gateway.grants["grants"] = [grant_of(expires_at="2099-11-20T10:41:02Z")]
    gateway.revoke_reply = (503, {"error": "unavailable", "detail": "The gateway is busy."})
    await page.goto("/app/grants")
    await page.get_by_role("button", name="Revoke").click()
    await expect(page.locator("#problem")).to_contain_text("The gateway is busy. It was not ended")
    await expect(page.locator("#live tbody tr")).to_contain_text("Never")


async def test_a_consent_is_shown_with_its_cedar_and_withdrawn_with_one_press(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.grants["consents"] = [consent_of()]
    await page.goto("/app/grants")
    row = page.locator("#consents tbody tr")
    await expect(row).to_contain_text("every read on anything")
    await expect(row.locator("pre")).to_have_text(consent_of()["cedar"])
    await row.get_by_role("button", name="Withdraw").click()
    await expect(row).to_contain_text("Withdrawn")
    await expect(row.get_by_role("button")).to_have_count(0)


async def test_hostile_values_in_a_grant_stay_text(page: Page, gateway: FakeGateway) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202efdp.exe"
    gateway.grants["grants"] = [
        grant_of(says=hostile, agent="<b>bot</b>", signer="<i>mika</i>", cedar=hostile)
    ]
    await page.goto("/app/grants")
    row = page.locator("#live tbody tr")
    await expect(row).to_contain_text("<img src=x onerror=alert(1)>U+202Efdp.exe")
    await expect(row).to_contain_text("<b>bot</b>")
    await expect(row.locator("img, i")).to_have_count(0)


async def test_whoever_is_signed_out_is_taken_to_the_login(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto("/app/grants")
    await page.wait_for_url("**/login?next=%2Fapp%2Fgrants")


async def test_a_consent_is_made_as_the_form_says_and_only_by_a_signature(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.change_says = "ci-bot is meant for this, for 24 hours: every read on anything. All else is asked."
    gateway.change_reply = {"agent": "ci-bot", "says": "x"}
    await page.goto("/app/grants")
    await page.click("#make-consent summary")
    form = page.locator("#make-consent form")
    await expect(form.locator("#consent-resource")).to_be_hidden()
    await page.select_option("#consent-form", "project")
    await form.get_by_role("button").click()
    assert "changes/begin" not in gateway.posted
    await page.fill("#consent-resource", ' Shop::Repo::"acme/site" ')
    await page.select_option("#consent-time", "86400")
    await form.get_by_role("button").click()
    await expect(page.locator(SAYS_IT)).to_have_text(gateway.change_says)
    assert "changes/finish" not in gateway.posted
    gateway.grants["consents"] = [consent_of()]
    await page.click(SIGN)
    await expect(page.locator("#consents tbody tr")).to_have_count(1)
    asked = {"agent": "ci-bot", "form": "project", "resource": 'Shop::Repo::"acme/site"', "seconds": 86400}
    assert await gateway.sent("changes/begin") == [{"kind": "agent/consent", "asked": asked}]


async def test_a_grant_in_cedar_is_read_back_and_what_is_wrong_in_it_is_told(
    page: Page, gateway: FakeGateway
) -> None:
    cedar = 'permit (principal == Agent::"ci-bot",\n  action, resource);'
    await page.goto("/app/grants")
    await page.click("#make-grant summary")
    await page.fill("#grant-cedar", cedar)
    await page.locator("#make-grant form").get_by_role("button").click()
    await expect(page.locator(SAYS_IT)).to_have_text(SAYS)
    assert await gateway.sent("changes/begin") == [
        {"kind": "grant/cedar", "asked": {"cedar": cedar, "seconds": 900}}
    ]
    await page.locator("dialog.change").get_by_role("button", name="Back").click()
    await expect(page.locator("#grant-cedar")).to_have_value(cedar)
    gateway.change_reply = (400, {"error": "bad_cedar", "detail": "Name the actions that it is for."})
    await page.locator("#make-grant form").get_by_role("button").click()
    await page.click(SIGN)
    await expect(page.locator("dialog.change .caution")).to_contain_text("Name the actions")


async def test_who_owns_no_agent_and_is_no_administrator_makes_nothing(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.agents = agents(an_agent("ci-bot", owner="jonas"), administrator=False)
    await page.goto("/app/grants")
    await expect(page.locator("#none")).to_be_visible()
    await expect(page.locator("#make-consent")).to_be_hidden()
    await expect(page.locator("#make-grant")).to_be_hidden()
