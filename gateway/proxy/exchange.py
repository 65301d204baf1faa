"""What the engine knows about a tunnel and about each request, beside mitmproxy's own flow."""

import asyncio
import logging
from dataclasses import dataclass, field

from mitmproxy import http

from gateway.gate import Outcome, Release
from gateway.model import Caller
from gateway.outcomes import AnswerReader
from gateway.proxy.authority import spell

logger = logging.getLogger(__name__)

KEY = "secondsig"


@dataclass(slots=True)
class Tunnel:
    """A CONNECT that was let in: where it leads, and the credential that opened it."""

    host: str
    port: int
    credential: tuple[str, ...]
    caller: Caller
    untouched: bool = False


type Tunnels = dict[str, Tunnel]
"""The tunnel of each client connection, by the connection's id."""


@dataclass(slots=True)
class Listening:
    """An answer that is read along while it passes; `body` is None once there is more than will be read."""

    reader: AnswerReader
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytearray | None = field(default_factory=bytearray)


@dataclass(slots=True)
class Exchange:
    """One request on its way. Nothing goes upstream before `cleared`, which only a verdict sets."""

    method: str
    authority: str
    """As the request line or `:authority` had it; mitmproxy forgets it later."""
    scheme: str
    target: str
    inside: bool
    """Whether the request came through a tunnel."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    caller: Caller | None = None
    host: str = ""
    port: int = 0
    limit: int | None = None
    cleared: bool = False
    sent: bool = False
    release: Release | None = None
    listening: Listening | None = None
    _settled: bool = False

    @property
    def where(self) -> str:
        return spell(self.host, self.port) if self.host else self.authority

    @property
    def request_line(self) -> str:
        return f"{self.method} {self.target}"

    def settle(self, outcome: Outcome, status: int | None = None, detail: str = "") -> None:
        """Tell the release how it ended; only the first call counts."""
        if self.release and not self._settled:
            self._settled = True
            try:
                self.release.done(outcome, status, detail)
            except Exception:
                logger.exception("the outcome of %s could not be recorded", self.release.id)

    def answered(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """The head of the answer came: that is the outcome, unless the answer itself has a say in it."""
        reader = self.release.reader if self.release else None
        if reader is None:
            self.settle("completed", status)
        else:
            self.listening = Listening(reader, status, headers)

    def hear(self, chunk: bytes) -> bytes:
        """A piece of the answer, which goes on to the client as it is."""
        heard = self.listening
        if heard is not None and heard.body is not None:
            heard.body += chunk
            if len(heard.body) > heard.reader.limit:
                heard.body = None
                self.heard()
        return chunk

    def heard(self, *, whole: bool = True) -> None:
        """The answer has ended, or there is more of it than will be read."""
        heard = self.listening
        if heard is not None:
            body = bytes(heard.body) if whole and heard.body is not None else None
            self._settle_read(heard, body)

    def _settle_read(self, heard: Listening, body: bytes | None) -> None:
        try:
            said, detail = heard.reader.read(heard.status, heard.headers, body)
        except Exception:
            logger.exception("the answer could not be read")
            said, detail = "unclear", "The answer could not be read."
        self.settle(said, heard.status, detail)

    def failed(self, detail: str) -> None:
        """No answer came: before the first byte nothing happened, after it nobody knows."""
        if self.listening is not None:
            self.heard(whole=False)
            return
        self.settle("unknown" if self.sent else "not_sent", None, detail)


def begin(flow: http.HTTPFlow, *, inside: bool) -> Exchange:
    """Note what the request's head said before anything changes it."""
    data = flow.request.data
    exchange = flow.metadata[KEY] = Exchange(
        method=data.method.decode("latin-1"),
        authority=data.authority.decode("latin-1"),
        scheme=data.scheme.decode("latin-1"),
        target=data.path.decode("latin-1"),
        inside=inside,
    )
    return exchange


def exchange_of(flow: http.HTTPFlow) -> Exchange:
    exchange = flow.metadata[KEY]
    assert isinstance(exchange, Exchange)  # noqa: S101 -- begin() put it there
    return exchange
