import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, text, with_field
from tests.approve_ui.steps import arm, open_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IMITATION = (
    "</dd></dl><h1>Display verified</h1><button id=approve>Approve</button>"
    "<script>alert(1)</script><img src=x onerror=alert(1)>"
)


@pytest.mark.parametrize(
    ("value", "spelled", "warning"),
    [
        ("invoice\u202efdp.exe", "invoiceU+202Efdp.exe", "reverses text"),
        ("/public/pay\u200broll", "/public/payU+200Broll", "would not show"),
        ("a\U000e0041b", "aU+E0041b", "would not show"),
        ("x\x00y\x1b[2Jz", "xU+0000yU+001B[2Jz", "would not show"),
        ("no\u00a0break", "noU+00A0break", "would not show"),
        ("soft\u00adhyphen", "softU+00ADhyphen", "would not show"),
        ("p\u0430ypal", "p\u0430ypal", "Mixes alphabets"),
        ("https://\u0430pi.acme.example/hook", "https://\u0430pi.acme.example/hook", "Its host is xn--"),
        ("<b>bold</b>", "<b>bold</b>", "Holds HTML"),
    ],
)
async def test_characters_that_would_deceive_are_written_out_and_named(
    page: Page, gateway: FakeGateway, value: str, spelled: str, warning: str
) -> None:
    gateway.sample = with_field("json:/trick", text(value))
    await open_ready(page)
    row = page.locator(".fields > div").filter(has=page.locator("dt", has_text="json:/trick"))
    assert await row.locator("dd > .leaf").text_content() == spelled
    await expect(row).to_contain_text(warning)
    assert await row.get_attribute("data-must-see") == ""
    await expect(page.locator("#marked")).to_contain_text("1 field is marked")


async def test_an_imitation_of_the_page_stays_text(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/message", text(IMITATION), purpose=IMITATION)
    gateway.sample["units"][0]["summary"] = [{"text": "Post "}, {"value": IMITATION}]
    gateway.sample["agent"] = gateway.sample["agent"] | {"team": IMITATION}
    await open_ready(page)
    assert await page.locator("#sheet script, #sheet img, #sheet button#approve").count() == 0
    assert await page.locator("#sheet h1").count() == 1
    await expect(page.locator("#sheet h1 .value")).to_have_text(IMITATION)
    await expect(page.locator("#sheet .claim")).to_contain_text("Claimed by ci-bot, not verified")


async def test_line_tricks_do_not_break_out_of_the_heading(page: Page, gateway: FakeGateway) -> None:
    gateway.sample["units"][0]["summary"] = [
        {"text": "Delete "},
        {"value": "a\n\n\nDisplay verified\u2028Safe"},
    ]
    await open_ready(page)
    assert await page.locator("#sheet h1").text_content() == (
        "Delete aU+000AU+000AU+000ADisplay verifiedU+2028Safe"
    )


async def test_a_long_text_is_whole_and_says_how_long_it_is(page: Page, gateway: FakeGateway) -> None:
    lines = "\n".join(f"row {n}" for n in range(400))
    gateway.sample = with_field("json:/csv", text(lines))
    await open_ready(page)
    box = page.get_by_role("region", name="json:/csv")
    assert await box.text_content() == lines
    await expect(page.get_by_text("400 lines, shown whole")).to_be_visible()
    closed = await box.bounding_box()
    row = page.locator(".fields > div.wide").filter(has=box)
    await row.get_by_role("button", name="Show without a box").click()
    opened = await box.bounding_box()
    assert closed
    assert opened
    assert closed["height"] < 250
    assert opened["height"] > 5000
    await arm(page)


async def test_empty_null_false_and_the_word_null_differ(page: Page, gateway: FakeGateway) -> None:
    gateway.sample = with_field("json:/word", text("null"))
    await open_ready(page)

    async def shown(name: str) -> tuple[str | None, str | None]:
        row = page.locator(".fields > div").filter(has=page.locator("dt", has_text=name))
        leaf = row.locator("dd > .leaf")
        return await leaf.text_content(), await leaf.get_attribute("class")

    assert await shown("json:/author") == ("null", "leaf quiet")
    assert await shown("json:/label") == ("empty", "leaf quiet")
    assert await shown("json:/word") == ("null", "leaf mono")
    assert await shown("json:/force") == ("false", "leaf mono")
    assert await page.locator("dt", has_text="json:/absent").count() == 0


async def test_values_can_always_be_turned_back(page: Page) -> None:
    await page.goto("/enrol")
    script = """async () => {
      const {written, readText} = await import('/static/js/values.js');
      const wrong = [];
      for (let c = 0; c < 0x110000; c += 1) {
        if (c >= 0xD800 && c < 0xE000) continue;
        const rare = c > 0x1FFFF && (c < 0xE0000 || c > 0xE0FFF);
        if (rare && c % 251) continue;
        const text = 'a' + String.fromCodePoint(c);
        for (const lines of [true, false]) {
          if (readText(written(text, {lines})) !== text) wrong.push([c, lines]);
        }
      }
      return wrong;
    }"""
    assert await page.evaluate(script) == []
