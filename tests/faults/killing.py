"""Kills the gateway at random moments of the loop, and then asks whether anything happened twice or got lost.

The upstream lives in this process, so it remembers what arrived while the gateway did not; so does the
person, who remembers every decision that the gateway said it had taken.
"""

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import aiohttp

from gateway.demo.client import Agent
from gateway.demo.person import Refused, SoftPerson
from gateway.installation import install
from tests.kit.ports import free_port
from tests.kit.process import Gateway
from tests.kit.upstream import Upstream

BEFORE_THE_KILL = (0.05, 1.2)
NEAR_A_RELEASE = 0.5
ACCEPTED = 202
AT_ONCE = 4
AGENT_THREADS = 25
DENIED = 0.2
TEMPLATE = Path(__file__).with_name("target.yaml")
ORDERS = {"Content-Type": "application/json"}
FINAL = {"completed", "unknown", "denied", "expired", "lapsed", "cancelled", "revoked"}


class Killer:
    def __init__(self, folder: Path, seed: int, held: int | None = None) -> None:
        """With `held` that many questions are open at once before anybody decides or anything dies."""
        self.folder, self.random = folder, random.Random(seed)
        self.held, self.at_once = held, held or AT_ONCE
        self.ttl = 30 if held is None else 5 + held // 5
        self.upstream = Upstream(folder / "upstream")
        self.config = folder / "gateway" / "secondsig.yaml"
        self.orders = 0
        self.answered: dict[str, int] = {}
        self.told: dict[str, str] = {}
        self.open_at_death: list[int] = []

    async def prepare(self) -> None:
        port = await self.upstream.start()
        install(self.config.parent, proxy="127.0.0.1:0", pages="localhost:0")
        self.config.write_text(
            f"listen: {{proxy: '127.0.0.1:0', pages: 'localhost:{free_port()}'}}\n"
            f"templates: {{orders: }}\ntemplate_files: ['{TEMPLATE}']\n"
            f"approvals: {{ttl: {self.ttl}s, owner_may_approve: true}}\n"
            + many_questions()
            + f"upstream:\n  ca: '{self.upstream.ca_file}'\n"
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
        agents = await self._agents()
        work = [asyncio.create_task(self._order(agents[n % len(agents)])) for n in range(self.at_once)]
        if self.held:
            await self._until_held(self.held)
        work.append(asyncio.create_task(self._decide_all()))
        await self._moment()
        self.gateway.kill()
        await asyncio.wait_for(self._gone(), 60)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _agents(self) -> list[Agent]:
        """As many clients of one agent as are needed to hold that many requests at once."""
        added = await self.gateway.ask("run_begin", agent="default")
        bundle = self.gateway.state / "ca-bundle.pem"
        return [Agent(added["proxy"], bundle, timeout=10) for _ in range(1 + self.at_once // AGENT_THREADS)]

    async def _until_held(self, count: int) -> None:
        for _ in range(600):
            listed = (await self.gateway.ask("envelope_list"))["envelopes"]
            waiting = sum(row["state"] == "pending" for row in listed)
            if waiting >= count:
                self.open_at_death.append(waiting)
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{count} requests should be held")

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
        with contextlib.suppress(asyncio.CancelledError):
            for _ in range(3):
                if await self._send(agent, number) == 201:
                    return

    async def _send(self, agent: Agent, number: str) -> int | None:
        """Every second order is left with the gateway, unless so many are held that each must be held."""
        url = f"https://upstream.test/orders/{number}"
        try:
            if not self.held and int(number[1:]) % 2:
                self.answered[number] = await _come_back(agent, url)
            else:
                self.answered[number] = (await agent.send("POST", url, b"{}", ORDERS)).status
        except OSError:
            return None
        return self.answered[number]

    async def _decide_all(self) -> None:
        with contextlib.suppress(OSError, aiohttp.ClientError):
            await self.person.sign_in()
            while True:
                for row in await self.person.waiting():
                    with contextlib.suppress(Refused):
                        await self._decide(row["id"])
                await asyncio.sleep(0.01)

    async def _decide(self, envelope: str) -> None:
        """What the gateway answers is remembered: from then on it must be true."""
        if self.held and self.random.random() < DENIED:
            await self.person.deny(envelope)
            self.told[envelope] = "denied"
        else:
            await self.person.approve(envelope)
            self.told[envelope] = "approved"

    async def verdict(self) -> list[str]:
        """Everything that is wrong after the last start; the start itself checks the database."""
        await self.gateway.start()
        if self.held:
            await self._until_all_is_over()
        await self.gateway.stop()
        await self.person.close()
        await self.upstream.stop()
        database = self.gateway.state / "data" / "secondsig.db"
        wrong = check(database, self.upstream, self.answered)
        wrong += lost(database, self.told)
        return wrong + (endless(database) if self.held else [])

    async def _until_all_is_over(self) -> None:
        """Agents that come back use what was approved; what nobody decided runs out."""
        (agent, *_) = await self._agents()
        for _ in range(self.ttl * 4):
            listed = (await self.gateway.ask("envelope_list"))["envelopes"]
            if not {row["state"] for row in listed} & {"pending", "approved", "spent"}:
                return
            for row in listed:
                if row["state"] == "approved":
                    await self._send(agent, row["resource"].split('"')[1])
            await asyncio.sleep(0.5)


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


def lost(database: Path, told: dict[str, str]) -> list[str]:
    """Decisions that the gateway said it had taken, and that are not in its database."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        denied = {row[0] for row in db.execute("SELECT id FROM envelopes WHERE state = 'denied'")}
        signed = {row[0] for row in db.execute("SELECT envelope FROM signatures")}
        waiting = {row[0] for row in db.execute("SELECT id FROM envelopes WHERE state = 'pending'")}
    kept = {"denied": denied, "approved": signed - waiting}
    return [
        f"{envelope} was {what}, and that is lost"
        for envelope, what in told.items()
        if envelope not in kept[what]
    ]


def endless(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT id, state FROM envelopes WHERE state IN ('pending', 'approved', 'spent')")
        return [f"{envelope} has no end: it is {state}" for envelope, state in rows]


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


def many_questions() -> str:
    """Settings under which people are asked as often as a test likes."""
    whose = ("agent", "team", "everybody")
    caps = "".join(f"    {who}: {{waiting: 10000, minute: 100000, hour: 100000}}\n" for who in whose)
    return f"limits:\n  denials_in_a_row: 0\n  questions:\n{caps}"


async def kill_rounds(
    folder: Path, rounds: int, seed: int, told: Callable[[int], None], held: int | None = None
) -> tuple[list[str], dict[str, int]]:
    """What was wrong, and what happened in all."""
    killer = Killer(folder, seed, held)
    await killer.prepare()
    for number in range(rounds):
        await killer.round()
        told(number + 1)
    wrong = await killer.verdict()
    said = {
        "rounds": rounds,
        "orders": killer.orders,
        "arrived": sum(killer.upstream.calls.values()),
        "decisions": len(killer.told),
        "fewest open": min(killer.open_at_death, default=0),
        "wrong": len(wrong),
    }
    return wrong, said


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
