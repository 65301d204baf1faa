"""Two people with a browser each: a quorum, and somebody who is away, before the whole gateway."""

import asyncio
import secrets
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from gateway.canonical import sha256
from gateway.store.things import Invitation
from gateway.store.writes import Invite
from tests.e2e.test_attacks import order
from tests.kit.browser import BrowserPerson, Chromium, pictures, press_approve
from tests.kit.inprocess import Inside, inside
from tests.kit.patience import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOMORROW = "new Date(Date.now() + 864e5 - new Date().getTimezoneOffset() * 6e4).toISOString().slice(0, 16)"
TWO = """
@id("two-people-for-orders") @reason("Orders take two people.")
forbid (principal is Agent, action in Action::"payment", resource)
when { !context.cosigner || context.approvals < 2 };
"""


async def enrol(house: Inside, person: BrowserPerson, name: str, group: str = "approvers") -> None:
    token = secrets.token_urlsafe(32)
    store = house.service.store
    await store.apply(Invite(Invitation(sha256(token.encode()), name, (group,), store.now() + 600)))
    await person.page.goto(f"{house.service.settings.origin}/enrol#{token}")
    await person.page.get_by_role("button", name="Enrol").click()
    await person.page.wait_for_url("**/app/approvals")


async def changed(house: Inside, before: str) -> None:
    await until(lambda: house.service.rules.digest != before)


async def test_two_people_sign_and_each_sees_how_many_did_and_who(tmp_path: Path) -> None:
    async with inside(tmp_path) as house, Chromium() as chromium:
        noor, tomo = await chromium.person(), await chromium.person()
        await enrol(house, noor, "Noor")
        await enrol(house, tomo, "Tomo")
        before = house.service.rules.digest
        house.write_policy(TWO)
        await changed(house, before)
        task = order(house, "a1")
        await house.held()
        await noor.open_next()
        await tomo.open_next()
        await expect(noor.page.locator(".facts")).to_contain_text("0 of 2. Yours would be the first")
        await expect(noor.page.locator("#says")).to_contain_text("the first of two: nothing is sent yet")
        await press_approve(noor.page)
        mine = noor.page.locator("[data-when='signed']")
        await expect(mine).to_contain_text("Signed by you. One more signature is needed")
        await expect(mine).to_contain_text("Tomo")
        await pictures(noor.page, "quorum-signed")
        facts = tomo.page.locator(".facts")
        await expect(facts).to_contain_text("1 of 2. Yours would be the second")
        await expect(facts).to_contain_text("Noor signed at")
        await expect(tomo.page.locator("#signatures .given")).to_contain_text("Noor")
        await noor.page.get_by_role("button", name="Withdraw my signature").click()
        await expect(facts).to_contain_text("0 of 2")
        await press_approve(noor.page)
        await expect(facts).to_contain_text("1 of 2")
        await expect(tomo.page.locator("#says")).to_contain_text("the last signature: it is sent at once")
        await pictures(tomo.page, "quorum-second")
        assert not task.done()
        await press_approve(tomo.page)
        assert (await asyncio.wait_for(task, 60)).status == 201
        assert house.upstream.count("POST", "/orders/a1") == 1
        await expect(tomo.page.locator("#signatures .given")).to_have_count(2)
        assert noor.trouble + tomo.trouble == []


async def test_who_is_away_lends_their_right_and_the_page_says_for_whom_it_is_signed(tmp_path: Path) -> None:
    escalate = ", escalate: [{after: 200s, to: oncall}]"
    async with inside(tmp_path, approvals=escalate) as house, Chromium() as chromium:
        noor, tomo = await chromium.person(), await chromium.person()
        await enrol(house, noor, "Noor")
        await enrol(house, tomo, "Tomo", "readers")
        await set_away(noor.page, house)
        task = order(house, "a1")
        await house.held()
        await tomo.open_next()
        await expect(tomo.page.locator("#sheet")).to_contain_text("Noor, who is away until")
        await expect(tomo.page.locator("#escalation")).to_contain_text("Goes to oncall at")
        await noor.page.goto(tomo.page.url)
        await expect(noor.page.locator("#standing-in")).to_contain_text("Tomo, for Noor until")
        await pictures(noor.page, "away-question")
        await press_approve(tomo.page)
        assert (await asyncio.wait_for(task, 60)).status == 201
        await expect(noor.page.locator("#signatures .given")).to_contain_text("for Noor, away until")
        await withdraw(noor.page, house)
        assert noor.trouble + tomo.trouble == []


async def set_away(page: Page, house: Inside) -> None:
    await page.goto(f"{house.service.settings.origin}/app/away")
    await expect(page.locator("#none")).to_be_visible()
    await page.get_by_label("Who signs for me").select_option("Tomo")
    await page.get_by_label("Until").fill(await page.evaluate(TOMORROW))
    await pictures(page, "away-form")
    await page.get_by_role("button", name="Read and sign").click()
    await expect(page.locator("dialog.change h2")).to_contain_text(
        "While Noor is away, Tomo may approve everything they may approve, from the moment this is signed"
    )
    await pictures(page, "away-sign")
    await page.locator("dialog.change .sign").click()
    await expect(page.locator("#lent")).to_contain_text("Tomo for Noor: everything they may approve")
    await pictures(page, "away-set")


async def withdraw(page: Page, house: Inside) -> None:
    await page.goto(f"{house.service.settings.origin}/app/away")
    await page.get_by_role("button", name="Withdraw").click()
    await expect(page.locator("#none")).to_be_visible()
    assert house.service.directory.delegations == ()
