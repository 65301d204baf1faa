"""Strings that try to be more than text, many at once in every place of a page that shows a value."""

from itertools import batched
from typing import Any

import pytest
from playwright.async_api import Page

from tests.approve_ui.fake_gateway import ENVELOPE, FakeGateway, payload, row_of, text
from tests.approve_ui.naughty import in_field, naughty, shown
from tests.approve_ui.steps import ADDRESS, open_ready
from tests.approve_ui.test_ui_audit import entry
from tests.approve_ui.test_ui_batch import open_batch, refund
from tests.kit.browser import SIZES
from tests.kit.layout import OUTSIDE_ITS_BOX, OVER_THE_BAR, TOO_WIDE

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ALL = naughty()
SIGNABLE = naughty(well_formed=True)
SHORT = [one for one in SIGNABLE if 0 < len(one) < 100]
MADE = """() => {
  const ours = 'script[src^="/static/js/"], #verified-template';
  const made = 'script, style, img, iframe, object, base, meta, math, plaintext, template, naughty-tag, ' +
    '#naughty, form[action], [style], [onerror], [onload], [onmouseover], [srcdoc], a[href^="javascript:"]';
  const found = [...document.body.querySelectorAll(made)].filter((e) => !e.matches(ours));
  const ran = window.naughty === undefined ? [] : [`ran ${window.naughty}`];
  return [...found.map((e) => e.outerHTML.slice(0, 120)), ...ran];
}"""
AT = """([within, paths]) => {
  const root = document.querySelector(within);
  const at = new Map([...root.querySelectorAll('[data-at]')].map((e) => [e.dataset.at, e.textContent]));
  return paths.map((path) => at.get(JSON.stringify(path)));
}"""
"""The text of the leaf at each path of the payload."""

TEXTS = """([within, what]) => [...document.querySelectorAll(within)]
  .map((e) => e.querySelector(what)?.textContent ?? '')"""


async def expect_only_text(page: Page, *, bar: bool = False) -> None:
    """No string made an element, and the layout holds in every size."""
    found = {"made": await page.evaluate(MADE)}
    for name, (width, height) in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        found[f"too wide, {name}"] = await page.evaluate(TOO_WIDE)
        found[f"outside its box, {name}"] = await page.evaluate(OUTSIDE_ITS_BOX)
        found[f"over the bar, {name}"] = await page.evaluate(OVER_THE_BAR) if bar and name != "desk" else []
    assert [f"{problem}: {each}" for problem, where in found.items() for each in where][:9] == []


async def leaves(page: Page, within: str, paths: list[list[Any]]) -> list[str]:
    found: list[str] = await page.evaluate(AT, [within, paths])
    return found


async def texts(page: Page, within: str, what: str) -> list[str]:
    found: list[str] = await page.evaluate(TEXTS, [within, what])
    return found


async def test_naughty_strings_are_text_in_every_place_of_the_approval_page(
    page: Page, gateway: FakeGateway
) -> None:
    until = "2030-01-01T00:00:00Z"
    gateway.sample = payload(
        purpose=" ".join(SHORT),
        why=[{"policy": one, "reason": one} for one in SHORT],
    )
    first = gateway.sample["units"][0]
    first["summary"] = [part for one in SHORT for part in ({"text": "Post "}, {"value": one})]
    first["context"] = dict.fromkeys(SIGNABLE, "x") | {f"{n}": one for n, one in enumerate(SIGNABLE)}
    gateway.sample["request"]["body"]["fields"] = [[f"json:/{one}", text(one)] for one in SIGNABLE]
    gateway.sample["request"]["headers"] = [[one, text(one)] for one in SHORT]
    gateway.sample["agent"] |= {"team": "|".join(SHORT), "run": SHORT[0]}
    gateway.delegates = [{"person": one, "for": {"person": one, "until": until}} for one in ALL]
    gateway.escalation = [{"to": one, "at": until, "went_at": None, "people": [one]} for one in ALL]
    gateway.broken_glass = [{"person": one, "reason": one, "at": until} for one in ALL]
    gateway.repeats = {"state": "denied", "by": "jonas", "at": until, "note": "|".join(ALL)}
    gateway.repeats |= {"idempotency_key": None}
    await open_ready(page)
    body = ["request", "body", "fields"]
    names = await leaves(page, "#sheet", [[*body, n, 0] for n in range(len(SIGNABLE))])
    values = await leaves(page, "#sheet", [[*body, n, 1, "text"] for n in range(len(SIGNABLE))])
    told = await leaves(page, "#sheet", [["units", 0, "context", f"{n}"] for n in range(len(SIGNABLE))])
    reasons = await leaves(page, "#sheet", [["why", n, "reason"] for n in range(len(SHORT))])
    assert names == [shown(f"json:/{one}") for one in SIGNABLE]
    assert values == [in_field(one) for one in SIGNABLE]
    assert told == [shown(one) or "empty" for one in SIGNABLE]
    assert reasons == [shown(one) for one in SHORT]
    assert await texts(page, "#what > .value", ".leaf") == [shown(one) for one in SHORT]
    assert await page.locator("#sheet .claim q").text_content() == shown(" ".join(SHORT))
    assert shown("|".join(ALL)) in str(await page.locator("#marked").text_content())
    standing = await page.locator("#standing-in li").all_text_contents()
    assert [line.partition(" until ")[0] for line in standing] == [
        f"{shown(one)}, for {shown(one)}" for one in ALL
    ]
    broken = str(await page.locator("#broken").text_content())
    assert all(f"“{shown(one)}”" in broken for one in ALL)
    going = await page.locator("#escalation li").all_text_contents()
    assert all(line.startswith(f"Goes to {shown(one)} at ") for line, one in zip(going, ALL, strict=True))
    assert all(line.endswith(f": {shown(one)}") for line, one in zip(going, ALL, strict=True))
    await expect_only_text(page, bar=True)


