"""The service worker does push and nothing else (rule 37).

No browser of a test machine reaches a push service, so messages are delivered to the real worker by the
browser's own debugging protocol; what a tap does is asked of the worker itself, since only a person can tap.
"""

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Error, Page, Worker

from tests.approve_ui.fake_gateway import ENVELOPE, UI, FakeGateway
from tests.approve_ui.steps import REGISTER
from tests.kit.patience import PATIENCE, until

SOURCE = (UI / "sw.js").read_text()
WAITS = {
    "title": "ci-bot asks for approval",
    "body": "Write public/index.html on main (github, risk high; 52 s left)",
    "tag": ENVELOPE,
    "url": f"/approve/{ENVELOPE}",
    "decided": False,
}
PLAIN = ["A request waits", "Open Secondsig to see it.", "unreadable", "/app/approvals"]
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/");
  const shown = await registration.getNotifications();
  const told = ({ title, body, tag, data, silent, actions }) => ({ title, body, tag, data, silent, actions });
  return shown.map(told);
}"""
TAP = """async (place) => {
  const asked = [];
  self.clients.openWindow = async (url) => { asked.push(url); };
  WindowClient.prototype.focus = async function () { asked.push("focus " + new URL(this.url).pathname); };
  await self.registration.showNotification("x", { tag: "tap", data: place });
  const [notification] = await self.registration.getNotifications({ tag: "tap" });
  const event = new NotificationEvent("notificationclick", { notification });
  const waits = [];
  event.waitUntil = (promise) => waits.push(promise);
  self.dispatchEvent(event);
  await Promise.all(waits);
  return [asked, (await self.registration.getNotifications({ tag: "tap" })).length];
}"""
type Json = dict[str, Any]


def test_it_listens_to_push_and_to_taps_alone() -> None:
    code = re.sub(r"//.*", "", SOURCE)
    assert re.findall(r'addEventListener\(\s*["\'`](\w+)', code) == ["push", "notificationclick"]
    assert code.count("addEventListener") == 2
    assert not re.search(r"\bon[a-z]+\s*=", code)


FORBIDDEN = (
    "fetch respondWith caches Cache indexedDB storage localStorage cookieStore importScripts import eval "
    "Function claim XMLHttpRequest WebSocket EventSource actions"
)


@pytest.mark.parametrize("word", FORBIDDEN.split())
def test_it_keeps_nothing_asks_nobody_and_offers_no_decision(word: str) -> None:
    assert not re.search(rf"\b{word}\b", re.sub(r"//.*", "", SOURCE))


class Delivery:
    """The worker as it runs, and the browser's own way of handing it a message."""

    def __init__(self, page: Page, worker: Worker) -> None:
        self.page, self.worker = page, worker

    async def begin(self) -> None:
        self._session = await self.page.context.new_cdp_session(self.page)
        known: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def heard(event: Json) -> None:
            for each in event["registrations"]:
                if not each["isDeleted"] and not known.done():
                    known.set_result(each["registrationId"])

        self._session.on("ServiceWorker.workerRegistrationUpdated", heard)
        await self._session.send("ServiceWorker.enable")
        async with asyncio.timeout(60):
            self._registration = await known

    async def message(self, data: str, title: str) -> list[Json]:
        """All that is shown once something has this title; told again where nothing comes.

        Chromium forgets a notification that it is still putting up when somebody asks what is shown.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                await self._tell(data)
                for _ in range(60):
                    found = await self.shown()
                    if title in {each["title"] for each in found}:
                        return found
                    await asyncio.sleep(0.05)

    async def _tell(self, data: str) -> None:
        origin = "/".join(self.page.url.split("/")[:3])
        told = {"origin": origin, "registrationId": self._registration, "data": data}
        await self._session.send("ServiceWorker.deliverPushMessage", told)

    async def shown(self) -> list[Json]:
        found: list[Json] = await self.page.evaluate(SHOWN)
        return found

    async def nothing(self) -> None:
        async def is_empty() -> bool:
            return not await self.shown()

        await until(is_empty)

    async def cleared(self) -> None:
        clear = (
            "() => self.registration.getNotifications().then((all) => all.forEach((each) => each.close()))"
        )
        await self.worker.evaluate(clear)


async def delivery(page: Page) -> Delivery:
    await page.goto("/app/approvals")
    await page.context.grant_permissions(["notifications"])
    async with page.context.expect_event("serviceworker") as started:
        await page.evaluate(REGISTER)
    made = Delivery(page, await started.value)
    await made.begin()
    return made


@pytest.mark.browser
@pytest.mark.own_page
@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_pushed_is_shown_opened_and_withdrawn(page: Page, gateway: FakeGateway) -> None:
    """One worker for all of it: what it does with each message, one after the other."""
    told = await delivery(page)

    (notification,) = await told.message(json.dumps(WAITS), str(WAITS["title"]))
    assert [notification[name] for name in ("title", "body", "tag", "data")] == [
        WAITS[name] for name in ("title", "body", "tag", "url")
    ]
    assert (notification["silent"], notification["actions"]) == (False, [])

    # Decided: it takes the question's place without a sound, and goes by itself.
    decided = {**WAITS, "title": "Denied: ci-bot", "decided": True}
    (notification,) = await told.message(json.dumps(decided), "Denied: ci-bot")
    assert notification["silent"] is True
    await told.nothing()

    # Whatever is not whole says nothing of any request, and leads nowhere else.
    for malformed in MALFORMED:
        (notification,) = await told.message(malformed, PLAIN[0])
        assert [notification[name] for name in ("title", "body", "tag", "data")] == PLAIN, malformed
        await told.cleared()
        await told.nothing()

    # A tap opens the page of the envelope, or comes back to it; it opens nothing else.
    assert await told.worker.evaluate(TAP, f"/approve/{ENVELOPE}") == [[f"/approve/{ENVELOPE}"], 0]
    assert await told.worker.evaluate(TAP, "/app/approvals") == [["focus /app/approvals"], 0]
    for elsewhere in (
        "https://evil.example/",
        "//evil.example",
        "/static/mark.svg",
        "javascript:alert(1)",
        None,
    ):
        assert await told.worker.evaluate(TAP, elsewhere) == [["focus /app/approvals"], 0]

    # It answers no page, and keeps nothing.
    await page.reload()
    assert await page.evaluate("caches.keys()") == []
    assert await page.evaluate("indexedDB.databases()") == []
    assert (
        await page.evaluate("navigator.serviceWorker.getRegistration().then((r) => r.active.state)")
        == "activated"
    )
    await page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        await page.goto("/app/approvals")
    await page.context.set_offline(False)


MALFORMED = [
    "",
    "not JSON",
    "[]",
    "null",
    '{"title":"x"}',
    json.dumps({**WAITS, "title": ""}),
    json.dumps({**WAITS, "tag": ""}),
    json.dumps({**WAITS, "body": 7}),
    json.dumps({**WAITS, "url": "https://evil.example/"}),
    json.dumps({**WAITS, "url": "//evil.example/approve/"}),
    json.dumps({**WAITS, "url": f"/approve/{ENVELOPE}?x=1"}),
    json.dumps({**WAITS, "url": "/static/mark.svg"}),
]
