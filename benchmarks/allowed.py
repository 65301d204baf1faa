"""An allowed request through the whole gateway, policy and log on, against bare `mitmdump -q`."""

import asyncio
import base64
import contextlib
import ssl
import sys
from pathlib import Path

from benchmarks.figures import cpu_seconds, median, verdict
from gateway.installation import install
from gateway.playground_tls import server_context
from gateway.proxy.certificates import make_ca
from tests.kit.ports import free_port
from tests.kit.process import Gateway, clean_environment

ROUNDS, REQUESTS, CLIENTS = 7, 2400, 8
BODY = b"x" * 200
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n" + BODY
HOST = "api.github.com"


async def main(folder: Path) -> None:
    upstream = folder / "upstream"
    upstream.mkdir()
    authority = make_ca(upstream)
    ports = {}
    for host in (HOST, "localhost"):
        (folder / host).mkdir()
        context = server_context(authority, folder / host, host)
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
        ports[host] = server.sockets[0].getsockname()[1]
    gateway, ours = await _gateway(folder / "gateway", upstream / "ca.pem", ports[HOST])
    bare_process, bare = await _mitmdump(folder / "mitm", upstream / "ca.pem", ports["localhost"])
    try:
        await _compare(gateway, ours, bare_process.pid, bare)
    finally:
        bare_process.terminate()
        await bare_process.wait()
        await gateway.stop()


class Target:
    """Where the clients connect, as whom, and what they trust."""

    def __init__(self, port: int, authority: str, host: str, token: str, ca: Path) -> None:
        self.port, self.authority, self.host, self.token = port, authority, host, token
        self.context = ssl.create_default_context(cafile=str(ca))
        self.context.set_alpn_protocols(["http/1.1"])


async def _compare(gateway: Gateway, ours: Target, bare_pid: int, bare: Target) -> None:
    process = gateway.process
    if process is None:
        raise RuntimeError("the gateway is gone")
    for target in (ours, bare):
        await _load(target, 200)
    ratios = []
    for number in range(ROUNDS):
        mine = await _cost(process.pid, ours)
        theirs = await _cost(bare_pid, bare)
        ratios.append(theirs / mine)
        print(
            f"round {number + 1}: {mine * 1000:.3f} ms of CPU a request, mitmdump -q {theirs * 1000:.3f} ms"
        )
    print(f"ratios: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(verdict("requests per CPU-second against bare, median", median(ratios), 1.5, least=True))


async def _cost(pid: int, target: Target) -> float:
    before = cpu_seconds(pid)
    await _load(target, REQUESTS)
    return (cpu_seconds(pid) - before) / REQUESTS


async def _load(target: Target, count: int) -> None:
    await asyncio.gather(*(_client(target, count // CLIENTS) for _ in range(CLIENTS)))


async def _client(target: Target, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    authorization = f"Proxy-Authorization: Basic {target.token}\r\n" if target.token else ""
    head = f"CONNECT {target.authority} HTTP/1.1\r\nHost: {target.authority}\r\n{authorization}\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    await writer.start_tls(target.context, server_hostname=target.host)
    request = (
        f"GET /repos/acme/site HTTP/1.1\r\nHost: {target.authority.removesuffix(':443')}\r\n"
        "User-Agent: bench/1\r\nAccept: */*\r\nAuthorization: Bearer abc\r\n\r\n"
    ).encode()
    for _ in range(count):
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            raise RuntimeError(answer.decode(errors="replace"))
        await reader.readexactly(len(BODY))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(RESPONSE)


async def _gateway(home: Path, ca: Path, port: int) -> tuple[Gateway, Target]:
    config = install(home)
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:{free_port()}", pages: "localhost:0"}}
templates: {{github: , playground: }}
upstream: {{ca: "{ca}", connect_to: {{"{HOST}:443": "127.0.0.1:{port}"}}}}
""",
        encoding="utf-8",
    )
    gateway = Gateway(config)
    await gateway.start()
    added = await gateway.ask("agent_add", name="bench")
    name, _, rest = added["proxy"].removeprefix("http://").partition(":")
    token, _, address = rest.partition("@")
    credentials = base64.b64encode(f"{name}:{token}".encode()).decode()
    proxy_port = int(address.rpartition(":")[2])
    return gateway, Target(proxy_port, f"{HOST}:443", HOST, credentials, gateway.state / "ca-bundle.pem")


async def _mitmdump(home: Path, ca: Path, port: int) -> tuple[asyncio.subprocess.Process, Target]:
    listen = free_port()
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("mitmdump")),
        "-q",
        "--listen-host",
        "127.0.0.1",
        "--listen-port",
        str(listen),
        "--set",
        f"confdir={home}",
        "--set",
        f"ssl_verify_upstream_trusted_ca={ca}",
        env=clean_environment(),
    )
    for _ in range(200):
        await asyncio.sleep(0.1)
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", listen)
            writer.close()
            break
    return process, Target(listen, f"localhost:{port}", "localhost", "", home / "mitmproxy-ca-cert.pem")
