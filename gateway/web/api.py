"""The routes of /api/v1: each reads its input, asks the desk one question and says the answer."""

from collections.abc import Awaitable, Callable
from math import ceil

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import __version__
from gateway.batches import MOST
from gateway.desk.contract import Desk, DeskError, JsonObject, Session, SignedIn, Visitor
from gateway.web.answers import json_answer, metrics_answer, text_answer
from gateway.web.events import EventStreams
from gateway.web.incoming import bad, query, read_body, whole_number
from gateway.web.limits import RateLimit, address_key
from gateway.web.openapi import describe
from gateway.web.security import sole
from gateway.web.sessions import Sessions

V1 = "/api/v1"
ENVELOPE = V1 + "/envelopes/{id:env_[0-9A-Za-z]{16,40}}"
DELEGATION = V1 + "/delegations/{delegation:del_[0-9A-Za-z]{16,40}}"
AGENT = V1 + "/agents/{name:[0-9A-Za-z._-]{1,64}}"

SESSION = V1 + "/sessions/{session:ses_[0-9a-f]{32}}"

GRANT = V1 + "/grants/{grant:grt_[0-9A-Z]{26}}"

CHALLENGE_ID, TOKEN, NAME, NOTE, SELECTOR, FILTER, SHOWN = 128, 256, 64, 280, 512, 200, 100_000
KIND, CREDENTIAL, REASON, WRITTEN, BROWSER = 64, 2_000, 1000, 65_536, 200
ROWS, MOST_ROWS = 50, 200

type SignedInHandler = Callable[[web.Request, Session], Awaitable[JsonObject]]


