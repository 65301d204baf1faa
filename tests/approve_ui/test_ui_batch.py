"""Like requests under one signature: each is shown whole, and what is ticked is what is signed."""

import asyncio
import copy
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import ENVELOPE, FakeGateway, Json, digest_of, payload, text, unb64u, utc
from tests.approve_ui.steps import APPROVE, arm, focused_heading, heading
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BATCH = f"/approve/batch#{ENVELOPE}"
ITEMS = "#sheet .items > li"
AMOUNTS = (600, 480, 600, 480, 600)


def refund(number: int, amount: int, **changes: Any) -> Json:
    """A refund of support-desk's; each is of another charge, and committed to with salts of its own."""
    made = payload(
        envelope=ENVELOPE if number == 0 else f"env_{number:016}",
        digest=digest_of(f"request {number}"),
        salt=digest_of(f"salt {number}")[:32],
        purpose="Batch 7 of bearings recalled, refund all buyers",
        why=[{"policy": "refund-many", "reason": "More than three refunds in ten minutes are signed."}],
        show={},
        intent_risk={"level": "high", "reasons": ["money"]},
    )
    made["agent"] = {**made["agent"], "id": "support-desk", "team": "care"}
    made["units"] = [
        {
            "action": "/stripe/refund/create",
            "title": "Refund a payment",
            "groups": ["payment"],
            "access": "write",
            "resource": 'Stripe::Account::"platform"',
            "context": {"money": f"{amount} JPY", "charge": f"ch_3QkX{number}", "order": str(10482 + number)},
            "risk": "step_up",
            "summary": [
                {"text": "Refund "},
                {"value": f"{amount} JPY"},
                {"text": " of "},
                {"value": f"ch_3QkX{number}"},
            ],
            "approvers": None,
            "undo": {"how": "never", "note": "A refund that has left cannot be called back."},
        }
    ]
    made["request"] = {
        **made["request"],
        "method": "POST",
        "host": "api.stripe.com",
        "target": "/v1/refunds",
        "headers": [
            ["Content-Type", text("application/x-www-form-urlencoded")],
            ["Authorization", {"secret": {"length": 107, "commitment": digest_of(f"secret {number}")}}],
        ],
        "body": {
            "kind": "form",
            "bytes": 80 + number,
            "content_digest": f"sha-256=:{number}:",
            "fields": [
                ["form:charge", text(f"ch_3QkX{number}")],
                ["form:amount", text(str(amount))],
                ["form:reason", text("requested_by_customer")],
            ],
        },
    }
    return {**made, **changes}


def refunds(gateway: FakeGateway, *amounts: int) -> None:
    gateway.sample, *gateway.others = [refund(n, amount) for n, amount in enumerate(amounts or AMOUNTS)]


def ids(gateway: FakeGateway) -> list[str]:
    return [one["envelope"] for one in gateway.alike()]


async def open_batch(page: Page) -> None:
    await page.goto(BATCH)
    await expect(page.locator("details.verified > summary")).to_be_visible()


async def listening(gateway: FakeGateway) -> None:
    async with asyncio.timeout(60):
        await gateway.listened.wait()


