"""The templates in force as the pages show them; and what they would make of a request that is never sent."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.desk.changing import check_administrator
from gateway.desk.contract import DeskError, Session
from gateway.directory import Directory
from gateway.errors import UsageError
from gateway.model import Risk, ServiceMode
from gateway.payload import utc
from gateway.rules import LastChange, Rules, is_administrator
from gateway.store.contract import Store
from gateway.store.things import Unmatched
from gateway.templates.service import Service

PATIENCE = 5.0
"""Seconds after which nobody waits for an explanation any more."""

LATELY = 20_000
"""Rows of the log that are looked through for what no action names."""

MOST_UNMATCHED = 50


class Explain(Protocol):
    def __call__(
        self, written: str, agent: str | None, rules: Rules, directory: Directory, now: int, /
    ) -> dict[str, Any]:
        """UsageError for what is no request."""
        ...


@dataclass
class Templates:
    store: Store
    directory: Directory
    rules: Callable[[], Rules]
    last_change: LastChange
    explain: Explain
    _running: asyncio.Task[dict[str, Any]] | None = field(default=None, init=False)

    async def view(self, session: Session) -> dict[str, Any]:
        rules, refused = self.rules(), self.last_change.refused
        loosened = Counter(found.action.split("/")[1] for found in rules.library.loosened())
        return {
            "administrator": is_administrator(rules, self.directory, session.person),
            "agents": sorted(self.directory.agents),
            "config": rules.digest,
            "unknown_hosts": rules.settings.unknown_hosts,
            "services": [
                {**_service(service, rules), "loosened": loosened[name]}
                for name, service in sorted(rules.library.services.items())
            ],
            "refused": None if refused is None else {"at": utc(refused.at), "why": list(refused.why)},
            "unmatched": [_unmatched(each) for each in await self.store.unmatched(LATELY, MOST_UNMATCHED)],
            "looked_through": LATELY,
            "server_time": utc(self.store.now()),
        }

    async def tried(self, session: Session, written: str, agent: str | None) -> dict[str, Any]:
        """In a thread, one at a time: an explanation that takes too long keeps the place until it ends."""
        rules = self.rules()
        check_administrator(rules, self.directory, session.person)
        if self._running is not None and not self._running.done():
            raise DeskError(429, "busy", "Another request is being explained: try again in a moment.")
        now = self.store.now()
        self._running = asyncio.create_task(
            asyncio.to_thread(self.explain, written, agent, rules, self.directory, now)
        )
        self._running.add_done_callback(_hear)
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(self._running)
        except UsageError as error:
            raise DeskError(400, "no_request", str(error)) from error
        except TimeoutError:
            raise DeskError(
                422,
                "too_long",
                f"It was not explained within {PATIENCE:g} seconds: try secondsig template explain.",
            ) from None


def _hear(ended: asyncio.Task[dict[str, Any]]) -> None:
    """Nobody may be left to ask how it ended."""
    if not ended.cancelled():
        ended.exception()


def _service(service: Service, rules: Rules) -> dict[str, Any]:
    used = rules.settings.templates.get(service.name)
    actions = Counter(action.risk for action in service.actions)
    return {
        "name": service.name,
        "title": service.title,
        "version": service.version,
        "digest": service.digest,
        "mode": str(used.mode if used else ServiceMode.ENFORCE),
        "hosts": list(service.hosts),
        "actions": {str(risk): actions[risk] for risk in Risk},
        "unmatched": {access: str(action.risk) for access, action in service.unmatched.items()},
        "own": service.file in rules.settings.template_files,
        "overlays": len(used.overlays) if used else 0,
    }


def _unmatched(found: Unmatched) -> dict[str, Any]:
    return {
        "host": found.host,
        "method": found.method,
        "action": found.action,
        "reason": found.reason,
        "count": found.count,
        "last_at": utc(found.last_ms // 1000),
        "agent": found.agent,
        "resource": found.resource,
        "detail": found.detail,
    }
