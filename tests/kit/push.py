"""A browser as a push service sees it, and a push service that does what a test says."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.notify.encryption import public_point
from gateway.subscriptions import Subscription
from tests.kit.clocks import START
from tests.kit.things import a_credential

FCM = "https://fcm.googleapis.com/fcm/send/abc"


@dataclass(frozen=True)
class PushBrowser:
    """What the standard says that a browser does with a body."""

    key: ec.EllipticCurvePrivateKey
    auth: bytes

    @property
    def p256dh(self) -> bytes:
        return public_point(self.key)

    def read(self, body: bytes) -> bytes:
        salt, (record, size) = body[:16], struct.unpack("!IB", body[16:21])
        sender, sealed = body[21 : 21 + size], body[21 + size :]
        assert len(sealed) <= record
        shared = self.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )
        ikm = HKDF(SHA256(), 32, self.auth, b"WebPush: info\0" + self.p256dh + sender).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
        message, mark, _ = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0").rpartition(b"\x02")
        assert mark
        return message


A_BROWSER = PushBrowser(ec.derive_private_key(11, ec.SECP256R1()), b"a" * 16)


def a_subscription(**changes: Any) -> Subscription:
    credential = a_credential()
    plain = Subscription(
        "psh_" + "0" * 26, "Mika", FCM, A_BROWSER.p256dh, A_BROWSER.auth, "Phone", credential.id, START
    )
    return replace(plain, **changes)


type Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class PlayedService:
    """A push service on loopback; `does` is what it does with the next messages."""

    does: Behaviour
    origin: str = ""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.path, dict(request.headers), await request.read()))
        return await self.does(request)


def answers(status: int, **headers: str) -> Behaviour:
    async def say(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={n.replace("_", "-"): v for n, v in headers.items()})

    return say


async def hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response(status=201)


async def talks_without_end(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=201)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


@asynccontextmanager
async def played_service(does: Behaviour) -> AsyncIterator[PlayedService]:
    service = PlayedService(does)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
