import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gateway import playground as module
from gateway.playground import Call, Playground


class Caller:
    def __init__(self, port: int, client: aiohttp.ClientSession) -> None:
        self._base, self._client = f"http://127.0.0.1:{port}", client

    async def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else None
        json = None if isinstance(body, bytes) else body
        async with self._client.request(method, self._base + path, data=data, json=json) as reply:
            return reply.status, await reply.json()


@pytest.fixture
async def playground() -> AsyncIterator[tuple[Playground, Caller]]:
    playing = Playground()
    port = await playing.start()
    async with aiohttp.ClientSession() as client:
        yield playing, Caller(port, client)
    await playing.stop()


type Playing = tuple[Playground, Caller]
PAYMENT = {"amount": 600, "currency": "JPY", "to": "acme"}


async def test_it_says_what_it_is(playground: Playing):
    status, body = await playground[1]("GET", "/")
    assert status == 200
    assert "playground" in body["what"]


async def test_accounts_can_be_read_and_deleted_once(playground: Playing):
    _, call = playground
    _, listed = await call("GET", "/v1/accounts")
    assert [account["id"] for account in listed["accounts"]] == ["acct_main", "acct_tea", "acct_treasury"]
    assert await call("GET", "/v1/accounts/acct_tea") == (200, {"id": "acct_tea", "name": "Tea money"})
    assert (await call("DELETE", "/v1/accounts/acct_tea"))[1]["deleted"] is True
    assert (await call("DELETE", "/v1/accounts/acct_tea"))[0] == 404
    assert (await call("GET", "/v1/accounts/acct_tea"))[0] == 404


async def test_payment_is_made_once_for_each_request(playground: Playing):
    playing, call = playground
    status, body = await call("POST", "/v1/payments", PAYMENT)
    assert (status, body) == (201, {"id": "pay_1", "amount": 600, "currency": "jpy", "to": "acme"})
    assert (await call("GET", "/v1/payments"))[1] == {"payments": [body]}
    assert playing.count("POST", "/v1/payments") == 1
    assert list(playing.calls) == [Call("POST", "/v1/payments"), Call("GET", "/v1/payments")]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": -600},
        {"amount": 6.5},
        {"amount": "600"},
        {"amount": True},
        {"amount": 10**12 + 1},
        {"currency": "yen!"},
        {"currency": None},
        {"to": ""},
        {"to": 7},
        {"to": "a\nb"},
        {"tip": 1},
    ],
)
async def test_payment_that_makes_no_sense_is_refused(change: dict[str, Any], playground: Playing):
    playing, call = playground
    assert (await call("POST", "/v1/payments", {**PAYMENT, **change}))[0] == 400
    assert not playing.world.payments


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"amount=600", b'{"amount":1,"Amount":100000,"currency":"jpy","to":"a"}']
)
async def test_payment_with_two_readings_is_refused(body: bytes, playground: Playing):
    playing, call = playground
    assert (await call("POST", "/v1/payments", body))[0] == 400
    assert not playing.world.payments
    assert playing.count("POST", "/v1/payments") == 1


async def test_file_is_written_published_and_deleted(playground: Playing):
    _, call = playground
    status, body = await call("PUT", "/v1/files/site/index.html", b"<h1>hello</h1>")
    assert (status, body["bytes"], body["published"]) == (201, 14, False)
    assert (await call("POST", "/v1/files/site/index.html/publish"))[1]["published"] is True
    assert (await call("GET", "/v1/files/site/index.html"))[1]["content"] == "<h1>hello</h1>"
    status, body = await call("PUT", "/v1/files/site/index.html", b"\xff")
    assert (status, body["published"], body["content"]) == (200, False, "\ufffd")
    assert (await call("DELETE", "/v1/files/site/index.html"))[0] == 200
    for method in ("GET", "DELETE"):
        assert (await call(method, "/v1/files/site/index.html"))[0] == 404
    assert (await call("POST", "/v1/files/site/index.html/publish"))[0] == 404


async def test_files_do_not_fill_the_memory(playground: Playing, monkeypatch: pytest.MonkeyPatch):
    playing, call = playground
    monkeypatch.setattr(module, "MOST_FILES", 2)
    statuses = [(await call("PUT", f"/v1/files/{n}", b"x"))[0] for n in range(3)]
    assert statuses == [201, 201, 507]
    assert (await call("PUT", "/v1/files/0", b"y"))[0] == 200
    assert (await call("PUT", "/v1/files/0", b"x" * (64 * 1024 + 1)))[0] == 413
    assert (await call("PUT", "/v1/files/" + "a" * 201, b"x"))[0] == 400
    assert playing.world.payments.maxlen == 1000
    assert playing.calls.maxlen == 1000


async def test_refused_method_is_json_and_counted(playground: Playing):
    playing, call = playground
    assert await call("DELETE", "/v1/payments") == (405, {"error": "Method Not Allowed."})
    assert await call("GET", "/nothing") == (404, {"error": "Not Found."})
    assert playing.count("DELETE", "/v1/payments") == 1


async def test_it_listens_on_loopback_only_and_stops_twice():
    playing = Playground()
    port = await playing.start(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert playing._runner is not None
    assert playing._runner.addresses == [("127.0.0.1", port)]
    await playing.stop()
    await playing.stop()
