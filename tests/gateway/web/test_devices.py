import pytest

from gateway.subscriptions import MAX_ENDPOINT
from tests.gateway.web.fake_desk import BODIES, PUSHED, SESSION, Browser, FakeDesk

SUBSCRIPTIONS = "/api/v1/push/subscriptions"
ADD = f"{SUBSCRIPTIONS}/add"
TOLD = BODIES[ADD]


async def test_each_address_asks_the_desk_one_thing(browser: Browser, desk: FakeDesk) -> None:
    for answered in (
        await browser.get("/api/v1/push/key"),
        await browser.get(SUBSCRIPTIONS),
        await browser.post(ADD),
        await browser.post(f"{SUBSCRIPTIONS}/{PUSHED}/remove"),
        await browser.post(f"{SUBSCRIPTIONS}/{PUSHED}/test"),
    ):
        assert answered.status == 200
    assert desk.calls == [
        ("push_key", SESSION),
        ("push_subscriptions", SESSION),
        ("add_push_subscription", SESSION, *TOLD.values()),
        ("remove_push_subscription", SESSION, PUSHED),
        ("test_push_subscription", SESSION, PUSHED),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "x" * (MAX_ENDPOINT + 1)},
        {"endpoint": 7},
        {"p256dh": "A" * 129},
        {"auth": None},
        {"device": "x" * 65},
        {"expirationTime": None},
    ],
)
async def test_a_subscription_has_exactly_its_parts(
    browser: Browser, desk: FakeDesk, changes: dict[str, object]
) -> None:
    assert (await browser.post(ADD, {**TOLD, **changes})).status == 400
    assert desk.calls == []


@pytest.mark.parametrize("name", TOLD)
async def test_a_subscription_with_a_part_missing_is_refused(
    browser: Browser, desk: FakeDesk, name: str
) -> None:
    assert (await browser.post(ADD, {n: v for n, v in TOLD.items() if n != name})).status == 400
    assert desk.calls == []
