import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from playwright.async_api import Page, Route, expect

from tests.approve_ui.fake_gateway import ENVELOPE, FakeGateway, payload, text, unb64u, utc
from tests.approve_ui.steps import ADDRESS, APPROVE, arm, focused_heading, heading, open_ready
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

REFUSES = """() => {
  navigator.credentials.get = async () => { throw new DOMException('', 'NotAllowedError'); };
}"""
NEVER_ANSWERS = """() => {
  navigator.credentials.get = ({signal}) =>
    new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)));
}"""


async def test_approving_signs_the_challenge_of_this_payload(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await press_approve(page)
    await focused_heading(page, "Approved and sent. api.github.com answered 200")
    sent = (await gateway.sent("approve"))[0]
    client = json.loads(unb64u(sent["credential"]["response"]["clientDataJSON"]))
    assert client["type"] == "webauthn.get"
    assert client["challenge"] == gateway.challenge(rfc8785.dumps(gateway.sample))
    assert sent["challenge_id"] == "ch_1"
    assert unb64u(sent["credential"]["response"]["authenticatorData"])[32] & 0b101 == 0b101
    await expect(page.locator("#sheet .who")).to_contain_text("asked to")
    await expect(page.locator("#receipt")).to_contain_text("Mika Sato")
    await expect(page.locator(APPROVE)).to_be_hidden()


async def test_nothing_has_the_focus_when_the_page_opens(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    assert await page.evaluate("document.activeElement === document.body")


@pytest.mark.parametrize(
    ("after", "title"),
    [
        ({"state": "completed", "status": 204, "outcome": "completed"}, "answered 204"),
        ({"state": "completed", "status": 200, "outcome": "failed"}, "answered 200, and the answer says no"),
        ({"state": "completed", "status": 200, "outcome": "unclear"}, "whether that means yes was not told"),
        ({"state": "approved", "outcome": "not_sent"}, "Approved, but nothing was sent"),
        ({"state": "unknown", "outcome": "unknown"}, "Sent, but the answer never came"),
        ({"state": "spent"}, "Approved. Sending it to"),
        ({"state": "approved"}, "Approved. Sending it to"),
        ({"state": "lapsed", "outcome": "policy_denied"}, "Signed, but the policy has changed"),
        ({"state": "lapsed"}, "Signed, but never used"),
        ({"state": "pending", "quorum": 2}, "Signed by you. One more signature is needed"),
    ],
)
async def test_what_became_of_it_is_told(
    page: Page, gateway: FakeGateway, after: dict[str, Any], title: str
) -> None:
    gateway.after_approve = after
    await open_ready(page)
    await press_approve(page)
    await focused_heading(page, title)


@pytest.mark.parametrize(("key", "shown"), [("Idempotency-Key: k-\u202e1", True), (None, False)])
async def test_an_unknown_outcome_says_with_which_key_it_left(
    page: Page, gateway: FakeGateway, key: str | None, shown: bool
) -> None:
    gateway.sent_key, gateway.after_approve = key, {"state": "unknown", "outcome": "unknown"}
    await open_ready(page)
    await press_approve(page)
    await focused_heading(page, "Sent, but the answer never came")
    line = page.locator("[data-key-place]")
    await expect(line).to_be_visible(visible=shown)
    if shown:
        await expect(line).to_contain_text("Idempotency-Key: k-U+202E1")


async def test_what_repeats_an_unknown_outcome_names_the_key_to_use_again(
    page: Page, gateway: FakeGateway
) -> None:
    at = utc(datetime.now(UTC) - timedelta(minutes=5))
    before = {"state": "unknown", "by": "jonas", "note": None, "at": at}
    gateway.repeats = {**before, "idempotency_key": "Idempotency-Key: k-1"}
    await open_ready(page)
    await expect(page.locator("#marked")).to_contain_text("It left with Idempotency-Key: k-1")


async def test_an_approval_that_nobody_waits_for_can_be_withdrawn(page: Page, gateway: FakeGateway) -> None:
    gateway.after_approve = {"state": "approved"}
    await open_ready(page)
    await press_approve(page)
    await focused_heading(page, "Approved. Waiting for ci-bot to ask again")
    await page.get_by_role("button", name="Withdraw my approval").click()
    await focused_heading(page, "The approval was withdrawn")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"state": "expired"}, "Time ran out. It was refused"),
        ({"state": "cancelled"}, "This question was cancelled"),
        ({"state": "revoked", "decided_by": "mika"}, "The approval was withdrawn"),
        ({"state": "denied", "decided_by": "mika", "note": "Wrong target."}, "Denied by you"),
        ({"state": "denied", "decided_by": "jonas", "note": "Freeze."}, "jonas denied this first"),
        ({"state": "approved", "decided_by": "jonas"}, "jonas approved this first"),
    ],
)
async def test_a_question_that_has_ended_says_how(
    page: Page, gateway: FakeGateway, changes: dict[str, Any], title: str
) -> None:
    gateway.changes = changes
    await page.goto(ADDRESS)
    await heading(page, title)
    await expect(page.locator(APPROVE)).to_be_hidden()
    assert "sign" not in gateway.posted
    if changes.get("note"):
        await expect(page.locator(".outcome .claim:visible")).to_contain_text(changes["note"])


