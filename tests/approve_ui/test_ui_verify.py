import hashlib
from typing import Any

import pytest
import rfc8785
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import FakeGateway, b64u, payload, text, with_field
from tests.approve_ui.steps import (
    ADDRESS,
    APPROVE,
    arm,
    expect_alarm,
    focused_heading,
    open_ready,
)
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


async def test_the_page_shows_every_field_and_reads_back_the_same_bytes(
    page: Page, gateway: FakeGateway
) -> None:
    gateway.sample = payload(
        brand_new={"nested": [1, {"deep": None}], "bare": {}}, another=1, purpose=None, why=[]
    )
    await open_ready(page)
    script = """async () => {
      const {readBack} = await import('/static/js/verify.js');
      const {jcs} = await import('/static/js/jcs.js');
      return jcs(readBack(document.querySelector('#sheet')));
    }"""
    assert (await page.evaluate(script)).encode() == rfc8785.dumps(gateway.sample)
    await expect(page.get_by_text("Also signed")).to_be_visible()


async def test_what_the_page_does_not_know_raises_no_false_alarm_whatever_its_order(
    page: Page, gateway: FakeGateway
) -> None:
    """Found in use: two facts without a place of their own were read back in another order."""
    gateway.sample = payload(zeta=1, alpha={"x": None})
    gateway.sample["units"][0] |= {"approvers": None, "undo": {"how": "easy", "note": None}}
    await open_ready(page)


async def test_odd_shapes_are_read_back_too(page: Page, gateway: FakeGateway) -> None:
    odd: list[tuple[str, dict[str, Any]]] = [
        ("json:/__proto__", text("polluted")),
        ("json:/constructor", text("x")),
        ("json:/spaces", text("  two at both ends  ")),
        ("json:/lines", text("a\nb\tc\r\nd")),
        ("json:/spelled", text("U+202E is only spelled here")),
        ("json:/hex", {"hex": "00ff10"}),
        ("json:/emoji", text("👩‍👩‍👧 ❤️ é e\u0301\u0301\u0301\u0301\u0301")),
        ("json:/tags", text("a\U000e0041\U000e0042b")),
        ("json:/noncharacter", text("\ufffe\U0010ffff")),
        ("json:/cookie", {"volatile": True}),
        ("json:/none", text("none")),
    ]
    gateway.sample = payload()
    gateway.sample["request"]["body"]["fields"] += [list(pair) for pair in odd]
    gateway.sample["units"][0]["context"] |= {
        "__proto__": "own",
        "flags": ["a", "b"],
        "empty": [],
        "on": True,
        "": "e",
    }
    await open_ready(page)
    assert "mismatch" not in gateway.posted


@pytest.mark.parametrize("where", [0, 300, -1])
async def test_a_changed_byte_of_the_payload_blocks_signing(
    page: Page, gateway: FakeGateway, where: int
) -> None:
    gateway.tamper_bytes = lambda raw: flipped(raw, where % len(raw))
    await page.goto(ADDRESS)
    await expect_alarm(page)
    assert "approve" not in gateway.posted


@pytest.mark.parametrize("where", [32, 63])
async def test_a_changed_byte_of_the_challenge_blocks_signing(
    page: Page, gateway: FakeGateway, where: int
) -> None:
    gateway.tamper_challenge = lambda raw: flipped(raw, where)
    await page.goto(ADDRESS)
    await expect_alarm(page)


TURN_EACH_BYTE = """async ([payload, challenge, about]) => {
  const { openPayload } = await import('/static/js/verify.js');
  const { unbase64url, base64 } = await import('/static/js/bytes.js');
  const spell = (bytes) => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const opens = (raw, bound) => openPayload(
    { payload: spell(raw), options: { challenge: spell(bound), rpId: 'localhost' } }, about,
  ).then(() => true, (error) => { if (error.name !== 'Error') throw error; return false; });
  const [raw, bound] = [unbase64url(payload), unbase64url(challenge)];
  const turned = (bytes, at) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const missed = [];
  for (const at of raw.keys()) if (await opens(turned(raw, at), bound)) missed.push(['payload', at]);
  for (let at = 32; at < 64; at += 1) if (await opens(raw, turned(bound, at))) missed.push(['challenge', at]);
  return [await opens(raw, bound), raw.length, missed];
}"""


