"""The installation's own certificate authority, and the short-lived leaves it signs on another key."""

import datetime as dt
import ipaddress
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.errors import ConfigError, Place, Reason, Refusal
from gateway.proxy.authority import is_address
from gateway.values import dataclass

CERTIFICATE, KEY = "ca.pem", "ca-key.pem"
CA_DAYS, LEAF_DAYS, RENEW_DAYS = 1095, 60, 30
CLOCK_SLACK = dt.timedelta(days=2)
LEAVES_KEPT = 1000
NEW_LEAVES_PER_AGENT, PER_SECONDS = 300, 600.0
DAY_SECONDS = 86400


@dataclass(frozen=True)
class CertificateAuthority:
    """The root that agents are told to trust, and the key that only the gateway holds."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def make_ca(directory: Path, permitted_hosts: Sequence[str] = ()) -> CertificateAuthority:
    """A new authority in two files of mode 0600; what is already there is never overwritten."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Secondsig CA {os.urandom(4).hex()}")])
    now = dt.datetime.now(dt.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SLACK)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    if permitted_hosts:
        names = [_general_subtree(host) for host in permitted_hosts]
        builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
    authority = CertificateAuthority(key, builder.sign(key, hashes.SHA256()))
    _write(directory / KEY, _private_pem(key))
    _write(directory / CERTIFICATE, authority.pem)
    return authority


def load_ca(directory: Path) -> CertificateAuthority:
    """The authority that make_ca left there."""
    place = Place(str(directory / KEY))
    try:
        key = serialization.load_pem_private_key((directory / KEY).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())
    except (OSError, ValueError, TypeError) as fault:
        hint = "Restore both files, or remove both to let the gateway make a new authority."
        raise ConfigError("The certificate authority cannot be read.", place, hint) from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigError(
            "The authority's key does not belong to its certificate.", place, "Restore both files."
        )
    return CertificateAuthority(key, certificate)


def _general_subtree(host: str) -> x509.GeneralName:
    if is_address(host):
        return x509.IPAddress(ipaddress.ip_network(host))
    return x509.DNSName(host.removeprefix("*."))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class Leaves:
    """Certificates for intercepted hosts, all on one key that is not the authority's and is never stored."""

    def __init__(self, authority: CertificateAuthority, now: Callable[[], float] = time.time) -> None:
        self.authority = authority
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._now = now
        self._kept: OrderedDict[tuple[str, int], x509.Certificate] = OrderedDict()
        self._made: dict[str, tuple[float, int]] = {}
        extension = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        self._issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)

    def get(self, host: str, agent: str) -> x509.Certificate:
        """The certificate for a host; an agent that asks for very many new names is refused for a while."""
        key = (host, int(self._now()) // (RENEW_DAYS * DAY_SECONDS))
        if leaf := self._kept.get(key):
            self._kept.move_to_end(key)
            return leaf
        self._count(agent)
        leaf = self._kept[key] = self._sign(host)
        if len(self._kept) > LEAVES_KEPT:
            self._kept.popitem(last=False)
        return leaf

    def _count(self, agent: str) -> None:
        now = self._now()
        since, count = self._made.get(agent, (now, 0))
        if now - since >= PER_SECONDS:
            since, count = now, 0
        if count >= NEW_LEAVES_PER_AGENT:
            raise Refusal(Reason.RATE_LIMITED, "This agent asked for too many hosts in a short time.")
        self._made[agent] = (since, count + 1)

    def _sign(self, host: str) -> x509.Certificate:
        now = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        name: x509.GeneralName = (
            x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)
        )
        ends = min(now + dt.timedelta(days=LEAF_DAYS), self.authority.certificate.not_valid_after_utc)
        starts = max(now - CLOCK_SLACK, self.authority.certificate.not_valid_before_utc)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Secondsig leaf")]))
            .issuer_name(self.authority.certificate.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(self._issuer, critical=False)
            .sign(self.authority.key, hashes.SHA256())
        )
