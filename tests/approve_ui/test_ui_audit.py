from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NAMES = ["decision", "reason", "agent", "envelope", "action", "resource", "method", "host", "person"]
MORE = ["decision_method", "credential_id", "cosigner", "outcome", "status", "detail"]
EMPTY = dict.fromkeys([*NAMES, *MORE])
ABOUT = {
    "agent": "ci-bot",
    "envelope": "env_01K9",
    "action": "/github/repo/put_file",
    "resource": 'GitHub::Repo::"acme/site"',
    "host": "api.github.com",
}
CID = "bafyreiaiq5zybd35z2s3hvfrhg3nu2k5vuujbsy5jghcswjn7luppiylby"


def entry(seq: int, kind: str, second: int, **changes: Any) -> dict[str, Any]:
    return {"seq": seq, "at": f"2026-11-20T01:41:{second:02}Z", "kind": kind, **EMPTY, **ABOUT, **changes}


def chain() -> list[dict[str, Any]]:
    signer = {"person": "mika", "decision_method": "passkey", "credential_id": "YTcxYzc3ZDI5YzFlYWIzZg"}
    return [
        entry(
            48207,
            "decision",
            2,
            decision="step_up",
            reason="requires_step_up",
            method="PUT",
            detail="main-needs-a-person",
        ),
        entry(48209, "signature", 9, decision="step_up", reason="signed", **signer),
        entry(48210, "mint", 9, decision="step_up", reason="minted", cosigner=CID, **signer),
        entry(48211, "authorised", 9, cosigner=CID, decision="step_up", reason="authorised"),
        entry(48212, "outcome", 10, decision="step_up", outcome="completed", status=200, cosigner=CID),
    ]


async def test_a_step_up_is_told_as_a_story(page: Page, gateway: FakeGateway) -> None:
    gateway.rows = {"rows": chain(), "next": None, "chains": [chain()]}
    await page.goto("/app/audit?filter=decision:step_up")
    story = page.locator("#story")
    await expect(story.locator("h2")).to_contain_text(
        "mika approved it 7 seconds later. api.github.com answered 200."
    )
    await expect(story.locator(".step b")).to_have_text(
        ["Held", "Approved by mika", "Cosigner minted", "Released", "api.github.com answered 200"]
    )
    await expect(page.locator("#chains")).to_contain_text("Sent, 200")
    await expect(page.locator("#filter")).to_have_value("decision:step_up")
    assert "/api/v1/rows?limit=50&filter=decision%3Astep_up" in gateway.got


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (
            {"reason": "approval_denied", "person": "jonas"},
            "jonas denied it 3 seconds later. Nothing was sent.",
        ),
        ({"reason": "approval_timeout"}, "Time ran out."),
        ({"reason": "lapsed"}, "Lapsed."),
    ],
)
async def test_how_a_question_ended_is_told(
    page: Page, gateway: FakeGateway, end: dict[str, Any], told: str
) -> None:
    ended = [chain()[0], entry(48208, "end", 5, decision="step_up", **end)]
    gateway.rows = {"rows": ended, "next": None, "chains": [ended]}
    await page.goto("/app/audit?filter=decision:step_up")
    await expect(page.locator("#story h2")).to_contain_text(told)


async def test_plain_rows_and_older_ones(page: Page, gateway: FakeGateway) -> None:
    gateway.rows = {"rows": [entry(9, "decision", 1, decision="allow", action="<i>x</i>")], "next": 9}
    await page.goto("/app/audit")
    await expect(page.locator("#rows tbody tr")).to_have_count(1)
    await expect(page.locator("#rows")).to_contain_text("<i>x</i>")
    gateway.rows = {"rows": [entry(8, "refused", 0, reason="unmapped")], "next": None}
    await page.get_by_role("button", name="Older entries").click()
    await expect(page.locator("#rows tbody tr")).to_have_count(2)
    await expect(page.get_by_role("button", name="Older entries")).to_be_hidden()
    assert any("before=9" in path for path in gateway.got)


async def test_the_filter_goes_into_the_address(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/audit")
    await page.locator("#filter").fill("agent:ci-bot")
    await page.locator("#filter").press("Enter")
    await page.wait_for_url("**/app/audit?filter=agent%3Aci-bot")
    await expect(page.get_by_text("No entry matches.")).to_be_visible()
