"""An agent that knows nothing of Secondsig: the standard library's HTTP client behind HTTPS_PROXY."""

import asyncio
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.values import dataclass

MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Agent:
    def __init__(self, proxy: str, bundle: Path, timeout: float = 60) -> None:
        context = ssl.create_default_context(cafile=str(bundle))
        self._open = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": proxy, "https": proxy}),
            urllib.request.HTTPSHandler(context=context),
        ).open
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE)

    async def send(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Blocks a thread of its own, as a real client would block."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._send, method, url, body, headers or {})

    def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  # the caller's own URL
        try:
            with self._open(request, timeout=self._timeout) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, dict(refusal.headers), refusal.read())
