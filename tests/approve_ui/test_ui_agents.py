import pytest
from playwright.async_api import Locator, Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, agents, an_agent

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIGN = "dialog.change .sign"


async def opened(page: Page) -> Locator:
    await page.goto("/app/agents")
    row = page.locator("#agents > li").first
    await expect(row).to_be_visible()
    return row


async def test_an_agent_is_paused_with_one_tap(page: Page, gateway: FakeGateway) -> None:
    row = await opened(page)
    await row.get_by_role("button", name="Pause").click()
    await expect(row).to_contain_text("Paused")
    assert await gateway.sent("agents/ci-bot/pause") == [{}]
    assert "changes/begin" not in gateway.posted


async def test_resuming_takes_a_passkey(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot", paused=True))
    row = await opened(page)
    await row.get_by_role("button", name="Resume").click()
    await page.click(SIGN)
    await expect(page.locator("dialog.change")).to_have_count(0)
    assert await gateway.sent("changes/begin") == [{"kind": "agent/resume", "asked": {"agent": "ci-bot"}}]
    assert len(await gateway.sent("changes/finish")) == 1


async def test_only_the_limits_that_were_changed_are_signed(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot", limits={"eur": 100}, in_force={"eur": 100, "jpy": 500}))
    row = await opened(page)
    await row.locator("summary").click()
    await expect(row.get_by_label("jpy")).to_have_attribute("placeholder", "500 inherited")
    await row.get_by_label("jpy").fill("1 000")
    await row.get_by_label("Another limit of ci-bot").fill("eur/day")
    await row.get_by_label("Its value").fill("5,000")
    await row.get_by_role("button", name="Sign limits").click()
    await expect(page.locator("dialog.change")).to_be_visible()
    limits = {"jpy": 1000, "eur/day": 5000}
    assert await gateway.sent("changes/begin") == [
        {"kind": "limits/set", "asked": {"kind": "agent", "name": "ci-bot", "limits": limits}}
    ]


async def test_an_emptied_limit_is_inherited_again(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot", limits={"eur": 100}, in_force={"eur": 100}))
    row = await opened(page)
    await row.locator("summary").click()
    await row.get_by_label("eur").fill("")
    await row.get_by_role("button", name="Sign limits").click()
    await expect(page.locator("dialog.change")).to_be_visible()
    assert (await gateway.sent("changes/begin"))[0]["asked"]["limits"] == {"eur": None}


async def test_a_limit_that_is_no_number_is_refused_by_the_gateway_not_guessed(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.agents = agents(an_agent("ci-bot", in_force={"eur": 100}))
    row = await opened(page)
    await row.locator("summary").click()
    await row.get_by_label("eur").fill("1e3")
    await row.get_by_role("button", name="Sign limits").click()
    await expect(page.locator("dialog.change")).to_be_visible()
    assert (await gateway.sent("changes/begin"))[0]["asked"]["limits"] == {"eur": "1e3"}


async def test_a_new_agents_token_is_told_once(page: Page, gateway: FakeGateway) -> None:
    gateway.change_reply = {"agent": "new-bot", "proxy": "http://new-bot:ssig_x@127.0.0.1:8080"}
    await opened(page)
    await page.get_by_label("Name").fill("new-bot")
    await page.get_by_role("button", name="Add").click()
    await page.click(SIGN)
    await expect(page.locator("#token-line")).to_contain_text(
        "HTTPS_PROXY=http://new-bot:ssig_x@127.0.0.1:8080"
    )
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator("#token-line")).to_have_text("")
    assert await gateway.sent("changes/begin") == [{"kind": "agent/add", "asked": {"name": "new-bot"}}]


async def test_whoever_is_no_administrator_may_only_pause(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(an_agent("ci-bot", in_force={"eur": 100}), administrator=False)
    row = await opened(page)
    await expect(row).to_contain_text("Limits: eur 100")
    assert await row.get_by_role("button").all_inner_texts() == ["Pause"]
    await expect(page.locator("#add")).to_be_hidden()


async def test_without_agents_it_says_how_to_add_one(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(teams=[])
    await page.goto("/app/agents")
    await expect(page.locator("#none")).to_contain_text("secondsig agent add NAME")
    await expect(page.locator("#who")).to_be_hidden()
