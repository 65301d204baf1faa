import pytest
import rfc8785
from playwright.async_api import Error, Page

from tests.approve_ui.fake_gateway import payload

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IN_PAGE = "async ([name, given]) => (await import('/static/js/jcs.js'))[name](given)"
VALUES = [
    None,
    True,
    [],
    {},
    "",
    0,
    -5,
    2**53 - 1,
    ["a", [1, {"b": None}]],
    {"b": 1, "a": {"d": [], "c": {}}},
    {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
    'quotes " and \\ and / and \b\f\n\r\t and \x00\x1f\x7f',
    "\u2028\u2029\u202e\ufeff😀é",
    payload(),
]


@pytest.mark.parametrize("value", VALUES)
async def test_the_browser_writes_the_same_bytes_as_the_gateway(page: Page, value: object) -> None:
    await page.goto("/enrol")
    assert (await page.evaluate(IN_PAGE, ["jcs", value])).encode() == rfc8785.dumps(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "script", ["1.5", "2 ** 53", "-0", "NaN", "undefined", "'\\ud800'", "{a: undefined}", "[,1]"]
)
async def test_what_a_payload_may_not_hold_is_refused(page: Page, script: str) -> None:
    await page.goto("/enrol")
    with pytest.raises(Error, match="TypeError"):
        await page.evaluate(f"async () => (await import('/static/js/jcs.js')).jcs({script})")


async def test_a_member_named_proto_is_a_member_like_any_other(page: Page) -> None:
    await page.goto("/enrol")
    text = '{"__proto__":{"a":1},"b":2}'
    script = "async (text) => (await import('/static/js/jcs.js')).jcs(JSON.parse(text))"
    assert await page.evaluate(script, text) == text
