import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import UsageError
from gateway.web.app import Pages, build_app
from gateway.web.sockets import loopback_sockets
from tests.gateway.web.fake_desk import Browser, FakeDesk, Server


def tls_context(folder: Path) -> ssl.SSLContext:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pages.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_both_families_serve_the_same_pages(server: Server, browser: Browser):
    host = f"localhost:{server.port}"
    for address in ("127.0.0.1", "[::1]"):
        there = Browser(f"http://{address}:{server.port}", browser.client)
        assert (await there.get("/api/v1/state", Host=host)).status == 200


async def test_pages_over_tls(desk: FakeDesk, ui: Path, tmp_path: Path):
    sockets = loopback_sockets(0)
    origin = f"https://localhost:{sockets[0].getsockname()[1]}"
    pages = Pages(build_app(desk, ui=ui, origins=[origin], https=True))
    context = tls_context(tmp_path)
    await pages.start(sockets, context)
    trust = ssl.create_default_context(cafile=str(tmp_path / "pages.pem"))
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as client:
            reply = await Browser(origin, client).post("/api/v1/login/finish")
    finally:
        await pages.stop()
    assert reply.headers["Set-Cookie"].startswith("__Host-secondsig_session=")


async def test_stop_lets_an_approval_finish(server: Server, browser: Browser, desk: FakeDesk):
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow_state() -> dict[str, bool]:
        started.set()
        await go_on.wait()
        return {"enrolled": True}

    desk.state = slow_state  # type: ignore[method-assign]
    asked = asyncio.create_task(browser.get("/api/v1/state"))
    await started.wait()
    stopping = asyncio.create_task(server.pages.stop())
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await asked).json == {"enrolled": True}
    await stopping


async def test_stopped_pages_leave_the_port_free(desk: FakeDesk, ui: Path):
    sockets = loopback_sockets(0)
    port = sockets[0].getsockname()[1]
    pages = Pages(build_app(desk, ui=ui, origins=[f"http://localhost:{port}"], https=False))
    await pages.start(sockets)
    await pages.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    for sock in loopback_sockets(port):
        sock.close()
    with pytest.raises(ConnectionError):
        pages._connection()


def test_wrong_origin_stops_the_start(desk: FakeDesk, ui: Path):
    with pytest.raises(UsageError, match="is not an origin"):
        build_app(desk, ui=ui, origins=["localhost:8081"], https=False)
