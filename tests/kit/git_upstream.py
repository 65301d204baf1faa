"""A real git server over HTTPS: git's own http-backend behind a loopback TLS listener."""

import asyncio
import os
import subprocess
from collections import Counter
from pathlib import Path

from aiohttp import web

from gateway.playground_tls import server_context
from gateway.proxy.certificates import make_ca


class GitUpstream:
    def __init__(self, folder: Path, host: str = "github.com") -> None:
        folder.mkdir(parents=True)
        self.folder, self.host = folder, host
        self.authority = make_ca(folder)
        self.calls: Counter[tuple[str, str]] = Counter()
        self._runner: web.ServerRunner | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def make_repository(self, name: str) -> None:
        """A bare repository with one commit."""
        work, bare = self.folder / "work", self.folder / "srv" / f"{name}.git"
        bare.parent.mkdir(parents=True, exist_ok=True)
        git("init", "-q", "-b", "main", str(work))
        (work / "README").write_text("hello\n", encoding="utf-8")
        git("-C", str(work), "add", "README")
        git("-C", str(work), "-c", "user.name=t", "-c", "user.email=t@t.test", "commit", "-qm", "first")
        git("clone", "-q", "--bare", str(work), str(bare))

    async def start(self) -> int:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        context = server_context(self.authority, self.folder, self.host)
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls[request.method, request.path] += 1
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "GIT_PROJECT_ROOT": str(self.folder / "srv"),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": request.path,
                "REQUEST_METHOD": request.method,
                "QUERY_STRING": request.query_string,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            },
        )
        out, _ = await process.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        return web.Response(status=status, body=body, headers=headers)


def git(*arguments: str) -> None:
    subprocess.run(("git", *arguments), check=True, capture_output=True)
