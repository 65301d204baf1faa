"""Everything that Apprise reaches: email, chats, pagers. It blocks, so each call has a thread of its own."""

import asyncio
import html
import logging
import threading
from collections.abc import Callable
from dataclasses import field
from typing import Any

from gateway.notify.channel import Failed, Outcome, Sent
from gateway.notify.message import Limit, Message, fitted
from gateway.values import dataclass

NAME = "Secondsig"
SECONDS = 20.0
THREADS = 32
"""Calls that one channel may have open, those that nobody waits for any more among them."""

SMALLEST = 140
"""What a channel has to take, so that a link fits."""


class Unusable(Exception):
    """Apprise does not know such an address. The text names nothing of it."""


@dataclass(frozen=True, slots=True)
class _Made:
    """Apprise's own object, and how much it takes."""

    sender: Any
    limit: Limit


@dataclass
class AppriseService:
    """One address of the operator's."""

    url: str = field(repr=False)
    seconds: float = SECONDS
    personal: bool = field(default=False, init=False)
    withdraws: bool = field(default=False, init=False)
    """A text that went out stays as it is."""
    _made: _Made | None = field(default=None, init=False, repr=False)
    _open: int = field(default=0, init=False)

    def has(self, person: str) -> bool:
        return True

    async def send(self, message: Message, to: str) -> Outcome:
        if self._open >= THREADS:
            return Failed("busy", again=True)
        try:
            went = await self._in_thread(lambda: self._notify(message))
        except Unusable:
            return Failed("address not understood", again=False)
        except TimeoutError:
            return Failed("no answer in time", again=True)
        except Exception:  # noqa: BLE001  # a service's own code may fail in any way; its words may hold the address
            return Failed("failed", again=True)
        return Sent() if went else Failed("not taken", again=True)

    async def check(self) -> None:
        """Unusable where Apprise does not understand the address; loads it, which takes a moment."""
        await self._in_thread(self._service)

    def _notify(self, message: Message) -> bool:
        made = self._service()
        title, body = fitted(message, made.limit, _as_html)
        kind = "warning" if message.kind == "asked" else "info"
        return bool(made.sender.notify(body=body, title=title, notify_type=kind, body_format="text"))

    def _service(self) -> _Made:
        if self._made is None:
            self._made = _make(self.url)
        return self._made

    async def _in_thread[T](self, call: Callable[[], T]) -> T:
        """On a thread that ends with the process, whatever it waits for; nobody waits longer than is left."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._open += 1

        def run() -> None:
            try:
                result, fault = call(), None
            except Exception as error:  # noqa: BLE001  # it is raised again where it is waited for
                result, fault = None, error
            _on(loop, lambda: self._done(answer, result, fault))

        threading.Thread(target=run, name="secondsig-notify", daemon=True).start()
        async with asyncio.timeout(self.seconds):
            return await answer

    def _done(self, answer: asyncio.Future[Any], result: Any, fault: Exception | None) -> None:
        self._open -= 1
        if answer.done():
            return
        if fault is None:
            answer.set_result(result)
        else:
            answer.set_exception(fault)


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Unless the gateway has stopped in the meantime."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return


def _make(url: str) -> _Made:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    ours = apprise.AppriseAsset(app_id=NAME, app_desc=NAME, app_url="", image_url_mask="", image_url_logo="")
    service = apprise.Apprise.instantiate(url, asset=ours, suppress_exceptions=True)
    if service is None or service.body_maxlen < SMALLEST:
        raise Unusable
    sender = apprise.Apprise(asset=ours)
    sender.add(service)
    return _Made(sender, _limit(service.title_maxlen, service.body_maxlen))


def _limit(title: int, body: int) -> Limit:
    """Where a service has no title, Apprise puts ours on a line above the text."""
    return Limit(title, body) if title else Limit(body // 4, body - body // 4 - 2)


def _as_html(text: str) -> int:
    """Of the escapes that services use HTML grows most."""
    return len(html.escape(text))