async def test_no_byte_of_the_payload_or_of_the_bound_digest_can_be_turned(
    page: Page, gateway: FakeGateway
) -> None:
    """Of the challenge's other half, the random one, only the gateway knows what it made."""
    raw = rfc8785.dumps(gateway.sample)
    about = {"envelope": gateway.sample["envelope"], "approver": "mika"}
    await page.goto("/enrol")
    opened, length, missed = await page.evaluate(TURN_EACH_BYTE, [b64u(raw), gateway.challenge(raw), about])
    assert (opened, length, missed) == (True, len(raw), [])


TURN_EACH_WORD = """async ([digest]) => {
  const { checkDisplay } = await import('/static/js/verify.js');
  const sheet = document.querySelector('#sheet');
  const holds = () => checkDisplay(sheet, digest).then(() => true, () => false);
  const walker = document.createTreeWalker(sheet, NodeFilter.SHOW_TEXT);
  const missed = [];
  let tried = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.data === '' || node.parentElement.closest('[data-moves]')) continue;
    const before = node.data;
    node.data = String.fromCharCode(before.charCodeAt(0) ^ 1) + before.slice(1);
    tried += 1;
    if (await holds()) missed.push(before);
    node.data = before;
  }
  return [await holds(), tried, missed];
}"""


async def test_no_word_of_what_is_shown_can_be_turned(page: Page, gateway: FakeGateway) -> None:
    """Values, keys, labels, headings and our own sentences: each text on the sheet, one after another."""
    await open_ready(page)
    digest = hashlib.sha256(rfc8785.dumps(gateway.sample)).hexdigest()
    held, tried, missed = await page.evaluate(TURN_EACH_WORD, [digest])
    assert (held, missed) == (True, [])
    assert tried > 150


async def test_a_summary_that_only_the_list_tells_never_reaches_what_is_signed(
    page: Page, gateway: FakeGateway
) -> None:
    """The short form of a question is not signed, so the approval page takes not one word from it."""
    other = [{"text": "Read "}, {"value": "harmless"}]
    gateway.changes = {"summary": other, "agent": "root", "purpose": "Preapproved", "resource": "none"}
    await open_ready(page)
    assert await page.locator("#what").text_content() == "Write public/index.html on main of acme/site"
    assert not {"harmless", "root", "Preapproved"} & set((await page.locator("#sheet").inner_text()).split())
    await press_approve(page)
    await focused_heading(page, "Approved and sent")


async def test_options_for_another_site_block_signing(page: Page, gateway: FakeGateway) -> None:
    usual = gateway.assertion_options
    gateway.assertion_options = lambda raw: {**usual(raw), "rpId": "evil.example"}  # type: ignore[method-assign]
    await page.goto(ADDRESS)
    await expect_alarm(page)
    assert "approve" not in gateway.posted


async def test_a_challenge_of_another_length_blocks_signing(page: Page, gateway: FakeGateway) -> None:
    gateway.tamper_challenge = lambda raw: b"\0" + raw
    await page.goto(ADDRESS)
    await expect_alarm(page)


async def test_bytes_that_are_not_canonical_block_signing(page: Page, gateway: FakeGateway) -> None:
    spaced = rfc8785.dumps(gateway.sample).replace(b'":', b'": ', 1)
    gateway.tamper_bytes = lambda raw: spaced
    gateway.tamper_challenge = lambda raw: raw[:32] + hashlib.sha256(spaced).digest()
    await page.goto(ADDRESS)
    await expect_alarm(page)


