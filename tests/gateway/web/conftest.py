from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.web.fake_desk import Browser, FakeDesk, Server, serve, write_ui


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def ui(tmp_path: Path) -> Path:
    return write_ui(tmp_path)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    patience = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=patience) as session:
        yield session


@pytest.fixture
async def server(desk: FakeDesk, ui: Path) -> AsyncIterator[Server]:
    running = await serve(desk, ui)
    yield running
    await running.pages.stop()


@pytest.fixture
def browser(server: Server, client: aiohttp.ClientSession) -> Browser:
    return Browser(server.origin, client)
