import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, digest_of, payload, row_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ROWS = "#waiting tbody tr"


def waiting(number: int, **changes: object) -> dict[str, object]:
    return row_of(payload(envelope=f"env_{number:016}"), **changes)


async def listening(gateway: FakeGateway) -> None:
    async with asyncio.timeout(60):
        await gateway.listened.wait()


async def test_the_empty_queue_teaches(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await expect(page.get_by_role("heading", name="Nothing is waiting")).to_be_visible()
    command = await page.locator("#try").inner_text()
    assert command.startswith("secondsig run -- curl https://playground.secondsig.internal/v1/payments")
    assert '\'{"amount":600,"currency":"jpy","to":"acct_tea"}\'' in command
    await expect(page.locator("#live")).to_have_text("Live")
    steps = page.locator("#tour li")
    await expect(steps.first).to_have_attribute("aria-current", "step")
    assert "secondsig run --" in await steps.first.inner_text()
    await listening(gateway)
    gateway.waiting = [waiting(1)]
    gateway.announce(41, "env_1", "pending")
    await expect(page.get_by_role("heading", name="Your first request is held")).to_be_visible()
    await expect(steps.nth(3)).to_have_attribute("aria-current", "step")
    gateway.waiting, gateway.recent = [], [waiting(1, state="completed", status=200)]
    gateway.announce(42, "env_1", "completed")
    await expect(page.get_by_role("heading", name="Nothing is waiting")).to_be_visible()
    await expect(page.locator("#try")).to_be_hidden()


async def test_the_way_to_the_kill_switch_asks_once_and_stops_nothing_by_itself(
    page: Page, gateway: FakeGateway
) -> None:
    await page.goto("/app/approvals#stop")
    await expect(page.locator("#stop-ask")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.reload()
    await expect(page.locator("#live")).to_have_text("Live")
    await expect(page.locator("#stop-ask")).to_be_hidden()
    assert "stop-all" not in gateway.posted


async def test_a_request_appears_by_itself_and_leads_to_its_page(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await listening(gateway)
    gateway.waiting = [waiting(1)]
    gateway.announce(41, "env_1", "pending")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page).to_have_title("(1) Approvals · Secondsig")
    link = page.locator(f"{ROWS} a")
    assert await link.text_content() == "Write public/index.html on main of acme/site"
    await link.click()
    await page.wait_for_url("**/approve/env_0000000000000001")


async def test_rows_do_not_move_under_the_pointer(page: Page, gateway: FakeGateway) -> None:
    gateway.waiting = [waiting(1), waiting(2)]
    await page.goto("/app/approvals")
    await listening(gateway)
    await page.locator(ROWS).nth(1).hover()
    before = await page.locator(ROWS).nth(1).bounding_box()
    gateway.waiting = [waiting(3), waiting(4), waiting(2)]
    gateway.announce(41, "env_3", "pending")
    button = page.get_by_role("button", name="2 new requests, show")
    await expect(button).to_be_visible()
    assert await page.locator(ROWS).nth(1).bounding_box() == before
    await expect(page.locator(ROWS).nth(0)).to_contain_text("Ended")
    await button.click()
    await expect(page.locator(ROWS)).to_have_count(3)
    await expect(button).to_be_hidden()


async def test_rows_do_not_move_under_the_focus_and_follow_when_it_leaves(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.waiting = [waiting(1)]
    await page.goto("/app/approvals")
    await listening(gateway)
    await page.locator(f"{ROWS} a").focus()
    gateway.waiting = [waiting(1), waiting(2)]
    gateway.announce(41, "env_2", "pending")
    await expect(page.get_by_role("button", name="1 new request, show")).to_be_visible()
    await page.locator(".wordmark").focus()
    await expect(page.locator(ROWS)).to_have_count(2)


async def test_hostile_values_in_a_row_stay_text(page: Page, gateway: FakeGateway) -> None:
    summary = [{"text": "Call "}, {"value": "<img src=x onerror=alert(1)>\u202efdp.exe\nnext"}]
    gateway.waiting = [waiting(1, summary=summary, agent="<b>bot</b>", purpose="</q><h1>Approved</h1>")]
    await page.goto("/app/approvals")
    row = page.locator(ROWS)
    await expect(row).to_contain_text("<img src=x onerror=alert(1)>U+202Efdp.exeU+000Anext")
    await expect(row).to_contain_text("</q><h1>Approved</h1>")
    await expect(row).to_contain_text("Marked: look closely")
    assert await row.locator("img, h1").count() == 0


async def test_a_broken_connection_is_said_and_resumes_where_it_was(page: Page, gateway: FakeGateway) -> None:
    gateway.stream_breaks = 1
    await page.goto("/app/approvals")
    await expect(page.locator("#live")).to_contain_text("Connection lost at")
    await expect(page.locator("#live")).to_have_text("Live")
    assert gateway.resumed_from == ["40", "40"]


async def test_how_things_ended_is_told_in_words(page: Page, gateway: FakeGateway) -> None:
    gateway.recent = [
        waiting(1, state="completed", status=200, decided_by="jonas", decision_method="passkey"),
        waiting(2, state="denied", decided_by="mika", note="Wrong target."),
        waiting(3, state="expired"),
        waiting(4, state="unknown", decided_by="priya", decision_method="passkey"),
        waiting(5, state="lapsed", outcome="not_sent", decided_by="priya"),
    ]
    await page.goto("/app/approvals")
    rows = page.locator("#recent tbody tr")
    for number, words in enumerate(
        ["Sent, 200", "denied: “Wrong target.”", "Nobody in time", "Sent, answer unknown", "Nothing was sent"]
    ):
        await expect(rows.nth(number)).to_contain_text(words)


async def test_whoever_stands_on_what_ended_stays_there_when_more_ends(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.recent = [waiting(1, state="expired")]
    await page.goto("/app/approvals")
    await listening(gateway)
    await expect(page.locator("#live")).to_have_text("Live")
    await page.locator("#recent tbody a").focus()
    await page.evaluate("document.activeElement.closest('tr').id = 'mine'")
    gateway.waiting = [waiting(3)]
    gateway.announce(41, "env_3", "pending")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator("#mine a")).to_be_focused()
    gateway.recent = [waiting(2, state="denied", decided_by="mika"), *gateway.recent]
    gateway.announce(42, "env_2", "denied")
    rows = page.locator("#recent tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1).locator("a")).to_be_focused()


async def test_signing_out_leads_to_sign_in(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await page.click("#sign-out")
    await page.wait_for_url("**/login?next=%2Fapp%2Fapprovals")
    assert await gateway.sent("logout") == [{}]


REFUSED = {
    "at": "2026-11-20T01:41:02Z",
    "why": ['policy.cedar:4:9: There is no attribute "cosinger".', "<img src=x onerror=alert(1)>"],
}


async def test_a_refused_change_is_told_as_text_and_goes_away(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await listening(gateway)
    notice = page.locator("#refused-change")
    await expect(notice).to_be_hidden()
    gateway.refused_change = REFUSED
    gateway.configured(41)
    await expect(notice).to_contain_text("The last change of the configuration was refused")
    await expect(notice).to_contain_text('policy.cedar:4:9: There is no attribute "cosinger".')
    await expect(notice).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(notice).to_contain_text(f"Still in force: {digest_of('config')[:4]}")
    assert await notice.locator("img").count() == 0
    gateway.refused_change = None
    gateway.configured(42)
    await expect(notice).to_be_hidden()


async def test_the_notice_of_a_refused_change_pushes_no_row_from_under_the_pointer(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.waiting = [waiting(1), waiting(2)]
    await page.goto("/app/approvals")
    await listening(gateway)
    await page.locator(ROWS).nth(1).hover()
    before = await page.locator(ROWS).nth(1).bounding_box()
    gateway.refused_change = REFUSED
    asked = len(gateway.got)
    gateway.configured(41)
    async with asyncio.timeout(60):
        while len(gateway.got) == asked:
            await asyncio.sleep(0.02)
    await expect(page.locator("#refused-change")).to_be_hidden()
    assert await page.locator(ROWS).nth(1).bounding_box() == before
    await page.mouse.move(1, 1)
    await expect(page.locator("#refused-change")).to_be_visible()


async def test_like_requests_stand_together_under_one_link(page: Page, gateway: FakeGateway) -> None:
    gateway.waiting = [
        waiting(1, batch="a" * 64),
        waiting(2),
        waiting(3, batch="a" * 64, agent="ci\u202ebot"),
        waiting(4, batch="b" * 64),
    ]
    await page.goto("/app/approvals")
    await expect(page.locator(ROWS)).to_have_count(5)
    links = await page.locator(f"{ROWS} a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    assert links == [
        "/approve/batch#env_0000000000000001",
        *(f"/approve/env_{n:016}" for n in (1, 3, 2, 4)),
    ]
    group = page.locator(".group")
    await expect(group).to_have_count(1)
    assert "Review 2 together" in await group.inner_text()


async def test_an_agent_that_asks_more_than_usual_is_named_and_paused_with_one_tap(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.waiting = [
        waiting(1, unusual={"in_10_min": 14, "usual_per_hour": 2}),
        waiting(2, unusual={"in_10_min": 14, "usual_per_hour": 2}),
        waiting(3, agent="quiet"),
    ]
    await page.goto("/app/approvals")
    notice = page.locator("#unusual .notice")
    await expect(notice).to_have_count(1)
    await expect(notice).to_contain_text(
        "ci-bot asks more than usual: 14 questions in 10 minutes, where it usually asks 2 an hour."
    )
    await expect(page.locator(ROWS).filter(has_text="Unusual volume")).to_have_count(2)
    await notice.get_by_role("button", name="Pause agent").click()
    await expect(notice).to_contain_text("ci-bot is paused. What it waited for is cancelled.")
    gateway.waiting = []
    await page.mouse.move(1, 1)
    gateway.announce(41, "env_1", "cancelled")
    await expect(notice).to_have_count(0)
    assert await gateway.sent("agents/ci-bot/pause") == [{}]


async def test_a_pause_that_failed_says_so_and_can_be_tried_again(page: Page, gateway: FakeGateway) -> None:
    gateway.waiting = [waiting(1, unusual={"in_10_min": 6, "usual_per_hour": 0})]
    gateway.pause_reply = 503, {"error": "unwritable", "detail": "The log cannot be written."}
    await page.goto("/app/approvals")
    notice = page.locator("#unusual .notice")
    await expect(notice).to_contain_text("where it usually asks fewer than one an hour.")
    await notice.get_by_role("button").click()
    await expect(notice).to_contain_text("Not paused: The log cannot be written.")
    await expect(notice.get_by_role("button")).to_be_enabled()


async def test_an_agents_name_in_the_notice_is_text(page: Page, gateway: FakeGateway) -> None:
    unusual = {"in_10_min": 6, "usual_per_hour": 1}
    gateway.waiting = [waiting(1, agent="<img src=x>\u202e", unusual=unusual)]
    await page.goto("/app/approvals")
    notice = page.locator("#unusual .notice")
    await expect(notice).to_contain_text("<img src=x>U+202E asks more than usual")
    assert await notice.locator("img").count() == 0