@pytest.mark.parametrize(
    ("why", "deny", "title"),
    [
        ("not_allowed", False, "You can read this, not decide it"),
        ("own_request", True, "You cannot approve your own request"),
    ],
)
async def test_who_may_not_approve_is_told_and_gets_no_button(
    page: Page, gateway: FakeGateway, why: str, deny: bool, title: str
) -> None:
    gateway.may = {"approve": False, "deny": deny, "why": why}
    await page.goto(ADDRESS)
    await heading(page, title)
    await expect(page.locator("#sheet h1")).to_contain_text("public/index.html")
    await expect(page.locator("#deny-it")).to_be_visible(visible=deny)
    assert await page.locator(APPROVE).get_attribute("aria-disabled") == "true"
    assert "sign" not in gateway.posted


async def test_without_a_passkey_approve_stays_shut(page: Page, gateway: FakeGateway) -> None:
    gateway.may = {"approve": False, "deny": True, "why": "no_passkey"}
    await page.goto(ADDRESS)
    await expect(page.get_by_text("No passkey of yours can sign here")).to_be_visible()
    await page.locator(APPROVE).click(force=True)
    assert "sign" not in gateway.posted


async def test_a_passkey_that_does_not_sign_approves_nothing(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.evaluate(REFUSES)
    await page.click(APPROVE)
    await expect(
        page.get_by_text("Your passkey did not sign. Nothing was approved. Try again or deny.")
    ).to_be_visible()
    assert "approve" not in gateway.posted
    await arm(page)


async def test_cancelling_the_ceremony_approves_nothing(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.evaluate(NEVER_ANSWERS)
    await page.click(APPROVE)
    await page.click("#cancel")
    await expect(page.get_by_text("You cancelled. Nothing was approved.")).to_be_visible()
    assert "approve" not in gateway.posted


async def test_who_comes_second_is_told_who_was_first(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    gateway.changes = {"state": "denied", "decided_by": "jonas", "note": "Release freeze until Monday."}
    gateway.approve_reply = (409, {"error": "decided", "detail": "jonas was first.", "row": gateway.row()})
    await press_approve(page)
    await focused_heading(page, "jonas denied this first")
    await expect(page.locator(".outcome .claim:visible")).to_contain_text("Release freeze until Monday.")


async def test_a_refused_signature_leads_to_a_new_challenge(page: Page, gateway: FakeGateway) -> None:
    gateway.approve_reply = (400, {"error": "passkey", "detail": "The sign count went backwards."})
    await open_ready(page)
    await press_approve(page)
    await expect(page.get_by_text("The sign count went backwards. Nothing was approved.")).to_be_visible()
    assert len(await gateway.sent("sign")) == 2
    gateway.approve_reply = None
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


async def test_somebody_elses_decision_arrives_live(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    gateway.changes = {"state": "denied", "decided_by": "jonas"}
    gateway.announce(41, ENVELOPE, "denied")
    await focused_heading(page, "jonas denied this first")


@pytest.mark.own_page
async def test_time_runs_out_on_the_gateways_clock(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = payload(expires_at=utc(datetime.now(UTC) + timedelta(seconds=4)))
    await page.clock.install(time=datetime.now(UTC) + timedelta(days=300))
    await page.clock.resume()
    await open_ready(page)
    await expect(page.locator(".decide")).to_be_visible()
    await focused_heading(page, "Time ran out. It was refused")
    await expect(page.locator(APPROVE)).to_be_hidden()


async def test_the_time_left_is_read_aloud_at_a_minute_only_then(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = payload(expires_at=utc(datetime.now(UTC) + timedelta(seconds=63)))
    await open_ready(page)
    assert await page.locator("#aloud").inner_text() == ""
    await expect(page.locator("#aloud")).to_have_text("60 seconds left")


async def test_the_feed_begins_where_the_page_was_read(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await gateway.listened.wait()
    assert gateway.resumed_from == ["40"]


async def test_a_page_left_open_over_a_restart_looks_again(page: Page, gateway: FakeGateway) -> None:
    gateway.stream_breaks, gateway.forgot = 1, True
    await open_ready(page)
    gateway.changes = {"state": "denied", "decided_by": "jonas", "decision_method": "session"}
    await heading(page, "jonas denied this first")


async def test_one_lost_answer_heals_while_the_feed_still_stands(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await gateway.listened.wait()
    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        lost.set()
        await route.abort()

    await page.route("**/api/v1/envelopes/*", lose, times=1)
    gateway.changes = {"state": "denied", "decided_by": "jonas", "decision_method": "session"}
    gateway.announce(41, ENVELOPE, "denied")
    await lost.wait()
    await heading(page, "jonas denied this first")


async def test_what_a_page_shows_first_is_asked_for_once_in_turn(page: Page, gateway: FakeGateway) -> None:
    """Asked before the page is laid out, and the question after the event from which the feed goes on."""
    await open_ready(page)
    first = ["/api/v1/me", f"/api/v1/envelopes/{ENVELOPE}"]
    assert [path for path in gateway.got if path in first] == first
    assert len(gateway.posted["sign"]) == 1


@pytest.mark.parametrize("lost", ["me", f"envelopes/{ENVELOPE}", f"envelopes/{ENVELOPE}/sign"])
async def test_a_lost_first_answer_is_asked_for_again(page: Page, gateway: FakeGateway, lost: str) -> None:
    await page.route(f"**/api/v1/{lost}", lambda route: route.abort(), times=1)
    await page.goto(ADDRESS)
    if not lost.endswith("sign"):
        await heading(page, "This question cannot be shown")
        await page.get_by_role("link", name="Try again").click()
    await press_approve(page)
    await heading(page, "Approved and sent")


async def test_offline_nothing_can_be_pressed_and_coming_back_heals(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.context.set_offline(True)
    await expect(page.get_by_text("You are offline. Nothing was sent.")).to_be_visible()
    assert await page.locator(APPROVE).get_attribute("aria-disabled") == "true"
    assert await page.locator("#deny-it").get_attribute("aria-disabled") == "true"
    await page.context.set_offline(False)
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


@pytest.mark.own_page
async def test_a_lost_answer_is_not_called_nothing_sent(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await page.route(
        "**/approve", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    await press_approve(page)
    await expect(page.get_by_text("whether your signature arrived is not known")).to_be_visible()
    await expect(page.get_by_text("Nothing was sent.", exact=False).locator("visible=true")).to_have_count(0)


# Deny


async def test_denying_sends_the_note(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.click("#deny-it")
    await page.get_by_label("Wrong target").check()
    await page.locator("#deny-sure").click()
    await focused_heading(page, "Denied by you")
    assert await gateway.sent("deny") == [{"note": "Wrong target. Check the resource and ask again."}]
    assert "approve" not in gateway.posted


async def test_an_agent_is_paused_with_the_denial(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.click("#deny-it")
    await page.get_by_label("Pause ci-bot as well").check()
    await page.locator("#deny-sure").click()
    await focused_heading(page, "Denied by you")
    assert await gateway.sent("deny") == [{"note": None}]
    await expect(page.get_by_text("It is paused as well, until an operator resumes it.")).to_be_visible()
    assert await gateway.sent("agents/ci-bot/pause") == [{}]


async def test_a_pause_that_fails_is_told_and_the_denial_stands(page: Page, gateway: FakeGateway) -> None:
    gateway.pause_reply = (503, {"error": "unavailable", "detail": "The gateway is busy."})
    await open_ready(page)
    await arm(page)
    await page.click("#deny-it")
    await page.get_by_label("Pause ci-bot as well").check()
    await page.locator("#deny-sure").click()
    await focused_heading(page, "Denied by you")
    await expect(
        page.get_by_text("The gateway is busy. It was not paused: ask your operator.")
    ).to_be_visible()


async def test_enter_in_the_deny_dialog_goes_back(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    await page.locator("#deny-it").press("Enter")
    await page.get_by_label("Not now").press("Enter")
    await expect(page.locator("#deny")).to_be_hidden()
    assert "deny" not in gateway.posted


async def test_the_whole_way_can_be_gone_with_the_keyboard(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "approve":
            break
    await page.keyboard.press("Enter")
    await focused_heading(page, "Approved and sent")


# Signed out


async def test_signed_out_only_the_time_left_is_shown(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto(ADDRESS)
    await heading(page, "Sign in to go on")
    content = await page.locator("main").inner_text()
    assert "left. Refused at" in content
    assert "ci-bot" not in content
    assert "acme/site" not in content
    assert not [path for path in gateway.got if path.endswith(ENVELOPE)]


async def test_after_signing_in_the_page_goes_on_in_place(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    gateway.needs_tab = True
    await page.goto(ADDRESS)
    await page.click("#sign-in")
    await expect(page.locator("details.verified > summary")).to_be_visible()
    assert page.url.endswith(ADDRESS)
    assert await page.evaluate("document.activeElement.id") == "what"
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


async def test_signing_in_as_somebody_else_hides_the_question(page: Page, gateway: FakeGateway) -> None:
    gateway.may = {"approve": False, "deny": False, "why": "not_allowed"}
    await page.goto(ADDRESS)
    await page.click("#somebody-else")
    await heading(page, "Sign in to go on")
    assert await page.locator("#sheet").text_content() == ""
    assert await gateway.sent("logout") == [{}]


async def test_a_session_that_ends_hides_the_question(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    gateway.signed_in = False
    gateway.announce(41, ENVELOPE, "pending")
    await heading(page, "Sign in to go on")
    assert await page.locator("#sheet").text_content() == ""


async def test_an_unknown_question_says_so(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/approve/env_00000000000000000000")
    await heading(page, "This question cannot be shown")
    await expect(page.get_by_text("There is no such question.")).to_be_visible()


async def test_several_things_at_once_are_all_in_the_heading(page: Page, gateway: FakeGateway) -> None:
    first = gateway.sample["units"][0]
    second = first | {
        "summary": [{"text": "Delete "}, {"value": "everything"}],
        "undo": {"how": "never", "note": None},
    }
    gateway.sample = payload(units=[first, second], intent_risk={"level": "high", "reasons": ["new address"]})
    await open_ready(page)
    await expect(page.locator("#sheet h1")).to_have_text("do 2 things at once")
    await expect(page.locator(".several li")).to_have_count(2)
    await expect(page.locator(".ask .risk")).to_contain_text(
        ["High risk.", "Hard to take back.", "Cannot be taken back."]
    )


async def test_two_events_at_once_build_one_page(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    for number in range(41, 46):
        gateway.announce(number, ENVELOPE, "pending")
    await asyncio.sleep(0.5)
    assert len(await gateway.sent("sign")) == 1
    await arm(page)


async def test_a_repeated_question_says_so_first(page: Page, gateway: FakeGateway) -> None:
    at = utc(datetime.now(UTC) - timedelta(minutes=5))
    gateway.repeats = {"state": "denied", "by": "jonas", "note": "Not <b>today</b>.", "at": at}
    await open_ready(page)
    await expect(page.locator("#marked")).to_contain_text("The same was asked before: denied by jonas")
    await expect(page.locator("#marked")).to_contain_text("“Not <b>today</b>.”")
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


async def test_the_raw_payload_can_be_read(page: Page, gateway: FakeGateway) -> None:
    gateway.sample["request"]["body"]["fields"].append(["json:/x", text("a\u202eb")])
    await open_ready(page)
    await page.locator("details.verified > summary").click()
    shown = await page.locator("#raw").text_content()
    assert shown == rfc8785.dumps(gateway.sample).decode().replace("\u202e", "U+202E")


async def test_a_question_from_before_a_change_says_so_and_can_still_be_signed(
    page: Page, gateway: FakeGateway
) -> None:
    await open_ready(page)
    line = page.locator("#earlier")
    await expect(line).to_be_hidden()
    await arm(page)
    gateway.earlier = True
    async with asyncio.timeout(60):
        await gateway.listened.wait()
    gateway.configured(41)
    await expect(line).to_contain_text("Opened under an earlier configuration")
    await press_approve(page)
    await focused_heading(page, "Approved and sent")
    await expect(line).to_be_hidden()


async def test_who_may_not_decide_is_told_too_that_it_is_from_before_a_change(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.earlier = True
    gateway.may = {"approve": False, "deny": False, "why": "not_allowed"}
    await page.goto(ADDRESS)
    await expect(page.locator("#earlier")).to_be_visible()


async def test_the_page_says_whether_the_address_is_usual(page: Page, gateway: FakeGateway) -> None:
    await page.goto(ADDRESS)
    row = page.locator(".facts .fields > div").filter(has_text="From")
    await expect(row).to_contain_text("Usual for ci-bot: 96 requests in 30 days. Its 3rd question this hour")


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1st"), (2, "2nd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
async def test_a_strange_address_is_said_and_all_that_was_observed_is_signed(
    page: Page, gateway: FakeGateway, number: int, words: str
) -> None:
    first = ["address", "credential"]
    gateway.sample["observed"] = {
        "first_time": first,
        "address_requests_30_days": 0,
        "question_this_hour": number,
    }
    await page.goto(ADDRESS)
    await expect(page.locator(".facts")).to_contain_text(
        f"First time from here: 0 requests in 30 days. Its {words} question this hour"
    )
    new = page.locator(".all-fields .fields > div").filter(has_text="New for it")
    await expect(new).to_contain_text("address, credential")
    await expect(page.locator(".all-fields")).not_to_contain_text("Also signed")
