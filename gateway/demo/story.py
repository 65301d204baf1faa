"""Five requests through the real proxy, told as they happen; true only if the upstream saw what it should."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config import load_settings
from gateway.demo.client import Agent, Answer
from gateway.demo.person import SoftPerson
from gateway.errors import SecondsigError
from gateway.installation import install
from gateway.playground_tls import HOST
from gateway.service import Service

TTL = 4
NEVER = """
@id("treasury-stays")
@reason("Nobody deletes the treasury, not even with a signature.")
forbid (
    principal,
    action == Action::"/playground/account/delete",
    resource == Playground::Account::"acct_treasury"
);
"""
BASE = f"https://{HOST}"
JSON = {"Content-Type": "application/json"}
COLUMNS = ("kind", "decision", "reason", "outcome", "status", "person", "cosigner")


class Unexpected(SecondsigError):
    """Something went another way than the story tells."""


@dataclass
class Stage:
    """The gateway, an agent behind it, and a person in front of it."""

    service: Service
    agent: Agent
    person: SoftPerson
    say: Callable[[str], None]

    def calls(self, method: str, path: str) -> int:
        return self.service.playground.count(method, path)


async def headless(folder: Path, say: Callable[[str], None]) -> None:
    """The whole story in this folder; raises Unexpected at the first thing that is not as it should be."""
    service = await start(folder)
    try:
        person = SoftPerson(service.settings.origin, "Mika")
        try:
            await person.enrol((await service.operating.approver_invite())["url"])
            added = await service.operating.agent_add("ci-bot", owner="Mika")
            stage = Stage(service, Agent(added["proxy"], service.paths.bundle), person, say)
            await _tell(stage)
        finally:
            await person.close()
    finally:
        await service.stop()


async def start(folder: Path, ttl: int = TTL) -> Service:
    """A gateway on free ports, whose only service is the playground."""
    path = install(folder, proxy="127.0.0.1:0", pages="localhost:0")
    text = path.read_text(encoding="utf-8").replace("  github:\n  stripe:\n", "")
    path.write_text(text.replace("ttl: 60s", f"ttl: {ttl}s"), encoding="utf-8")
    policy = folder / "policy.cedar"
    policy.write_text(policy.read_text(encoding="utf-8") + NEVER, encoding="utf-8")
    service = Service(load_settings(path, {}))
    await service.start()
    return service


async def _tell(stage: Stage) -> None:
    for number, chapter in enumerate((_allowed, _forbidden, _approved, _denied, _timed_out), 1):
        stage.say("")
        stage.say(f"{number}. {(chapter.__doc__ or '').strip()}")
        await chapter(stage)
    stage.say("")
    stage.say("The upstream saw exactly two requests: the read, and the payment that a person signed, once.")
    _check(len(stage.service.playground.calls) == 2, "the upstream saw something else")  # noqa: PLR2004  # two


async def _allowed(stage: Stage) -> None:
    """A read. Policy lets it pass, nobody is asked."""
    answer = await stage.agent.send("GET", f"{BASE}/v1/accounts")
    _check(answer.status == 200, f"a read was answered {answer.status}")  # noqa: PLR2004  # OK
    _check(stage.calls("GET", "/v1/accounts") == 1, "the read did not arrive once")
    stage.say(f"   → {answer.status}, {len(answer.body)} bytes from the upstream")
    await _rows(stage, {"agent": "ci-bot", "decision": "allow"}, 1)


async def _forbidden(stage: Stage) -> None:
    """Deleting the treasury. Policy forbids it with or without a signature, so nobody is asked."""
    answer = await stage.agent.send("DELETE", f"{BASE}/v1/accounts/acct_treasury")
    _refused(answer, "policy_denied")
    _check(stage.calls("DELETE", "/v1/accounts/acct_treasury") == 0, "a forbidden request went upstream")
    stage.say(f"   → {answer.status} {_detail(answer)}")
    await _rows(stage, {"agent": "ci-bot", "decision": "deny"}, 1)


async def _approved(stage: Stage) -> None:
    """A payment. It is held; Mika reads it and signs it with a passkey; it goes out once."""
    answer, envelope = await _asked(stage, 600, stage.person.approve)
    _check(answer.status == 201, f"the approved payment was answered {answer.status}")  # noqa: PLR2004  # created
    _check(stage.calls("POST", "/v1/payments") == 1, "the approved payment did not arrive exactly once")
    stage.say(f"   → {answer.status} {answer.body.decode().strip()}")
    await _chain(stage, envelope)


async def _denied(stage: Stage) -> None:
    """A larger payment. It is held; Mika denies it and says why."""
    answer, envelope = await _asked(
        stage, 60_000, lambda envelope: stage.person.deny(envelope, "Wrong target.")
    )
    _refused(answer, "approval_denied")
    _check(stage.calls("POST", "/v1/payments") == 1, "a denied payment went upstream")
    stage.say(f"   → {answer.status} {_detail(answer)}")
    await _chain(stage, envelope)


async def _timed_out(stage: Stage) -> None:
    """Another payment. Nobody answers; when the time is up it is refused."""

    async def nobody(_envelope: str) -> None:
        stage.say(f"   nobody answers for {TTL} seconds …")

    answer, envelope = await _asked(stage, 700, nobody)
    _refused(answer, "approval_timeout")
    _check(stage.calls("POST", "/v1/payments") == 1, "a payment nobody approved went upstream")
    stage.say(f"   → {answer.status} {_detail(answer)}")
    await _chain(stage, envelope)


async def _asked(stage: Stage, amount: int, decide: Callable[[str], Awaitable[object]]) -> tuple[Answer, str]:
    """Sends a payment, waits until it is held, lets somebody decide; the agent's answer, and the envelope."""
    body = json.dumps({"amount": amount, "currency": "jpy", "to": "acct_tea"}).encode()
    sending = asyncio.create_task(stage.agent.send("POST", f"{BASE}/v1/payments", body, JSON))
    for _ in range(200):
        waiting = await stage.person.waiting()
        if waiting:
            break
        await asyncio.sleep(0.02)
    else:
        sending.cancel()
        raise Unexpected("the payment was not held")
    stage.say(f"   held as {waiting[0]['id']}")
    await decide(waiting[0]["id"])
    return await sending, waiting[0]["id"]


async def _chain(stage: Stage, envelope: str) -> None:
    await stage.service.releaser.settle()
    for entry in await stage.service.store.rows_of([envelope]):
        stage.say(f"   row {entry.seq}: {_row(entry.row.columns())}")


async def _rows(stage: Stage, where: dict[str, str], count: int) -> None:
    for _ in range(100):
        entries = await stage.service.store.rows(where, None, count)
        if len(entries) == count:
            break
        await asyncio.sleep(0.02)
    else:
        raise Unexpected("the row is missing")
    for entry in entries:
        stage.say(f"   row {entry.seq}: {_row(entry.row.columns())}")


def _row(columns: dict[str, Any]) -> str:
    said = [f"{name}={str(columns[name])[:24]}" for name in COLUMNS if columns[name] is not None]
    return " ".join(said)


def _refused(answer: Answer, reason: str) -> None:
    said = json.loads(answer.body)
    _check(answer.status == 403 and said["reason"] == reason, f"answered {answer.status} {said['reason']}")  # noqa: PLR2004


def _detail(answer: Answer) -> str:
    said = json.loads(answer.body)
    return f"{said['reason']}: {said['detail']}"


def _check(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # an assertion reads so
    if not holds:
        raise Unexpected(f"This demo failed: {otherwise}.")
