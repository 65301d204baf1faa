"""Which address a name may lead to, and the connection to exactly that address."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import mitmproxy_rs

from gateway.errors import Reason, Refusal
from gateway.proxy.authority import is_address, parse_authority

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network
type Lookup = Callable[[str], Awaitable[list[str]]]
type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

NAT64 = ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ip_network("2000::/3")
# Not reachable for everyone, though the standard library of some versions says so.
SPECIAL = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
SECONDS_FOR_A_NAME = 10.0
SECONDS_FOR_AN_ADDRESS = 10.0
ADDRESSES_TRIED = 4
COMPATIBLE_BITS = 32


class Dialer:
    """Opens upstream connections: the address that was checked is the one that is connected to."""

    def __init__(
        self,
        *,
        allowed: Iterable[Network] = (),
        connect_to: Mapping[tuple[str, int], tuple[str, int]] | None = None,
        denied: Iterable[tuple[str, int]] = (),
        lookup: Lookup | None = None,
    ) -> None:
        self.allowed = tuple(allowed)
        self.connect_to = dict(connect_to or {})
        self.denied = [(ip_address(host.partition("%")[0]), port) for host, port in denied]
        self._lookup = lookup

    def deny(self, host: str, port: int) -> None:
        """Never connect to this listener of our own, whatever the operator lists."""
        self.denied.append((ip_address(host.partition("%")[0]), port))

    async def open(self, host: str, port: int) -> Streams:
        """Connect, or raise a Refusal (the address is not allowed) or an OSError (nobody answers)."""
        fault: OSError = OSError(f"{host} has no address")
        for address, at in (await self.addresses(host, port))[:ADDRESSES_TRIED]:
            try:
                async with asyncio.timeout(SECONDS_FOR_AN_ADDRESS):
                    return await asyncio.open_connection(address, at)
            except OSError as error:
                fault = error
        raise fault

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """Where a name leads; one address that is not allowed refuses the name."""
        if mapped := self.connect_to.get((host, port)):
            return [mapped]
        found = [ip_address(text.partition("%")[0]) for text in await self._resolve(host, port)]
        for address in found:
            if not self._may_reach(address, port):
                raise Refusal(
                    Reason.DESTINATION_REFUSED,
                    f"{host} leads to {address}, which is not reachable through the gateway; "
                    "the operator can list it under allowed networks.",
                )
        return [(str(address), port) for address in found]

    async def _resolve(self, host: str, port: int) -> list[str]:
        literal = f"[{host}]" if ":" in host else host
        name, _ = parse_authority(literal, port)
        if is_address(name):
            return [name]
        if not self._lookup:
            self._lookup = mitmproxy_rs.dns.DnsResolver(use_hosts_file=True).lookup_ip
        async with asyncio.timeout(SECONDS_FOR_A_NAME):
            return await self._lookup(name)

    def _may_reach(self, address: Address, port: int) -> bool:
        if self._is_own(address, port):
            return False
        bare = unwrapped(address)
        return is_public(bare) or any(bare in network for network in self.allowed)

    def _is_own(self, address: Address, port: int) -> bool:
        forms = {address, unwrapped(address)}
        for own, own_port in self.denied:
            if port == own_port and (own in forms or (own.is_unspecified and any(map(is_local, forms)))):
                return True
        return False


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries, if it carries one."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    if inner:
        return inner
    number = int(address)
    if address in NAT64 or (number > 1 and number >> COMPATIBLE_BITS == 0):
        return IPv4Address(number & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anyone may be reached there: no loopback, private, link-local, special or multicast address."""
    if address.is_multicast or not address.is_global or any(address in network for network in SPECIAL):
        return False
    return address.version == 4 or address in GLOBAL_UNICAST  # noqa: PLR2004


def is_local(address: Address) -> bool:
    """Whether this machine answers at the address: only its own addresses can be bound."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
