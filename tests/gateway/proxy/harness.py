"""Real servers, real clients and a gate that does what a test says."""

import asyncio
import base64
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import Reason, Refusal
from gateway.gate import Answer, Forward, Release
from gateway.model import Caller, Request
from gateway.proxy.certificates import CertificateAuthority, make_ca
from gateway.proxy.dialer import Dialer
from gateway.proxy.engine import Engine, listening_socket
from gateway.proxy.stream import Stream

TOKEN = "Basic " + base64.b64encode(b"agent:good").decode()
PROXY_AUTH = f"Proxy-Authorization: {TOKEN}\r\n"
HOST, OTHER = "api.test", "other.test"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Up: yes\r\n\r\nhello"


@dataclass
class Outcomes:
    seen: list[tuple[str, int | None]] = field(default_factory=list)

    def __call__(self, outcome: str, status: int | None, detail: str) -> None:
        self.seen.append((outcome, status))


type Decide = Callable[[Request, asyncio.Event], Awaitable[Answer | Forward | Release]]


@dataclass
class FakeGate:
    """Forwards everything unless a test says otherwise; remembers what it was asked."""

    verdict: Decide | None = None
    limit: int = 1_000_000
    http1: bool = False
    untouched: set[str] = field(default_factory=set)
    refused_hosts: set[str] = field(default_factory=set)
    revoked: bool = False
    faults: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    refusals: list[tuple[Caller | None, Refusal, str, str]] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def _fault(self, name: str) -> None:
        if name in self.faults:
            raise RuntimeError(f"fault in {name}")

    def identify(self, proxy_authorization: tuple[str, ...], peer: str) -> Caller:
        self._fault("identify")
        if proxy_authorization != (TOKEN,) or self.revoked:
            raise Refusal(Reason.UNAUTHENTICATED_AGENT, "No agent has this token.")
        return Caller("ci-bot", "tok_1", None, peer)

    def destination(self, caller: Caller, scheme: str, host: str, port: int) -> None:
        self._fault("destination")
        self.asked.append((scheme, host, port))
        if host in self.refused_hosts:
            raise Refusal(Reason.DESTINATION_REFUSED, f"{host} has no template.")

    def internal(self, host: str) -> bool:
        self._fault("internal")
        return host == "secondsig.internal"

    def tunnel_untouched(self, host: str) -> bool:
        self._fault("tunnel_untouched")
        return host in self.untouched

    def tunnel_opened(self, caller: Caller, host: str, port: int) -> None:
        self._fault("tunnel_opened")
        self.opened.append((host, port))

    def needs_http1(self, host: str) -> bool:
        self._fault("needs_http1")
        return self.http1

    def body_limit(self, caller: Caller, host: str) -> int:
        self._fault("body_limit")
        return self.limit

    async def decide(self, request: Request, gone: asyncio.Event) -> Answer | Forward | Release:
        self._fault("decide")
        self.requests.append(request)
        if self.verdict:
            return await self.verdict(request, gone)
        return Forward()

    def refused(self, caller: Caller | None, refusal: Refusal, where: str, request_line: str) -> Answer:
        self._fault("refused")
        self.refusals.append((caller, refusal, where, request_line))
        body = f'{{"reason": "{refusal.reason}"}}'.encode()
        headers = (("Content-Type", "application/problem+json"), ("Secondsig-Gateway", "gw_test"))
        return Answer(refusal.status, headers, body)

    @property
    def reasons(self) -> list[str]:
        return [str(refusal.reason) for _, refusal, _, _ in self.refusals]


def release(outcomes: Outcomes, **change: Any) -> Decide:
    """A verdict that releases the request, changed as given."""

    async def decide(request: Request, gone: asyncio.Event) -> Release:
        parts: dict[str, Any] = {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": request.body,
        }
        return Release(id="env_1", done=outcomes, **(parts | change))

    return decide


@dataclass
class Received:
    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def names(self) -> set[str]:
        return {key.lower() for key, _ in self.headers}


