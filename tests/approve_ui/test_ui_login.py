import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSES = """() => {
  navigator.credentials.get = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""

SAFE_NEXT = "async (next) => (await import('/static/js/session.js')).safeNext(next)"


async def test_signing_in_leads_to_where_the_person_came_from(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    gateway.needs_tab = True
    await page.goto("/app/audit?filter=decision:step_up")
    await page.wait_for_url("**/login?next=*")
    await page.click("#sign-in")
    await page.wait_for_url("**/app/audit?filter=decision:step_up")
    assert (await gateway.sent("login/finish"))[0]["challenge_id"] == "ch_s"


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example/",
        "//evil.example/app/approvals",
        "/\\evil.example/app/approvals",
        "\\\\evil.example",
        "/\t/evil.example/app/approvals",
        "javascript:alert(1)",
        "data:text/html,x",
        "/login?next=//evil.example",
        "/static/../../evil",
        "/app/approvals@evil.example",
        "http:evil.example",
        "",
        None,
    ],
)
async def test_an_open_redirect_is_refused(page: Page, gateway: FakeGateway, next_: str | None) -> None:
    await page.goto("/enrol")
    assert await page.evaluate(SAFE_NEXT, next_) == "/app/approvals"


@pytest.mark.parametrize(
    "next_", ["/app/audit?filter=decision:step_up", "/approve/env_01K9", "/app/approvals"]
)
async def test_our_own_pages_are_where_sign_in_may_lead(page: Page, gateway: FakeGateway, next_: str) -> None:
    await page.goto("/enrol")
    assert await page.evaluate(SAFE_NEXT, next_) == next_


async def test_sign_in_never_signs_an_approval(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    gateway.session_type = "secondsig/approval"
    await page.goto("/login")
    await page.click("#sign-in")
    await expect(page.locator("#problem")).to_contain_text("asked this device to sign something else")
    assert "login/finish" not in gateway.posted


async def test_sign_in_never_signs_a_challenge_of_other_bytes(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    gateway.tamper_challenge = lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])
    await page.goto("/login")
    await page.click("#sign-in")
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    assert "login/finish" not in gateway.posted


async def test_a_passkey_that_does_not_sign_leaves_a_way_on(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto("/login")
    await page.evaluate(REFUSES)
    await page.click("#sign-in")
    await expect(page.locator("#problem")).to_contain_text("Your passkey did not sign.")
    assert await page.locator("#sign-in").get_attribute("aria-disabled") is None


async def test_before_anybody_is_enrolled_sign_in_says_what_to_do(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = gateway.enrolled = False
    await page.goto("/login")
    await expect(page.get_by_role("heading", name="Nobody is enrolled yet")).to_be_visible()
    await expect(page.locator("#sign-in")).to_be_hidden()


async def test_who_is_signed_in_goes_straight_on(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/login?next=%2Fapp%2Faudit")
    await page.wait_for_url("**/app/audit")
