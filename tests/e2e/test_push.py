"""A question reaches a browser: real proxy, real notifier, a push service that decrypts what it is sent."""

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.encoding import b64u, from_b64u
from gateway.subscriptions import Subscription
from tests.kit.inprocess import Inside, inside
from tests.kit.patience import until
from tests.kit.push_service import PushService

URL = "https://upstream.test/orders/a1"
JSON = {"Content-Type": "application/json", "Authorization": "Bearer upstream-secret"}


async def turned_on(house: Inside, service: PushService) -> Subscription:
    """The first approver turns a browser on, as the page does it."""
    key = from_b64u((await house.person.call("GET", "push/key"))["key"])
    browser = await service.subscribe(key)
    told = {"p256dh": b64u(browser.p256dh), "auth": b64u(browser.auth), "device": "Phone"}
    await house.person.call("POST", "push/subscriptions/add", {"endpoint": browser.endpoint, **told})
    return browser


async def received(service: PushService, browser: Subscription, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while len(messages := await service.received(browser)) < count:
            await asyncio.sleep(0.02)
    return [json.loads(each) for each in messages]


async def test_a_question_is_pushed_once_and_so_is_what_became_of_it(tmp_path: Path) -> None:
    async with PushService.running() as service:
        settings = f"notifications: {{push_services: ['{service.origin}'], allow: [127.0.0.0/8, '::1/128']}}"
        async with inside(tmp_path, settings) as house:
            browser = await turned_on(house, service)
            (own,) = (await house.person.call("GET", "push/subscriptions"))["subscriptions"]
            tried = await house.person.call("POST", f"push/subscriptions/{own['id']}/test", {})
            assert tried == {"accepted": True, "why": None}
            (trial,) = await received(service, browser, 1)
            assert (trial["title"], trial["url"]) == ("Test of secondsig", "/app/approvals")
            task = asyncio.create_task(house.agent().send("POST", URL, b'{"card":"4242"}', JSON))
            (envelope,) = await house.held()
            *_, asked = await received(service, browser, 2)
            assert asked["title"] == "ci-bot asks for approval"
            assert (asked["tag"], asked["url"]) == (envelope, f"/approve/{envelope}")
            assert (asked["decided"], "4242" in str(asked)) == (False, False)
            await house.person.approve(envelope)
            assert (await task).status == 201
            *_, decided = await received(service, browser, 3)
            assert (decided["decided"], decided["tag"]) == (True, envelope)
            assert len(await service.received(browser)) == 3
            await service.expire(browser)
            held = asyncio.create_task(house.agent().send("POST", f"{URL}2", b"{}", JSON))
            await until(lambda: house.service.directory.subscriptions == {})
            (envelope,) = await house.held()
            await house.person.deny(envelope)
            assert (await held).status == 403