async def read_message(reader: asyncio.StreamReader, *, head_only: bool = False) -> Received:
    """One HTTP/1 message, chunked or with a length; without either its body is empty."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines[1:]]
    got = Received(lines[0], headers, b"")
    if head_only:
        return got
    if "chunked" in got.all("transfer-encoding"):
        while size := int(await reader.readline(), 16):
            got.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif length := got.all("content-length"):
        got.body = await reader.readexactly(int(length[0]))
    return got


type Script = Callable[[Received, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


async def say_hello(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(OK)
    await writer.drain()
    return True


@dataclass
class Upstream:
    """A TLS (or plain) server that counts what reaches it and answers as its script says."""

    certificate: ssl.SSLContext | None
    script: Script = say_hello
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    server: asyncio.Server | None = None
    alpn: list[str | None] = field(default_factory=list)

    async def start(self) -> Self:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.certificate)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.certificate:
            self.alpn.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        try:
            while True:
                got = await read_message(reader)
                self.received.append(got)
                if not await self.script(got, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    def count(self, method: str) -> int:
        return sum(1 for got in self.received if got.method == method)


@dataclass
class Roots:
    """The test's own internet: an authority and its certificates."""

    directory: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test root")])
        certificate = self._builder(self.name, self.key, ca=True).sign(self.key, hashes.SHA256())
        self.pem = self.directory / "roots.pem"
        self.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )

    def server(self, *names: str, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        sans = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = self._builder(subject, key, ca=False).add_extension(sans, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = self.directory / f"{names[0]}-{id(key)}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.set_alpn_protocols(list(alpn))
        return context


@dataclass
class Client:
    """A raw client of the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: str | bytes) -> None:
        self.writer.write(data.encode("latin-1") if isinstance(data, str) else data)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> Received:
        async with asyncio.timeout(60):
            return await read_message(self.reader, head_only=head_only)

    async def ask(self, data: str | bytes) -> Received:
        await self.send(data)
        return await self.answer()

    async def closed(self) -> bool:
        async with asyncio.timeout(60):
            try:
                return not await self.reader.read()
            except (ConnectionError, ssl.SSLError):
                return True

    def close(self) -> None:
        self.writer.close()


@dataclass
class World:
    """An engine with a fake gate before it and upstreams behind it."""

    directory: Path
    gate: FakeGate
    roots: Roots
    ca: CertificateAuthority
    connect_to: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    upstreams: list[Upstream] = field(default_factory=list)
    dialer: Dialer | None = None
    engine: Engine | None = None
    port: int = 0
    clients: list[Client] = field(default_factory=list)
    most: int | None = None

    async def upstream(
        self,
        *names: str,
        script: Script = say_hello,
        port: int = 443,
        plain: bool = False,
        alpn: tuple[str, ...] = ("http/1.1",),
        certified: tuple[str, ...] = (),
    ) -> Upstream:
        names = names or (HOST,)
        context = None if plain else self.roots.server(*(certified or names), alpn=alpn)
        upstream = await Upstream(context, script).start()
        self.upstreams.append(upstream)
        for name in names:
            self.connect_to[name, port] = ("127.0.0.1", upstream.port)
            if self.dialer:
                self.dialer.connect_to[name, port] = ("127.0.0.1", upstream.port)
        return upstream

    async def start(self, dialer: Dialer | None = None) -> Self:
        self.dialer = dialer or Dialer(connect_to=self.connect_to)
        sock = listening_socket("127.0.0.1", 0)
        self.port = sock.getsockname()[1]
        self.engine = Engine(
            self.gate,
            ca=self.ca,
            dialer=self.dialer,
            sockets=[sock],
            upstream_roots=self.roots.pem,
            most=self.most,
        )
        await self.engine.start()
        return self

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def proxy_url(self) -> str:
        return f"http://agent:good@127.0.0.1:{self.port}"

    def trusting(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def connect(self, host: str = HOST, port: int = 443, *, auth: str = PROXY_AUTH) -> Client:
        client = await self.client()
        line = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{auth}\r\n"
        got = await client.ask(line)
        assert " 200 " in got.line, got
        return client

    async def tunnel(
        self,
        host: str = HOST,
        port: int = 443,
        *,
        sni: str | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
    ) -> Client:
        client = await self.connect(host, port)
        await client.writer.start_tls(self.trusting(*alpn), server_hostname=sni or host)
        return client

    async def stop(self) -> None:
        for client in self.clients:
            client.close()
        for upstream in self.upstreams:
            if upstream.server:
                upstream.server.close()
        if self.engine:
            await self.engine.stop(1)

    @property
    def streams(self) -> list[Stream]:
        assert self.engine
        return [stream for connection in self.engine._connections for stream in connection.active]


@contextlib.asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    made = World(directory, FakeGate(), Roots(directory), make_ca(directory))
    try:
        yield made
    finally:
        await made.stop()


def get(host: str = HOST, target: str = "/", extra: str = "") -> str:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n"


def post(body: bytes, host: str = HOST, target: str = "/x", method: str = "POST", extra: str = "") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode("latin-1") + body
