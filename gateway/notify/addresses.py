"""Where a notification may be posted to: the address that was checked is the one that is connected to."""

import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import Refusal
from gateway.proxy.authority import is_address
from gateway.proxy.dialer import Dialer
from gateway.settings import LOOPBACK
from gateway.values import dataclass


class Forbidden(Exception):
    """Nothing may be posted there; the text says why and holds nothing of the address."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL, and the addresses that its name led to when it was checked."""

    url: URL
    addresses: tuple[tuple[str, int], ...]

    def connector(self, tls: ssl.SSLContext | None) -> aiohttp.TCPConnector:
        """Connects to nothing else, whatever DNS says by then; with no `tls` to http alone."""
        if tls is None and self.url.scheme != "http":
            raise ValueError("https needs to know whom to trust")
        return aiohttp.TCPConnector(
            ssl=tls or True,
            resolver=_Pinned(self.addresses),
            use_dns_cache=False,
            socket_factory=self._socket,
        )

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """The last look at an address before anything is sent there."""
        family, kind, protocol, _, address = found
        checked = {(ip_address(host), port) for host, port in self.addresses}
        if (ip_address(address[0].partition("%")[0]), address[1]) not in checked:
            raise OSError("the address is not the one that was checked")
        return socket.socket(family, kind, protocol)


class _Pinned(AbstractResolver):
    """Answers with what was found before; nobody is asked again."""

    def __init__(self, addresses: Sequence[tuple[str, int]]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=at,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, at in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def find(url: str, dialer: Dialer) -> Destination:
    """Where this URL leads now; Forbidden unless it is https to an address that the dialer lets through.

    http is for this machine alone, whose addresses have to be let through as well. Raises OSError where
    the name cannot be looked up.
    """
    parsed = checked(url)
    host, port = parsed.raw_host or "", parsed.port or 443
    try:
        found = await dialer.addresses(host, port)
    except Refusal as refusal:
        raise Forbidden("the address is private, or no address") from refusal
    if not found:
        raise OSError("the name has no address")
    return Destination(parsed, tuple(found))


def checked(url: str) -> URL:
    """The URL, if it is one that notifications are posted to."""
    if not (url.isascii() and url.isprintable()) or set(url) & set(' \\"<>^`{|}'):
        raise Forbidden("the address has characters that belong in no URL")
    try:
        parsed = URL(url, encoded=True)
        host, port = parsed.raw_host, parsed.port
    except ValueError as error:
        raise Forbidden("the address is not a URL") from error
    if parsed.user is not None or parsed.password is not None or "@" in parsed.raw_authority:
        raise Forbidden("the address holds a user name")
    if not host or not port:
        raise Forbidden("the address is not a URL")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_this_machine(host)):
        raise Forbidden("the address is not https")
    return parsed.with_fragment(None)


def _is_this_machine(host: str) -> bool:
    return host in LOOPBACK or (is_address(host) and host.startswith("127."))
