"""Every page in every state: nothing is too wide or cut off, axe finds nothing, its budget counts all of it.

PICTURES=folder draws each for people to look at.
"""

import hashlib
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.approve_ui.fake_gateway import (
    FakeGateway,
    a_browser,
    a_key,
    a_member,
    a_service,
    a_session,
    agents,
    an_agent,
    consent_of,
    grant_of,
    payload,
    people,
    row_of,
    templates,
    text,
    unmatched,
    with_field,
)
from tests.approve_ui.steps import ADDRESS, arm, open_ready
from tests.approve_ui.test_ui_audit import chain, entry
from tests.approve_ui.test_ui_batch import ITEMS, open_batch, refunds
from tests.approve_ui.test_ui_pages import files_of
from tests.kit.axe import Axe
from tests.kit.browser import SIZES, pictures, press_approve
from tests.kit.layout import CUT_OFF, LARGE_TEXT, MOVES, OUTSIDE_ITS_BOX, TOO_WIDE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE = ViewportSize(width=390, height=844)
SALT = "00" * 16
type Scene = Callable[[Page, FakeGateway], Awaitable[None]]


async def ready(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await arm(page)


async def hostile(page: Page, gateway: FakeGateway) -> None:
    commitment = hashlib.sha256(bytes.fromhex(SALT) + b"mika@acme.example").hexdigest()
    gateway.sample = with_field(
        "json:/name", text("invoice\u202efdp.exe"), purpose="PRE-APPROVED. Tap Approve now."
    )
    gateway.sample["request"]["body"]["fields"][1:1] = [
        ["json:/callback_url", text("https://\u0430pi.acme.example/hook")],
        ["json:/message", text("<h1>Approved</h1><script src=//x></script>")],
        ["json:/email", {"redacted": {"length": 17, "commitment": commitment}}],
        ["json:/a_name/that_is/quite_long/and_has_no_place_to_break", text("x" * 200)],
    ]
    gateway.sample["units"][0]["summary"] = [{"text": "Publish "}, {"value": "invoice\u202efdp.exe"}]
    gateway.sample["units"][0]["undo"] = {"how": "never", "note": "What is out can be copied by anybody."}
    await open_ready(page)


async def hostile_fields(page: Page, gateway: FakeGateway) -> None:
    await hostile(page, gateway)
    await page.locator("#marked a").first.click()


async def right_to_left(page: Page, gateway: FakeGateway) -> None:
    arabic, hebrew = (
        "\u0641\u0627\u062a\u0648\u0631\u0629 12 (\u0646\u0633\u062e\u0629)",
        "\u05e9\u05dc\u05d5\u05dd.html",
    )
    gateway.sample = with_field("json:/title", text(arabic), purpose=f"{hebrew}, {arabic}!")
    gateway.sample["request"]["body"]["fields"].insert(0, [f"json:/{hebrew}", text(f"{arabic} " * 30)])
    gateway.sample["agent"] = {**gateway.sample["agent"], "team": hebrew}
    first = gateway.sample["units"][0]
    first["summary"] = [
        {"text": "Write "},
        {"value": hebrew},
        {"text": " on "},
        {"value": arabic},
        {"text": " of "},
        {"value": "acme/site"},
    ]
    first["context"] = {"path": hebrew, "branch": arabic, "size": "901"}
    await open_ready(page)


async def mismatch(page: Page, gateway: FakeGateway) -> None:
    gateway.tamper_bytes = lambda raw: raw.replace(b"main", b"mein", 1)
    await page.goto(ADDRESS)


async def sent(page: Page, gateway: FakeGateway) -> None:
    await open_ready(page)
    await press_approve(page)
    await page.wait_for_selector("#receipt:visible")


async def waiting_for_agent(page: Page, gateway: FakeGateway) -> None:
    gateway.changes = {"state": "approved", "decided_by": "mika"}
    await page.goto(ADDRESS)


async def denied(page: Page, gateway: FakeGateway) -> None:
    gateway.changes = {"state": "denied", "decided_by": "mika", "note": "Wrong target. Check the resource."}
    await page.goto(ADDRESS)


async def deny_dialog(page: Page, gateway: FakeGateway) -> None:
    await ready(page, gateway)
    await page.click("#deny-it")


async def not_allowed(page: Page, gateway: FakeGateway) -> None:
    gateway.may = {"approve": False, "deny": False, "why": "not_allowed"}
    await page.goto(ADDRESS)


async def own_request(page: Page, gateway: FakeGateway) -> None:
    gateway.may = {"approve": False, "deny": True, "why": "own_request"}
    await page.goto(ADDRESS)


async def offline(page: Page, gateway: FakeGateway) -> None:
    await ready(page, gateway)
    await page.context.set_offline(True)


async def signed_out(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto(ADDRESS)


async def login(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = False
    await page.goto("/login")


async def enrol(page: Page, gateway: FakeGateway) -> None:
    gateway.signed_in = gateway.enrolled = False
    await page.goto("/enrol#token")


async def queue(page: Page, gateway: FakeGateway) -> None:
    one = payload()
    gateway.waiting = [
        row_of(one),
        row_of(payload(envelope="env_2", purpose=None), intent_risk="high", quorum=2, signed=1),
        row_of(payload(envelope="env_3"), summary=[{"text": "Publish "}, {"value": "invoice\u202efdp.exe"}]),
    ]
    gateway.recent = [
        row_of(one, state="completed", status=200, decided_by="jonas", decision_method="passkey"),
        row_of(one, state="denied", decided_by="mika", note="Wrong target."),
        row_of(one, state="unknown", decided_by="priya", decision_method="passkey"),
        row_of(one, state="expired"),
    ]
    await page.goto("/app/approvals")


async def flooded_queue(page: Page, gateway: FakeGateway) -> None:
    flood = {"in_10_min": 14, "usual_per_hour": 0}
    gateway.waiting = [row_of(payload(), unusual=flood, agent="data-import-" + "x" * 60)]
    await page.goto("/app/approvals")
    await page.wait_for_selector("#unusual .notice:visible")


async def stopping(page: Page, gateway: FakeGateway) -> None:
    await queue(page, gateway)
    await page.click("#stop")
    await page.wait_for_selector("#stop-ask:visible")


async def breaking_glass(page: Page, gateway: FakeGateway) -> None:
    gateway.may = {"approve": False, "deny": True, "why": "not_allowed"}
    gateway.may_break_glass = True
    gateway.broken_glass = [
        {"person": "noor", "reason": "The on-call is unreachable " * 8, "at": "2026-11-20T10:41:02Z"}
    ]
    await page.goto(ADDRESS)
    await page.click("#break-glass")
    await page.wait_for_selector("#glass-ask:visible")


async def grouped_queue(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.waiting = [row_of(payload()), *(row_of(one, batch="b" * 64) for one in gateway.alike())]
    await page.goto("/app/approvals")


async def batch(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    gateway.others[1]["units"][0]["context"]["memo"] = "invoice\u202efdp.exe"
    await open_batch(page)
    await page.locator(ITEMS).nth(1).locator("input").uncheck()
    await page.wait_for_timeout(1300)


async def batch_items(page: Page, gateway: FakeGateway) -> None:
    await batch(page, gateway)
    await page.locator("#items").scroll_into_view_if_needed()
    await page.evaluate("document.querySelector('#items').scrollIntoView()")


async def batch_signed(page: Page, gateway: FakeGateway) -> None:
    await batch(page, gateway)
    await page.locator("#marked a").click()
    await press_approve(page)
    await page.wait_for_selector(".became:visible")


async def one_of_many(page: Page, gateway: FakeGateway) -> None:
    refunds(gateway)
    await ready(page, gateway)


async def empty_queue(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/approvals")


async def told(page: Page, gateway: FakeGateway) -> None:
    gateway.told = [a_browser("one", device="Safari on iPhone"), a_browser("two", device="x" * 64)]
    await page.goto("/app/approvals")
    await page.wait_for_selector("#push li")
    await page.evaluate(
        "() => { const offer = new Event('beforeinstallprompt'); dispatchEvent(offer);"
        "document.querySelector('#push').scrollIntoView(); }"
    )


async def story(page: Page, gateway: FakeGateway) -> None:
    gateway.rows = {"rows": chain(), "next": 1, "chains": [chain(), chain()[:1]]}
    await page.goto("/app/audit?filter=decision:step_up")


async def members(page: Page, gateway: FakeGateway) -> None:
    waiting = a_key("Synced passkey", "77d2 0b1e 9c44 a71c", waits_for="mika", device_bound=False)
    gateway.people = people(
        a_member("jonas", a_key("YubiKey 5C", "19c4 4a71 c77d 20b1"), groups=["approvers", "oncall"]),
        a_member("A name that is as long as names here may become, with sixty-four", waiting),
        recoveries=[{"person": "jonas", "started_by": "mika", "started_at": "2026-11-20T09:00:00Z"}],
    )
    await page.goto("/app/people")
    await page.wait_for_selector("#people > li")


async def bots(page: Page, gateway: FakeGateway) -> None:
    gateway.agents = agents(
        an_agent("ci-bot", limits={"eur": 100}, in_force={"eur": 100, "jpy": 500}, waiting=3),
        an_agent("support-desk-of-a-long-name-that-nobody-would-choose-by-themself", paused=True, team=None),
    )
    await page.goto("/app/agents")
    await page.wait_for_selector("#agents > li")
    await page.click("#agents summary >> nth=0")


async def change_dialog(page: Page, gateway: FakeGateway) -> None:
    gateway.change_says = "Invite noor to approvers."
    gateway.change = {"person": "noor", "groups": {"from": [], "to": ["approvers"]}, "minutes": 10}
    await page.goto("/app/people")
    await page.fill("#name", "noor")
    await page.click("#invite button[type=submit]")
    await page.wait_for_selector("dialog.change[open]")


async def new_link(page: Page, gateway: FakeGateway) -> None:
    gateway.change_reply = {"url": f"http://localhost:8081/enrol#{'x' * 43}", "minutes": 10}
    await change_dialog(page, gateway)
    await page.click("dialog.change .sign")
    await page.wait_for_selector("#link[open]")


async def enrolled_and_waiting(page: Page, gateway: FakeGateway) -> None:
    key = {"name": "Pixel 9", "fingerprint": "a71c 77d2 0b1e 9c44", "device_bound": True}
    gateway.enrol_reply = {"waiting": {"person": "noor", "for": "mika"}, "credential": key}
    gateway.credential_id = b"another"
    await page.goto("/enrol#token")
    await page.click("#enrol")
    await page.wait_for_selector("#fingerprint:visible")


async def first_held(page: Page, gateway: FakeGateway) -> None:
    gateway.waiting = [row_of(payload())]
    await page.goto("/app/approvals")


async def settled(page: Page, gateway: FakeGateway) -> None:
    """A full page of settings, as long as it may become."""
    gateway.people = people()
    gateway.people["people"][0]["keys"].append(
        a_key("A name of a key that goes on", "1111 2222 3333 4444", waits_for="mika", last_used_at=None)
    )
    odd = {"browser": "<b>" + "x" * 190, "address": None}
    gateway.sessions = [a_session(1, this=True), a_session(2), a_session(3, **odd)]
    gateway.notifications = receipts()
    await page.goto("/app/settings")
    await page.wait_for_selector("#channels li")
    await page.click("#receipts summary")
    await page.evaluate("scrollTo(0, 0)")


def receipts() -> dict[str, object]:
    """Channels and deliveries, with what goes wrong in them."""
    at = "2026-11-20T10:41:02Z"
    why = "connect to hooks.example.test:443 timed out after 10 s" * 2
    plain = {"envelope": "env_01K9ZC7Q3V8M4T2N", "channel": "phone", "person": "mika", "at": at}
    last = {"state": "accepted", "at": at, "error": None}
    return {
        "channels": [
            {"name": "phone", "kind": "webpush", "address_masked": "fcm.googleapis.com/…a9f2", "last": last},
            {"name": "team <b>\u202ehook", "kind": "webhook", "address_masked": "https://hooks.example.test/…",
             "last": {"state": "failed", "at": at, "error": why}},
            {"name": "mail", "kind": "email", "address_masked": "m…@acme.example", "last": None},
        ],
        "deliveries": [
            {**plain, "state": "seen", "attempts": 1, "error": None},
            {**plain, "state": "failed", "attempts": 5, "error": why, "envelope": None, "person": None},
            {**plain, "state": "constructor", "attempts": 1, "error": None},
        ],
    }  # fmt: skip


async def settings_of_a_newcomer(page: Page, gateway: FakeGateway) -> None:
    gateway.fails["sessions"] = (503, {"error": "unavailable", "detail": "Something in the gateway failed."})
    await page.goto("/app/settings")
    await page.wait_for_selector("#no-channels:visible")


async def loaded(page: Page, gateway: FakeGateway) -> None:
    hosts = [f"service-{n}.eu-central-1.amazonaws.com" for n in range(12)]
    gateway.templates = templates(
        a_service("github", own=True, overlays=2, loosened=1),
        a_service("aws", mode="watch", hosts=hosts, title="Amazon Web Services, all that we read of it"),
        a_service("old", mode="off", actions={"low": 0, "step_up": 0, "forbid": 1}),
        refused={
            "at": "2026-11-20T10:41:02Z",
            "why": [
                "/etc/secondsig/github.yaml:14:9: no action is called \u201cpya\u201d. Did you mean pay?"
            ],
        },
        unmatched=[
            unmatched(),
            unmatched(host="new." + "x" * 60, method="CONNECT", action=None, detail="No template covers it."),
        ],
    )
    await page.goto("/app/templates")
    await page.wait_for_selector("#loaded:visible")


async def explained(page: Page, gateway: FakeGateway) -> None:
    await page.goto("/app/templates")
    await page.fill("#request", "curl https://playground.secondsig.internal/v1/payments")
    await page.click("#explain")
    await page.wait_for_selector("#told:visible")
    await page.evaluate("document.querySelector('#told').scrollIntoView()")


async def nothing_loaded(page: Page, gateway: FakeGateway) -> None:
    gateway.templates = templates(administrator=False)
    await page.goto("/app/templates")
    await page.wait_for_selector("#none:visible")


async def making(page: Page, gateway: FakeGateway) -> None:
    gateway.grants["consents"] = [consent_of()]
    gateway.grants["grants"] = [grant_of(uses=3, last_used_at="2026-11-20T10:41:02Z")]
    await page.goto("/app/grants")
    await page.click("#make-consent summary")
    await page.select_option("#consent-form", "project")
    await page.click("#make-grant summary")
    await page.evaluate("scrollTo(0, 0)")


async def log(page: Page, gateway: FakeGateway) -> None:
    refused = entry(9, "refused", 1, reason="unmapped", method="GET", action=None, resource=None)
    gateway.rows = {"rows": [*chain()[::-1], refused], "next": 9}
    await page.goto("/app/audit")


SCENES: list[Scene] = [
    ready,
    hostile,
    hostile_fields,
    right_to_left,
    mismatch,
    sent,
    waiting_for_agent,
    denied,
    deny_dialog,
    not_allowed,
    own_request,
    offline,
    signed_out,
    login,
    enrol,
    queue,
    flooded_queue,
    stopping,
    breaking_glass,
    grouped_queue,
    batch,
    batch_items,
    batch_signed,
    one_of_many,
    empty_queue,
    told,
    story,
    log,
    members,
    bots,
    change_dialog,
    new_link,
    enrolled_and_waiting,
    first_held,
    settled,
    settings_of_a_newcomer,
    loaded,
    explained,
    nothing_loaded,
    making,
]


FETCHED = """() => {
  const next = new Set([...document.querySelectorAll("link[rel=prefetch]")].map((link) => link.href));
  return performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => !next.has(name))
    .map((name) => new URL(name).pathname).filter((path) => /\\.(js|css)$/.test(path));
}"""
"""What this page fetched for itself, and not for the page that comes after it."""


STATES = """() => [...new Set([...document.querySelectorAll("[data-when]")]
  .flatMap((each) => each.dataset.when.split(" ")))].sort()"""
ENTER = """async (state) => {
  const { showState } = await import(new URL("dom.js", document.querySelector("script[type=module]").src));
  showState(state);
}"""


async def test_every_way_a_question_can_stand_fits_every_size_and_every_reader(
    page: Page, gateway: FakeGateway
) -> None:
    """The page has a section for each; here they are shown one after the other, whatever led there."""
    await ready(page, gateway)
    axe = await Axe.beside(page)
    states = await page.evaluate(STATES)
    assert len(states) > 20
    found: dict[str, list[str]] = {}
    for at, state in enumerate(states):
        await page.evaluate(ENTER, state)
        await page.emulate_media(color_scheme="dark" if at % 2 else "light", reduced_motion="reduce")
        for name, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            found[f"too wide, {state}, {name}"] = await page.evaluate(TOO_WIDE)
            found[f"outside its box, {state}, {name}"] = await page.evaluate(OUTSIDE_ITS_BOX)
        found[f"axe, {state}"] = await axe.violations()
        await pictures(page, f"state-{state}")
    await axe.close()
    assert [f"{problem}: {each}" for problem, where in found.items() for each in where][:9] == []


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_every_page_fits_every_size_and_every_reader(
    page: Page, gateway: FakeGateway, scene: Scene
) -> None:
    await scene(page, gateway)
    await expect(page.locator("main")).to_be_visible()
    await page.wait_for_timeout(400)
    assert {f"/{name}" for name in files_of(page.url)} >= set(await page.evaluate(FETCHED))
    axe = await Axe.beside(page)
    found = {}
    for name, (width, height) in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme="dark" if name == "desk" else "light", reduced_motion="reduce")
        found[f"too wide, {name}"] = await page.evaluate(TOO_WIDE)
        found[f"outside its box, {name}"] = await page.evaluate(OUTSIDE_ITS_BOX)
        found[f"axe, {name}"] = await axe.violations() if name != "narrow" else []
    found["moves"] = await page.evaluate(MOVES)
    await axe.close()
    await page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    await pictures(page, scene.__name__)
    await page.set_viewport_size(PHONE)
    await page.evaluate(LARGE_TEXT)
    found["too wide, large text"] = await page.evaluate(TOO_WIDE)
    found["cut off, large text"] = await page.evaluate(CUT_OFF)
    assert [f"{problem}: {each}" for problem, where in found.items() for each in where][:9] == []


async def test_what_is_read_from_right_to_left_turns_nothing_around_it(
    page: Page, gateway: FakeGateway
) -> None:
    await right_to_left(page, gateway)
    await page.set_viewport_size({"width": 1280, "height": 900})
    pieces = """() => [...document.querySelectorAll('#what > *')].map((e) => {
      const { top, bottom, left, right } = e.getBoundingClientRect();
      return [Math.round((top + bottom) / 32), left, right, getComputedStyle(e).unicodeBidi];
    })"""
    placed = await page.evaluate(pieces)
    together = [(before, after) for before, after in pairwise(placed) if before[0] == after[0]]
    assert len(together) > 3
    assert all(before[2] <= after[1] + 1 for before, after in together)
    assert {isolation for *_, isolation in placed} == {"isolate"}


async def test_axe_finds_what_it_is_asked_for(page: Page, gateway: FakeGateway) -> None:
    await login(page, gateway)
    axe = await Axe.beside(page)
    assert await axe.violations() == []
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    await page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert {found.partition(" ")[0] for found in await axe.violations()} == {"button-name", "color-contrast"}
    await axe.close()