async def test_naughty_strings_are_text_in_every_place_of_a_receipt_and_a_refusal(
    page: Page, gateway: FakeGateway
) -> None:
    worst = "".join(one for one in ALL if "<" in one)
    about: dict[str, Any] = {"agent": worst, "team": worst, "address": worst, "purpose": worst}
    about |= {
        "action": f"/{worst}",
        "resource": worst,
        "summary": [{"text": "Post "}, {"value": "|".join(ALL)}],
    }
    when = gateway.sample["opened_at"]
    gateway.signatures = [
        {"person": one, "at": when, "credential": one, "counts": True, "for": {"person": one, "until": when}}
        for one in ALL
    ]
    gateway.changes = {"state": "completed", "status": 200, "decided_by": "mika", **about}
    await page.goto(ADDRESS)
    await page.wait_for_selector("#receipt:visible")
    lines = await texts(page, "#receipt > div", "dd")
    signed = [
        f"{shown(one)}{stamp}"
        for one, stamp in zip(ALL, await texts(page, "#receipt > div", "small"), strict=False)
    ]
    assert lines[: len(ALL)] == signed
    assert [
        line.partition(", ")[2] for line in (await texts(page, "#receipt > div", "small"))[: len(ALL)]
    ] == [shown(one) or "passkey" for one in ALL]
    assert await texts(page, "#signatures > li", "b") == [shown(one) for one in ALL]
    assert await texts(page, "#what", ".value") == [shown("|".join(ALL))]
    assert await texts(page, "#sheet .who", "b") == [shown(worst)]
    assert await texts(page, "#sheet .claim", "q") == [shown(worst)]
    await expect_only_text(page)
    gateway.changes = {"state": "denied", "decided_by": "mika", "note": "|".join(ALL), **about}
    await page.goto(ADDRESS)
    await page.wait_for_selector(".outcome [data-slot=note] q:visible")
    assert await page.locator(".outcome:visible [data-slot=note] q").text_content() == shown("|".join(ALL))
    await expect_only_text(page)


