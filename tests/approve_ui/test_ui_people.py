import json

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, a_key, a_member, b64u, people, unb64u

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIGN = "dialog.change .sign"
WAITING = a_key("Synced passkey", "77d2 0b1e 9c44 a71c", waits_for="mika")


async def invite(page: Page, name: str = "noor") -> None:
    await page.goto("/app/people")
    await page.fill("#name", name)
    await page.click("#invite button[type=submit]")


async def test_an_invitation_is_shown_signed_and_its_link_told_once(page: Page, gateway: FakeGateway) -> None:
    gateway.change_says = "Invite noor to approvers."
    gateway.change = {"person": "noor", "groups": {"from": [], "to": ["approvers"]}}
    gateway.change_reply = {"url": "http://localhost:8081/enrol#secret", "minutes": 10}
    await invite(page)
    dialog = page.locator("dialog.change")
    await expect(dialog.locator("h2")).to_have_text("Invite noor to approvers.")
    await expect(dialog).to_contain_text("none → approvers")
    assert "changes/finish" not in gateway.posted
    await page.click(SIGN)
    await expect(page.locator("#link-url")).to_have_text("http://localhost:8081/enrol#secret")
    assert await gateway.sent("changes/begin") == [
        {"kind": "person/invite", "asked": {"name": "noor", "groups": ["approvers"]}}
    ]
    (finish,) = await gateway.sent("changes/finish")
    client = json.loads(unb64u(finish["credential"]["response"]["clientDataJSON"]))
    assert (finish["challenge_id"], client["type"]) == ("ch_c", "webauthn.get")
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator("#link-url")).to_have_text("")


async def test_going_back_signs_nothing(page: Page, gateway: FakeGateway) -> None:
    await invite(page)
    await page.locator("dialog.change").get_by_role("button", name="Back").click()
    await expect(page.locator("dialog.change")).to_have_count(0)
    assert "changes/finish" not in gateway.posted


async def test_enter_in_the_dialog_goes_back(page: Page, gateway: FakeGateway) -> None:
    await invite(page)
    await page.locator("dialog.change button[type=submit]").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog.change")).to_have_count(0)
    assert "changes/finish" not in gateway.posted


@pytest.mark.parametrize("attack", ["bytes", "challenge", "type"])
async def test_a_change_that_is_not_the_one_shown_is_never_signed(
    page: Page, gateway: FakeGateway, attack: str
) -> None:
    if attack == "bytes":
        gateway.tamper_bytes = lambda raw: raw.replace(b"noor", b"evil")
    elif attack == "challenge":
        gateway.tamper_challenge = lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])
    else:
        gateway.change_type = "secondsig/approval"
    await invite(page)
    await expect(page.locator("#problem")).to_contain_text("Nothing was signed")
    await expect(page.locator("dialog.change")).to_have_count(0)
    assert "changes/finish" not in gateway.posted


async def test_what_a_change_says_is_text(page: Page, gateway: FakeGateway) -> None:
    gateway.change_says = "Invite <img src=x onerror=alert(1)>\u202egnp.exe"
    gateway.change = {"person": {"from": "<b>none</b>", "to": "a\u200bb"}}
    await invite(page)
    dialog = page.locator("dialog.change")
    await expect(dialog.locator("h2")).to_contain_text("<img src=x onerror=alert(1)>U+202Egnp.exe")
    await expect(dialog).to_contain_text("<b>none</b> → aU+200Bb")
    assert await dialog.locator("img").count() == 0


async def test_a_refused_signature_says_that_nothing_changed(page: Page, gateway: FakeGateway) -> None:
    gateway.change_reply = (409, {"error": "changed", "detail": "Somebody was first."})
    await invite(page)
    await page.click(SIGN)
    await expect(page.locator("dialog.change [role=alert]")).to_have_text(
        "Somebody was first. Nothing was changed."
    )
    await expect(page.locator(SIGN)).to_have_attribute("aria-disabled", "true")


async def test_the_inviter_types_the_fingerprint_and_never_reads_it_here(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.people = people(a_member("noor", WAITING))
    await page.goto("/app/people")
    row = page.locator("#people > li", has_text="noor")
    await expect(row).to_contain_text("Waits for mika")
    assert "77d2" not in await row.inner_text()
    await row.get_by_label("Fingerprint that noor reads out").fill("77d20b1e9c44a71c")
    await row.get_by_role("button", name="Confirm").click()
    await page.click(SIGN)
    assert await gateway.sent("changes/begin") == [
        {
            "kind": "person/confirm",
            "asked": {"credential": WAITING["id"], "fingerprint": "77d20b1e9c44a71c"},
        }
    ]


async def test_revoking_asks_once_and_needs_no_passkey(page: Page, gateway: FakeGateway) -> None:
    gateway.people = people(a_member("jonas", a_key("YubiKey", "19c4 4a71 c77d 20b1")))
    await page.goto("/app/people")
    row = page.locator("#people > li", has_text="jonas")
    await row.get_by_role("button", name="Revoke").first.click()
    await page.locator("#sure").get_by_role("button", name="Revoke").click()
    await expect(page.locator("#sure")).to_be_hidden()
    assert await gateway.sent("keys/revoke") == [{"credential": b64u(b"YubiKey")}]
    await row.get_by_role("button", name="Revoke").last.click()
    await page.locator("#sure").get_by_role("button", name="Back").click()
    assert "people/revoke" not in gateway.posted


async def test_a_recovery_is_signed_by_a_second_or_cancelled(page: Page, gateway: FakeGateway) -> None:
    gateway.people = people(
        a_member("jonas"),
        recoveries=[{"person": "jonas", "started_by": "priya", "started_at": "2026-11-20T09:00:00Z"}],
    )
    await page.goto("/app/people")
    notice = page.locator("#recoveries li")
    await expect(notice).to_contain_text("Recovery of jonas, started by priya")
    await notice.get_by_role("button", name="Sign it as well").click()
    await page.locator("dialog.change").get_by_role("button", name="Back").click()
    assert await gateway.sent("changes/begin") == [{"kind": "person/recover", "asked": {"person": "jonas"}}]
    await notice.get_by_role("button", name="Cancel the recovery").click()
    await expect(notice).to_be_visible()
    assert await gateway.sent("people/cancel-recovery") == [{"person": "jonas"}]


async def test_whoever_is_no_administrator_is_offered_only_their_own(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.people = people(a_member("jonas", a_key("YubiKey", "19c4 4a71 c77d 20b1")), administrator=False)
    await page.goto("/app/people")
    await expect(page.locator("#people > li")).to_have_count(2)
    await expect(page.locator("#invite")).to_be_hidden()
    assert await page.locator("#people > li", has_text="jonas").get_by_role("button").count() == 0
    await page.click("#add-key")
    await expect(page.locator("dialog.change")).to_be_visible()
    assert await gateway.sent("changes/begin") == [{"kind": "key/add", "asked": {}}]


async def test_a_sole_administrator_is_told_what_that_means(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/people")
    await expect(page.locator("#alone")).to_be_visible()
    second = a_member("jonas", a_key("YubiKey", "19c4 4a71 c77d 20b1"), administrator=True)
    gateway.people = people(second)
    await page.reload()
    await expect(page.locator("#people > li")).to_have_count(2)
    await expect(page.locator("#alone")).to_be_hidden()


async def test_signed_out_it_leads_to_sign_in_and_back(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto("/app/people")
    await page.wait_for_url("**/login?next=%2Fapp%2Fpeople")