class Api:
    def __init__(
        self, desk: Desk, sessions: Sessions, streams: EventStreams, limit: RateLimit, *, trusted_proxy: bool
    ) -> None:
        self._desk, self._sessions, self._streams = desk, sessions, streams
        self._limit, self._trusted_proxy = limit, trusted_proxy

    def routes(self) -> list[web.RouteDef]:
        own = self._signed_in
        return [
            web.get("/healthz", self._healthy),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
            web.get(f"{V1}/openapi.json", self._openapi),
            web.get(f"{V1}/state", self._state),
            web.post(f"{V1}/login/begin", self._login_begin),
            web.post(f"{V1}/login/finish", self._login_finish),
            web.post(f"{V1}/enrol/begin", self._enrol_begin),
            web.post(f"{V1}/enrol/finish", self._enrol_finish),
            web.post(f"{V1}/logout", self._logout),
            web.get(f"{V1}/me", own(self._me)),
            web.get(f"{V1}/sessions", own(self._own_sessions)),
            web.post(f"{V1}/sessions/revoke-others", own(self._revoke_other_sessions)),
            web.post(SESSION + "/revoke", own(self._revoke_session)),
            web.get(f"{V1}/templates", own(self._templates)),
            web.post(f"{V1}/templates/explain", own(self._explain)),
            web.get(f"{V1}/envelopes", own(self._envelopes)),
            web.get(f"{ENVELOPE}/clock", self._clock),
            web.get(ENVELOPE, own(self._envelope)),
            web.post(f"{ENVELOPE}/sign", own(self._sign)),
            web.post(f"{ENVELOPE}/approve", own(self._approve)),
            web.post(f"{ENVELOPE}/break-glass/begin", own(self._glass_begin)),
            web.post(f"{ENVELOPE}/break-glass/finish", own(self._glass_finish)),
            web.post(f"{ENVELOPE}/deny", own(self._deny)),
            web.post(f"{ENVELOPE}/withdraw", own(self._withdraw)),
            web.post(f"{ENVELOPE}/reveal", own(self._reveal)),
            web.post(f"{ENVELOPE}/mismatch", own(self._mismatch)),
            web.post(f"{V1}/batches/begin", own(self._begin_batch)),
            web.post(f"{V1}/batches/approve", own(self._approve_batch)),
            web.post(f"{V1}/batches/deny", own(self._deny_batch)),
            web.post(AGENT + "/pause", own(self._pause_agent)),
            web.get(f"{V1}/delegations", own(self._delegations)),
            web.post(f"{DELEGATION}/withdraw", own(self._withdraw_delegation)),
            web.get(f"{V1}/config", own(self._config)),
            web.post(AGENT + "/consent/withdraw", own(self._withdraw_consent)),
            web.get(f"{V1}/grants", own(self._grants)),
            web.post(GRANT + "/revoke", own(self._revoke_grant)),
            web.get(f"{V1}/agents", own(self._agents)),
            web.get(f"{V1}/people", own(self._people)),
            web.post(f"{V1}/people/revoke", own(self._revoke_person)),
            web.post(f"{V1}/people/cancel-recovery", own(self._cancel_recovery)),
            web.post(f"{V1}/keys/revoke", own(self._revoke_key)),
            web.post(f"{V1}/stop-all", own(self._stop_all)),
            web.get(f"{V1}/reviews", own(self._reviews)),
            web.get(f"{V1}/programs", own(self._programs)),
            web.get(f"{V1}/notifications", own(self._notifications)),
            web.post(f"{V1}/notifications/test", own(self._test_notification)),
            web.post(f"{V1}/changes/begin", own(self._change_begin)),
            web.post(f"{V1}/changes/finish", own(self._change_finish)),
            web.get(f"{V1}/rows", own(self._rows)),
            web.get(f"{V1}/events", self._streams.serve, allow_head=False),
        ]

    def _signed_in(self, handler: SignedInHandler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            return json_answer(await handler(request, self._sessions.require(request)))

        return answer

    async def _healthy(self, _request: web.Request) -> web.StreamResponse:
        return text_answer("ok")

    async def _ready(self, _request: web.Request) -> web.StreamResponse:
        ready, sentence = await self._desk.ready()
        return text_answer(sentence, 200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        kind, _, token = (sole(request, "Authorization") or "").partition(" ")
        page = await self._desk.metrics(token if kind.lower() == "bearer" else "")
        return metrics_answer(page)

    async def _openapi(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(describe(__version__))

    async def _state(self, _request: web.Request) -> web.StreamResponse:
        return json_answer(await self._desk.state())

    async def _login_begin(self, request: web.Request) -> web.StreamResponse:
        self._not_too_often(request)
        await read_body(request)
        return json_answer(await self._desk.login_begin())

    async def _login_finish(self, request: web.Request) -> web.StreamResponse:
        self._not_too_often(request)
        body = await read_body(request, "challenge_id", "credential")
        signed_in = await self._desk.login_finish(
            body.text("challenge_id", CHALLENGE_ID), body.object("credential"), self._visitor(request)
        )
        return self._sessions.begin(signed_in)

    async def _enrol_begin(self, request: web.Request) -> web.StreamResponse:
        self._not_too_often(request)
        body = await read_body(request, "token", "name")
        return json_answer(await self._desk.enrol_begin(body.text("token", TOKEN), body.text("name", NAME)))

    async def _enrol_finish(self, request: web.Request) -> web.StreamResponse:
        self._not_too_often(request)
        body = await read_body(request, "challenge_id", "credential", "token")
        challenge_id, credential = body.text("challenge_id", CHALLENGE_ID), body.object("credential")
        enrolled = await self._desk.enrol_finish(
            challenge_id, credential, body.text("token", TOKEN), self._visitor(request)
        )
        return self._sessions.begin(enrolled) if isinstance(enrolled, SignedIn) else json_answer(enrolled)

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        session = self._sessions.require(request)
        await read_body(request)
        response = json_answer(await self._desk.logout(session))
        self._sessions.end(response)
        return response

    async def _clock(self, request: web.Request) -> web.StreamResponse:
        return json_answer(await self._desk.clock(_id(request)))

    async def _me(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.me(session)

    async def _own_sessions(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.own_sessions(session)

    async def _revoke_session(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.revoke_session(session, request.match_info["session"])

    async def _revoke_other_sessions(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.revoke_other_sessions(session)

    async def _templates(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.templates(session)

    async def _explain(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "request", optional=["agent"])
        return await self._desk.explain(
            session, body.text("request", WRITTEN), body.text_or_none("agent", NAME)
        )

    async def _envelopes(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.envelopes(session)

    async def _envelope(self, request: web.Request, session: Session) -> JsonObject:
        return await self._desk.envelope(session, _id(request))

    async def _sign(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.sign(session, _id(request))

    async def _approve(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "challenge_id", "credential")
        challenge_id, credential = body.text("challenge_id", CHALLENGE_ID), body.object("credential")
        return await self._desk.approve(session, _id(request), challenge_id, credential)

    async def _deny(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, optional=["note"])
        return await self._desk.deny(session, _id(request), body.text_or_none("note", NOTE))

    async def _withdraw(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.withdraw(session, _id(request))

    async def _begin_batch(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "envelopes")
        return await self._desk.begin_batch(session, body.ids("envelopes", MOST))

    async def _approve_batch(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "challenge_id", "credential")
        challenge_id, credential = body.text("challenge_id", CHALLENGE_ID), body.object("credential")
        return await self._desk.approve_batch(session, challenge_id, credential)

    async def _deny_batch(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "envelopes", optional=["note"])
        ids, note = body.ids("envelopes", MOST), body.text_or_none("note", NOTE)
        return await self._desk.deny_batch(session, ids, note)

    async def _pause_agent(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.pause_agent(session, request.match_info["name"])

    async def _delegations(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.delegations(session)

    async def _withdraw_delegation(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.withdraw_delegation(session, request.match_info["delegation"])

    async def _config(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.config(session)

    async def _withdraw_consent(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.withdraw_consent(session, request.match_info["name"])

    async def _grants(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.grants(session)

    async def _revoke_grant(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.revoke_grant(session, request.match_info["grant"])

    async def _agents(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.agents(session)

    async def _people(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.people(session)

    async def _revoke_person(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "person")
        return await self._desk.revoke_person(session, body.text("person", NAME))

    async def _cancel_recovery(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "person")
        return await self._desk.cancel_recovery(session, body.text("person", NAME))

    async def _revoke_key(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "credential")
        return await self._desk.revoke_key(session, body.text("credential", CREDENTIAL))

    async def _stop_all(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.stop_all(session)

    async def _reviews(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.reviews(session)

    async def _programs(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.programs(session)

    async def _notifications(self, _request: web.Request, session: Session) -> JsonObject:
        return await self._desk.notifications(session)

    async def _test_notification(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "channel")
        return await self._desk.test_notification(session, body.text("channel", NAME))

    async def _glass_begin(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "reason")
        return await self._desk.glass_begin(session, _id(request), body.text("reason", REASON))

    async def _glass_finish(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "challenge_id", "credential")
        challenge_id, credential = body.text("challenge_id", CHALLENGE_ID), body.object("credential")
        return await self._desk.glass_finish(session, _id(request), challenge_id, credential)

    async def _change_begin(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "kind", "asked")
        return await self._desk.change_begin(session, body.text("kind", KIND), body.plain("asked"))

    async def _change_finish(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "challenge_id", "credential")
        challenge_id, credential = body.text("challenge_id", CHALLENGE_ID), body.object("credential")
        return await self._desk.change_finish(session, challenge_id, credential)

    async def _reveal(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "selector")
        return await self._desk.reveal(session, _id(request), body.text("selector", SELECTOR))

    async def _mismatch(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "expected", "shown")
        expected, shown = body.text("expected", SHOWN), body.text("shown", SHOWN)
        return await self._desk.mismatch(session, _id(request), expected, shown)

    async def _rows(self, request: web.Request, session: Session) -> JsonObject:
        asked = query(request, "filter", "before", "limit")
        chosen, before, limit = asked.get("filter"), asked.get("before"), asked.get("limit")
        if chosen is not None and len(chosen) > FILTER:
            raise bad("filter is too long.")
        most = ROWS if limit is None else whole_number(limit, "limit")
        if not 1 <= most <= MOST_ROWS:
            raise bad(f"limit has to be between 1 and {MOST_ROWS}.")
        last = None if before is None else whole_number(before, "before")
        return await self._desk.rows(session, chosen or None, last, most)

    def not_too_often(self, limit: RateLimit) -> Callable[[web.Request], None]:
        """Refuses an address that asks more often than this limit lets it."""

        def check(request: web.Request) -> None:
            self._check(limit, request)

        return check

    def _not_too_often(self, request: web.Request) -> None:
        self._check(self._limit, request)

    def _check(self, limit: RateLimit, request: web.Request) -> None:
        wait = limit.wait(address_key(self._address(request)))
        if wait is not None:
            seconds = max(1, ceil(wait))
            raise DeskError(
                429,
                "rate_limited",
                f"Too many tries from this address: try again in {seconds} s.",
                {"retry_after": seconds},
            )

    def _visitor(self, request: web.Request) -> Visitor:
        """Bytes that are no text must not keep anybody from signing in."""
        browser = (sole(request, "User-Agent") or "").encode(errors="replace").decode()
        return Visitor(self._address(request), browser[:BROWSER] or None)

    def _address(self, request: web.Request) -> str | None:
        """Behind a proxy that the operator named, the address that proxy saw: the last it wrote down."""
        forwarded = sole(request, "X-Forwarded-For") if self._trusted_proxy else None
        return forwarded.rpartition(",")[2].strip() if forwarded else request.remote


def _id(request: web.Request) -> str:
    return request.match_info["id"]
