from pathlib import Path

import aiohttp
import pytest

from gateway.desk.contract import Visitor
from tests.gateway.web.fake_desk import (
    BODIES,
    ENVELOPE,
    LENT,
    OPEN_POSTS,
    SESSION,
    SIGNED_IN,
    Browser,
    FakeDesk,
    Server,
    raw,
    serve,
)

ONE = f"/api/v1/envelopes/{ENVELOPE}"


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/v1/state", ("state",)),
        ("/api/v1/me", ("me", SESSION)),
        ("/api/v1/sessions", ("own_sessions", SESSION)),
        ("/api/v1/templates", ("templates", SESSION)),
        ("/api/v1/envelopes", ("envelopes", SESSION)),
        (f"{ONE}/clock", ("clock", ENVELOPE)),
        (ONE, ("envelope", SESSION, ENVELOPE)),
        ("/api/v1/delegations", ("delegations", SESSION)),
        ("/api/v1/rows", ("rows", SESSION, None, None, 50)),
        (
            "/api/v1/rows?filter=decision:step_up&before=7&limit=200",
            ("rows", SESSION, "decision:step_up", 7, 200),
        ),
    ],
)
async def test_reading_asks_the_desk_once(
    path: str, call: tuple[object, ...], browser: Browser, desk: FakeDesk
):
    reply = await browser.get(path)
    assert (reply.status, reply.json) == (200, {"asked": call[0]})
    assert desk.calls == [call]
    head = await browser.send("HEAD", path)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/v1/login/begin", ("login_begin",)),
        ("/api/v1/login/finish", ("login_finish", "ch_1", {"id": "AQ"})),
        ("/api/v1/enrol/begin", ("enrol_begin", "t", "phone")),
        ("/api/v1/enrol/finish", ("enrol_finish", "ch_1", {"id": "AQ"}, "t")),
        ("/api/v1/logout", ("logout", SESSION)),
        (f"/api/v1/sessions/{SIGNED_IN}/revoke", ("revoke_session", SESSION, SIGNED_IN)),
        ("/api/v1/sessions/revoke-others", ("revoke_other_sessions", SESSION)),
        ("/api/v1/templates/explain", ("explain", SESSION, "curl https://api.github.com/", "ci-bot")),
        (f"{ONE}/sign", ("sign", SESSION, ENVELOPE)),
        (f"{ONE}/approve", ("approve", SESSION, ENVELOPE, "ch_1", {"id": "AQ"})),
        (f"{ONE}/deny", ("deny", SESSION, ENVELOPE, "not today")),
        (f"{ONE}/withdraw", ("withdraw", SESSION, ENVELOPE)),
        (f"/api/v1/delegations/{LENT}/withdraw", ("withdraw_delegation", SESSION, LENT)),
        ("/api/v1/batches/begin", ("begin_batch", SESSION, [ENVELOPE])),
        ("/api/v1/batches/approve", ("approve_batch", SESSION, "ch_1", {"id": "AQ"})),
        ("/api/v1/batches/deny", ("deny_batch", SESSION, [ENVELOPE], "not today")),
        ("/api/v1/agents/ci-bot/pause", ("pause_agent", SESSION, "ci-bot")),
        (f"{ONE}/reveal", ("reveal", SESSION, ENVELOPE, "json:/secret")),
        (f"{ONE}/mismatch", ("mismatch", SESSION, ENVELOPE, "aa", "bb")),
    ],
)
async def test_writing_asks_the_desk_once(
    path: str, call: tuple[object, ...], browser: Browser, desk: FakeDesk
):
    assert (await browser.post(path)).status == 200
    assert desk.calls == [call]


@pytest.mark.parametrize("body", [{}, {"note": None}])
async def test_denial_needs_no_note(body: dict[str, None], browser: Browser, desk: FakeDesk):
    assert (await browser.post(f"{ONE}/deny", body)).status == 200
    assert desk.calls == [("deny", SESSION, ENVELOPE, None)]


@pytest.mark.parametrize("path", list(BODIES))
async def test_member_nobody_knows_is_refused(path: str, browser: Browser, desk: FakeDesk):
    reply = await browser.post(path, {**BODIES[path], "approver": "root"})
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert desk.calls == []


async def test_a_request_to_be_explained_has_a_size_and_needs_no_agent(browser: Browser, desk: FakeDesk):
    path = "/api/v1/templates/explain"
    assert (await browser.post(path, {"request": "x" * 65_537})).status == 400
    assert (await browser.post(path, {"request": "x" * 65_536})).status == 200
    assert desk.calls == [("explain", SESSION, "x" * 65_536, None)]


