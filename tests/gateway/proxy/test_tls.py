import asyncio
import ssl
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from mitmproxy.connection import Server
from mitmproxy.tls import TlsData

from gateway.errors import ConfigError
from gateway.proxy import certificates
from gateway.proxy.tls import Tls, trusted_roots
from tests.gateway.proxy.h2client import H2Client
from tests.gateway.proxy.harness import HOST, World, get
from tests.gateway.proxy.test_http_layer import context


def alpn(client: object) -> str | None:
    return client.writer.get_extra_info("ssl_object").selected_alpn_protocol()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("http1", "offered", "got"),
    [
        (True, ("h2", "http/1.1"), "http/1.1"),
        (True, ("h2",), None),
        (False, ("h2", "http/1.1"), "h2"),
        (False, ("http/1.1", "h2"), "http/1.1"),
        (False, ("h3", "h2"), "h2"),
        (False, ("ssh", "dns"), None),
        (False, (), None),
    ],
)
async def test_a_host_whose_requests_may_wait_is_offered_http1_only(
    w: World, http1: bool, offered: tuple[str, ...], got: str | None
):
    w.gate.http1 = http1
    await w.start()
    assert alpn(await w.tunnel(alpn=offered)) == got


async def test_the_client_sees_a_leaf_of_the_authority_on_another_key(w: World):
    await w.start()
    client = await w.tunnel()
    leaf = x509.load_der_x509_certificate(
        client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    )
    assert leaf.public_key() != w.ca.certificate.public_key()
    leaf.verify_directly_issued_by(w.ca.certificate)


async def test_an_authority_for_some_hosts_is_not_believed_for_others(w: World):
    for name in (certificates.CERTIFICATE, certificates.KEY):
        (w.directory / name).unlink()
    w.ca = certificates.make_ca(w.directory, [HOST])
    await w.upstream()
    await w.start()
    client = await w.tunnel(HOST)
    assert (await client.ask(get())).body == b"hello"
    with pytest.raises(ssl.SSLError, match="permitted subtree"):
        await w.tunnel("other.test")


async def test_mitmproxys_own_page_is_an_ordinary_request_here(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    target = f"/mitmproxy-{w.ca.certificate.serial_number}.crl"
    assert (await client.ask(get(target=target))).body == b"hello"
    assert up.received[0].target == target


async def test_an_agent_that_forges_too_many_names_gets_no_more(w: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certificates, "NEW_LEAVES_PER_AGENT", 1)
    await w.upstream()
    await w.start()
    client = await w.tunnel()
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        await w.tunnel("other.test")
    assert (await client.ask(get())).body == b"hello"


async def test_a_client_that_breaks_the_handshake_harms_nobody(w: World):
    await w.upstream()
    await w.start()
    client = await w.connect()
    await client.send(b"\x16\x03\x01\x00\x05garbage and more of it")
    await client.closed()
    assert (await (await w.tunnel()).ask(get())).body == b"hello"


def make_tls(w: World) -> Tls:
    return Tls(context().options, certificates.Leaves(w.ca), {}, lambda host: False)


async def test_verification_of_upstreams_cannot_be_switched_off(w: World):
    tls, made = make_tls(w), context()
    server = Server(address=(HOST, 443), sni=HOST)
    tls.tls_start_server(TlsData(server, made))
    tls.options.update(ssl_insecure=True)
    with pytest.raises(RuntimeError):
        tls.tls_start_server(TlsData(server, made))


async def test_a_server_name_that_is_no_name_gets_a_leaf_for_the_address(w: World):
    tls, made = make_tls(w), context()
    made.client.sni = "not a name"
    names = tls.get_cert(made).cert.altnames
    assert [str(name.value) for name in names] == ["127.0.0.1"]


def test_the_operators_roots_stand_beside_the_public_ones_in_one_file(w: World):
    written = {trusted_roots(w.roots.pem) for _ in range(2)}
    (both,) = written
    assert both.parent == w.roots.pem.parent
    assert w.roots.pem.read_bytes() in both.read_bytes()
    assert Path(certifi.where()).read_bytes() in both.read_bytes()
    assert trusted_roots(None) == Path(certifi.where())


@pytest.mark.parametrize("content", [None, "no certificates here"])
def test_roots_that_cannot_be_read_are_an_error_with_the_way_out(tmp_path: Path, content: str | None):
    path = tmp_path / "mine.pem"
    if content:
        path.write_text(content)
    with pytest.raises(ConfigError) as error:
        trusted_roots(path)
    assert str(path) in str(error.value)


async def test_http2_is_spoken_where_nothing_waits(w: World):
    await w.upstream()
    await w.start()
    client = await H2Client.through(w)
    assert (await client.ask()).body == b"hello"
    await asyncio.sleep(0)
