"""The live feed: server-sent events, read by the pages with fetch."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine

import structlog
from aiohttp import web

from gateway.desk.contract import Desk, Event, Session
from gateway.web.incoming import whole_number
from gateway.web.security import sole
from gateway.web.sessions import Sessions

HEARTBEAT_SECONDS = 15.0
PATIENCE_SECONDS = 10.0
QUEUE_EVENTS = 64

type EventQueue = asyncio.Queue[Event]

log = structlog.get_logger(__name__)


class EventStreams:
    """One stream a tab.

    It ends with the session, with the gateway, and when its reader cannot keep up; the page comes back with
    Last-Event-ID and misses nothing.
    """

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk, self._sessions = desk, sessions
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        session = self._sessions.require(request)
        last = sole(request, "Last-Event-ID")
        last_id = None if last is None else whole_number(last, "Last-Event-ID")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        queue: EventQueue = asyncio.Queue(QUEUE_EVENTS)
        await _first_to_end(
            self._feed(session, last_id, queue), self._write(request, response, queue), self._stopping.wait()
        )
        _drop_unread(request)
        return response

    async def _feed(self, session: Session, last_id: int | None, queue: EventQueue) -> None:
        events = self._desk.subscribe(session, last_id)
        try:
            async for event in events:
                await queue.put(event)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def _write(self, request: web.Request, response: web.StreamResponse, queue: EventQueue) -> None:
        text = ": open\n\n"
        while self._sessions.find(request) is not None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await response.write(text.encode("ascii"))
            text = await self._next(queue)

    async def _next(self, queue: EventQueue) -> str:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                return frame(await queue.get())
        except TimeoutError:
            return ": still here\n\n"


def frame(event: Event) -> str:
    """One event on the wire; JSON in ASCII holds no line break, so no event can pretend to be two."""
    data = json.dumps(event.data, allow_nan=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.name}\ndata: {data}\n\n"


async def _first_to_end(*parts: Coroutine[None, None, object]) -> None:
    """Runs all, ends all with the first; a fault is logged, for the answer has already begun."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception) and not isinstance(end, ConnectionError | TimeoutError):
            log.error("event_stream_fault", exc_info=end)


def _drop_unread(request: web.Request) -> None:
    """Whoever has not read what was written would keep the goodbye waiting as well."""
    if request.transport is not None and request.transport.get_write_buffer_size():
        request.transport.abort()
