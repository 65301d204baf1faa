"""One browser, page and server for all tests of the pages; a new gateway and an emptied page for each."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import (
    Browser,
    CDPSession,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    async_playwright,
)

from tests.approve_ui.fake_gateway import FakeGateway, Site, serving
from tests.kit.browser import CHROMIUM, FLAGS, PATIENCE_MS

PHONE = ViewportSize(width=390, height=844)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with serving() as served:
        yield served


class Phone:
    """One page that every test finds as if it were new: opening another costs five times as much."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._page: Page | None = None
        self.problems: list[str] = []

    async def page(self) -> Page:
        """Empty, without cookies, storage or passkeys."""
        if self._page is None:
            context = await self._browser.new_context(viewport=PHONE, base_url=self._url, locale="en-GB")
            self._page = await context.new_page()
            self._page.set_default_timeout(PATIENCE_MS)
            self._page.on("pageerror", lambda error: self.problems.append(str(error)))
            self._page.on("console", self._heard)
        return self._page

    async def forget(self) -> None:
        """What a test left: where it was, what the site stored, how the page was shown."""
        page = await self.page()
        await page.context.set_offline(False)
        await page.goto("about:blank")
        await page.context.clear_cookies()
        session = await page.context.new_cdp_session(page)
        everything = {"origin": self._url, "storageTypes": "all"}
        await session.send("Storage.clearDataForOrigin", everything)
        await session.detach()
        await page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        await page.set_viewport_size(PHONE)

    async def throw_away(self) -> None:
        """The page of a test that changed the page itself, not only what it shows."""
        if self._page is not None:
            await self._page.context.close()
        self._page = None

    def _heard(self, said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            self.problems.append(said.text)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def phone(site: Site) -> AsyncIterator[Phone]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield Phone(running, site.url)
        await running.close()


@pytest.fixture
def gateway(site: Site) -> FakeGateway:
    site.gateway = FakeGateway()
    return site.gateway


@pytest_asyncio.fixture(loop_scope="session")
async def page(phone: Phone, gateway: FakeGateway, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A phone with mika's passkey. A page that breaks the policy or throws fails its test.

    A test marked `own_page` changes the page itself (its clock, its scripts): nobody gets it after. Nor does
    anybody get the page of a test that failed, or that cannot be emptied: one fault is not to become many.
    """
    opened = await phone.page()
    phone.problems = []
    failed = request.session.testsfailed
    session = await add_passkey(opened, gateway.credential_id)
    yield opened
    problems = phone.problems
    if request.node.get_closest_marker("own_page") or request.session.testsfailed > failed:
        await phone.throw_away()
    else:
        try:
            await phone.forget()
            await session.send("WebAuthn.disable")
            await session.detach()
        except Error:
            await phone.throw_away()
    assert problems == []


async def add_passkey(page: Page, credential_id: bytes) -> CDPSession:
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
    return cdp
