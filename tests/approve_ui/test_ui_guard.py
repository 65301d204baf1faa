import hashlib

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import ENVELOPE, FakeGateway, text, with_field
from tests.approve_ui.steps import ADDRESS, APPROVE, arm, expect_alarm, focused_heading, open_ready
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SALT = "00" * 16
NOTES_HOW_LONG_SHUT = """() => {
  const button = document.querySelector('#approve');
  const set = button.setAttribute;
  let since = null;
  window.shutFor = null;
  button.setAttribute = (name, value) => {
    const now = performance.now();
    set.call(button, name, value);
    if (name !== 'aria-disabled') return;
    if (value === 'true') since ??= now;
    else if (since !== null) window.shutFor ??= now - since;
  };
}"""
READY_THEN_ARMED = """
  addEventListener('DOMContentLoaded', () => {
    let verified = null;
    new MutationObserver(() => {
      const details = document.querySelector('details.verified');
      if (verified === null && details && !details.hidden) {
        verified = performance.now();
        document.querySelector('#approve').click();
      }
      const open = document.querySelector('#approve').getAttribute('aria-disabled') === 'false';
      if (open) window.waited ??= performance.now() - verified;
    }).observe(document.body, {subtree: true, childList: true, attributes: true});
  });
"""


def redacted(value: str) -> dict[str, object]:
    commitment = hashlib.sha256(bytes.fromhex(SALT) + value.encode()).hexdigest()
    return {"redacted": {"length": len(value), "commitment": commitment}}


@pytest.mark.own_page
async def test_approve_cannot_be_pressed_before_700_ms(page: Page, gateway: FakeGateway) -> None:
    await page.add_init_script(READY_THEN_ARMED)
    await open_ready(page)
    await arm(page)
    assert await page.evaluate("window.waited") >= 699
    assert "approve" not in gateway.posted


async def test_coming_back_to_the_front_shuts_approve_for_a_second(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.evaluate(NOTES_HOW_LONG_SHUT)
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await arm(page)
    assert await page.evaluate("window.shutFor") > 950


@pytest.mark.own_page
async def test_a_page_in_the_background_never_arms(page: Page, gateway: FakeGateway) -> None:
    await page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {get: () => window.front ?? 'hidden'})"
    )
    await open_ready(page)
    await page.wait_for_timeout(1500)
    assert await page.locator(APPROVE).get_attribute("aria-disabled") == "true"
    await page.evaluate("window.front = 'visible'; document.dispatchEvent(new Event('visibilitychange'))")
    await arm(page)


async def test_a_new_signature_shuts_approve_for_a_second(page: Page, gateway: FakeGateway) -> None:
    gateway.changes = {"quorum": 2}
    await open_ready(page)
    await arm(page)
    gateway.changes = {"quorum": 2, "signed": 1}
    gateway.signatures = [
        {"person": "jonas", "at": gateway.sample["opened_at"], "credential": "YubiKey 5C", "counts": True}
    ]
    await page.evaluate(NOTES_HOW_LONG_SHUT)
    gateway.announce(41, ENVELOPE, "pending")
    await expect(page.locator(APPROVE)).to_have_attribute("aria-disabled", "true")
    await expect(page.locator("#signatures")).to_contain_text("jonas")
    await arm(page)
    assert await page.evaluate("window.shutFor") > 950


async def test_a_redacted_value_must_be_revealed_before_approving(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/email", redacted("mika@acme.example"))
    gateway.reveals = {"json:/email": ("mika@acme.example", SALT)}
    await open_ready(page)
    await expect(page.locator("#says")).to_have_text("Reveal 1 hidden field before you approve")
    await page.locator(APPROVE).click(force=True)
    await page.get_by_role("button", name="Reveal").click()
    await expect(page.get_by_text("mika@acme.example")).to_be_visible()
    await press_approve(page)
    await focused_heading(page, "Approved and sent")
    assert await gateway.sent("reveal") == [{"selector": "json:/email"}]
    assert len(await gateway.sent("approve")) == 1


async def test_a_redacted_header_is_revealed_by_its_lower_case_name(page: Page, gateway: FakeGateway) -> None:
    gateway.sample["request"]["headers"].append(["X-Customer", redacted("c-17")])
    gateway.reveals = {"header:x-customer": ("c-17", SALT)}
    await open_ready(page)
    await page.get_by_role("button", name="Reveal").click()
    await arm(page)


async def test_a_revealed_value_that_was_not_committed_to_raises_the_alarm(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = with_field("json:/email", redacted("mika@acme.example"))
    gateway.reveals = {"json:/email": ("mika@acme.exampIe", SALT)}
    await open_ready(page)
    await page.get_by_role("button", name="Reveal").click()
    await expect_alarm(page)


async def test_a_revealed_value_changed_on_the_page_raises_the_alarm(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = with_field("json:/email", redacted("mika@acme.example"))
    gateway.reveals = {"json:/email": ("mika@acme.example", SALT)}
    await open_ready(page)
    await page.get_by_role("button", name="Reveal").click()
    await arm(page)
    await page.locator(".reveal .leaf").evaluate("(e) => { e.textContent = 'other'; }")
    await page.click(APPROVE)
    await expect_alarm(page)
    assert "approve" not in gateway.posted


async def test_a_marked_field_must_have_been_on_the_screen(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/folder", text("/public/pay\u200broll"))
    await open_ready(page)
    await expect(page.locator("#says")).to_have_text("1 marked field not seen yet")
    await page.wait_for_timeout(900)
    await page.locator(APPROVE).click(force=True)
    assert "approve" not in gateway.posted
    await page.locator("#marked a").click()
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


async def test_a_marked_field_behind_the_buttons_does_not_count_as_seen(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = with_field("json:/folder", text("/public/pay\u200broll"))
    await open_ready(page)
    await page.locator("#marked-0").evaluate(
        "(row) => scrollTo(0, scrollY + row.getBoundingClientRect().top - innerHeight + row.offsetHeight + 4)"
    )
    await page.wait_for_timeout(900)
    await expect(page.locator("#says")).to_have_text("1 marked field not seen yet")


async def test_a_marked_field_higher_than_the_screen_can_be_seen(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/big", text("\u202e" + "wide " * 3000))
    await open_ready(page)
    await page.get_by_role("button", name="Show without a box").first.click()
    await page.locator("#marked a").click()
    await arm(page)


async def test_the_page_opens_with_what_is_marked_named(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/a", text("\u202e"), purpose="<b>Approved by security</b> \u200b")
    await page.goto(ADDRESS)
    await expect(page.locator("#marked")).to_contain_text("2 fields are marked: Purpose, json:/a.")
