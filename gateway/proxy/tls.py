"""TLS on both sides: leaves on their own key for clients, and verification upstream that cannot be off."""

from collections.abc import Callable
from pathlib import Path

import certifi
import mitmproxy.ctx
from cryptography import x509
from mitmproxy.addons.tlsconfig import AppData, TlsConfig
from mitmproxy.certs import Cert, CertStoreEntry
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from gateway.errors import ConfigError, Place, Refusal
from gateway.keys import write_private
from gateway.proxy.authority import parse_authority
from gateway.proxy.certificates import Leaves
from gateway.proxy.exchange import Tunnels

H2, H1 = b"h2", b"http/1.1"


class _NoStore:
    """In place of mitmproxy's certificate store: nothing but the Diffie-Hellman parameters it would offer."""

    dhparams = None


class Tls(TlsConfig):
    request = None  # type: ignore[assignment]  # mitmproxy's own answers a revocation list on every host
    certstore = _NoStore()  # type: ignore[assignment]

    def __init__(
        self, options: Options, leaves: Leaves, tunnels: Tunnels, needs_http1: Callable[[str], bool]
    ) -> None:
        self.options, self.leaves, self.tunnels, self.needs_http1 = options, leaves, tunnels, needs_http1

    def get_cert(self, conn_context: Context) -> CertStoreEntry:
        client = conn_context.client
        tunnel = self.tunnels.get(client.id)
        name = _name(client.sni) or (tunnel.host if tunnel else str(client.sockname[0]).partition("%")[0])
        leaf = self.leaves.get(name, tunnel.caller.agent if tunnel else "")
        return CertStoreEntry(Cert(leaf), self.leaves.key, None, [])  # type: ignore[arg-type]

    def tls_start_client(self, tls_start: TlsData) -> None:
        mitmproxy.ctx.options = self.options
        super().tls_start_client(tls_start)
        assert tls_start.ssl_conn  # noqa: S101 -- the base class made it
        tunnel = self.tunnels.get(tls_start.context.client.id)
        alpn = H1  # to the proxy itself, and where a reset could not be seen while waiting
        if tunnel and not self.needs_http1(tunnel.host):
            alpn = next((offer for offer in tls_start.conn.alpn_offers if offer in {H2, H1}), H1)
        tls_start.ssl_conn.set_app_data(AppData(client_alpn=alpn, server_alpn=None, http2=False))

    def tls_start_server(self, tls_start: TlsData) -> None:
        mitmproxy.ctx.options = self.options
        super().tls_start_server(tls_start)
        assert tls_start.ssl_conn  # noqa: S101 -- the base class made it
        if tls_start.ssl_conn.get_context().get_verify_mode() != SSL.VERIFY_PEER:
            raise RuntimeError("an upstream's certificate would not be verified")


def _name(sni: str | None) -> str | None:
    """A server name that a certificate may carry."""
    try:
        return parse_authority(sni, 443)[0] if sni else None
    except Refusal:
        return None


def trusted_roots(extra: Path | None) -> Path:
    """A file with the public roots and the operator's own; with extra roots it is written beside them."""
    if not extra:
        return Path(certifi.where())
    try:
        own = extra.read_bytes()
        x509.load_pem_x509_certificates(own)
    except (OSError, ValueError) as fault:
        hint = "Give a file of PEM certificates."
        raise ConfigError(
            "The operator's trusted certificates cannot be read.", Place(str(extra)), hint
        ) from fault
    both = extra.with_name(f"{extra.stem}-and-public.pem")
    write_private(both, Path(certifi.where()).read_bytes() + b"\n" + own)
    return both
