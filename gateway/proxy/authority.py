"""Hosts and ports as requests name them: one spelling, or a refusal."""

import re
from ipaddress import IPv6Address, ip_address

from gateway.errors import ambiguous

_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)")
PORTS = range(1, 65536)


def parse_authority(text: str, default_port: int) -> tuple[str, int]:
    """Host (lower-case ASCII, an IPv6 address without brackets) and port; anything doubtful is refused."""
    found = _AUTHORITY.fullmatch(text)
    if not found:
        raise ambiguous("The host is not a plain name or address: write it in ASCII, without a user name.")
    port = int(found["port"]) if found["port"] else default_port
    if port not in PORTS:
        raise ambiguous("The port is not a number between 1 and 65535.")
    return _host(found["host"].lower()), port


def _host(host: str) -> str:
    if host.startswith("["):
        return _address6(host[1:-1])
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ambiguous("The host is not a plain name: no empty labels and no dot at its end.")
    if _NUMBER.fullmatch(labels[-1]):
        return _address4(host)
    return host


def _address4(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError as fault:
        raise ambiguous("An address is written as four decimal numbers.") from fault


def _address6(host: str) -> str:
    try:
        return str(IPv6Address(host))
    except ValueError as fault:
        raise ambiguous("The address in brackets is not an IPv6 address.") from fault


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def spell(host: str, port: int) -> str:
    """Host and port for people and for rows."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
