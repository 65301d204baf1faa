"""Listening sockets that nobody can share: a port belongs to this process whole, or not at all."""

import errno
import ipaddress
import socket

from gateway.errors import UsageError

BACKLOG = 1024
LOOPBACK_V4, LOOPBACK_V6 = "127.0.0.1", "::1"
EPHEMERAL_TRIES = 20


def loopback_sockets(port: int) -> list[socket.socket]:
    """Listens on `port` of both loopback families, or on nothing; 0 takes a port that is free on both.

    A browser's `localhost` is either family: another process on the one left over would be the same origin.
    A machine without IPv6 has nothing left over, so there IPv4 alone is enough.
    """
    if port:
        return _both(port)
    for _ in range(EPHEMERAL_TRIES):
        try:
            return _both(0)
        except UsageError:
            continue
    raise UsageError("No port is free on both 127.0.0.1 and ::1: name one that is.")


def bind(host: str, port: int) -> socket.socket:
    """Listens on one address, given as a number; `::` takes IPv4 as well."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(f"{host!r} is not an IP address: write 0.0.0.0 or the address itself.") from None
    try:
        return _listen(str(address), port, both_families=address.is_unspecified)
    except OSError as error:
        raise UsageError(_sentence(error, str(address), port)) from error


def _both(port: int) -> list[socket.socket]:
    try:
        first = _listen(LOOPBACK_V4, port)
    except OSError as error:
        raise UsageError(_sentence(error, LOOPBACK_V4, port)) from error
    bound = int(first.getsockname()[1])
    try:
        return [first, _listen(LOOPBACK_V6, bound)]
    except OSError as error:
        if error.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            return [first]
        first.close()
        raise UsageError(_sentence(error, LOOPBACK_V6, bound)) from error


def _listen(host: str, port: int, *, both_families: bool = False) -> socket.socket:
    """Listens at once: a socket that is only bound can still lose its port to another process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both_families else 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.settimeout(0)
    except BaseException:
        sock.close()
        raise
    return sock


def _sentence(error: OSError, host: str, port: int) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is taken ({where}): stop the program that uses it, or choose another port."
        case errno.EACCES:
            return f"This account may not listen on port {port} ({where}): choose a port above 1023."
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"{host} is not an address of this machine: port {port} needs one that is."
        case _:
            return (
                f"Port {port} cannot be opened ({where}: {error.strerror}): choose another port or address."
            )
