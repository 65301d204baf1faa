import json

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, unb64u

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(autouse=True)
def first_start(gateway: FakeGateway) -> None:
    gateway.signed_in = gateway.enrolled = False
    gateway.credential_id = b"another"


async def test_the_first_approver_enrols_and_goes_to_the_approvals(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/enrol#tok_secret")
    await page.get_by_label("Your name").fill("  Mika Sato ")
    await page.get_by_role("button", name="Enrol this device").click()
    await page.wait_for_url("**/app/approvals")
    assert await gateway.sent("enrol/begin") == [{"token": "tok_secret", "name": "Mika Sato"}]
    finish = (await gateway.sent("enrol/finish"))[0]
    assert finish["token"] == "tok_secret"
    client = json.loads(unb64u(finish["credential"]["response"]["clientDataJSON"]))
    assert client["type"] == "webauthn.create"


async def test_the_token_leaves_the_address_at_once(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/enrol#tok_secret")
    await expect(page.get_by_role("button", name="Enrol this device")).to_be_visible()
    assert page.url.endswith("/enrol")
    assert not [path for path in gateway.got if "tok_secret" in path]


async def test_an_invited_person_is_not_asked_for_a_name(page: Page, gateway: FakeGateway) -> None:
    gateway.enrolled = True
    await page.goto("/enrol#tok_secret")
    await expect(page.get_by_label("Your name")).to_be_hidden()
    await page.get_by_role("button", name="Enrol this device").click()
    await page.wait_for_url("**/app/approvals")
    assert await gateway.sent("enrol/begin") == [{"token": "tok_secret", "name": ""}]


async def test_a_guests_key_waits_and_its_fingerprint_is_to_be_read_out(
    page: Page, gateway: FakeGateway
) -> None:
    key = {"name": "Pixel 9", "fingerprint": "a71c 77d2 0b1e 9c44", "device_bound": True}
    gateway.enrolled = True
    gateway.enrol_reply = {"waiting": {"person": "noor", "for": "mika<b>"}, "credential": key}
    await page.goto("/enrol#tok_secret")
    await page.get_by_role("button", name="Enrol this device").click()
    await expect(page.get_by_role("heading", name="Read this out to mika<b>")).to_be_focused()
    await expect(page.locator("#fingerprint")).to_have_text("a71c 77d2 0b1e 9c44")
    assert await page.evaluate("localStorage.getItem('secondsig-tab')") is None


async def test_a_name_is_needed_first(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/enrol#tok_secret")
    await page.get_by_role("button", name="Enrol this device").click()
    await expect(page.locator("#problem")).to_contain_text("Write your name first")
    await expect(page.get_by_label("Your name")).to_be_focused()
    assert "enrol/begin" not in gateway.posted


async def test_without_a_token_the_page_says_where_the_link_is(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/enrol")
    await expect(page.get_by_role("heading", name="Open the enrolment link again")).to_be_visible()


async def test_enrolment_never_makes_a_key_over_other_bytes(page: Page, gateway: FakeGateway) -> None:
    gateway.tamper_challenge = lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])
    await page.goto("/enrol#tok_secret")
    await page.get_by_label("Your name").fill("Mika")
    await page.get_by_role("button", name="Enrol this device").click()
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    assert "enrol/finish" not in gateway.posted
