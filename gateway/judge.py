"""An operator's own judge: whether a request fits the purpose that its agent gave.

It is asked only about what would be allowed, and can only make a person be asked: whatever is not a clear yes
in time is a no.
"""

import json
import ssl
from functools import cache
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog

from gateway.model import Mapped, Request, Unit, summary_text
from gateway.questions import purpose
from gateway.settings import Judge as Setting
from gateway.values import dataclass

MAX_ANSWER = 65_536

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Judge:
    """One endpoint over HTTP."""

    url: str
    timeout: int

    async def fits(self, request: Request, mapped: Mapped) -> bool:
        """True only for an answer that says exactly so; never raises."""
        try:
            return await self._ask(question(request, mapped))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("judge.no_answer", error=f"{type(error).__name__}: {error}")
            return False

    async def _ask(self, asked: dict[str, Any]) -> bool:
        """A fresh connection, no redirect, no cookies, no proxy of the environment, and a bounded answer."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_verifying()),
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        async with session, session.post(self.url, json=asked, allow_redirects=False) as answer:
            raw = await answer.content.read(MAX_ANSWER)
            while len(raw) < MAX_ANSWER and not answer.content.at_eof():
                raw += await answer.content.read(MAX_ANSWER - len(raw))
            return answer.status == HTTPStatus.OK and len(raw) < MAX_ANSWER and _is_yes(raw)


@cache
def _verifying() -> ssl.SSLContext:
    """Read once, and only where there is a judge to ask."""
    return ssl.create_default_context()


def _is_yes(raw: bytes) -> bool:
    """Exactly one member, named once, and true: 1 is not true."""
    said = json.loads(raw, object_pairs_hook=list)
    return bool(said == [("fits", True)] and said[0][1] is True)


def judge_of(setting: Setting) -> Judge | None:
    return Judge(setting.url, setting.timeout) if setting.url else None


def is_asked(request: Request, mapped: Mapped) -> bool:
    """Only a write can fit a purpose or not, and only a purpose that was given."""
    return purpose(request) is not None and any(unit.access == "write" for unit in mapped.units)


def question(request: Request, mapped: Mapped) -> dict[str, Any]:
    """What the judge is told: the meaning, and no value that a template hides."""
    return {
        "version": 1,
        "agent": request.caller.agent,
        "purpose": purpose(request),
        "method": request.method,
        "host": request.host,
        "units": [_unit(unit) for unit in mapped.units],
    }


def _unit(unit: Unit) -> dict[str, Any]:
    hides = unit.redact or unit.secret
    return {
        "action": unit.action,
        "title": unit.title,
        "groups": list(unit.groups),
        "access": unit.access,
        "resource": str(unit.resource),
        "summary": None if hides else summary_text(unit.summary),
    }
