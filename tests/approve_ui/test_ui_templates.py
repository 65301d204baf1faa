import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import (
    FakeGateway,
    a_service,
    a_step,
    an_explanation,
    templates,
    unmatched,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HOSTILE = "<img src=x onerror=alert(1)>\u202efdp"
SHOWN = "<img src=x onerror=alert(1)>U+202Efdp"


async def test_what_is_loaded_refused_and_unmatched_is_told_and_hostile_values_stay_text(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.templates = templates(
        a_service("github", own=True, overlays=2),
        a_service("aws", mode="watch", hosts=[f"{n}.amazonaws.com" for n in range(12)]),
        refused={"at": "2026-11-20T10:41:02Z", "why": [f"/etc/a: b.yaml:14:9: {HOSTILE}", "Just wrong."]},
        unmatched=[unmatched(host=HOSTILE, resource=HOSTILE), unmatched(action=None, detail="No template.")],
    )
    await page.goto("/app/templates")
    github, aws = page.locator("#loaded tbody tr").nth(0), page.locator("#loaded tbody tr").nth(1)
    await expect(github).to_contain_text("12 left to policy")
    await expect(github).to_contain_text("1 forbidden")
    await expect(github).to_contain_text("your own file, 2 over it")
    await expect(aws).to_contain_text("Only watched")
    await expect(aws).to_contain_text("12 hosts, as 0.amazonaws.com")
    why = page.locator("#refused-why li")
    await expect(why.nth(0).locator(".mono")).to_have_text("/etc/a: b.yaml:14:9 ")
    await expect(why.nth(0)).to_contain_text(SHOWN)
    await expect(why.nth(1)).to_have_text("Just wrong.")
    odd = page.locator("#unmatched tbody tr")
    await expect(odd.nth(0)).to_contain_text(SHOWN)
    await expect(odd.nth(0)).to_contain_text("3 times")
    await expect(odd.nth(1)).to_contain_text("No template.")
    await expect(page.locator("main img")).to_have_count(0)


async def test_a_request_is_explained_step_by_step_as_text_and_nothing_else_is_asked_for(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.explanation = an_explanation()
    gateway.explanation["steps"].append(a_step("outcome", "The agent gets", HOSTILE))
    await page.goto("/app/templates")
    await page.fill("#request", "curl https://playground.secondsig.internal/v1/payments -d @x")
    await page.select_option("#agent", "ci-bot")
    await page.click("#explain")
    await expect(page.locator("#outcome:focus")).to_have_text("A person is asked")
    facts = page.locator("#facts")
    for told in (
        "/playground/payments/create",
        'Playground::Account::"acct_tea"',
        "money = 600 jpy",
        "to = acct_tea",
        "payments-need-a-person (policy.cedar:12)",
        "playground 1.0.0, templates_yaml/playground.yaml:3:10",
    ):
        await expect(facts).to_contain_text(told)
    await expect(page.locator("#steps li")).to_have_count(7)
    await expect(page.locator("#steps li").last).to_contain_text(SHOWN)
    request = "curl https://playground.secondsig.internal/v1/payments -d @x"
    assert gateway.posted == {"templates/explain": [{"request": request, "agent": "ci-bot"}]}


async def test_a_request_that_goes_nowhere_and_one_that_is_none_say_why(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.explanation = an_explanation(outcome="constructor", steps=[])
    await page.goto("/app/templates")
    await page.fill("#request", "GET / HTTP/1.1")
    await page.click("#explain")
    await expect(page.locator("#outcome")).to_have_text("Refused: constructor")
    gateway.explanation = (400, {"error": "no_request", "detail": "The request needs one Host header."})
    await page.click("#explain")
    await expect(page.locator("#no-request")).to_contain_text("one Host header")
    await expect(page.locator("#told")).to_be_hidden()
    assert (await gateway.sent("templates/explain"))[0] == {"request": "GET / HTTP/1.1"}


async def test_whoever_is_no_administrator_reads_and_tries_nothing(page: Page, gateway: FakeGateway) -> None:
    gateway.templates = templates(administrator=False)
    await page.goto("/app/templates")
    await expect(page.locator("#none")).to_contain_text("No template is enabled")
    await expect(page.locator("#all-matched")).to_be_visible()
    await expect(page.locator("#try")).to_be_hidden()
    await expect(page.locator("#not-yours")).to_contain_text("secondsig template explain")
    gateway.fails["templates"] = (503, {"error": "unavailable", "detail": "Something failed."})
    await page.reload()
    await expect(page.locator("#problem")).to_contain_text("Something failed.")
    await expect(page.locator("#loading")).to_be_hidden()
