"""A YAML language server, spoken to as an editor does: JSON-RPC with lengths, over pipes."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "clients" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
LIMIT = 60.0


@dataclass
class LanguageServer:
    """One session. Answers are waited for; what the server asks of an editor is answered with nothing."""

    folder: Path
    schema: str
    _next: int = 0
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _diagnostics: dict[str, asyncio.Queue[list[dict[str, Any]]]] = field(default_factory=dict)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(SERVER),
            "--stdio",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self.folder,
        )
        self._reading = asyncio.create_task(self._read())
        capabilities = {
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {"completionItem": {"snippetSupport": True}},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True},
        }
        await self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        await self.tell("initialized", {})

    async def stop(self) -> None:
        self._reading.cancel()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def open(self, name: str, text: str) -> list[dict[str, Any]]:
        """What the server finds in the file."""
        uri = self._uri(name)
        found = self._diagnostics[uri] = asyncio.Queue()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        await self.tell("textDocument/didOpen", {"textDocument": document})
        async with asyncio.timeout(LIMIT):
            return await found.get()

    async def complete(self, name: str, line: int, column: int) -> list[str]:
        """The words that an editor would offer there; lines and columns count from 0."""
        found = await self.ask("textDocument/completion", self._at(name, line, column))
        return [item["label"] for item in found["items"]]

    async def hover(self, name: str, line: int, column: int) -> str:
        found = await self.ask("textDocument/hover", self._at(name, line, column))
        return str(found["contents"]["value"]) if found else ""

    def _at(self, name: str, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self._uri(name)}, "position": {"line": line, "character": column}}

    def _uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    async def ask(self, method: str, params: Any) -> Any:
        self._next += 1
        answer = self._answers[self._next] = asyncio.get_running_loop().create_future()
        await self._send({"id": self._next, "method": method, "params": params})
        async with asyncio.timeout(LIMIT):
            return await answer

    async def tell(self, method: str, params: Any) -> None:
        await self._send({"method": method, "params": params})

    async def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await self._process.stdin.drain()

    async def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        while True:
            head = await out.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")
            )
            await self._take(json.loads(await out.readexactly(length)))

    async def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            queue = self._diagnostics.get(message["params"]["uri"])
            if queue is not None:
                queue.put_nowait(message["params"]["diagnostics"])
        elif "method" in message and "id" in message:
            await self._send({"id": message["id"], "result": self._own(message)})
        elif message.get("id") in self._answers:
            self._answers.pop(message["id"]).set_result(message.get("result"))

    def _own(self, message: dict[str, Any]) -> Any:
        """The settings of an editor whose user wants this schema for every file."""
        if message["method"] != "workspace/configuration":
            return None
        yaml = {
            "schemas": {self.schema: "*.yaml"},
            "validate": True,
            "hover": True,
            "completion": True,
            "schemaStore": {"enable": False},
        }
        return [yaml if item.get("section") == "yaml" else None for item in message["params"]["items"]]
