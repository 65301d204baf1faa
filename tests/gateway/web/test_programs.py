import pytest

from gateway.desk.contract import ProgramAnswer
from tests.gateway.web.fake_desk import BODIES, ENVELOPE, PROGRAM_POSTS, SIGNED, Browser, FakeDesk

LIST = "/api/v1/programs/envelopes"
ANSWER = ProgramAnswer("fraud", "ch_1", b"\x01")
SHOWN = {"Secondsig_Program": "fraud", "Secondsig_Challenge": "ch_1", "Secondsig_Signature": "AQ"}


@pytest.mark.parametrize("path", PROGRAM_POSTS)
async def test_a_program_needs_no_cookie_and_no_origin(path: str, browser: Browser):
    reply = await browser.post(path, Cookie=None, Secondsig_Tab=None, Origin=None, Sec_Fetch_Site=None)
    assert reply.status == 200


@pytest.mark.parametrize("path", PROGRAM_POSTS)
async def test_a_page_of_another_origin_does_not_speak_for_a_program(
    path: str, browser: Browser, desk: FakeDesk
):
    reply = await browser.post(path, Origin="https://evil.test")
    assert (reply.status, desk.calls) == (403, [])


@pytest.mark.parametrize("path", PROGRAM_POSTS)
async def test_a_program_at_another_host_is_refused(path: str, browser: Browser, desk: FakeDesk):
    reply = await browser.post(path, Host="evil.test", Origin=None)
    assert (reply.status, desk.calls) == (421, [])


async def test_without_an_origin_only_programs_are_heard(browser: Browser):
    for path in ("/api/v1/stop-all", "/api/v1/login/begin", "/api/v1/programs"):
        assert (await browser.post(path, Origin=None)).status == 403


async def test_what_is_signed_reaches_the_desk_as_it_is(browser: Browser, desk: FakeDesk):
    for verb, said in (("deny", {"note": "no"}), ("route", {"group": "finance"}), ("delegate", {})):
        await browser.post(f"{LIST}/{ENVELOPE}/{verb}")
        assert desk.calls[-1] == ("program_act", ANSWER, verb, ENVELOPE, said)


async def test_a_denial_without_a_note_says_nothing_more(browser: Browser, desk: FakeDesk):
    await browser.post(f"{LIST}/{ENVELOPE}/deny", SIGNED)
    assert desk.calls == [("program_act", ANSWER, "deny", ENVELOPE, {})]


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("approve", SIGNED, 404),
        ("delegate", {**SIGNED, "note": "x"}, 400),
        ("route", SIGNED, 400),
        ("deny", {**SIGNED, "signature": "A="}, 400),
        ("deny", {**SIGNED, "program": "../fraud"}, 403),
        ("deny", {**SIGNED, "note": "x" * 281}, 400),
    ],
)
async def test_what_is_not_understood_is_not_acted_on(
    verb: str, body: dict[str, str], status: int, browser: Browser, desk: FakeDesk
):
    reply = await browser.post(f"{LIST}/{ENVELOPE}/{verb}", body)
    assert (reply.status, desk.calls) == (status, [])


async def test_the_list_wants_all_three_of_what_is_signed(browser: Browser, desk: FakeDesk):
    assert (await browser.get(LIST, **SHOWN)).status == 200
    assert desk.calls == [("program_envelopes", ANSWER)]
    for missing in SHOWN:
        assert (await browser.get(LIST, **{**SHOWN, missing: None})).status == 401
    assert (await browser.get(f"{LIST}?x=1", **SHOWN)).status == 400


async def test_an_address_that_asks_for_nonces_without_end_is_slowed(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    path = "/api/v1/programs/challenge"
    statuses = {(await browser.post(path, BODIES[path])).status for _ in range(601)}
    assert statuses == {200, 429}
