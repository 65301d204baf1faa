"""A desk that remembers what it was asked, and a browser that can be made to lie."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from gateway.desk.contract import (
    NOBODY_SEEN,
    DeskError,
    Event,
    JsonObject,
    ProgramAnswer,
    Session,
    SignedIn,
    Visitor,
)
from gateway.web.app import Pages, build_app
from gateway.web.pages import SHELLS
from gateway.web.sockets import loopback_sockets

ENVELOPE = "env_" + "0123456789ABCDEFGHJKMNPQRS"
GRANT = "grt_" + "0123456789ABCDEFGHJKMNPQRS"
COOKIE, TAB = "cookie-of-mika-000000", "tab-of-mika-000000000"
SESSION = Session("ses_1", "mika", b"\x01", "2026-11-20T01:41:02Z")

SIGNED: JsonObject = {"program": "fraud", "challenge_id": "ch_1", "signature": "AQ"}
PUSHED = "psh_" + "0" * 26
LENT = "del_" + "0" * 26
SIGNED_IN = "ses_" + "0" * 32
BODIES: dict[str, JsonObject] = {
    "/api/v1/login/begin": {},
    "/api/v1/login/finish": {"challenge_id": "ch_1", "credential": {"id": "AQ"}},
    "/api/v1/enrol/begin": {"token": "t", "name": "phone"},
    "/api/v1/enrol/finish": {"challenge_id": "ch_1", "credential": {"id": "AQ"}, "token": "t"},
    "/api/v1/logout": {},
    "/api/v1/sessions/revoke-others": {},
    f"/api/v1/sessions/{SIGNED_IN}/revoke": {},
    "/api/v1/templates/explain": {"request": "curl https://api.github.com/", "agent": "ci-bot"},
    f"/api/v1/envelopes/{ENVELOPE}/sign": {},
    f"/api/v1/envelopes/{ENVELOPE}/approve": {"challenge_id": "ch_1", "credential": {"id": "AQ"}},
    f"/api/v1/envelopes/{ENVELOPE}/deny": {"note": "not today"},
    f"/api/v1/envelopes/{ENVELOPE}/break-glass/begin": {"reason": "Nobody answers"},
    f"/api/v1/envelopes/{ENVELOPE}/break-glass/finish": {"challenge_id": "ch_1", "credential": {"id": "AQ"}},
    f"/api/v1/envelopes/{ENVELOPE}/withdraw": {},
    f"/api/v1/delegations/{LENT}/withdraw": {},
    "/api/v1/push/subscriptions/add": {
        "endpoint": "https://x",
        "p256dh": "AQ",
        "auth": "AQ",
        "device": "Phone",
    },
    f"/api/v1/push/subscriptions/{PUSHED}/remove": {},
    f"/api/v1/push/subscriptions/{PUSHED}/test": {},
    "/api/v1/batches/begin": {"envelopes": [ENVELOPE]},
    "/api/v1/batches/approve": {"challenge_id": "ch_1", "credential": {"id": "AQ"}},
    "/api/v1/batches/deny": {"envelopes": [ENVELOPE], "note": "not today"},
    "/api/v1/stop-all": {},
    "/api/v1/agents/ci-bot/pause": {},
    "/api/v1/agents/ci-bot/consent/withdraw": {},
    f"/api/v1/grants/{GRANT}/revoke": {},
    "/api/v1/people/revoke": {"person": "tomo"},
    "/api/v1/people/cancel-recovery": {"person": "tomo"},
    "/api/v1/keys/revoke": {"credential": "AQ"},
    "/api/v1/notifications/test": {"channel": "team-mail"},
    "/api/v1/changes/begin": {"kind": "agent/resume", "asked": {"agent": "ci-bot"}},
    "/api/v1/changes/finish": {"challenge_id": "ch_1", "credential": {"id": "AQ"}},
    f"/api/v1/envelopes/{ENVELOPE}/reveal": {"selector": "json:/secret"},
    f"/api/v1/envelopes/{ENVELOPE}/mismatch": {"expected": "aa", "shown": "bb"},
    "/api/v1/programs/challenge": {"program": "fraud", "verb": "deny"},
    f"/api/v1/programs/envelopes/{ENVELOPE}/deny": {**SIGNED, "note": "no"},
    f"/api/v1/programs/envelopes/{ENVELOPE}/route": {**SIGNED, "group": "finance"},
    f"/api/v1/programs/envelopes/{ENVELOPE}/delegate": SIGNED,
}
OPEN_POSTS = [path for path in BODIES if "/login/" in path or "/enrol/" in path]
PROGRAM_POSTS = [path for path in BODIES if "/programs/" in path]
OWN_POSTS = [path for path in BODIES if path not in {*OPEN_POSTS, *PROGRAM_POSTS}]
OWN_GETS = [
    "/api/v1/me",
    "/api/v1/sessions",
    "/api/v1/templates",
    "/api/v1/config",
    "/api/v1/agents",
    "/api/v1/people",
    "/api/v1/envelopes",
    f"/api/v1/envelopes/{ENVELOPE}",
    "/api/v1/rows",
    "/api/v1/grants",
    "/api/v1/delegations",
    "/api/v1/reviews",
    "/api/v1/notifications",
    "/api/v1/programs",
    "/api/v1/push/key",
    "/api/v1/push/subscriptions",
]
OPEN_GETS = ["/api/v1/state", f"/api/v1/envelopes/{ENVELOPE}/clock", "/api/v1/openapi.json"]
PAGES = [
    "/login",
    "/enrol",
    f"/approve/{ENVELOPE}",
    "/approve/batch",
    "/app/approvals",
    "/app/audit",
    "/app/people",
    "/app/agents",
    "/app/config",
    "/app/grants",
    "/app/away",
    "/app/reviews",
    "/app/templates",
    "/app/settings",
]


@dataclass
class FakeDesk:
    calls: list[tuple[object, ...]] = field(default_factory=list)
    sessions: dict[tuple[str, str], Session] = field(default_factory=lambda: {(COOKIE, TAB): SESSION})
    fault: Exception | None = None
    is_ready: tuple[bool, str] = (True, "ready")
    events: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    flood: bool = False
    subscribers: int = 0
    signed_in: int = 0
    visitors: list[Visitor] = field(default_factory=list)

    def _asked(self, *call: object) -> JsonObject:
        self.calls.append(call)
        if self.fault is not None:
            raise self.fault
        return {"asked": str(call[0])}

    def _sign_in(self, *call: object) -> SignedIn:
        self._asked(*call)
        self.signed_in += 1
        cookie, tab = f"fresh-cookie-{self.signed_in}", f"fresh-tab-{self.signed_in}"
        self.sessions[cookie, tab] = SESSION
        return SignedIn({"person": {"name": "mika"}, "tab": tab}, cookie)

    def session(self, cookie_token: str, tab_token: str) -> Session | None:
        return self.sessions.get((cookie_token, tab_token))

    async def state(self) -> JsonObject:
        return self._asked("state")

    async def login_begin(self) -> JsonObject:
        return self._asked("login_begin")

    async def login_finish(
        self, challenge_id: str, credential: JsonObject, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn:
        self.visitors.append(visitor)
        return self._sign_in("login_finish", challenge_id, credential)

    async def enrol_begin(self, token: str, name: str) -> JsonObject:
        return self._asked("enrol_begin", token, name)

    async def enrol_finish(
        self, challenge_id: str, credential: JsonObject, token: str, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn:
        self.visitors.append(visitor)
        return self._sign_in("enrol_finish", challenge_id, credential, token)

    async def logout(self, session: Session) -> JsonObject:
        self.sessions.clear()
        return self._asked("logout", session)

    async def me(self, session: Session) -> JsonObject:
        return self._asked("me", session)

    async def own_sessions(self, session: Session) -> JsonObject:
        return self._asked("own_sessions", session)

    async def revoke_session(self, session: Session, session_id: str) -> JsonObject:
        return self._asked("revoke_session", session, session_id)

    async def revoke_other_sessions(self, session: Session) -> JsonObject:
        return self._asked("revoke_other_sessions", session)

    async def templates(self, session: Session) -> JsonObject:
        return self._asked("templates", session)

    async def explain(self, session: Session, request: str, agent: str | None) -> JsonObject:
        return self._asked("explain", session, request, agent)

    async def envelopes(self, session: Session) -> JsonObject:
        return self._asked("envelopes", session)

    async def clock(self, envelope_id: str) -> JsonObject:
        return self._asked("clock", envelope_id)

    async def envelope(self, session: Session, envelope_id: str) -> JsonObject:
        return self._asked("envelope", session, envelope_id)

    async def sign(self, session: Session, envelope_id: str) -> JsonObject:
        return self._asked("sign", session, envelope_id)

    async def approve(
        self, session: Session, envelope_id: str, challenge_id: str, credential: JsonObject
    ) -> JsonObject:
        return self._asked("approve", session, envelope_id, challenge_id, credential)

    async def deny(self, session: Session, envelope_id: str, note: str | None) -> JsonObject:
        return self._asked("deny", session, envelope_id, note)

    async def begin_batch(self, session: Session, envelope_ids: Sequence[str]) -> JsonObject:
        return self._asked("begin_batch", session, envelope_ids)

    async def approve_batch(self, session: Session, challenge_id: str, credential: JsonObject) -> JsonObject:
        return self._asked("approve_batch", session, challenge_id, credential)

    async def deny_batch(self, session: Session, envelope_ids: Sequence[str], note: str | None) -> JsonObject:
        return self._asked("deny_batch", session, envelope_ids, note)

    async def pause_agent(self, session: Session, agent: str) -> JsonObject:
        return self._asked("pause_agent", session, agent)

    async def delegations(self, session: Session) -> JsonObject:
        return self._asked("delegations", session)

    async def withdraw_delegation(self, session: Session, delegation_id: str) -> JsonObject:
        return self._asked("withdraw_delegation", session, delegation_id)

    async def config(self, session: Session) -> JsonObject:
        return self._asked("config", session)

    async def grants(self, session: Session) -> JsonObject:
        return self._asked("grants", session)

    async def revoke_grant(self, session: Session, grant_id: str) -> JsonObject:
        return self._asked("revoke_grant", session, grant_id)

    async def withdraw_consent(self, session: Session, agent: str) -> JsonObject:
        return self._asked("withdraw_consent", session, agent)

    async def agents(self, session: Session) -> JsonObject:
        return self._asked("agents", session)

    async def people(self, session: Session) -> JsonObject:
        return self._asked("people", session)

    async def revoke_person(self, session: Session, name: str) -> JsonObject:
        return self._asked("revoke_person", session, name)

    async def revoke_key(self, session: Session, credential: str) -> JsonObject:
        return self._asked("revoke_key", session, credential)

    async def cancel_recovery(self, session: Session, name: str) -> JsonObject:
        return self._asked("cancel_recovery", session, name)

    async def stop_all(self, session: Session) -> JsonObject:
        return self._asked("stop_all", session)

    async def glass_begin(self, session: Session, envelope_id: str, reason: str) -> JsonObject:
        return self._asked("glass_begin", session, envelope_id, reason)

    async def glass_finish(
        self, session: Session, envelope_id: str, challenge_id: str, credential: JsonObject
    ) -> JsonObject:
        return self._asked("glass_finish", session, envelope_id, challenge_id, credential)

    async def reviews(self, session: Session) -> JsonObject:
        return self._asked("reviews", session)

    async def program_challenge(self, program: str, verb: str) -> JsonObject:
        return self._asked("program_challenge", program, verb)

    async def program_envelopes(self, answer: ProgramAnswer) -> JsonObject:
        return self._asked("program_envelopes", answer)

    async def program_act(
        self, answer: ProgramAnswer, verb: str, envelope_id: str, said: dict[str, str]
    ) -> JsonObject:
        return self._asked("program_act", answer, verb, envelope_id, said)

    async def programs(self, session: Session) -> JsonObject:
        return self._asked("programs", session)

    async def notifications(self, session: Session) -> JsonObject:
        return self._asked("notifications", session)

    async def test_notification(self, session: Session, channel: str) -> JsonObject:
        return self._asked("test_notification", session, channel)

    async def change_begin(self, session: Session, kind: str, asked: JsonObject) -> JsonObject:
        return self._asked("change_begin", session, kind, asked)

    async def change_finish(self, session: Session, challenge_id: str, credential: JsonObject) -> JsonObject:
        return self._asked("change_finish", session, challenge_id, credential)

    async def withdraw(self, session: Session, envelope_id: str) -> JsonObject:
        return self._asked("withdraw", session, envelope_id)

    async def push_key(self, session: Session) -> JsonObject:
        return self._asked("push_key", session)

    async def push_subscriptions(self, session: Session) -> JsonObject:
        return self._asked("push_subscriptions", session)

    async def add_push_subscription(
        self, session: Session, *, endpoint: str, p256dh: str, auth: str, device: str
    ) -> JsonObject:
        return self._asked("add_push_subscription", session, endpoint, p256dh, auth, device)

    async def remove_push_subscription(self, session: Session, subscription_id: str) -> JsonObject:
        return self._asked("remove_push_subscription", session, subscription_id)

    async def test_push_subscription(self, session: Session, subscription_id: str) -> JsonObject:
        return self._asked("test_push_subscription", session, subscription_id)

    async def reveal(self, session: Session, envelope_id: str, selector: str) -> JsonObject:
        return self._asked("reveal", session, envelope_id, selector)

    async def mismatch(self, session: Session, envelope_id: str, expected: str, shown: str) -> JsonObject:
        return self._asked("mismatch", session, envelope_id, expected, shown)

    async def rows(self, session: Session, chosen: str | None, before: int | None, limit: int) -> JsonObject:
        return self._asked("rows", session, chosen, before, limit)

    async def subscribe(self, session: Session, last_event_id: int | None) -> AsyncIterator[Event]:
        self._asked("subscribe", session, last_event_id)
        self.subscribers += 1
        try:
            yield Event(last_event_id or 0, "hello", {})
            number = 0
            while self.flood:
                number += 1
                yield Event(number, "envelope", {"id": ENVELOPE, "state": "x" * 8000})
            while event := await self.events.get():
                yield event
        finally:
            self.subscribers -= 1

    async def metrics(self, token: str) -> str:
        self._asked("metrics", token)
        if token != "scrape":
            raise DeskError(401, "no_token", "This needs a token.")
        return "secondsig_envelopes 1\n"

    async def ready(self) -> tuple[bool, str]:
        return self.is_ready


@dataclass
class Reply:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    json: Any


@dataclass
class Browser:
    """Sends what the gateway's own page would send, but for what a test changes; None leaves a header out."""

    origin: str
    client: aiohttp.ClientSession

    async def get(self, path: str, **headers: str | None) -> Reply:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: object = None, **headers: str | None) -> Reply:
        return await self.send("POST", path, BODIES.get(path, {}) if body is None else body, **headers)

    async def send(self, method: str, path: str, body: object = None, **headers: str | None) -> Reply:
        kept = self.headers(method, **headers)
        data = body if isinstance(body, bytes) else None
        json = None if data is not None or method != "POST" else body
        async with self.client.request(
            method, self.origin + path, data=data, json=json, headers=kept, allow_redirects=False
        ) as reply:
            raw = await reply.read()
            read = await reply.json() if reply.content_type == "application/json" and raw else None
            return Reply(reply.status, reply.headers, raw, read)

    def headers(self, method: str = "GET", **changed: str | None) -> dict[str, str]:
        usual: dict[str, str | None] = {
            "Sec-Fetch-Site": "same-origin",
            "Cookie": f"secondsig_session={COOKIE}",
            "Secondsig-Tab": TAB,
        }
        if method == "POST":
            usual |= {"Origin": self.origin, "Content-Type": "application/json"}
        usual |= {name.replace("_", "-"): value for name, value in changed.items()}
        return {name: value for name, value in usual.items() if value is not None}


