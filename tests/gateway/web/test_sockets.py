import errno
import socket
import subprocess
import sys

import pytest

from gateway.errors import UsageError
from gateway.web import sockets
from gateway.web.sockets import bind, loopback_sockets


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def close(listening: list[socket.socket]) -> None:
    for sock in listening:
        sock.close()


@needs_ipv6
def test_both_families_listen_on_one_port():
    pair = loopback_sockets(0)
    try:
        assert [sock.getsockname()[0] for sock in pair] == ["127.0.0.1", "::1"]
        assert len({sock.getsockname()[1] for sock in pair}) == 1
        for sock in pair:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
    finally:
        close(pair)


@needs_ipv6
def test_second_process_on_the_other_family_means_nothing_listens():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as squatter:
        squatter.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        squatter.bind(("::1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            loopback_sockets(port)
        assert str(caught.value).startswith(f"Port {port} is taken ([::1]:{port}): stop the program")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=2)


def test_taken_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^Port {port} is taken .*choose another port\.$"):
            loopback_sockets(port)


@pytest.mark.slow
@needs_ipv6
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
@pytest.mark.parametrize("option", ["SO_REUSEADDR", "SO_REUSEPORT"])
def test_second_process_cannot_take_half_of_the_connections(address: str, option: str):
    pair = loopback_sockets(0)
    port = pair[0].getsockname()[1]
    program = (
        "import socket,sys\n"
        "f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET\n"
        "s = socket.socket(f, socket.SOCK_STREAM)\n"
        "s.setsockopt(socket.SOL_SOCKET, getattr(socket, sys.argv[3]), 1)\n"
        "if f == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\n"
        "try:\n    s.bind((sys.argv[1], int(sys.argv[2]))); s.listen()\n"
        "except OSError as e: sys.exit(e.errno)\n"
    )
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program, address, str(port), option], timeout=30, check=False
        )
    finally:
        close(pair)
    assert ended.returncode == errno.EADDRINUSE


def test_machine_without_ipv6_needs_only_ipv4(monkeypatch: pytest.MonkeyPatch):
    real = sockets._listen

    def without_ipv6(host: str, port: int, *, both_families: bool = False) -> socket.socket:
        if ":" in host:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(host, port, both_families=both_families)

    monkeypatch.setattr(sockets, "_listen", without_ipv6)
    alone = loopback_sockets(0)
    close(alone)
    assert [sock.family for sock in alone] == [socket.AF_INET]


def test_ephemeral_port_taken_on_the_other_family_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    real, tries = sockets._listen, []

    def busy_twice(host: str, port: int, *, both_families: bool = False) -> socket.socket:
        if ":" in host:
            tries.append(port)
            if len(tries) < 3:
                raise OSError(errno.EADDRINUSE, "Address already in use")
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported")
        return real(host, port, both_families=both_families)

    monkeypatch.setattr(sockets, "_listen", busy_twice)
    close(loopback_sockets(0))
    assert len(tries) == 3


def test_no_port_free_on_both_families_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    def never(host: str, port: int, *, both_families: bool = False) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(sockets, "_listen", never)
    with pytest.raises(UsageError, match="No port is free on both"):
        loopback_sockets(0)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "may not listen on port 80 .*above 1023"),
        (errno.EADDRNOTAVAIL, "is not an address of this machine"),
        (errno.EMFILE, "cannot be opened"),
    ],
)
def test_every_failure_to_listen_says_what_to_do(number: int, words: str, monkeypatch: pytest.MonkeyPatch):
    def failing(host: str, port: int, *, both_families: bool = False) -> socket.socket:
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(sockets, "_listen", failing)
    with pytest.raises(UsageError, match=words):
        bind("203.0.113.1", 80)


def test_bind_takes_an_address_and_no_name():
    with bind("127.0.0.1", 0) as sock:
        assert sock.getsockname()[1] > 0
        assert not sock.getblocking()
    with pytest.raises(UsageError, match="'localhost' is not an IP address"):
        bind("localhost", 0)


@needs_ipv6
def test_unspecified_ipv6_address_takes_ipv4_as_well():
    with bind("::", 0) as sock:
        port = sock.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        socket.create_connection(("::1", port), timeout=2).close()
