"""`secondsig demo`."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.output import print_json
from gateway.cli.serve import configure_logging
from gateway.errors import SecondsigError

if TYPE_CHECKING:
    from gateway.service import Service

WAIT = 300


def demo(arguments: argparse.Namespace) -> int:
    """0 only if the upstream saw exactly what it should."""
    configure_logging(machine=True, quiet=True)
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if not arguments.json:
            print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="secondsig-demo-") as folder:
        story = _headless if arguments.headless else _by_hand
        asyncio.run(story(Path(folder) / "demo", say))
    if arguments.json:
        print_json({"ok": True, "story": told})
    return 0


async def _headless(folder: Path, say: Callable[[str], None]) -> None:
    from gateway.demo.story import headless

    await headless(folder, say)


async def _by_hand(folder: Path, say: Callable[[str], None]) -> None:
    """One held payment, decided by whoever sits in front of a browser."""
    from gateway.demo.client import Agent
    from gateway.demo.story import BASE, JSON, start

    service = await start(folder, ttl=WAIT)
    try:
        added = await service.operating.agent_add("ci-bot")
        invitation = await service.operating.approver_invite()
        say(f"1. Open this and enrol your passkey:\n   {invitation['url']}")
        await _until_enrolled(service)
        say(f"2. ci-bot sends a payment. Read it and decide:\n   {service.settings.origin}/app/approvals")
        agent = Agent(added["proxy"], service.paths.bundle, timeout=WAIT + 10)
        body = b'{"amount": 600, "currency": "jpy", "to": "acct_tea"}'
        answer = await agent.send("POST", f"{BASE}/v1/payments", body, JSON)
        say(f"3. ci-bot was answered {answer.status}:\n{answer.body.decode()}")
    finally:
        await service.stop()


async def _until_enrolled(service: "Service") -> None:
    for _ in range(WAIT * 2):
        if service.directory.people:
            return
        await asyncio.sleep(0.5)
    raise SecondsigError("Nobody enrolled within five minutes: start the demo again.")
