import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.desk.contract import Event
from gateway.web import events
from gateway.web.events import frame
from tests.gateway.web.fake_desk import COOKIE, ENVELOPE, SESSION, TAB, Browser, FakeDesk, Server
from tests.kit.patience import until

PATH = "/api/v1/events"


class Stream:
    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.reply = reply

    async def next(self) -> str:
        async with asyncio.timeout(60):
            return (await self.reply.content.readuntil(b"\n\n")).decode()

    async def rest(self) -> bytes:
        """What still comes until the end; a stream may end without its goodbye."""
        async with asyncio.timeout(60):
            with contextlib.suppress(aiohttp.ClientPayloadError):
                return await self.reply.content.read()
        return b""


@asynccontextmanager
async def listen(browser: Browser, **headers: str) -> AsyncIterator[Stream]:
    sent = browser.headers(**headers)
    async with browser.client.get(browser.origin + PATH, headers=sent) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["Cache-Control"] == "no-store"
        stream = Stream(reply)
        assert await stream.next() == ": open\n\n"
        yield stream


async def test_page_hears_what_changes(browser: Browser, desk: FakeDesk):
    async with listen(browser) as stream:
        assert await stream.next() == "id: 0\nevent: hello\ndata: {}\n\n"
        desk.events.put_nowait(Event(8, "envelope", {"id": ENVELOPE, "state": "denied"}))
        expected = f'id: 8\nevent: envelope\ndata: {{"id":"{ENVELOPE}","state":"denied"}}\n\n'
        assert await stream.next() == expected
        desk.events.put_nowait(None)
        assert await stream.rest() == b""
    await until(lambda: desk.subscribers == 0)


async def test_page_that_was_away_names_the_last_event_it_saw(browser: Browser, desk: FakeDesk):
    async with listen(browser, Last_Event_ID="41") as stream:
        assert await stream.next() == "id: 41\nevent: hello\ndata: {}\n\n"
    assert desk.calls == [("subscribe", SESSION, 41)]


@pytest.mark.parametrize("last", ["", "-1", "x", "1,2", "9" * 19])
async def test_last_event_of_another_form_is_refused(last: str, browser: Browser, desk: FakeDesk):
    assert (await browser.get(PATH, Last_Event_ID=last)).status == 400
    assert desk.calls == []


async def test_stream_needs_both_halves_of_a_session(browser: Browser, desk: FakeDesk):
    assert (await browser.get(PATH, Secondsig_Tab=None)).status == 401
    assert (await browser.get(PATH, Cookie=None)).status == 401
    assert (await browser.send("HEAD", PATH)).status == 405
    assert desk.calls == []


async def test_quiet_stream_shows_that_it_lives(
    browser: Browser, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    async with listen(browser) as stream:
        await stream.next()
        assert [await stream.next() for _ in range(3)] == [": still here\n\n"] * 3


async def test_revoked_session_hears_nothing_more(browser: Browser, desk: FakeDesk):
    async with listen(browser) as stream:
        await stream.next()
        del desk.sessions[COOKIE, TAB]
        desk.events.put_nowait(Event(9, "envelope", {"id": "env_secret"}))
        assert await stream.rest() == b""
    await until(lambda: desk.subscribers == 0)


async def test_reader_that_went_away_is_forgotten(
    browser: Browser, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    async with listen(browser) as stream:
        await stream.next()
        assert desk.subscribers == 1
        stream.reply.close()
    await until(lambda: desk.subscribers == 0)


async def test_slow_reader_is_dropped_and_holds_no_memory(
    server: Server, browser: Browser, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "PATIENCE_SECONDS", 0.2)
    desk.flood = True
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", server.port))
        head = {**browser.headers(), "Host": f"localhost:{server.port}"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        await loop.sock_sendall(slow, f"GET {PATH} HTTP/1.1\r\n{lines}\r\n".encode())
        await until(lambda: desk.subscribers == 1)
        connections = server.pages._runner.server
        assert connections is not None
        await until(lambda: desk.subscribers == 0 and not connections.connections)


async def test_stop_of_the_gateway_ends_streams(server: Server, browser: Browser, desk: FakeDesk):
    async with listen(browser) as stream:
        await stream.next()
        async with asyncio.timeout(60):
            await server.pages.stop()
        assert await stream.rest() == b""
    assert desk.subscribers == 0


async def test_fault_in_the_feed_is_logged_and_not_shown(browser: Browser, desk: FakeDesk):
    with capture_logs() as logs:
        async with listen(browser) as stream:
            await stream.next()
            desk.events.put_nowait(Event(1, "envelope", {"s3cret": math.nan}))
            assert await stream.rest() == b""
    assert [entry["event"] for entry in logs] == ["event_stream_fault"]


@given(st.integers(0, 2**60), st.dictionaries(st.text(), st.text()))
def test_no_event_can_pretend_to_be_two(number: int, data: dict[str, str]):
    text = frame(Event(number, "envelope", data))
    lines = text.removesuffix("\n\n").splitlines()
    assert len(lines) == 3
    assert text.endswith("\n\n")
    assert text.isascii()
    assert lines[2].startswith("data: {")
