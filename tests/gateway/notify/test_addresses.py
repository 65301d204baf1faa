import socket
import ssl
from ipaddress import ip_network
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.notify.addresses import Destination, Forbidden, checked, find
from gateway.proxy.dialer import Dialer
from tests.gateway.notify.conftest import LOOPBACK, Receiver
from tests.gateway.proxy.test_dialer import PRIVATE, looking_up

PUBLIC = "93.184.216.34"


def leading_to(*answers: list[str] | Exception) -> Dialer:
    return Dialer(lookup=looking_up(*answers))


async def test_a_public_name_over_https_is_posted_to() -> None:
    found = await find("https://hooks.example:8443/in?a=%2F#x", leading_to([PUBLIC]))
    assert (str(found.url), found.addresses) == (
        "https://hooks.example:8443/in?a=%2F",
        ((PUBLIC, 8443),),
    )


@pytest.mark.parametrize("address", [*PRIVATE, "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])
async def test_ssrf_a_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(Forbidden):
        await find("https://hooks.example/", leading_to([address]))
    with pytest.raises(Forbidden):
        await find("https://hooks.example/", leading_to([PUBLIC, address]))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[::ffff:7f00:1]",
        "[::1]",
        "[::]",
        "10.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "0",
        "[fe80::1%25eth0]",
        "%31%32%37.0.0.1",
        "metadata%00.example",
    ],
)
async def test_ssrf_an_address_in_any_spelling_is_refused_without_a_lookup(host: str) -> None:
    with pytest.raises(Forbidden):
        await find(f"https://{host}/latest/meta-data", leading_to())


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example@127.0.0.1/",
        "https://127.0.0.1@hooks.example/",
        "https://user:pass@hooks.example/",
        "https://@hooks.example/",
        "https://hooks.example\\@127.0.0.1/",
        "https://hooks.example\t/",
        "https://hooks.example\r\nX: y/",
        "https://hooks.example /",
        "https://höoks.example/",
        "http://hooks.example/",
        "http://127.evil.example/",
        "http://10.0.0.1/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "hooks.example",
        "https:///path",
        "https://hooks.example:0/",
        "https://hooks.example:70000/",
        "",
    ],
)
def test_ssrf_a_url_that_can_be_read_in_two_ways_or_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        checked(url)


async def test_this_machine_is_reached_only_where_the_operator_lists_it(receiver: Receiver) -> None:
    with pytest.raises(Forbidden):
        await find(receiver.url, Dialer())
    with pytest.raises(Forbidden):
        await find(receiver.url, Dialer(allowed=[ip_network("10.0.0.0/8")]))
    assert (await find(receiver.url, Dialer(allowed=LOOPBACK))).addresses[0][0] == "127.0.0.1"


async def test_ssrf_the_gateways_own_listeners_are_refused_though_loopback_is_listed(
    receiver: Receiver,
) -> None:
    port = URL(receiver.url).port or 0
    with pytest.raises(Forbidden):
        await find(receiver.url, Dialer(allowed=LOOPBACK, denied=[("127.0.0.1", port)]))


async def test_a_name_without_an_address_is_a_failure_for_now() -> None:
    with pytest.raises(OSError, match="no address"):
        await find("https://hooks.example/", leading_to([]))
    with pytest.raises(OSError, match="down"):
        await find("https://hooks.example/", leading_to(OSError("down")))


async def test_ssrf_a_dns_answer_that_changes_after_the_check_is_not_followed(receiver: Receiver) -> None:
    """The name was public when it was checked, and leads to this machine when it is connected to."""
    asked: list[str] = []

    async def lookup(host: str) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    port = URL(receiver.url).port
    found = await find(f"https://localhost.example:{port}/hook", Dialer(lookup=lookup))
    tried: list[object] = []
    connector = found.connector(ssl.create_default_context())

    def refused(info: Any) -> socket.socket:
        tried.append(info[4])
        raise OSError("not in a test")

    connector._socket_factory = refused
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(found.url)
    assert (tried, asked) == ([(PUBLIC, port)], ["localhost.example"])
    assert receiver.bodies == []


def test_tls_stripping_https_without_anything_to_trust_makes_no_connection() -> None:
    found = Destination(URL("https://hooks.example/"), ((PUBLIC, 443),))
    with pytest.raises(ValueError, match="whom to trust"):
        found.connector(None)


async def test_ssrf_another_address_than_the_checked_one_gets_no_socket(receiver: Receiver) -> None:
    """However the address came to be another one: it is looked at where the socket is made."""
    port = URL(receiver.url).port or 0
    found = Destination(URL(receiver.url), ((PUBLIC, port),))
    async with aiohttp.ClientSession(connector=found.connector(ssl.create_default_context())) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(found.url)
    assert receiver.bodies == []


async def test_the_checked_address_is_connected_to_in_either_spelling(receiver: Receiver) -> None:
    found = Destination(URL(receiver.url), (("127.0.0.1", URL(receiver.url).port or 0),))
    async with aiohttp.ClientSession(connector=found.connector(ssl.create_default_context())) as session:
        assert (await session.post(found.url)).status == 204
    wrapped = Destination(URL("https://[::ffff:7f00:1]:9/"), (("::ffff:7f00:1", 9),))
    wrapped._socket((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::ffff:127.0.0.1", 9, 0, 0))).close()


async def test_the_resolver_of_a_connection_answers_with_what_was_checked() -> None:
    found = await find("https://hooks.example/", leading_to([PUBLIC, "2606:4700::1111"]))
    connector = found.connector(ssl.create_default_context())
    told = await connector._resolver.resolve("anything", 443)
    assert [(one["host"], one["family"]) for one in told] == [
        (PUBLIC, socket.AF_INET),
        ("2606:4700::1111", socket.AF_INET6),
    ]
    await connector._resolver.close()
    await connector.close()
