"""A certificate for the playground, from an authority that can vouch for nothing else."""

import ssl
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from gateway.keys import write_private
from gateway.proxy.certificates import CertificateAuthority, Leaves

HOST = "playground.secondsig.internal"


def server_context(authority: CertificateAuthority, folder: Path, host: str = HOST) -> ssl.SSLContext:
    """TLS for a listener of our own, on a key made at each start."""
    leaves = Leaves(authority)
    certificate = leaves.get(host, "gateway")
    key = leaves.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    write_private(path, key + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
