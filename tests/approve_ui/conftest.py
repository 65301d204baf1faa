"""One browser and one server for all tests of the pages; a fresh gateway and a fresh profile for each."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.approve_ui.fake_gateway import FakeGateway, Site

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000
"""What is awaited comes at once, or on a busy machine late; what never comes fails all the same."""

expect.set_options(timeout=PATIENCE_MS)
PHONE = ViewportSize(width=390, height=844)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    served = Site()
    runner = web.AppRunner(served.app(), shutdown_timeout=0.1)
    await runner.setup()
    listener = web.TCPSite(runner, "localhost", 0)
    await listener.start()
    port = runner.addresses[0][1]
    served.url = f"http://localhost:{port}"
    yield served
    await runner.cleanup()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest.fixture
def gateway(site: Site) -> FakeGateway:
    site.gateway = FakeGateway()
    return site.gateway


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, site: Site, gateway: FakeGateway) -> AsyncIterator[Page]:
    """A phone with mika's passkey. A page that breaks the policy or throws fails its test."""
    context = await browser.new_context(viewport=PHONE, base_url=site.url, locale="en-GB")
    opened = await context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
    await add_passkey(opened, gateway.credential_id)
    yield opened
    await context.close()
    assert problems == []


async def add_passkey(page: Page, credential_id: bytes) -> Any:
    """A virtual authenticator that holds one resident key for localhost and always verifies its user."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    credential = {
        "credentialId": base64.b64encode(credential_id).decode(),
        "isResidentCredential": True,
        "rpId": "localhost",
        "privateKey": base64.b64encode(key).decode(),
        "userHandle": base64.b64encode(b"mika").decode(),
        "signCount": 1,
    }
    await cdp.send(
        "WebAuthn.addCredential", {"authenticatorId": made["authenticatorId"], "credential": credential}
    )
    return cdp, made["authenticatorId"]


@pytest.fixture
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go: kept by pytest with its other temporary folders."""
    return tmp_path_factory.mktemp("shots")