@dataclass
class Server:
    desk: FakeDesk
    pages: Pages
    port: int
    origin: str


SCRIPT = '<script type="module" src="/static/js/main.js"></script>'


def write_ui(folder: Path) -> Path:
    (folder / "pages").mkdir()
    (folder / "static" / "js").mkdir(parents=True)
    for name in sorted(set(SHELLS.values())):
        (folder / "pages" / f"{name}.html").write_text(
            f"<!doctype html><title>{name}</title>{SCRIPT}\n<body>\n<p>{name}</p>"
        )
    (folder / "static" / "app.css").write_text("body{}")
    (folder / "static" / "js" / "main.js").write_text("export {}")
    (folder / "static" / "mark.svg").write_text("<svg/>")
    (folder / "icons.svg").write_text("<svg><symbol/></svg>\n")
    (folder / "static" / "notes.txt").write_text("not for the web")
    (folder / "sw.js").write_text("addEventListener('push', () => {})")
    (folder / "outside.js").write_text("secret")
    (folder / "static" / "link.js").symlink_to(folder / "outside.js")
    return folder


async def serve(desk: FakeDesk, ui: Path, *, https: bool = False, trusted_proxy: bool = False) -> Server:
    """`https` here is a TLS proxy's view: the sockets speak plain HTTP, the pages believe in TLS."""
    sockets = loopback_sockets(0)
    port = sockets[0].getsockname()[1]
    origin = f"http://localhost:{port}"
    app = build_app(desk, ui=ui, origins=[origin], https=https, trusted_proxy=trusted_proxy)
    pages = Pages(app)
    await pages.start(sockets)
    return Server(desk, pages, port, origin)


async def raw(port: int, request: bytes, *, until: bytes | None = None) -> bytes:
    """What comes back for bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(60):
        answer = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    return answer
