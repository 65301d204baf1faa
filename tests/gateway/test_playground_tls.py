import ssl
import stat
from pathlib import Path

import pytest

from gateway.playground_tls import HOST, server_context
from gateway.proxy.certificates import CertificateAuthority, make_ca


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    folder = tmp_path / "ca"
    folder.mkdir()
    return make_ca(folder, (HOST,))


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """In memory: both sides until both are content."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [ours, theirs]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return
    raise AssertionError("no handshake")


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pem.decode())


def test_the_playground_is_who_it_says_it_is(authority: CertificateAuthority, tmp_path: Path) -> None:
    handshake(server_context(authority, tmp_path), trusting(authority), HOST)


def test_its_certificate_speaks_for_no_other_host(authority: CertificateAuthority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(authority, tmp_path), trusting(authority), "api.github.com")


def test_nobody_who_does_not_trust_it_connects(authority: CertificateAuthority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(authority, tmp_path), ssl.create_default_context(), HOST)


def test_its_key_is_private_and_new_at_each_start(authority: CertificateAuthority, tmp_path: Path) -> None:
    server_context(authority, tmp_path)
    first = (tmp_path / "server.pem").read_bytes()
    server_context(authority, tmp_path)
    assert (tmp_path / "server.pem").read_bytes() != first
    assert stat.S_IMODE((tmp_path / "server.pem").stat().st_mode) == 0o600
