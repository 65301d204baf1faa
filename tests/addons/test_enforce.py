import asyncio
import ssl

import pytest

from gateway.errors import Reason, Refusal
from gateway.gate import Answer, Forward, Release
from gateway.model import Request
from gateway.outcomes import AnswerReader
from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import (
    HOST,
    OK,
    OTHER,
    PROXY_AUTH,
    Outcomes,
    Received,
    Script,
    World,
    get,
    post,
    release,
)


async def test_a_refusal_of_the_gate_is_a_problem_on_a_living_connection(w: World):
    up = await w.upstream()
    await w.start()

    async def no(request: Request, gone: asyncio.Event) -> Forward:
        raise Refusal(Reason.POLICY_DENIED, "Not today.")

    w.gate.verdict = no
    client = await w.tunnel()
    for _ in range(2):
        got = await client.ask(post(b"body"))
        assert got.line == "HTTP/1.1 403 Forbidden"
        assert got.body == b'{"reason": "policy_denied"}'
    caller, _, where, line = w.gate.refusals[0]
    assert caller
    assert (caller.agent, where, line) == ("ci-bot", f"{HOST}:443", "POST /x")
    assert up.connections == 0


async def test_an_answer_of_the_gate_never_reaches_upstream(w: World):
    up = await w.upstream()
    await w.start()

    async def answer(request: Request, gone: asyncio.Event) -> Answer:
        return Answer(202, (("X-Mine", "1"),), b"later", "Accepted, wait")

    w.gate.verdict = answer
    client = await w.tunnel()
    got = await client.ask(get())
    assert (got.line, got.body, got.all("content-length")) == ("HTTP/1.1 202 Accepted, wait", b"later", ["5"])
    await client.send(f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    head = await client.answer(head_only=True)
    assert head.all("content-length") == ["5"]
    assert (await client.ask(get())).body == b"later"
    assert up.connections == 0


async def test_a_refused_destination_is_told_inside_the_tunnel_and_never_dialled(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await w.tunnel()
    got = await client.ask(post(b"x" * 2000))
    assert got.line == "HTTP/1.1 403 Forbidden"
    assert w.gate.reasons == ["destination_refused"]
    assert (await client.ask(get())).line == "HTTP/1.1 403 Forbidden"
    assert up.connections == 0


async def test_the_destination_is_checked_in_the_clear_as_well(w: World):
    up = await w.upstream(port=80, plain=True)
    await w.start()
    w.gate.refused_hosts.add(HOST)
    client = await w.client()
    got = await client.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n")
    assert got.line == "HTTP/1.1 403 Forbidden"
    assert w.gate.asked == [("http", HOST, 80)]
    assert up.connections == 0


async def test_plain_http_inside_a_tunnel_is_judged_as_plain_http(w: World):
    up = await w.upstream(port=8080, plain=True)
    await w.start()
    client = await w.connect(port=8080)
    assert " 200 " in (await client.ask(get(host=f"{HOST}:8080"))).line
    assert w.gate.asked == [("http", HOST, 8080)]
    assert w.gate.requests[0].scheme == "http"
    assert up.received[0].all("host") == [f"{HOST}:8080"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_gates_own_host_is_answered_and_never_dialled(w: World, scheme: str):
    up = await w.upstream("secondsig.internal", port=80 if scheme == "http" else 443)
    await w.start()
    asked: list[Request] = []

    async def answer(request: Request, gone: asyncio.Event) -> Answer:
        asked.append(request)
        return Answer(200, (), b"mine")

    w.gate.verdict = answer
    if scheme == "http":
        client = await w.client()
        line = "GET http://secondsig.internal/v1/x HTTP/1.1\r\nHost: secondsig.internal\r\n"
        got = await client.ask(f"{line}{PROXY_AUTH}\r\n")
    else:
        client = await w.tunnel("secondsig.internal")
        got = await client.ask(get("secondsig.internal", "/v1/x"))
    assert got.body == b"mine"
    assert (asked[0].scheme, asked[0].host, asked[0].target) == (scheme, "secondsig.internal", "/v1/x")
    assert w.gate.asked == []
    assert up.connections == 0


@pytest.mark.parametrize("kind", ["forward", "release", "nothing"])
async def test_a_gate_that_would_send_its_own_host_out_is_a_fault(w: World, kind: str):
    up = await w.upstream("secondsig.internal")
    await w.start()
    outcomes = Outcomes()

    async def wrong(request: Request, gone: asyncio.Event) -> Answer | Forward | Release:
        if kind == "release":
            return await release(outcomes)(request, gone)
        return Forward() if kind == "forward" else None  # type: ignore[return-value]

    w.gate.verdict = wrong
    client = await w.tunnel("secondsig.internal")
    assert (await client.ask(get("secondsig.internal"))).line.split()[1] == "503"
    assert outcomes.seen == ([("not_sent", None)] if kind == "release" else [])
    assert up.connections == 0


async def test_a_verdict_that_is_none_refuses(w: World):
    up = await w.upstream()
    await w.start()

    async def nothing(request: Request, gone: asyncio.Event) -> Forward:
        return None  # type: ignore[return-value]

    w.gate.verdict = nothing
    client = await w.tunnel()
    assert (await client.ask(get())).line.split()[1] == "503"
    assert up.connections == 0


async def test_headers_for_the_gateway_stay_with_the_gateway(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.ask(
        get(extra="Secondsig-Purpose: deploy\r\nsecondsig-prefer: async\r\nAccept: */*\r\nKeep-Alive: 5\r\n")
    )
    assert w.gate.requests[0].header("secondsig-purpose") == ("deploy",)
    assert up.received[0].headers == [("Host", HOST), ("Accept", "*/*")]


async def forge(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nSecondsig-Gateway: gw_test\r\n"
        b'Proxy-Status: secondsig; error=x\r\nAlt-Svc: h3=":443"\r\nContent-Length: 2\r\n\r\n{}'
    )
    return True


async def test_an_upstream_that_forges_our_refusal_loses_what_makes_it_genuine(w: World):
    await w.upstream(script=forge)
    await w.start()
    client = await w.tunnel()
    got = await client.ask(get())
    assert got.line == "HTTP/1.1 403 Forbidden"
    assert got.names() == {"content-type", "content-length"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("http2", [False, True])
async def test_a_release_is_sent_once_exactly_as_approved(w: World, method: str, http2: bool):
    up = await w.upstream(alpn=("h2", "http/1.1"))
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(
        outcomes,
        target="/approved",
        body=b"approved",
        headers=(("X-Approved", "1"), ("Proxy-Authorization", "x")),
    )
    if http2:
        client2 = await H2Client.through(w)
        got2 = await client2.ask("/retry", method=method, body=b"the retry's own")
        assert got2.body == b"hello"
    else:
        client = await w.tunnel()
        assert (await client.ask(post(b"the retry's own", method=method))).body == b"hello"
    assert [(got.line, got.body) for got in up.received] == [(f"{method} /approved HTTP/1.1", b"approved")]
    assert up.received[0].headers == [("Host", HOST), ("X-Approved", "1"), ("Content-Length", "8")]
    assert up.alpn == ["http/1.1"]
    assert outcomes.seen == [("completed", 200)]


@pytest.mark.parametrize(
    "change",
    [
        {"target": "/a HTTP/1.1\r\nX: y"},
        {"method": "GET /other"},
        {"headers": (("X", "a\r\nY: b"),)},
        {"headers": (("X\n", "a"),)},
        {"headers": (("X", "\u30a2"),)},
    ],
)
async def test_a_release_that_would_smuggle_is_not_sent(w: World, change: dict[str, object]):
    up = await w.upstream()
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes, **change)
    client = await w.tunnel()
    assert (await client.ask(post(b"x"))).line.split()[1] in {"403", "503"}
    assert outcomes.seen == [("not_sent", None)]
    assert up.connections == 0


async def test_a_verdict_of_no_known_kind_is_a_fault(w: World):
    await w.upstream()
    await w.start()

    async def wrong(request: Request, gone: asyncio.Event) -> Forward:
        return "forward"  # type: ignore[return-value]

    w.gate.verdict = wrong
    client = await w.tunnel()
    assert (await client.ask(get())).line.split()[1] == "503"


@pytest.mark.parametrize("new", [b"", b"short", b"much longer than what the client sent"])
@pytest.mark.parametrize("how", ["length", "chunked", "expect"])
async def test_a_released_body_arrives_exact_however_the_client_sent_its_own(w: World, new: bytes, how: str):
    up = await w.upstream()
    await w.start()
    w.gate.verdict = release(Outcomes(), body=new)
    client = await w.tunnel()
    if how == "chunked":
        head = f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        got = await client.ask(head + "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    elif how == "expect":
        await client.send(
            f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await client.answer(head_only=True)).line == "HTTP/1.1 100 Continue"
        got = await client.ask("abc")
    else:
        got = await client.ask(post(b"client"))
    assert got.body == b"hello"
    assert up.received[0].body == new
    assert up.received[0].all("content-length") == [str(len(new))]
    assert not {"transfer-encoding", "expect"} & up.received[0].names()


async def test_each_release_has_a_connection_of_its_own(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.ask(get())
    w.gate.verdict = release(Outcomes())
    await client.ask(post(b"1"))
    await client.ask(post(b"2"))
    assert up.connections == 3


async def test_an_upload_is_never_sent_before_the_decision(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.send(f"POST /x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 6\r\n\r\nabc")
    await asyncio.sleep(0.1)
    assert up.connections == 0
    assert not w.gate.requests
    assert (await client.ask("def")).body == b"hello"
    assert up.received[0].body == b"abcdef"


async def test_a_compressed_body_is_forwarded_as_it_came(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.ask(post(b"\x1f\x8bnot really gzip", extra="Content-Encoding: gzip\r\n"))
    assert up.received[0].body == w.gate.requests[0].body == b"\x1f\x8bnot really gzip"
    assert up.received[0].all("content-encoding") == ["gzip"]


async def test_the_target_is_sent_as_it_came(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    targets = ["//a", "/a/../b", "/%2e%2e/x", "/a%2fb", "/a;b", "/%62", "/a/", "/?a=1&a=2"]
    for target in targets:
        await client.ask(get(target=target))
    assert [got.target for got in up.received] == targets
    assert [request.target for request in w.gate.requests] == targets


async def test_events_arrive_one_by_one(w: World):
    waiting = asyncio.Event()

    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await writer.drain()
        await waiting.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        return True

    await w.upstream(script=script)
    await w.start()
    client = await w.tunnel()
    await client.send(get())
    assert (await client.answer(head_only=True)).line == "HTTP/1.1 200 OK"
    async with asyncio.timeout(60):
        assert await client.reader.readexactly(8) == b"3\r\none\r\n"
    waiting.set()
    assert await client.reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_a_host_that_is_switched_off_passes_unread_to_its_pinned_address(w: World):
    async def echo(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(OK)
        return True

    up = await w.upstream(OTHER, script=echo)
    await w.start()
    w.gate.untouched.add(OTHER)
    client = await w.connect(OTHER)
    context = ssl.create_default_context(cafile=str(w.roots.pem))
    await client.writer.start_tls(context, server_hostname=OTHER)  # the upstream's own certificate
    for _ in range(2):
        assert (await client.ask(get(host="whatever"))).body == b"hello"
    assert w.gate.opened == [(OTHER, 443)]
    assert w.gate.asked == [("https", OTHER, 443)]
    assert up.connections == 1
    assert not w.gate.requests


async def test_a_host_that_is_switched_off_and_refused_is_not_dialled(w: World):
    up = await w.upstream(OTHER)
    await w.start()
    w.gate.untouched.add(OTHER)
    w.gate.refused_hosts.add(OTHER)
    client = await w.client()
    got = await client.ask(f"CONNECT {OTHER}:443 HTTP/1.1\r\nHost: {OTHER}:443\r\n{PROXY_AUTH}\r\n")
    assert got.line.split()[1] == "403"
    assert not w.gate.opened
    assert up.connections == 0


READER = AnswerReader(({"json:/ok": False},), limit=100)


def saying(*pieces: bytes, promised: int | None = None) -> Script:
    """An answer in JSON that comes piece by piece, of which the client may first see each."""

    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        length = sum(map(len, pieces)) if promised is None else promised
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        return promised is None

    return script


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ((b'{"ok":', b"false}"), "failed"),
        ((b'{"ok":true}',), "completed"),
        ((b'{"ok":false,"x":"' + b"x" * 200 + b'"}',), "unclear"),
        ((b"<html>",), "unclear"),
        ((), "unclear"),
    ],
)
async def test_an_answer_of_200_that_means_no_is_no_success(
    w: World, pieces: tuple[bytes, ...], outcome: str
):
    await w.upstream(script=saying(*pieces))
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes, reader=READER)
    client = await w.tunnel()
    got = await client.ask(post(b"x"))
    assert got.body == b"".join(pieces)
    assert " 200 " in (await client.ask(get())).line
    assert outcomes.seen[0] == (outcome, 200)


async def test_an_answer_that_breaks_off_is_not_read_as_a_yes(w: World):
    await w.upstream(script=saying(b'{"ok":true}', promised=50))
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes, reader=READER)
    client = await w.tunnel()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await client.ask(post(b"x"))
    assert outcomes.seen == [("unclear", 200)]


async def test_an_answer_that_is_read_reaches_the_client_before_it_has_ended(w: World):
    more = asyncio.Event()

    async def slowly(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b'6\r\n{"ok":\r\n')
        await writer.drain()
        await more.wait()
        writer.write(b"6\r\nfalse}\r\n0\r\n\r\n")
        return True

    await w.upstream(script=slowly)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes, reader=READER)
    client = await w.tunnel()
    await client.send(post(b"x"))
    assert b'{"ok":' in await client.reader.readuntil(b'{"ok":')
    assert outcomes.seen == []
    more.set()
    await client.reader.readuntil(b"0\r\n\r\n")
    assert outcomes.seen == [("failed", 200)]
