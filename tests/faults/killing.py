"""Kills the gateway at random moments of the loop, and then asks whether anything happened twice or got lost.

The upstream lives in this process, so it remembers what arrived while the gateway did not.
"""

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.demo.client import Agent
from gateway.demo.person import Refused, SoftPerson
from gateway.installation import install
from tests.kit.process import Gateway
from tests.kit.upstream import Upstream

BEFORE_THE_KILL = (0.05, 1.2)
NEAR_A_RELEASE = 0.5
AT_ONCE = 4
ACCEPTED = 202
TEMPLATE = Path(__file__).with_name("target.yaml")
ORDERS = {"Content-Type": "application/json"}
FINAL = {"completed", "unknown", "denied", "expired", "lapsed", "cancelled", "revoked"}


class Killer:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.upstream = Upstream(folder / "upstream")
        self.config = folder / "gateway" / "secondsig.yaml"
        self.orders = 0
        self.answered: dict[str, int] = {}

    async def prepare(self) -> None:
        port = await self.upstream.start()
        install(self.config.parent, proxy="127.0.0.1:0", pages="localhost:0")
        self.config.write_text(
            f"listen: {{proxy: '127.0.0.1:0', pages: 'localhost:{free_port()}'}}\n"
            f"templates: {{orders: }}\ntemplate_files: ['{TEMPLATE}']\n"
            f"approvals: {{ttl: 30s, owner_may_approve: true}}\n"
            f"upstream:\n  ca: '{self.upstream.ca_file}'\n"
            f"  connect_to: {{'upstream.test:443': '127.0.0.1:{port}'}}\n",
            encoding="utf-8",
        )
        self.gateway = Gateway(self.config)
        await self.gateway.start()
        invitation = await self.gateway.ask("approver_invite")
        self.person = SoftPerson(invitation["url"].partition("/enrol")[0], "Mika")
        await self.person.enrol(invitation["url"])
        await self.gateway.stop()

    async def round(self) -> None:
        """Start, work, die."""
        await self.gateway.start()
        added = await self.gateway.ask("run_begin", agent="default")
        agent = Agent(added["proxy"], self.gateway.state / "ca-bundle.pem", timeout=10)
        work = [asyncio.create_task(self._order(agent)) for _ in range(AT_ONCE)]
        work.append(asyncio.create_task(self._approve_all()))
        await self._moment()
        self.gateway.kill()
        await asyncio.wait_for(self._gone(), 10)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _moment(self) -> None:
        """Any time at all, or just after something arrived, however slow the machine is."""
        before = sum(self.upstream.calls.values())
        if self.random.random() < NEAR_A_RELEASE:
            for _ in range(1500):
                if sum(self.upstream.calls.values()) > before:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(self.random.uniform(0, 0.05))
        else:
            await asyncio.sleep(self.random.uniform(*BEFORE_THE_KILL))

    async def _gone(self) -> None:
        if self.gateway.process:
            await self.gateway.process.wait()

    async def _order(self, agent: Agent) -> None:
        """As an SDK would: the same request again until there is an answer or nobody is there."""
        self.orders += 1
        number = f"o{self.orders}"
        url = f"https://upstream.test/orders/{number}"
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if self.orders % 2:
                self.answered[number] = await _come_back(agent, url)
                return
            for _ in range(3):
                answer = await agent.send("POST", url, b"{}", ORDERS)
                self.answered[number] = answer.status
                if answer.status == 201:
                    return

    async def _approve_all(self) -> None:
        with contextlib.suppress(OSError, Exception):
            await self.person.sign_in()
            while True:
                for row in await self.person.waiting():
                    with contextlib.suppress(Refused):
                        await self.person.approve(row["id"])
                await asyncio.sleep(0.01)

    async def verdict(self) -> list[str]:
        """Everything that is wrong after the last start; the start itself checks the database."""
        await self.gateway.start()
        await self.gateway.stop()
        await self.person.close()
        await self.upstream.stop()
        return check(self.gateway.state / "data" / "secondsig.db", self.upstream, self.answered)


async def _come_back(agent: Agent, url: str) -> int:
    """As an agent that leaves its request with the gateway: the answer's status, or why there is none."""
    answer = await agent.send("POST", url, b"{}", {**ORDERS, "Secondsig-Prefer": "respond-async"})
    if answer.status != ACCEPTED:
        return answer.status
    told = json.loads(answer.body)
    secret = {"Secondsig-Envelope-Secret": told["envelope_secret"]}
    while answer.status == ACCEPTED:
        await asyncio.sleep(0.02)
        answer = await agent.send("GET", told["location"], None, secret)
    return answer.status


def check(database: Path, upstream: Upstream, answered: dict[str, int]) -> list[str]:
    wrong = [f"{path} arrived {n} times" for (_, path), n in upstream.calls.items() if n > 1]
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        wrong += [
            f"the database is damaged: {row[0]}"
            for row in db.execute("PRAGMA integrity_check")
            if row[0] != "ok"
        ]
        states: dict[str, list[tuple[str, list[str]]]] = {}
        for row in db.execute("SELECT id, state, resource FROM envelopes ORDER BY rowid"):
            kinds = [
                r["kind"]
                for r in db.execute("SELECT kind FROM log WHERE envelope = ? ORDER BY seq", (row["id"],))
            ]
            wrong += rows_wrong(row["id"], row["state"], kinds)
            states.setdefault(row["resource"], []).append((row["state"], kinds))
    for _, path in upstream.calls:
        resource = f'Orders::Order::"{path.rpartition("/")[2]}"'
        if not any("authorised" in kinds for _, kinds in states.get(resource, [])):
            wrong.append(f"{path} arrived without a row that authorised it")
    for number, status in answered.items():
        if status == 201 and upstream.count("POST", f"/orders/{number}") != 1:
            wrong.append(
                f"{number} was answered 201 and arrived {upstream.count('POST', f'/orders/{number}')} times"
            )
    return wrong


NEEDED = {
    "approved": {"decision", "signature", "mint"},
    "completed": {"decision", "signature", "mint", "authorised", "outcome"},
    "unknown": {"decision", "signature", "mint", "authorised", "outcome"},
    "expired": {"decision", "end"},
    "denied": {"decision", "end"},
    "lapsed": {"decision", "mint", "end"},
    "pending": {"decision"},
}


def rows_wrong(envelope: str, state: str, kinds: list[str]) -> list[str]:
    if state == "spent":
        return [f"{envelope} is still spent after a start"]
    missing = NEEDED.get(state, set()) - set(kinds)
    return [f"{envelope} is {state} without its rows {sorted(missing)}"] if missing else []


def free_port() -> int:
    """A port that stays the same over restarts: passkeys are bound to the pages' origin."""
    from gateway.web.sockets import loopback_sockets

    sockets = loopback_sockets(0)
    port: int = sockets[0].getsockname()[1]
    for sock in sockets:
        sock.close()
    return port


async def kill_rounds(
    folder: Path, rounds: int, seed: int, told: Callable[[int], None]
) -> tuple[list[str], str]:
    killer = Killer(folder, seed)
    await killer.prepare()
    for number in range(rounds):
        await killer.round()
        told(number + 1)
    wrong = await killer.verdict()
    arrived = sum(killer.upstream.calls.values())
    return wrong, json.dumps(
        {"rounds": rounds, "orders": killer.orders, "arrived": arrived, "wrong": len(wrong)}
    )
