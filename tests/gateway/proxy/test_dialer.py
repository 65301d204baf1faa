import asyncio
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.proxy.dialer import Dialer, is_local, is_public, unwrapped

PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "198.18.0.1",
    "240.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fd00::1",
    "ff02::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
]


def looking_up(*answers: list[str] | Exception):
    turns = iter(answers)

    async def lookup(host: str) -> list[str]:
        answer = next(turns)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return lookup


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_refused(address: str):
    dialer = Dialer(lookup=looking_up([address]))
    with pytest.raises(Refusal) as refusal:
        await dialer.addresses("api.test", 443)
    assert refusal.value.reason is Reason.DESTINATION_REFUSED


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_inside_is_refused_without_a_lookup(address: str):
    with pytest.raises(Refusal):
        await Dialer(lookup=looking_up()).addresses(address, 443)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "１２７.0.0.1",
        "1.1.1.1.",
    ],
)
async def test_an_address_in_another_spelling_is_refused(host: str):
    with pytest.raises(Refusal):
        await Dialer(lookup=looking_up()).addresses(host, 443)


async def test_one_bad_address_among_good_ones_refuses_the_name():
    dialer = Dialer(lookup=looking_up(["93.184.216.34", "127.0.0.1"]))
    with pytest.raises(Refusal):
        await dialer.addresses("api.test", 443)


async def test_a_name_that_turns_inside_between_lookups_is_refused_then():
    dialer = Dialer(lookup=looking_up(["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34"]))
    assert await dialer.addresses("api.test", 443) == [("93.184.216.34", 443)]
    with pytest.raises(Refusal):
        await dialer.addresses("api.test", 443)
    assert await dialer.addresses("api.test", 443) == [("93.184.216.34", 443)]


async def test_networks_that_the_operator_lists_are_reached_also_in_wrapped_spelling():
    dialer = Dialer(allowed=[ip_network("10.0.0.0/8")], lookup=looking_up(["10.1.2.3"], ["::ffff:10.1.2.3"]))
    assert await dialer.addresses("api.test", 443) == [("10.1.2.3", 443)]
    assert await dialer.addresses("api.test", 443) == [("::ffff:a01:203", 443)]
    with pytest.raises(Refusal):
        await dialer.addresses("192.168.0.1", 443)


async def test_our_own_listener_is_refused_though_its_network_is_listed():
    dialer = Dialer(allowed=[ip_network("127.0.0.0/8"), ip_network("::/0")], denied=[("127.0.0.1", 8080)])
    assert await dialer.addresses("127.0.0.1", 8081) == [("127.0.0.1", 8081)]
    for host in ("127.0.0.1", "::ffff:127.0.0.1"):
        with pytest.raises(Refusal):
            await dialer.addresses(host, 8080)


async def test_a_listener_on_all_addresses_is_refused_at_each_address_of_this_machine():
    dialer = Dialer(allowed=[ip_network("0.0.0.0/0")])
    dialer.deny("0.0.0.0", 8080)
    with pytest.raises(Refusal):
        await dialer.addresses("127.0.0.9", 8080)
    assert await dialer.addresses("93.184.216.34", 8080) == [("93.184.216.34", 8080)]


async def test_the_operators_mapping_leads_where_it_says_even_to_our_own_listener():
    dialer = Dialer(connect_to={("play.test", 443): ("127.0.0.1", 9)}, denied=[("127.0.0.1", 9)])
    assert await dialer.addresses("play.test", 443) == [("127.0.0.1", 9)]


async def test_the_address_that_was_checked_is_the_one_connected_to():
    accepted = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lookups: list[str] = []

    async def lookup(host: str) -> list[str]:
        lookups.append(host)
        return ["127.0.0.2", "127.0.0.1"]

    _, writer = await Dialer(allowed=[ip_network("127.0.0.0/8")], lookup=lookup).open("api.test", port)
    assert writer.get_extra_info("peername")[:2] == ("127.0.0.1", port)
    assert lookups == ["api.test"]
    await accepted.wait()
    writer.close()
    server.close()


async def test_a_name_without_addresses_is_an_error_of_the_network():
    with pytest.raises(OSError, match="no address"):
        await Dialer(lookup=looking_up([])).open("api.test", 443)


async def test_names_of_this_machine_come_from_its_resolver():
    assert await Dialer(allowed=[ip_network("127.0.0.0/8"), ip_network("::1/128")]).addresses("localhost", 1)


@given(st.integers(0, 2**128 - 1))
def test_an_address_is_public_only_in_global_unicast(number: int):
    address = ip_address(number.to_bytes(16, "big"))
    bare = unwrapped(address)
    if is_public(bare) and bare.version == 6:
        assert address in ip_network("2000::/3")


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_every_wrapping(number: int):
    plain = ip_address(number.to_bytes(4, "big"))
    for wrapped in (f"::ffff:{plain}", f"64:ff9b::{plain}"):
        assert unwrapped(ip_address(wrapped)) == plain
    assert unwrapped(ip_address(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::")) == plain


def test_only_this_machines_addresses_are_local():
    assert is_local(ip_address("127.0.0.1"))
    assert not is_local(ip_address("93.184.216.34"))
    assert not is_local(ip_address("2606:2800:220:1::1"))
