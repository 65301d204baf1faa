import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.close_bypasses import check_fields, check_line, check_version
from gateway.errors import Refusal
from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import HOST, OTHER, PROXY_AUTH, World, get
from tests.kit.patience import until

INSIDE = {
    "another Host than CONNECT": get(host=OTHER),
    "another port than CONNECT": get(host=f"{HOST}:8443"),
    "two Hosts": get(extra=f"Host: {HOST}\r\n"),
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "Host with a user name": get(host=f"user@{HOST}"),
    "Host with a trailing dot": get(host=f"{HOST}."),
    "absolute form of another host": f"GET https://{OTHER}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "absolute form of another scheme": f"GET http://{HOST}:443/ HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n",
    "websocket": get(extra="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
    "any upgrade": get(extra="Upgrade: whatever\r\n"),
    "h2c": get(extra="HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
    "method override": get(extra="X-HTTP-Method-Override: DELETE\r\n"),
    "method override, other name": get(extra="x-http-method: DELETE\r\n"),
    "path rewrite": get(extra="X-Original-URL: /admin\r\n"),
    "lower-case method": f"delete / HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    "fragment": get(target="/a#b"),
    "target with a control character": get(target="/a\x7f"),
    "target outside ASCII": get(target="/caf\xe9"),
    "folded header": get(extra="X-A: b\r\n c\r\n"),
    "control character in a header": get(extra="X-A: b\x00c\r\n"),
    "connection names a header of the request": get(extra="Connection: Authorization\r\n"),
    "expecting something else": get(extra="Expect: a-miracle\r\n"),
    "chunked within gzip": get(extra="Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
    "two content types": get(extra="Content-Type: a/b\r\nContent-Type: c/d\r\n"),
    "http/2 preface in the clear": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "length and chunks": get(extra="Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
    "two lengths": get(extra="Content-Length: 0\r\nContent-Length: 3\r\n") + "abc",
    "length with a sign": get(extra="Content-Length: +0\r\n"),
    "unknown transfer encoding": get(extra="Transfer-Encoding: xchunked\r\n"),
    "space before the colon": get(extra="X-A : b\r\n"),
    "tunnel in a tunnel": f"CONNECT {OTHER}:443 HTTP/1.1\r\nHost: {OTHER}\r\n\r\n",
    "no HTTP at all": "SSH-2.0-OpenSSH\r\n\r\n",
    "trailers": get(extra="Transfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\nX-T: y\r\n\r\n",
    "asterisk without OPTIONS": f"GET * HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
}


@pytest.mark.parametrize("attack", INSIDE)
async def test_inside_a_tunnel_this_is_refused_and_never_sent(w: World, attack: str):
    up = await w.upstream()
    await w.upstream(OTHER)
    await w.start()
    client = await w.tunnel()
    got = await client.ask(INSIDE[attack])
    assert got.line.split()[1] == "403", got
    assert got.all("secondsig-gateway") == ["gw_test"]
    assert set(w.gate.reasons) == {"ambiguous_request"}
    assert not w.gate.requests
    assert [up.connections for up in w.upstreams] == [0, 0]
    assert not up.received


PLAIN = {
    "another Host than the URL": f"GET http://{HOST}/ HTTP/1.1\r\nHost: {OTHER}\r\n{PROXY_AUTH}\r\n",
    "another port than the URL": f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}:81\r\n{PROXY_AUTH}\r\n",
    "two Hosts": f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nHost: {OTHER}\r\n{PROXY_AUTH}\r\n",
    "user name": f"GET http://user@{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
    "origin form": f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
    "another scheme": f"GET ftp://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
    "address in another spelling": f"GET http://127.1/ HTTP/1.1\r\nHost: 127.1\r\n{PROXY_AUTH}\r\n",
    "number for an address": f"GET http://2130706433/ HTTP/1.1\r\nHost: 2130706433\r\n{PROXY_AUTH}\r\n",
}


@pytest.mark.parametrize("attack", PLAIN)
async def test_in_the_clear_this_is_refused_and_never_sent(w: World, attack: str):
    await w.upstream(HOST, OTHER, port=80, plain=True)
    await w.start()
    client = await w.client()
    got = await client.ask(PLAIN[attack])
    assert got.line.split()[1] == "403", got
    assert w.gate.reasons == ["ambiguous_request"]
    assert w.upstreams[0].connections == 0


CONNECTS = {
    "another Host": f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {OTHER}:443\r\n{PROXY_AUTH}\r\n",
    "two Hosts": f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nHost: {OTHER}\r\n{PROXY_AUTH}\r\n",
    "user name": f"CONNECT user@{HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
    "no port": f"CONNECT {HOST} HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
    "full-width digits": f"CONNECT \xef\xbc\x9127.0.0.1:443 HTTP/1.1\r\n{PROXY_AUTH}\r\n",
    "trailing dot": f"CONNECT {HOST}.:443 HTTP/1.1\r\nHost: {HOST}.\r\n{PROXY_AUTH}\r\n",
    "a body": f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n{PROXY_AUTH}\r\nhi",
    "chunks": f"CONNECT {HOST}:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{PROXY_AUTH}\r\n0\r\n\r\n",
    "lower case": f"connect http://{HOST}:443/ HTTP/1.1\r\nHost: {HOST}\r\n{PROXY_AUTH}\r\n",
}


@pytest.mark.parametrize("attack", CONNECTS)
async def test_a_connect_that_is_not_plain_is_refused(w: World, attack: str):
    await w.upstream()
    await w.start()
    client = await w.client()
    got = await client.ask(CONNECTS[attack].encode("latin-1"))
    assert got.line.split()[1] == "403", got
    assert w.gate.reasons == ["ambiguous_request"]
    assert w.upstreams[0].connections == 0


async def test_a_server_name_other_than_connects_is_refused(w: World):
    await w.upstream(HOST, OTHER)
    await w.start()
    client = await w.tunnel(HOST, sni=OTHER)
    got = await client.ask(get(host=HOST))
    assert got.line.split()[1] == "403"
    assert w.gate.reasons == ["ambiguous_request"]
    assert w.upstreams[0].connections == 0


async def test_a_missing_server_name_is_refused(w: World):
    await w.upstream()
    await w.start()
    client = await w.connect()
    context = w.trusting()
    context.check_hostname = False
    await client.writer.start_tls(context)
    got = await client.ask(get())
    assert got.line.split()[1] == "403"
    assert w.upstreams[0].connections == 0


@pytest.mark.parametrize(
    "how",
    [
        {"authority": OTHER},
        {"authority": f"{HOST}:8443"},
        {"authority": f"user@{HOST}"},
        {"authority": ""},
        {"scheme": "http"},
        {"extra": (("host", OTHER),)},
        {"extra": (("x-http-method-override", "DELETE"),)},
        {"target": "/a b"},
        {"method": "get"},
    ],
)
async def test_inside_http2_this_is_refused_and_never_sent(w: World, how: dict[str, object]):
    up = await w.upstream()
    await w.start()
    client = await H2Client.through(w)
    got = await client.ask(**how)  # type: ignore[arg-type]
    assert got.status in {403, None}
    assert not w.gate.requests
    assert up.connections == 0


async def test_http2_trailers_are_refused(w: World):
    up = await w.upstream()
    await w.start()
    client = await H2Client.through(w)
    number = client.start(method="POST", end=False)
    client.data(number, b"abc", end=False)
    client.trailers(number, ("x-late", "y"))
    assert (await client.answer(number)).status == 403
    assert not w.gate.requests
    assert up.connections == 0


async def test_host_and_authority_that_agree_pass_in_any_case_of_letters(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    for request in (
        get(host=HOST.upper()),
        get(host=f"{HOST}:443"),
        f"GET https://{HOST}/z HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    ):
        assert " 200 " in (await client.ask(request)).line
    assert [got.target for got in up.received] == ["/", "/", "/z"]


async def test_options_may_ask_about_the_server(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    assert " 200 " in (await client.ask(f"OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).line
    assert up.received[0].target == "*"


async def test_raw_tcp_dns_and_nothing_else_pass_through_a_tunnel(w: World):
    for port in (22, 53, 5353):
        await w.upstream(port=port, plain=True)
    await w.start()
    for port in (22, 53, 5353):
        client = await w.connect(port=port)
        await client.send(
            b"\x00\x1d\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\r\n\r\n"
        )
        assert (await client.answer()).line.split()[1] == "403"
        await until(lambda: w.gate.refusals)
    assert [up.connections for up in w.upstreams] == [0, 0, 0]


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_what_passes_can_be_written_on_one_line(method: bytes, target: bytes):
    try:
        check_line(method, target)
        check_fields(((method, target),))
    except Refusal:
        return
    assert b"\r" not in method + target
    assert b"\n" not in method + target
    assert b" " not in method + target


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0"])
def test_a_version_that_the_connection_does_not_speak_is_refused(version: bytes) -> None:
    """Host was not needed, and cookies were joined, where a line only claimed another version."""
    with pytest.raises(Refusal, match="version of HTTP"):
        check_version(version, over_h2=False)


def test_the_versions_that_are_spoken_pass() -> None:
    check_version(b"HTTP/1.0", over_h2=False)
    check_version(b"HTTP/1.1", over_h2=False)
    check_version(b"HTTP/2.0", over_h2=True)
    with pytest.raises(Refusal):
        check_version(b"HTTP/1.1", over_h2=True)


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"transfer_encoding", b"HOST_", b"Content_Type", b"X_HTTP_Method_Override"]
)
def test_a_header_that_a_server_may_read_as_another_is_refused(name: bytes) -> None:
    if name == b"HOST_":
        check_fields(((name, b"x"),))
        return
    with pytest.raises(Refusal, match="underscore"):
        check_fields(((name, b"1"),))