async def test_one_signature_signs_the_list_of_what_is_shown(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    await open_batch(page)
    await expect(page.locator("#what")).to_have_text("Refund a payment, 5 times: 2,760 JPY in all")
    await expect(page.locator(ITEMS)).to_have_count(5)
    await arm(page)
    await expect(page.locator(APPROVE)).to_have_text("Approve 5")
    await expect(page.locator("#says")).to_have_text("One signature, 5 requests, 2,760 JPY")
    await page.click(APPROVE)
    await focused_heading(page, "Signed by you: 5 requests")
    (sent,) = await gateway.sent("batches/approve")
    client = json.loads(unb64u(sent["credential"]["response"]["clientDataJSON"]))
    assert client["challenge"] == gateway.challenge(gateway.batch_of(ids(gateway)))
    assert sent["challenge_id"] == "ch_1"
    await expect(page.locator(".became:visible li")).to_have_count(5)


async def test_what_differs_stands_with_each_and_what_is_the_same_once(
    page: Page, gateway: FakeGateway
) -> None:
    refunds(gateway)
    await open_batch(page)
    first, same = page.locator(ITEMS).first, page.locator("#sheet [data-common] .all-fields")
    for words in ("600 JPY", "ch_3QkX0", "10482", "form:amount"):
        await expect(first).to_contain_text(words)
    await expect(page.locator("[data-rest]").first).to_contain_text(ENVELOPE)
    for words in ("requested_by_customer", "api.stripe.com", "refund-many", "Stripe::Account"):
        await expect(first).not_to_contain_text(words)
        await expect(page.locator("#sheet")).to_contain_text(words)
    await expect(same).not_to_contain_text("ch_3QkX0")
    await expect(same.locator("h2")).to_contain_text("The same in all 5")


async def test_every_value_of_every_payload_is_on_the_page(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480)
    gateway.others[0]["request"]["body"]["fields"].append(["form:metadata[note]", text("one more")])
    for one, raw in zip(gateway.alike(), ("00ff", "00ff00ff"), strict=True):
        one["request"]["body"]["fields"].insert(0, ["form:file", {"hex": raw}])
    gateway.others[0]["units"][0]["context"]["memo"] = "only here"
    gateway.others[0]["zzz"] = {"new": ["in", {"a": 7, "b": None, "c": [], "d": True, "e": ""}]}
    await open_batch(page)
    await arm(page)
    shown = await page.evaluate(
        "async () => { const { readBack } = await import('/static/js/verify.js');"
        " const common = [...document.querySelectorAll('[data-common]')];"
        " const rests = document.querySelectorAll('[data-rest]');"
        " return [...document.querySelectorAll('[data-item]')].map((item, i) =>"
        "   readBack(...common, item, rests[i])); }"
    )
    assert shown == [gateway.sample, *gateway.others]


async def test_an_unticked_request_is_not_in_what_is_signed(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    await open_batch(page)
    await arm(page)
    await page.locator(ITEMS).nth(1).locator("input").uncheck()
    assert await page.locator(APPROVE).get_attribute("aria-disabled") == "true"
    await expect(page.locator("#says")).to_have_text("One signature, 4 requests, 2,280 JPY")
    await press_approve(page)
    await focused_heading(page, "Signed by you: 4 requests")
    left = [one for one in ids(gateway) if one != gateway.others[0]["envelope"]]
    assert (await gateway.sent("batches/begin"))[-1] == {"envelopes": left}
    (sent,) = await gateway.sent("batches/approve")
    client = json.loads(unb64u(sent["credential"]["response"]["clientDataJSON"]))
    assert client["challenge"] == gateway.challenge(gateway.batch_of(left))
    await expect(page.locator(".became:visible")).to_contain_text("Left out: it waits by itself")


async def test_nothing_ticked_is_nothing_to_sign(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480)
    await open_batch(page)
    await arm(page)
    for n in range(2):
        await page.locator(ITEMS).nth(n).locator("input").uncheck()
    await expect(page.locator("#says")).to_have_text("Tick what you want to approve")
    await page.wait_for_timeout(1200)
    for button in (APPROVE, "#deny-all"):
        assert await page.locator(button).get_attribute("aria-disabled") == "true"


def drop(listed: Json) -> Json:
    return {**listed, "envelopes": listed["envelopes"][:-1]}


def swap(listed: Json) -> Json:
    first, second = (dict(entry) for entry in listed["envelopes"][:2])
    first["payload"], second["payload"] = second["payload"], first["payload"]
    return {**listed, "envelopes": [first, second, *listed["envelopes"][2:]]}


def add(listed: Json) -> Json:
    more = {"envelope": "env_9999999999999999", "digest": "0" * 64, "payload": "0" * 64}
    return {**listed, "envelopes": [*listed["envelopes"], more]}


LIES: dict[str, Callable[[Json], Json]] = {
    "one is missing from the list": drop,
    "two payloads are swapped": swap,
    "one more is in the list": add,
    "another person is to sign": lambda listed: {**listed, "approver": "jonas"},
    "another verb": lambda listed: {**listed, "decision": "deny"},
    "another type": lambda listed: {**listed, "type": "secondsig/config"},
    "a later deadline": lambda listed: {**listed, "expires_at": "2099-01-01T00:00:00Z"},
    "a member nobody knows": lambda listed: {**listed, "grant": "for ever"},
}


async def alarms(page: Page, gateway: FakeGateway) -> None:
    await heading(page, "Do not sign")
    await expect(page.locator(APPROVE)).to_be_hidden()
    assert await page.locator("#sheet").inner_text() == ""
    assert "batches/approve" not in gateway.posted
    async with asyncio.timeout(60):
        while "mismatch" not in gateway.posted:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("lie", LIES)
async def test_a_list_of_something_else_blocks_signing(page: Page, gateway: FakeGateway, lie: str) -> None:
    refunds(gateway)
    gateway.tamper_batch = LIES[lie]
    await page.goto(BATCH)
    await alarms(page, gateway)


async def test_a_changed_byte_of_one_payload_blocks_signing(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.tamper_part = lambda raw: raw.replace(b'"480"', b'"489"')
    await page.goto(BATCH)
    await alarms(page, gateway)


async def test_a_changed_byte_of_the_challenge_blocks_signing(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.tamper_challenge = lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])
    await page.goto(BATCH)
    await alarms(page, gateway)


@pytest.mark.parametrize("what", ["agent", "action"])
async def test_what_is_not_alike_blocks_signing(page: Page, gateway: FakeGateway, what: str) -> None:
    refunds(gateway)
    slipped = gateway.others[2]
    if what == "agent":
        slipped["agent"] = {**slipped["agent"], "id": "ci-bot"}
    else:
        slipped["units"][0]["action"] = "/stripe/payout/create"
    await page.goto(BATCH)
    await alarms(page, gateway)


async def test_another_payload_behind_a_tick_blocks_signing(page: Page, gateway: FakeGateway) -> None:
    """The gateway shows one thing first, and another when the choice is narrowed."""
    refunds(gateway)
    await open_batch(page)
    gateway.others[1] = refund(2, 999_999)
    await page.locator(ITEMS).nth(0).locator("input").click()
    await alarms(page, gateway)


CHANGES = {
    "an amount": "document.querySelectorAll('[data-item] .fields .leaf')[0].textContent = '1 JPY'",
    "a shared value": "document.querySelector('.all-fields [data-at*=reason]').textContent = 'fraud'",
    "what no other place shows": (
        "[...document.querySelectorAll('[data-at]')]"
        """.find((e) => e.dataset.at === '["request","method"]').textContent = 'PUT'"""
    ),
    "our own words": "document.querySelector('#sheet h1').append(' Safe.')",
    "a field out of sight": "document.querySelector('[data-item] .fields').style.display = 'none'",
    "an item gone": "document.querySelectorAll('[data-item]')[4].remove()",
    "another salt": "document.querySelector('[data-rest] .leaf').textContent = '0'",
    "a tick nobody set": "document.querySelector('[data-item] input').checked = false",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_page_changed_after_the_check_is_not_signed(
    page: Page, gateway: FakeGateway, change: str
) -> None:
    refunds(gateway)
    await open_batch(page)
    await arm(page)
    await page.evaluate(CHANGES[change])
    await page.click(APPROVE)
    await alarms(page, gateway)


async def test_what_is_redacted_in_each_is_revealed_for_each_before_approving(
    page: Page, gateway: FakeGateway
) -> None:
    refunds(gateway, 600, 480)
    salt = "00" * 16
    value = "mika@acme.example"
    commitment = hashlib.sha256(bytes.fromhex(salt) + value.encode()).hexdigest()
    for one in gateway.alike():
        field = ["form:email", {"redacted": {"length": len(value), "commitment": commitment}}]
        one["request"]["body"]["fields"].append(copy.deepcopy(field))
    gateway.reveals = {"form:email": (value, salt)}
    await open_batch(page)
    await expect(page.locator("#says")).to_have_text("Reveal 2 hidden fields before you approve")
    reveal = page.get_by_role("button", name="Reveal")
    await reveal.first.click()
    await expect(page.locator("#says")).to_have_text("Reveal 1 hidden field before you approve")
    await page.locator(ITEMS).nth(1).locator("input").uncheck()
    await arm(page)
    await page.locator(ITEMS).nth(1).locator("input").check()
    await expect(page.locator("#says")).to_have_text("Reveal 1 hidden field before you approve")
    await reveal.click()
    await page.locator(ITEMS).nth(1).locator("[data-must-see]").scroll_into_view_if_needed()
    await press_approve(page)
    await focused_heading(page, "Signed by you: 2 requests")


async def test_a_marked_field_of_one_must_be_seen(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.others[3]["units"][0]["context"]["memo"] = "safe\u202etxt"
    await open_batch(page)
    await expect(page.locator("#says")).to_have_text("1 marked field not seen yet")
    await page.locator("#marked a").click()
    await arm(page)
    assert page.url.endswith(BATCH)


async def test_different_currencies_or_amounts_without_one_are_not_added_up(
    page: Page, gateway: FakeGateway
) -> None:
    for money in ("480 XXX", "4.80 USD", "many"):
        refunds(gateway, 600, 480)
        gateway.others[0]["units"][0]["context"]["money"] = money
        await open_batch(page)
        await expect(page.locator("#what")).to_have_text("Refund a payment, 2 times")
        await page.goto("about:blank")


async def test_negative_and_decimal_amounts_are_added_exactly(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480, 1)
    for one, money in zip(gateway.alike(), ("1000000000000000.10 EUR", "-0.35 EUR", "0.20 EUR"), strict=True):
        one["units"][0]["context"]["money"] = money
    await open_batch(page)
    await expect(page.locator("#what")).to_contain_text("999,999,999,999,999.95 EUR in all")


async def test_what_was_decided_meanwhile_leaves_the_page_and_is_told(
    page: Page, gateway: FakeGateway
) -> None:
    refunds(gateway)
    await open_batch(page)
    await listening(gateway)
    await page.locator(ITEMS).nth(4).locator("input").uncheck()
    await arm(page)
    gateway.gone.add(gateway.others[0]["envelope"])
    gateway.announce(41, gateway.others[0]["envelope"], "denied")
    await expect(page.locator(ITEMS)).to_have_count(4)
    await expect(page.locator("#changed")).to_contain_text("1 request of these was decided meanwhile")
    await arm(page)
    await expect(page.locator(APPROVE)).to_have_text("Approve 3")


async def test_new_ones_wait_behind_a_button(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480)
    await open_batch(page)
    await listening(gateway)
    gateway.others.append(refund(7, 100))
    gateway.announce(41, "env_7", "pending")
    more = page.get_by_role("button", name="1 more like these wait, show")
    await expect(more).to_be_visible()
    await expect(page.locator(ITEMS)).to_have_count(2)
    await more.click()
    await expect(page.locator(ITEMS)).to_have_count(3)
    await arm(page)


async def test_what_was_not_signed_is_told_with_its_reason(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    lost = gateway.others[1]["envelope"]
    await open_batch(page)
    await arm(page)
    answer = gateway._decide_batch("approved")
    assert isinstance(answer, dict)
    left = {"envelope": lost, "error": "decided", "detail": "jonas decided this first."}
    rows = [row for row in answer["rows"] if row["id"] != lost]
    gateway.batch_reply = {"rows": rows, "left_out": [left]}
    await page.click(APPROVE)
    await focused_heading(page, "Signed by you: 4 requests, 1 not")
    await expect(page.locator(".became:visible")).to_contain_text("Not signed. jonas decided this first.")


async def test_a_signature_that_was_refused_can_be_tried_again(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.batch_reply = (403, {"error": "passkey_refused", "detail": "The passkey was not verified."})
    await open_batch(page)
    await press_approve(page)
    await expect(page.locator(".says.bad:visible")).to_contain_text(
        "Nothing was approved. Try again or deny."
    )
    gateway.batch_reply = None
    await press_approve(page)
    await focused_heading(page, "Signed by you: 5 requests")
    assert [sent["challenge_id"] for sent in await gateway.sent("batches/approve")] == ["ch_1", "ch_2"]


async def test_denying_all_takes_no_passkey_and_carries_the_note(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    await open_batch(page)
    await expect(page.locator("#deny-all")).to_have_text("Deny all 5")
    await page.locator(ITEMS).nth(0).locator("input").uncheck()
    await expect(page.locator("#deny-all")).to_have_text("Deny 4")
    await expect(page.locator("#deny-all")).to_have_attribute("aria-disabled", "false")
    await page.click("#deny-all")
    await expect(page.locator("#deny-title")).to_have_text("Deny these 4 requests?")
    await page.fill("#note", "Wrong target.")
    await page.click("#deny-sure")
    await focused_heading(page, "Denied by you: 4 requests")
    assert await gateway.sent("batches/deny") == [{"envelopes": ids(gateway)[1:], "note": "Wrong target."}]
    assert "batches/approve" not in gateway.posted


async def test_what_was_observed_stands_with_each_where_it_differs(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480)
    first, second = gateway.alike()
    first["observed"] = {"first_time": [], "address_requests_30_days": 96, "question_this_hour": 3}
    second["observed"] = {"first_time": ["resource"], "address_requests_30_days": 96, "question_this_hour": 4}
    await open_batch(page)
    facts = page.locator("#sheet .facts")
    await expect(facts).to_contain_text("Usual for support-desk: 96 requests in 30 days")
    await expect(facts).not_to_contain_text("question this hour")
    news = page.locator(ITEMS).nth(1).locator("dl > div", has_text="New for it")
    await expect(news).to_contain_text("resource")
    rest = page.locator("[data-rest]")
    for number, asked in enumerate((3, 4)):
        turn = rest.nth(number).locator("dl > div", has_text="Question this hour")
        await expect(turn).to_contain_text(str(asked))


async def test_denying_all_can_pause_the_agent(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.pause_reply = (403, {"error": "no", "detail": "It cannot be paused."})
    for one in gateway.alike():
        one["agent"]["id"] = "ci-bot"
    await open_batch(page)
    await expect(page.locator("#deny-all")).to_have_attribute("aria-disabled", "false")
    await page.click("#deny-all")
    await page.check("#pause-too")
    await page.click("#deny-sure")
    await expect(page.locator("#paused")).to_contain_text("It was not paused")


async def test_signed_out_nothing_of_the_requests_is_shown(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.signed_in = False
    await page.goto(BATCH)
    await heading(page, "Sign in to go on")
    assert await page.locator("#sheet").inner_text() == ""
    assert "batches/begin" not in gateway.posted
    await page.get_by_role("button", name="Sign in with your passkey").click()
    await arm(page)


async def test_one_request_alone_has_its_own_page(page: Page, gateway: FakeGateway) -> None:
    await page.goto(BATCH)
    await page.wait_for_url(f"**/approve/{ENVELOPE}")


@pytest.mark.parametrize("why", ["not_allowed", "own_request", "no_passkey"])
async def test_who_may_not_sign_gets_no_list(page: Page, gateway: FakeGateway, why: str) -> None:
    refunds(gateway)
    gateway.may = {"approve": False, "deny": True, "why": why}
    await page.goto(BATCH)
    await heading(page, "These requests cannot be shown together")
    assert "batches/begin" not in gateway.posted


@pytest.mark.parametrize("fragment", ["", "#", "#env_1", "#../../login", f"#{ENVELOPE}%2F"])
async def test_an_address_that_names_no_request_asks_nothing(
    page: Page, gateway: FakeGateway, fragment: str
) -> None:
    await page.goto(f"/approve/batch{fragment}")
    await heading(page, "These requests cannot be shown together")
    assert gateway.got == []


async def test_one_that_was_denied_before_says_so_in_its_place(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    before = {"state": "denied", "by": "jonas", "note": "Freeze.", "at": utc(datetime.now(UTC))}
    gateway.notes[gateway.others[1]["envelope"]] = {"repeats": before, "earlier_configuration": True}
    await open_batch(page)
    place = page.locator(ITEMS).nth(2).locator(".notes")
    await expect(place).to_contain_text("denied by jonas: “Freeze.”")
    await expect(place).to_contain_text("Opened under an earlier configuration")
    await arm(page)


async def test_the_clock_is_that_of_the_first_deadline(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway, 600, 480)
    soon = utc(datetime.now(UTC) + timedelta(seconds=40))
    gateway.others[0]["expires_at"] = soon
    await open_batch(page)
    await expect(page.locator(".decide [data-until]")).to_have_attribute("data-until", soon)
    await page.locator(ITEMS).nth(1).locator("input").uncheck()
    await expect(page.locator(".decide [data-until]")).to_have_attribute(
        "data-until", gateway.sample["expires_at"]
    )


async def test_one_request_says_that_like_ones_wait_and_leads_to_them(
    page: Page, gateway: FakeGateway
) -> None:
    refunds(gateway)
    await page.goto(f"/approve/{ENVELOPE}")
    await expect(page.locator("#alike")).to_contain_text("4 like requests wait as well.")
    await arm(page)
    await page.locator("#alike a").click()
    await expect(page.locator(ITEMS)).to_have_count(5)