async def test_naughty_strings_are_text_in_every_place_of_the_queue(page: Page, gateway: FakeGateway) -> None:
    sample = payload()

    def row(number: int, one: str, **changes: Any) -> dict[str, Any]:
        summary = [{"text": "Post "}, {"value": one}]
        about = {"agent": one, "address": one, "action": one, "resource": one, "purpose": one}
        return row_of({**sample, "envelope": f"env_{number}"}, summary=summary, **about, **changes)

    flood = {"in_10_min": 9, "usual_per_hour": 1}
    gateway.waiting = [row(n, one, unusual=flood) for n, one in enumerate(ALL)]
    gateway.recent = [row(n, one, state="denied", decided_by="j", note=one) for n, one in enumerate(ALL)]
    gateway.refused_change = {"at": sample["opened_at"], "why": ALL}
    await page.goto("/app/approvals")
    await page.wait_for_selector("#waiting tbody tr")
    every = "#waiting tbody tr"
    assert await texts(page, every, ".agent b") == [shown(one) for one in ALL]
    assert await texts(page, every, ".agent small.mono") == [shown(one) for one in ALL]
    assert await texts(page, every, ".request a") == [f"Post {shown(one)}" for one in ALL]
    assert await texts(page, every, ".request small.mono") == [f"{shown(one)} on {shown(one)}" for one in ALL]
    assert await texts(page, every, ".purpose") == [shown(one) for one in ALL]
    assert await texts(page, "#recent tbody tr", ".purpose") == [
        f"j, denied: “{shown(one)}”" if one else "j, denied" for one in ALL
    ]
    assert await page.locator("#refused-why li").all_text_contents() == [shown(one) for one in ALL]
    assert await texts(page, "#unusual .notice", "b") == [
        f"{shown(one)} asks more than usual:" for one in dict.fromkeys(ALL)
    ]
    await expect_only_text(page)


async def test_naughty_strings_are_text_in_every_place_of_the_log(page: Page, gateway: FakeGateway) -> None:
    names = ("agent", "action", "resource", "detail", "person", "host")
    rows = [entry(n, "signature", 1, **dict.fromkeys(names, one)) for n, one in enumerate(ALL, 1)]
    gateway.rows = {"rows": rows, "next": None}
    await page.goto("/app/audit")
    await page.wait_for_selector("#rows tbody tr")
    every = "#rows tbody tr"
    assert await texts(page, every, ".agent small") == [shown(one) for one in ALL]
    assert await texts(page, every, ".purpose span.mono") == [shown(one) for one in ALL]
    assert await texts(page, every, ".purpose small.mono") == [shown(one) for one in ALL]
    assert await texts(page, every, ".risk-cell > span") == [shown(one) for one in ALL]
    assert await texts(page, every, ".risk-cell small") == [shown(one) for one in ALL]
    await expect_only_text(page)
    gateway.rows = {"rows": rows, "next": None, "chains": [rows, *([one] for one in rows)]}
    await page.goto("/app/audit?filter=decision:step_up")
    await page.wait_for_selector("#chains li")
    assert (await texts(page, "#chains li", "a .mono"))[1:] == [shown(one) for one in ALL]
    assert (await texts(page, "#chains li", "a .value"))[1:] == [shown(one) for one in ALL]
    assert await texts(page, "#story .chain > li", ".step b") == [shown(f"Approved by {one}") for one in ALL]
    assert await texts(page, "#story .chain > li", "p:nth-of-type(3):not(.proof)") == [
        shown(one) for one in ALL
    ]
    await expect_only_text(page)


async def test_naughty_strings_are_text_in_every_place_of_a_batch(page: Page, gateway: FakeGateway) -> None:
    shares = [list(share) for share in batched(SIGNABLE, -(-len(SIGNABLE) // 3))]
    gateway.sample, *gateway.others = [refund(n, 600) for n in range(3)]
    for made, share in zip([gateway.sample, *gateway.others], shares, strict=True):
        made["request"]["body"]["fields"] = [[f"form:{one}", text(one)] for one in share]
        made["purpose"] = " ".join(SHORT)
        made["units"][0]["summary"] = [part for one in share for part in ({"text": "Post "}, {"value": one})]
    gateway.notes = {
        ENVELOPE: {
            "repeats": {
                "state": "denied",
                "by": "jonas",
                "at": gateway.sample["opened_at"],
                "note": "|".join(ALL),
            }
        }
    }
    await open_batch(page)
    for number, share in enumerate(shares):
        item = f"#sheet .items > li:nth-child({number + 1})"
        body = ["request", "body", "fields"]
        values = await leaves(page, item, [[*body, n, 1, "text"] for n in range(len(share))])
        names = await leaves(page, item, [[*body, n, 0] for n in range(len(share))])
        said = await leaves(
            page, item, [["units", 0, "summary", 2 * n + 1, "value"] for n in range(len(share))]
        )
        assert values == [in_field(one) for one in share]
        assert names == [shown(f"form:{one}") for one in share]
        assert said == [shown(one) or "empty" for one in share]
    assert shown("|".join(ALL)) in str(await page.locator(".notes").first.text_content())
    assert await page.locator("#sheet .claim q").text_content() == shown(" ".join(SHORT))
    await expect_only_text(page, bar=True)
