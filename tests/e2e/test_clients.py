"""Unmodified clients behind `secondsig run`, a person in Chromium, and an upstream that counts."""

import asyncio
import hashlib
import json
import sys
from urllib.parse import urljoin

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import House
from tests.kit.browser import press_approve

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

REQUESTS = """
import requests, json
r = requests.post("https://upstream.test/orders/%s", data=b'{"n": 1}', timeout=300,
                  headers={"Content-Type": "application/json", "Authorization": "Bearer upstream-key",
                           "Secondsig-Purpose": "test the client", "X-Kept": "kept"})
print(json.dumps({"status": r.status_code, "mark": r.headers.get("X-Upstream"), "body": r.json()}))
"""
THREE = """
import json, requests
from concurrent.futures import ThreadPoolExecutor
def order(n):
    return requests.post(f"https://upstream.test/orders/b{n}", json={"n": n}, timeout=300).status_code
with ThreadPoolExecutor(3) as pool:
    print(json.dumps(list(pool.map(order, (1, 2, 3)))))
"""
HTTPX = """
import httpx, json, sys
try:
    r = httpx.post("https://upstream.test/orders/%s", content=b'{"n": 1}',
                   timeout=httpx.Timeout(120, read=%d), headers={"Content-Type": "application/json"})
    print(json.dumps({"status": r.status_code, "mark": r.headers.get("X-Upstream"), "body": r.json()}))
except httpx.ReadTimeout:
    sys.exit(5)
"""


async def test_requests_is_held_approved_in_a_browser_and_goes_out_once_unchanged(house: House) -> None:
    client = asyncio.create_task(house.behind(sys.executable, "-c", REQUESTS % "r1"))
    await house.person.approve_next()
    code, out, err = await client
    assert code == 0, err
    said = json.loads(out)
    assert (said["status"], said["mark"]) == (201, "real")
    assert house.upstream.count("POST", "/orders/r1") == 1
    headers = {name.lower(): value for name, value in said["body"]["headers"]}
    assert headers["authorization"] == "Bearer upstream-key"
    assert headers["x-kept"] == "kept"
    assert said["body"]["body_sha256"] == hashlib.sha256(b'{"n": 1}').hexdigest()
    assert not [name for name in headers if name.startswith(("secondsig", "proxy"))]
    await house.person.page.get_by_role("heading", name="Approved and sent").wait_for()
    assert house.person.trouble == []


async def test_like_requests_are_read_in_a_browser_and_signed_together_but_for_one(house: House) -> None:
    client = asyncio.create_task(house.behind(sys.executable, "-c", THREE))
    page = house.person.page
    await page.goto(urljoin(page.url, "/app/approvals"))
    await page.get_by_role("link", name="Review 3 together").click()
    await expect(page.locator("#what")).to_have_text("Place an order, 3 times")
    await page.locator(".items > li", has_text="b2").locator("input").uncheck()
    await expect(page.locator("#approve")).to_have_text("Approve 2")
    await press_approve(page)
    await page.get_by_role("heading", name="Signed by you: 2 requests").wait_for()
    await page.get_by_role("link", name="Place order b2").click()
    await page.locator("#deny-it[aria-disabled=false]").click()
    await page.locator("#deny-sure").click()
    code, out, err = await client
    assert code == 0, err
    assert json.loads(out) == [201, 403, 201]
    assert [house.upstream.count("POST", f"/orders/b{n}") for n in (1, 2, 3)] == [1, 0, 1]
    assert house.person.trouble == []


async def test_curl_is_held_and_approved(house: House) -> None:
    client = asyncio.create_task(
        house.behind(
            "curl",
            "-sS",
            "-i",
            "-d",
            "{}",
            "-H",
            "content-type: application/json",
            "https://upstream.test/orders/c1",
        )
    )
    await house.person.approve_next()
    code, out, err = await client
    assert code == 0, err
    assert "HTTP/1.1 201" in out
    assert "x-upstream: real" in out.lower()
    assert house.upstream.count("POST", "/orders/c1") == 1


async def test_httpx_leaves_after_five_seconds_and_its_retry_passes_after_the_approval(house: House) -> None:
    code, _, _ = await house.behind(sys.executable, "-c", HTTPX % ("h1", 5))
    assert code == 5
    assert house.upstream.count("POST", "/orders/h1") == 0
    await house.person.approve_next()
    await house.person.page.get_by_role("heading", name="Approved. Waiting for").wait_for()
    assert house.upstream.count("POST", "/orders/h1") == 0
    code, out, err = await house.behind(sys.executable, "-c", HTTPX % ("h1", 120))
    assert code == 0, err
    assert json.loads(out)["status"] == 201
    assert house.upstream.count("POST", "/orders/h1") == 1


async def test_git_clone_waits_for_a_person(house: House, tmp_path) -> None:
    target = tmp_path / "clone"
    client = asyncio.create_task(
        house.behind("git", "clone", "-q", "https://codeberg.org/acme/site.git", str(target))
    )
    await house.person.approve_next()
    code, _, err = await client
    assert code == 0, err
    assert (target / "README").read_text() == "hello\n"
    assert house.git.calls["GET", "/acme/site.git/info/refs"] == 1


async def test_a_denied_request_never_arrives_and_its_note_reaches_the_agent(house: House) -> None:
    client = asyncio.create_task(
        house.behind(
            "curl",
            "-sS",
            "-d",
            "{}",
            "-H",
            "content-type: application/json",
            "https://upstream.test/orders/d1",
        )
    )
    page = house.person.page
    await house.person.open_next()
    await expect(page.locator("#deny-it")).not_to_have_attribute("aria-disabled", "true")
    await page.wait_for_timeout(1100)
    await page.locator("#deny-it").click()
    await page.get_by_role("dialog").get_by_label("Note").fill("Wrong target.")
    await page.locator("#deny-sure").click()
    _, out, _ = await client
    said = json.loads(out)
    assert (said["reason"], said["note"]) == ("approval_denied", "Wrong target.")
    assert house.upstream.count("POST", "/orders/d1") == 0
