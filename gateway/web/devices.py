"""The routes under /api/v1/push: a person's browsers that are told of questions."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.desk.contract import Desk, JsonObject, Session
from gateway.subscriptions import MAX_ENDPOINT
from gateway.web.answers import json_answer
from gateway.web.incoming import query, read_body
from gateway.web.sessions import Sessions

PUSH = "/api/v1/push"
SUBSCRIPTION = PUSH + "/subscriptions/{subscription:psh_[0-9A-Z]{26}}"
KEY, DEVICE = 128, 64

type SignedInHandler = Callable[[web.Request, Session], Awaitable[JsonObject]]


class DeviceRoutes:
    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk, self._sessions = desk, sessions

    def routes(self) -> list[web.RouteDef]:
        own = self._signed_in
        return [
            web.get(f"{PUSH}/key", own(self._key)),
            web.get(f"{PUSH}/subscriptions", own(self._listed)),
            web.post(f"{PUSH}/subscriptions/add", own(self._add)),
            web.post(f"{SUBSCRIPTION}/remove", own(self._remove)),
            web.post(f"{SUBSCRIPTION}/test", own(self._test)),
        ]

    def _signed_in(self, handler: SignedInHandler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            return json_answer(await handler(request, self._sessions.require(request)))

        return answer

    async def _key(self, request: web.Request, session: Session) -> JsonObject:
        query(request)
        return await self._desk.push_key(session)

    async def _listed(self, request: web.Request, session: Session) -> JsonObject:
        query(request)
        return await self._desk.push_subscriptions(session)

    async def _add(self, request: web.Request, session: Session) -> JsonObject:
        body = await read_body(request, "endpoint", "p256dh", "auth", "device")
        return await self._desk.add_push_subscription(
            session,
            endpoint=body.text("endpoint", MAX_ENDPOINT),
            p256dh=body.text("p256dh", KEY),
            auth=body.text("auth", KEY),
            device=body.text("device", DEVICE),
        )

    async def _remove(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.remove_push_subscription(session, request.match_info["subscription"])

    async def _test(self, request: web.Request, session: Session) -> JsonObject:
        await read_body(request)
        return await self._desk.test_push_subscription(session, request.match_info["subscription"])
