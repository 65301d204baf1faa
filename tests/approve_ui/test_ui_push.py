"""“Notifications on this device”. No browser of a test machine reaches a push service: its part is played."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.approve_ui.fake_gateway import PUSH_KEY, FakeGateway, a_browser
from tests.approve_ui.steps import REGISTER

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ENDPOINT = "https://fcm.googleapis.com/fcm/send/abc"
TURN = "#push header button >> nth=0"
PLAYED = """
  let current = %s;
  const made = (endpoint) => ({
    endpoint,
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: "BPoint", auth: "Secret" } }),
    unsubscribe: async () => { window.ended = (window.ended ?? 0) + 1; current = null; return true; },
  });
  if (current) current = made(current);
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    window.options = [userVisibleOnly, btoa(String.fromCharCode(...new Uint8Array(applicationServerKey)))];
    if (window.unreachable) throw new DOMException("Registration failed", "AbortError");
    return current = made("%s");
  };
"""


async def opened(page: Page, *, current: str | None = None, permission: str = "granted") -> None:
    """The queue, in a browser whose push service works, and whose person answers so."""
    await page.add_init_script(PLAYED % (json.dumps(current), ENDPOINT))
    await page.add_init_script(
        f"Notification.requestPermission = async () => {json.dumps(permission)};"
        f"Object.defineProperty(Notification, 'permission', {{ get: () => window.told ?? '{permission}' }});"
    )
    if current:
        await page.goto("/app/approvals")
        await page.evaluate(REGISTER)
    await page.goto("/app/approvals")


@pytest.mark.own_page
async def test_one_press_turns_notifications_on_and_another_off(page: Page, gateway: FakeGateway) -> None:
    gateway.told = [a_browser("another", id="psh_2", device="Safari on iPhone")]
    await opened(page)
    await expect(page.locator("#push")).to_contain_text("It cannot decide anything.")
    await expect(page.locator("#push li")).to_have_count(1)
    assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#push header p")).to_contain_text("On. You are told here")
    (sent,) = await gateway.sent("push/subscriptions/add")
    assert (sent["endpoint"], sent["p256dh"], sent["auth"]) == (ENDPOINT, "BPoint", "Secret")
    assert sent["device"] == "Chrome on Linux"
    visible, key = await page.evaluate("window.options")
    assert (visible, key.replace("+", "-").replace("/", "_").rstrip("=")) == (True, PUSH_KEY)
    await expect(page.locator("#push li")).to_have_count(1)
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.locator("#aloud")).to_have_text("A test was sent.")
    gateway.unheard = "the push service answered 403"
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.locator("#push [role=alert]")).to_contain_text(
        "It was not sent: the push service answered"
    )
    await page.get_by_role("button", name="Turn off").click()
    await expect(page.locator("#push header p")).to_contain_text("Off.")
    assert await gateway.sent("push/subscriptions/psh_1/remove") == [{}]
    assert await page.evaluate("window.ended") == 1


@pytest.mark.own_page
async def test_a_device_that_is_lost_is_removed_from_another(page: Page, gateway: FakeGateway) -> None:
    gateway.told = [
        a_browser(ENDPOINT, id="psh_2", device="This one"),
        a_browser("lost", device="<b>Lost</b>"),
    ]
    await opened(page, current=ENDPOINT)
    await expect(page.locator("#push header p")).to_contain_text("On.")
    row = page.locator("#push li")
    await expect(row).to_contain_text("<b>Lost</b>")
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    assert await gateway.sent("push/subscriptions/psh_1/remove") == [{}]


@pytest.mark.own_page
async def test_a_browser_of_somebody_else_is_not_taken_over(page: Page, gateway: FakeGateway) -> None:
    """Whoever used this browser before has a subscription in it, which is ended, not passed on."""
    await opened(page, current="https://fcm.googleapis.com/fcm/send/of-somebody-else")
    await expect(page.locator("#push header p")).to_contain_text("Off.")
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#push header p")).to_contain_text("On.")
    assert await page.evaluate("window.ended") == 1
    assert (await gateway.sent("push/subscriptions/add"))[0]["endpoint"] == ENDPOINT


@pytest.mark.own_page
async def test_what_the_gateway_refuses_is_not_left_turned_on(page: Page, gateway: FakeGateway) -> None:
    gateway.push_reply = (409, {"error": "too_many", "detail": "You are told on 10 browsers already."})
    await opened(page)
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#push [role=alert]")).to_contain_text("on 10 browsers already")
    assert await page.evaluate("window.ended") == 1
    gateway.push_reply = None
    await page.evaluate("window.unreachable = true")
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#push [role=alert]")).to_contain_text("push service of this browser cannot be")
    await page.evaluate("window.unreachable = false")
    await page.get_by_role("button", name="Turn on").click()
    await expect(page.locator("#push header p")).to_contain_text("On.")
    await expect(page.locator("#push [role=alert]")).to_be_hidden()


@pytest.mark.own_page
async def test_who_blocked_notifications_is_told_how_to_allow_them(page: Page, gateway: FakeGateway) -> None:
    await opened(page, permission="denied")
    await expect(page.locator("#push header p")).to_contain_text("Allow them in the site's settings")
    await expect(page.locator(TURN)).to_be_hidden()


@pytest.mark.own_page
@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0)", "Add to Home Screen"),
        ("Other", "takes no messages of sites"),
    ],
)
async def test_a_browser_without_push_says_what_to_do_instead(
    page: Page, gateway: FakeGateway, agent: str, words: str
) -> None:
    named = f"Object.defineProperty(navigator, 'userAgent', {{ get: () => {json.dumps(agent)} }})"
    await page.add_init_script(f"delete globalThis.PushManager; {named}")
    await page.goto("/app/approvals")
    await expect(page.locator("#push header p")).to_contain_text(words)
    await expect(page.locator(TURN)).to_be_hidden()


async def test_the_app_is_offered_where_the_browser_can_install_it(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")
    await expect(page.locator("#push")).to_be_visible()
    await expect(page.locator("#install")).to_be_hidden()
    await page.evaluate(
        "() => { const offer = new Event('beforeinstallprompt', { cancelable: true });"
        "offer.prompt = async () => { window.prompted = true; }; dispatchEvent(offer);"
        "window.kept = offer.defaultPrevented; }"
    )
    assert await page.evaluate("window.kept")
    await page.get_by_role("button", name="Install").click()
    await expect(page.locator("#install")).to_be_hidden()
    assert await page.evaluate("window.prompted")


async def test_nothing_but_our_worker_can_be_registered(page: Page, gateway: FakeGateway) -> None:
    """Trusted Types: a string is refused, and there is one maker of addresses, of one name."""
    await page.goto("/app/approvals")
    said = await page.evaluate(
        "navigator.serviceWorker.register('/sw.js').then(() => 'registered', (e) => e.name)"
    )
    assert said == "TypeError"
    other = "() => { try { trustedTypes.createPolicy('other', {}); } catch (e) { return e.name; } }"
    assert await page.evaluate(other) == "TypeError"
