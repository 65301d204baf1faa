from pathlib import Path

import aiohttp
import pytest

from tests.gateway.web.fake_desk import COOKIE, OWN_GETS, OWN_POSTS, TAB, Browser, FakeDesk, serve


@pytest.mark.parametrize("path", OWN_GETS)
@pytest.mark.parametrize(
    "changed",
    [
        {"Secondsig_Tab": None},
        {"Cookie": None},
        {"Cookie": None, "Secondsig_Tab": None},
        {"Secondsig_Tab": "tab-of-somebody-else"},
        {"Cookie": "secondsig_session=cookie-of-somebody-else"},
        {"Cookie": f"secondsig_session={TAB}", "Secondsig_Tab": COOKIE},
        {"Cookie": f"__Host-secondsig_session={COOKIE}"},
        {"Cookie": f"secondsig_sessionx={COOKIE}"},
        {"Secondsig_Tab": "x" * 257},
        {"Secondsig_Tab": ""},
    ],
)
async def test_half_a_session_reads_nothing(
    path: str, changed: dict[str, str | None], browser: Browser, desk: FakeDesk
):
    reply = await browser.get(path, **changed)
    assert (reply.status, reply.json["error"]) == (401, "signed_out")
    assert desk.calls == []


@pytest.mark.parametrize("path", OWN_POSTS)
async def test_cookie_without_tab_changes_nothing(path: str, browser: Browser, desk: FakeDesk):
    assert (await browser.post(path, Secondsig_Tab=None)).status == 401
    assert desk.calls == []


@pytest.mark.parametrize("path", OWN_POSTS)
async def test_tab_without_cookie_changes_nothing(path: str, browser: Browser, desk: FakeDesk):
    assert (await browser.post(path, Cookie=None)).status == 401
    assert desk.calls == []


@pytest.mark.parametrize("values", [("planted", COOKIE), (COOKIE, "planted"), (COOKIE, COOKIE)])
async def test_planted_second_cookie_signs_nobody_in(
    values: tuple[str, str], browser: Browser, desk: FakeDesk
):
    planted = "; other=1; ".join(f"secondsig_session={value}" for value in values)
    assert (await browser.get("/api/v1/me", Cookie=planted)).status == 401
    assert desk.calls == []


async def test_tab_token_in_the_address_counts_for_nothing(browser: Browser):
    reply = await browser.get(f"/api/v1/me?Secondsig-Tab={TAB}&tab={TAB}", Secondsig_Tab=None)
    assert reply.status == 401


@pytest.mark.parametrize("path", ["/api/v1/login/finish", "/api/v1/enrol/finish"])
async def test_session_fixed_beforehand_is_not_the_one_signed_in_to(
    path: str, browser: Browser, desk: FakeDesk
):
    reply = await browser.post(path, Cookie="secondsig_session=fixed-by-the-attacker")
    assert reply.headers["Set-Cookie"] == (
        "secondsig_session=fresh-cookie-1; HttpOnly; Path=/; SameSite=Strict"
    )
    fixed = "secondsig_session=fixed-by-the-attacker"
    assert (await browser.get("/api/v1/me", Cookie=fixed, Secondsig_Tab=reply.json["tab"])).status == 401
    fresh = "secondsig_session=fresh-cookie-1"
    assert (await browser.get("/api/v1/me", Cookie=fresh, Secondsig_Tab=reply.json["tab"])).status == 200


async def test_cookie_never_stands_in_a_body(browser: Browser):
    reply = await browser.post("/api/v1/login/finish")
    assert b"fresh-cookie" not in reply.body


async def test_over_tls_the_cookie_cannot_be_planted_by_a_neighbour(
    desk: FakeDesk, ui: Path, client: aiohttp.ClientSession
):
    server = await serve(desk, ui, https=True)
    browser = Browser(server.origin, client)
    try:
        reply = await browser.post("/api/v1/login/finish")
        old = await browser.get("/api/v1/me")
        new = await browser.get("/api/v1/me", Cookie=f"__Host-secondsig_session={COOKIE}")
    finally:
        await server.pages.stop()
    assert reply.headers["Set-Cookie"] == (
        "__Host-secondsig_session=fresh-cookie-1; HttpOnly; Path=/; SameSite=Strict; Secure"
    )
    assert reply.headers["Strict-Transport-Security"] == "max-age=63072000"
    assert (old.status, new.status) == (401, 200)


async def test_signing_out_ends_the_session_and_its_cookie(browser: Browser, desk: FakeDesk):
    reply = await browser.post("/api/v1/logout")
    assert reply.status == 200
    assert reply.headers["Set-Cookie"].startswith('secondsig_session=""; ')
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert desk.calls[0][0] == "logout"
    assert (await browser.get("/api/v1/me")).status == 401
