import pytest

from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import HOST, PROXY_AUTH, Client, World, get
from tests.kit.patience import until


@pytest.mark.parametrize("auth", ["", "Proxy-Authorization: Basic Zm9v\r\n", PROXY_AUTH * 2])
async def test_a_tunnel_without_exactly_one_good_token_is_refused_with_407(w: World, auth: str):
    up = await w.upstream()
    await w.start()
    client = await w.client()
    got = await client.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{auth}\r\n")
    assert got.line == "HTTP/1.1 407 Secondsig needs HTTPS_PROXY=http://agent:TOKEN@host:port"
    assert got.all("proxy-authenticate") == ['Basic realm="secondsig"']
    again = await client.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{PROXY_AUTH}\r\n")
    assert " 200 " in again.line
    assert up.connections == 0


async def test_a_plain_request_without_a_token_is_refused_with_407(w: World):
    up = await w.upstream(port=80, plain=True)
    await w.start()
    client = await w.client()
    got = await client.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    assert " 407 " in got.line
    assert got.all("proxy-authenticate")
    ok = await client.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n")
    assert ok.line == "HTTP/1.1 200 OK"
    assert "proxy-authorization" not in up.received[0].names()


async def test_a_token_revoked_in_the_middle_of_a_tunnel_stops_it(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    assert " 200 " in (await client.ask(get())).line
    w.gate.revoked = True
    assert " 407 " in (await client.ask(get())).line
    assert len(up.received) == 1
    w.gate.revoked = False
    assert " 200 " in (await client.ask(get())).line


async def test_a_token_revoked_in_the_middle_of_an_http2_tunnel_stops_it(w: World):
    up = await w.upstream()
    await w.start()
    client = await H2Client.through(w)
    assert (await client.ask()).status == 200
    w.gate.revoked = True
    assert (await client.ask()).status == 407
    assert len(up.received) == 1


async def test_a_credential_inside_the_tunnel_neither_counts_nor_leaks(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    got = await client.ask(get(extra="Proxy-Authorization: Basic other\r\nProxy-Connection: keep-alive\r\n"))
    assert " 200 " in got.line
    assert not {"proxy-authorization", "proxy-connection"} & up.received[0].names()
    assert not any(name.lower() == "proxy-authorization" for name, _ in w.gate.requests[0].headers)
    assert w.gate.requests[0].caller.agent == "ci-bot"
    assert w.gate.requests[0].caller.peer == "127.0.0.1"


async def test_a_tunnel_that_was_refused_lends_its_identity_to_nobody(w: World):
    await w.upstream(port=80, plain=True)
    await w.start()
    client = await w.client()
    await client.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: other\r\n{PROXY_AUTH}\r\n")
    got = await client.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    assert " 407 " in got.line


async def test_an_agent_takes_no_more_than_its_share_of_the_places(w: World):
    w.most = 8
    await w.upstream()
    await w.start()
    first, second = await w.tunnel(), await w.tunnel()
    third = await w.client()
    got = await third.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{PROXY_AUTH}\r\n")
    assert " 403 " in got.line
    assert w.gate.reasons == ["rate_limited"]
    assert " 200 " in (await first.ask(get())).line
    second.close()
    await until(lambda: w.engine is not None and len(w.engine._connections) < 3)
    assert " 200 " in (await (await w.tunnel()).ask(get())).line


async def plainly(w: World) -> tuple[Client, str]:
    client = await w.client()
    return client, (await client.ask(f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n")).line


async def test_an_agent_that_opens_no_tunnels_takes_no_more_than_its_share_either(w: World):
    w.most = 8
    await w.upstream()
    await w.upstream(port=80, plain=True)
    await w.start()
    first = await w.tunnel()
    second, line = await plainly(w)
    assert " 200 " in line
    assert " 403 " in (await plainly(w))[1]
    late = await w.client()
    got = await late.ask(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{PROXY_AUTH}\r\n")
    assert " 403 " in got.line
    assert w.gate.reasons == ["rate_limited", "rate_limited"]
    assert " 200 " in (await first.ask(get())).line
    second.close()
    await until(lambda: w.engine is not None and len(w.engine._connections) < 4)
    assert " 200 " in (await plainly(w))[1]
