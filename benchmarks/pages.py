"""What people wait for: a question until Approve arms, in a slowed browser, and a page of a long log."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import median, verdict
from benchmarks.quiet import QuietBrowser, QuietPage
from gateway.demo.client import Agent
from gateway.installation import install
from tests.faults.killing import TEMPLATE
from tests.kit.ports import free_port
from tests.kit.process import Gateway

LOADS = 9
SLOWER = 4
ARMS_MS = 700
CLEARED_AFTER = 1.0
"""Seconds in which the browser goes on clearing its cache; that is none of the page's time."""

ROWS = 1_000_000
ASKED = 9
JSON = {"Content-Type": "application/json"}
WATCH = """// The page says when: asking it again and again would take from the time that is measured.
let verifiedAt, armed;
window.armed = new Promise((resolve) => { armed = resolve; });
addEventListener('DOMContentLoaded', () => {
  const look = () => {
    const verified = document.querySelector('details.verified');
    if (verified && !verified.hidden) verifiedAt ??= performance.now();
    if (document.querySelector('#approve')?.getAttribute('aria-disabled') !== 'false') return;
    armed([verifiedAt, performance.now()]);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
});"""
LINK = "document.querySelector(\"#waiting tbody a[href^='/approve/env_']\")?.href ?? null"
FIRST_PAGE = """(async () => {
  const began = performance.now();
  const headers = { 'Secondsig-Tab': localStorage.getItem('secondsig-tab') };
  const answer = await (await fetch('/api/v1/rows?limit=50%s', { headers, cache: 'no-store' })).json();
  return [performance.now() - began, answer.rows.length];
})()"""
QUERIES = {
    "all": "",
    "decision:step_up, with its chains": "&filter=decision:step_up",
    "decision:step_up agent:bench": "&filter=decision:step_up%20agent:bench",
    "agent:nobody": "&filter=agent:nobody",
    "older, from the middle": f"&before={ROWS // 2}",
}
FILL = f"""INSERT INTO log (at_ms, kind, decision, agent, address, envelope, action, resource, method, host)
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {ROWS})
SELECT :now, 'decision', iif(n % 100, 'allow', 'step_up'), 'bench', '127.0.0.1',
  iif(n % 100, NULL, printf('env_%024d', n / 300)), '/orders/order/create', 'Orders::Order::"o' || n || '"',
  'POST', 'upstream.test' FROM number"""


async def main(folder: Path) -> None:
    config = install(folder / "gateway")
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:{free_port()}", pages: "localhost:{free_port()}"}}
templates: {{orders: }}
template_files: ["{TEMPLATE}"]
approvals: {{ttl: 60s, owner_may_approve: true}}
""",
        encoding="utf-8",
    )
    gateway = Gateway(config)
    await gateway.start()
    try:
        invitation = await gateway.ask("approver_invite")
        async with QuietBrowser(folder / "profile") as browser:
            page = await browser.signed_in(invitation["url"], WATCH)
            origin = invitation["url"].partition("/enrol")[0]
            await _question(gateway, page)
            await gateway.stop()
            _fill(gateway.state / "data" / "secondsig.db")
            await gateway.start()
            await page.open(f"{origin}/app/audit")
            await _log(page)
    finally:
        await gateway.stop()


async def _question(gateway: Gateway, page: QuietPage) -> None:
    added = await gateway.ask("agent_add", name="bench")
    agent = Agent(added["proxy"], gateway.state / "ca-bundle.pem")
    sending = asyncio.create_task(agent.send("POST", "https://upstream.test/orders/one", b"{}", JSON))
    link = await _link(page)
    await page.tell("Emulation.setCPUThrottlingRate", rate=SLOWER)
    for words, cold in (("with nothing cached", True), ("with script and style cached", False)):
        loads = [await _load(page, link, cold=cold) for _ in range(LOADS)]
        verified, armed = zip(*loads, strict=True)
        print(f"{words}: verified after {', '.join(f'{each:.0f}' for each in verified)} ms")
        print(verdict(f"link to Approve arming, {words}, median ms", median(verified), 500))
        print(verdict(f"link to Approve armed, {words}, median ms", median(armed), 500 + ARMS_MS))
    await page.tell("Emulation.setCPUThrottlingRate", rate=1)
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending


async def _link(page: QuietPage) -> str:
    async with asyncio.timeout(60):
        while not (link := await page.value(LINK)):
            await asyncio.sleep(0.1)
    return str(link)


async def _load(page: QuietPage, link: str, *, cold: bool) -> tuple[float, float]:
    """When its display was verified and when Approve was armed, in ms after the link was followed."""
    if cold:
        await page.tell("Network.clearBrowserCache")
        await asyncio.sleep(CLEARED_AFTER)
    await page.open(link)
    verified, armed = await page.value("window.armed")
    return verified, armed


def _fill(database: Path) -> None:
    began = time.perf_counter()
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute(FILL, {"now": int(time.time() * 1000)})
    size = database.stat().st_size / 1e6
    print(f"{ROWS:,} rows written in {time.perf_counter() - began:.0f} s, the database has {size:.0f} MB")


async def _log(page: QuietPage) -> None:
    for words, query in QUERIES.items():
        answers: list[list[Any]] = [await page.value(FIRST_PAGE % query) for _ in range(ASKED)]
        times = [took for took, _ in answers]
        print(f"{words}: {answers[0][1]} rows, worst {max(times):.0f} ms")
        print(verdict(f"first page, {words}, median ms", median(times), 200))