@pytest.mark.parametrize(
    "changes",
    [
        {"approver": "jonas"},
        {"decision": "deny"},
        {"type": "secondsig/login"},
        {"version": 3},
        {"rp_id": "evil.example"},
        {"envelope": "env_another0000000"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_payload_about_something_else_blocks_signing(
    page: Page, gateway: FakeGateway, changes: dict[str, Any]
) -> None:
    raw = rfc8785.dumps(payload(**changes))
    gateway.tamper_bytes = lambda _: raw
    gateway.tamper_challenge = lambda challenge: challenge[:32] + hashlib.sha256(raw).digest()
    await page.goto(ADDRESS)
    await expect_alarm(page)


TAMPERINGS = {
    "a value": "one('[data-at*=\"host\"]').firstChild.data = 'api.github.co'",
    "a value that is hidden": "one('[data-at*=\"target\"]').hidden = true",
    "a value that is invisible": "one('[data-at*=\"target\"]').style.visibility = 'hidden'",
    "a row that is gone": "one('.all-fields dd').parentNode.remove()",
    "a label": "one('.all-fields dt').textContent = 'Harmless'",
    "a key": "one('[data-names]').textContent = 'other'",
    "our own words": "one('.risk b').textContent = 'Can be taken back.'",
    "the heading": "one('h1 [data-at]').textContent = 'Read '",
    "an added row": "one('.facts dl').append(document.createElement('div')); "
    "one('.facts dl').lastChild.textContent = 'Safe'",
    "a second, different value": "one('.facts').append(one('[data-at*=\"method\"]').cloneNode(true)); "
    "one('.facts').lastChild.textContent = 'GET'",
    "a written out character": "one('h1 .value .leaf').append(Object.assign(document.createElement('span'), "
    "{className: 'codepoint', textContent: 'U+200B'}))",
}


@pytest.mark.parametrize("change", TAMPERINGS.values(), ids=TAMPERINGS.keys())
async def test_a_display_changed_after_the_check_blocks_signing(
    page: Page, gateway: FakeGateway, change: str
) -> None:
    await open_ready(page)
    await arm(page)
    await page.evaluate(f"const one = (s) => document.querySelector('#sheet').querySelector(s); {change}")
    async with page.expect_response("**/mismatch"):
        await page.click(APPROVE)
    await expect_alarm(page)
    assert "approve" not in gateway.posted
    report = (await gateway.sent("mismatch"))[0]
    assert report["expected"] == hashlib.sha256(rfc8785.dumps(gateway.sample)).hexdigest()
    assert report["shown"] != report["expected"]


async def test_the_alarm_stays_whatever_the_gateway_says_next(page: Page, gateway: FakeGateway) -> None:
    gateway.tamper_bytes = lambda raw: flipped(raw, 10)
    await page.goto(ADDRESS)
    await expect_alarm(page)
    gateway.tamper_bytes = lambda raw: raw
    gateway.announce(41, gateway.sample["envelope"], "pending")
    await page.evaluate("dispatchEvent(new Event('offline')); dispatchEvent(new Event('online'))")
    await page.wait_for_timeout(400)
    await expect_alarm(page)
    await page.click("#deny-alarm")
    await expect(page.locator(".outcome h1:visible")).to_contain_text("Denied by you")
    assert await gateway.sent("deny") == [{"note": None}]


async def test_base64_is_shown_decoded_and_still_bound_to_its_letters(
    page: Page, gateway: FakeGateway
) -> None:
    await open_ready(page)
    content = page.get_by_role("region", name="decoded text")
    await expect(content).to_contain_text("<title>Parts that fit</title>")
    await arm(page)
    await content.evaluate("(pre) => { pre.firstChild.data = pre.firstChild.data.replace('fit', 'fat'); }")
    await page.click(APPROVE)
    await expect_alarm(page)


@pytest.mark.parametrize("value", ["not base64!", "Zm9v\nYmFy", "Zh==", "gICA"])
async def test_base64_that_is_not_plainly_text_is_shown_as_it_came(
    page: Page, gateway: FakeGateway, value: str
) -> None:
    gateway.sample = with_field("json:/blob", text(value), show={"json:/blob": "base64-text"})
    await open_ready(page)
    row = page.locator(".fields > div").filter(has=page.locator("dt", has_text="json:/blob"))
    assert await row.first.locator("dd .leaf").text_content() == value
