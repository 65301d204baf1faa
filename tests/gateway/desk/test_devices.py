import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.desk.contract import DeskError
from gateway.encoding import b64u
from gateway.notify.encryption import public_point
from tests.kit.push import A_BROWSER, FCM
from tests.kit.things import PUSH_KEY
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    yield made
    await made.close()


async def turn_on(world: World, person: str = "Mika", **changes: str) -> dict[str, Any]:
    told = {
        "endpoint": FCM,
        "p256dh": b64u(A_BROWSER.p256dh),
        "auth": b64u(A_BROWSER.auth),
        "device": "Phone",
    }
    added = await world.desk.add_push_subscription(world.session(person), **{**told, **changes})
    return dict(added["subscription"])


async def listed(world: World, person: str = "Mika") -> list[dict[str, Any]]:
    return list((await world.desk.push_subscriptions(world.session(person)))["subscriptions"])


async def test_a_person_turns_a_browser_on_sees_it_and_turns_it_off(world: World) -> None:
    assert await world.desk.push_key(world.session("Mika")) == {"key": b64u(public_point(PUSH_KEY))}
    added = await turn_on(world)
    assert await listed(world) == [added]
    assert added["endpoint_sha256"] == hashlib.sha256(FCM.encode()).hexdigest()
    await world.desk.remove_push_subscription(world.session("Mika"), added["id"])
    assert await listed(world) == []
    on, off = [
        (await world.said(kind="person", decision=f"device_{what}"))[0] for what in ("added", "removed")
    ]
    assert (on["person"], on["detail"]) == ("Mika", "Phone, fcm.googleapis.com")
    assert (off["decision_method"], off["detail"]) == ("session", "Phone")


async def test_nobody_is_told_an_endpoint_or_a_secret_again(world: World) -> None:
    await turn_on(world)
    shown = str([await listed(world), await world.said(kind="person")])
    for secret in (FCM, b64u(A_BROWSER.auth), b64u(A_BROWSER.p256dh)):
        assert secret not in shown


async def test_nobody_sees_or_removes_the_browsers_of_somebody_else(world: World) -> None:
    added = await turn_on(world)
    assert await listed(world, "Noor") == []
    with pytest.raises(DeskError, match="no such browser of yours"):
        await world.desk.remove_push_subscription(world.session("Noor"), added["id"])
    assert await listed(world) == [added]


@pytest.mark.parametrize(
    "endpoint", ["https://evil.example/x", "http://169.254.169.254/latest", "https://localhost/x", "x"]
)
async def test_a_browser_cannot_make_the_gateway_post_elsewhere(world: World, endpoint: str) -> None:
    with pytest.raises(DeskError, match="the operator can add it") as refused:
        await turn_on(world, endpoint=endpoint)
    assert (refused.value.status, refused.value.word) == (400, "unknown_push_service")
    assert await listed(world) == []


@pytest.mark.parametrize(
    "keys",
    [{"p256dh": ""}, {"p256dh": b64u(b"\x04" + bytes(64))}, {"auth": b64u(b"a" * 15)}, {"auth": "+" * 22}],
)
async def test_keys_that_no_browser_makes_are_refused(world: World, keys: dict[str, str]) -> None:
    with pytest.raises(DeskError, match="keys are not those of a push subscription"):
        await turn_on(world, **keys)


async def test_a_person_has_ten_browsers_at_most(world: World) -> None:
    for number in range(10):
        await turn_on(world, endpoint=f"{FCM}{number}")
    with pytest.raises(DeskError, match="on 10 browsers already") as refused:
        await turn_on(world)
    assert refused.value.status == 409
    await turn_on(world, "Noor")
    await turn_on(world, endpoint=f"{FCM}3")
    assert len(await listed(world)) == 10


async def test_a_passkey_revoked_meanwhile_turns_nothing_on(world: World) -> None:
    session = world.session("Noor")
    await world.people.revoke_person(world.session("Noor"), "Noor")
    with pytest.raises(DeskError) as refused:
        await world.devices.add(
            session,
            endpoint=FCM,
            p256dh=b64u(A_BROWSER.p256dh),
            auth=b64u(A_BROWSER.auth),
            device="Phone",
        )
    assert refused.value.status == 401


async def test_who_is_revoked_is_told_nothing_any_more(world: World) -> None:
    await turn_on(world, "Noor")
    assert "Noor" in world.directory.subscriptions
    await world.people.revoke_person(world.session("Noor"), "Noor")
    assert world.directory.subscriptions == {}


async def test_a_person_tries_their_own_browsers_and_hears_what_came_of_it(world: World) -> None:
    phone, laptop = await turn_on(world), await turn_on(world, endpoint=FCM + "2", device="Laptop")
    mika, noor = world.session("Mika"), world.session("Noor")
    assert await world.desk.test_push_subscription(mika, phone["id"]) == {"accepted": True, "why": None}
    said = await world.desk.test_push_subscription(mika, laptop["id"])
    assert said == {"accepted": False, "why": "the push service answered 400"}
    with pytest.raises(DeskError, match="no such browser of yours"):
        await world.desk.test_push_subscription(noor, phone["id"])
