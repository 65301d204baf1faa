import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.notify import posting
from gateway.notify.addresses import Forbidden
from gateway.notify.posting import MAX_ANSWER, Poster, Reply
from gateway.playground_tls import server_context
from gateway.proxy.certificates import make_ca
from gateway.proxy.dialer import Dialer
from tests.gateway.notify.conftest import LOOPBACK, Receiver, dripping, endless, says
from tests.kit.patience import PATIENCE


async def test_what_is_posted_arrives_whole_and_alone(receiver: Receiver, poster: Poster) -> None:
    assert await poster.post(receiver.url, b"body", {"X-One": "1"}) == Reply(204)
    assert receiver.bodies == [b"body"]
    (headers,) = receiver.headers
    assert headers["X-One"] == "1"
    assert not {"Cookie", "Authorization", "Proxy-Authorization"} & set(headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_ssrf_a_redirect_is_not_followed(receiver: Receiver, poster: Poster, status: int) -> None:
    receiver.answer = says(status, Location=receiver.url.replace("/hook", "/elsewhere"))
    assert (await poster.post(receiver.url, b"", {})).status == status
    assert receiver.elsewhere == 0


async def test_an_endless_body_is_read_to_a_few_kilobytes(receiver: Receiver, poster: Poster) -> None:
    receiver.answer = endless
    reply = await poster.post(receiver.url, b"", {})
    assert (reply.status, len(reply.body)) == (200, MAX_ANSWER)


async def test_a_body_that_drips_ends_with_the_time(receiver: Receiver, poster: Poster) -> None:
    receiver.answer, poster.seconds = dripping, 0.3
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(TimeoutError):
            await poster.post(receiver.url, b"", {})


async def test_cookies_of_one_answer_are_not_sent_with_the_next(receiver: Receiver, poster: Poster) -> None:
    receiver.answer = says(200, **{"Set-Cookie": "a=b; Path=/"})
    await poster.post(receiver.url, b"", {})
    await poster.post(receiver.url, b"", {})
    assert all("Cookie" not in headers for headers in receiver.headers)


async def test_one_connection_serves_what_leads_to_the_same_addresses(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await poster.post(receiver.url, b"", {})
    assert len(receiver.connections) == 1
    monkeypatch.setattr(posting, "KEPT", 0)
    for _ in range(2):
        await poster.post(receiver.url, b"", {})
    assert len(receiver.connections) == 2
    await poster.close()
    await poster.post(receiver.url, b"", {})
    assert len(receiver.bodies) == 6


async def test_ssrf_an_open_connection_is_not_used_for_a_name_that_leads_elsewhere_by_now(
    receiver: Receiver,
) -> None:
    leads_to = ["127.0.0.1"]

    async def lookup(_host: str) -> list[str]:
        return leads_to

    poster = Poster(Dialer(allowed=LOOPBACK, lookup=lookup))
    url = receiver.url.replace("127.0.0.1", "localhost")
    await poster.post(url, b"", {})
    leads_to[0] = "127.0.0.9"
    with pytest.raises(aiohttp.ClientConnectorError):
        await poster.post(url, b"", {})
    leads_to[0] = "10.0.0.1"
    with pytest.raises(Forbidden):
        await poster.post(url, b"", {})
    assert len(receiver.bodies) == 1
    await poster.close()


async def test_what_is_on_its_way_is_not_closed_to_make_room(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "KEPT", 0)
    leave = asyncio.Event()

    async def waits(_: web.Request) -> web.StreamResponse:
        await leave.wait()
        return web.Response(status=202)

    receiver.answer = waits
    first, second = (asyncio.create_task(poster.post(receiver.url, b"", {})) for _ in range(2))
    async with asyncio.timeout(60):
        while len(receiver.bodies) < 2:
            await asyncio.sleep(0.01)
    second.cancel()
    leave.set()
    assert (await first).status == 202


async def test_nobody_there_is_an_error_of_the_connection(poster: Poster) -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await poster.post("http://127.0.0.1:9/", b"", {})


async def test_a_forbidden_address_is_not_posted_to(receiver: Receiver) -> None:
    with pytest.raises(Forbidden):
        await Poster(Dialer()).post(receiver.url, b"", {})
    assert receiver.bodies == []


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await poster.post(receiver.url, b"", {})).status == 204


async def test_a_certificate_is_verified_with_the_operators_roots_beside_the_public_ones(
    tmp_path: Path,
) -> None:
    authority = make_ca(tmp_path)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=202)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(authority, tmp_path, "hooks.test"))
    await site.start()
    url = f"https://hooks.test:{runner.addresses[0][1]}/"

    async def lookup(_host: str) -> list[str]:
        return ["127.0.0.1"]

    dialer = Dialer(allowed=LOOPBACK, lookup=lookup)
    trusting, public = Poster(dialer, tmp_path / "ca.pem"), Poster(dialer)
    try:
        assert (await trusting.post(url, b"", {})).status == 202
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await public.post(url, b"", {})
        with pytest.raises(aiohttp.ClientError):
            await trusting.post(url.replace("hooks.test", "other.test"), b"", {})
    finally:
        await trusting.close()
        await public.close()
        await asyncio.shield(runner.cleanup())