@pytest.mark.parametrize("session", ["ses_1", "ses_" + "0" * 31, "ses_" + "0" * 33, "ses_" + "g" * 32])
async def test_what_cannot_be_a_session_is_not_looked_for(session: str, browser: Browser, desk: FakeDesk):
    assert (await browser.post(f"/api/v1/sessions/{session}/revoke", {})).status == 404
    assert desk.calls == []


async def test_a_sign_in_tells_where_it_comes_from_and_no_novel(browser: Browser, desk: FakeDesk):
    for path in ("/api/v1/login/finish", "/api/v1/enrol/finish"):
        await browser.post(path, User_Agent="Firefox " + "x" * 500)
    address = desk.visitors[0].address
    assert address in {"127.0.0.1", "::1"}
    assert desk.visitors == [Visitor(address, "Firefox " + "x" * 192)] * 2


async def test_a_browser_that_calls_itself_no_text_signs_in_all_the_same(server: Server, desk: FakeDesk):
    body = b'{"challenge_id":"ch_1","credential":{"id":"AQ"}}'
    head = (
        f"POST /api/v1/login/finish HTTP/1.1\r\nHost: {server.origin[7:]}\r\nOrigin: {server.origin}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\nUser-Agent: "
    )
    reply = await raw(server.port, head.encode() + b"Fire\xfffox\r\n\r\n" + body)
    assert reply.startswith(b"HTTP/1.1 200")
    assert desk.visitors[0].browser == "Fire?fox"


@pytest.mark.parametrize("path", [path for path, body in BODIES.items() if body and "note" not in body])
async def test_member_that_is_missing_is_refused(path: str, browser: Browser, desk: FakeDesk):
    assert (await browser.post(path, {})).status == 400
    assert desk.calls == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "limit=%D9%A3",
        "before=",
        "before=9999999999999999999",
        "before=1&before=2",
        "person=mika",
        "filter=" + "a" * 201,
    ],
)
async def test_rows_take_only_what_they_understand(query: str, browser: Browser, desk: FakeDesk):
    reply = await browser.get(f"/api/v1/rows?{query}")
    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert desk.calls == []


async def test_guessing_at_the_door_is_slowed_down(browser: Browser, desk: FakeDesk):
    statuses = [(await browser.post(OPEN_POSTS[n % 4])).status for n in range(30)]
    assert statuses == [200] * 30
    for path in OPEN_POSTS:
        reply = await browser.post(path)
        assert (reply.status, reply.json["error"]) == (429, "rate_limited")
        assert 1 <= int(reply.headers["Retry-After"]) <= 60
    assert len(desk.calls) == 30
    assert (await browser.post(f"{ONE}/deny")).status == 200


async def test_forged_forwarded_address_is_no_new_visitor(browser: Browser, desk: FakeDesk):
    for n in range(30):
        await browser.post("/api/v1/login/begin", X_Forwarded_For=f"203.0.113.{n}")
    assert (await browser.post("/api/v1/login/begin", X_Forwarded_For="203.0.113.99")).status == 429


async def test_behind_a_trusted_proxy_its_last_word_counts(
    desk: FakeDesk, ui: Path, client: aiohttp.ClientSession
):
    server = await serve(desk, ui, trusted_proxy=True)
    browser = Browser(server.origin, client)
    try:
        for n in range(30):
            await browser.post("/api/v1/login/begin", X_Forwarded_For=f"198.51.100.{n}, 203.0.113.1")
        same = await browser.post("/api/v1/login/begin", X_Forwarded_For="198.51.100.99, 203.0.113.1")
        other = await browser.post("/api/v1/login/begin", X_Forwarded_For="203.0.113.2")
        direct = await browser.post("/api/v1/login/begin")
    finally:
        await server.pages.stop()
    assert (same.status, other.status, direct.status) == (429, 200, 200)


async def test_health_says_nothing_but_ok(browser: Browser, desk: FakeDesk):
    reply = await browser.get("/healthz", Cookie=None, Secondsig_Tab=None)
    assert (reply.status, reply.body) == (200, b"ok\n")
    assert (await browser.get("/readyz")).body == b"ready\n"
    desk.is_ready = (False, "The store does not answer.")
    reply = await browser.get("/readyz")
    assert (reply.status, reply.body) == (503, b"The store does not answer.\n")


async def test_metrics_need_the_bearer_token_and_no_session(browser: Browser, desk: FakeDesk):
    reply = await browser.get("/metrics", Cookie=None, Secondsig_Tab=None, Authorization="Bearer scrape")
    assert (reply.status, reply.body) == (200, b"secondsig_envelopes 1\n")
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("header", [None, "scrape", "Basic scrape", "Bearer", "Bearer  scrape", "Bearer x"])
async def test_a_session_or_another_token_reads_no_metrics(
    header: str | None, browser: Browser, desk: FakeDesk
):
    reply = await browser.get("/metrics", Authorization=header)
    assert reply.status == 401
    assert b"secondsig_" not in reply.body
