"""Eight people in eight processes decide the same questions at the same time: each has exactly one winner.

One gateway runs, for its database belongs to one process; the deciders speak the pages' own API with sessions
of their own. Only the first person can be enrolled over the pages today, so these are written into the
database before the gateway starts. It passes or fails, and so it stands here and not among the benchmarks.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import sqlite3
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import passkeys
from gateway.demo.authenticator import SoftPasskey, encode
from gateway.demo.client import Agent
from gateway.installation import install
from gateway.service import Paths
from gateway.store.sqlite import SqliteStore
from gateway.store.things import Invitation, Person
from gateway.store.writes import Enrol, Invite
from tests.faults.killing import ORDERS, TEMPLATE, many_questions
from tests.kit.ports import free_port
from tests.kit.process import Gateway, clean_environment

NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
DECISIONS = 10
"""On each envelope: one of each person, and two who try again."""
LEAD = 20
LIMIT = 540
"""Seconds after which it gives up."""


@dataclass
class Contest:
    folder: Path
    seed: int
    passkeys: dict[str, SoftPasskey] = field(default_factory=dict)

    async def run(self, envelopes: int) -> tuple[list[str], dict[str, int]]:
        async with asyncio.timeout(LIMIT):
            await self._prepare()
            try:
                ids = await self._ask(envelopes)
                said = await self._decide(ids)
            finally:
                await self.gateway.stop()
        return judge(ids, said, self.paths.database), summary(ids, said)

    async def _prepare(self) -> None:
        config = self.folder / "gateway" / "secondsig.yaml"
        install(config.parent)
        self.origin = f"http://localhost:{free_port()}"
        config.write_text(
            f"listen: {{proxy: '127.0.0.1:0', pages: '{self.origin.removeprefix('http://')}'}}\n"
            f"templates: {{orders: }}\ntemplate_files: ['{TEMPLATE}']\n"
            "approvals: {ttl: 1h, max_ttl: 1h, mode: reject}\n" + many_questions(),
            encoding="utf-8",
        )
        self.gateway = Gateway(config)
        self.paths = Paths(self.gateway.state)
        await self.gateway.start()
        await self.gateway.stop()
        await self._enrol_all()
        await self.gateway.start()

    async def _enrol_all(self) -> None:
        """Into the database itself, while no gateway runs: the pages enrol only the first person today."""
        store = SqliteStore(self.paths.database, beside=self.paths.epoch)
        gateway = await store.meta("gateway")
        for name in NAMES:
            handle = hashlib.sha256(f"{gateway} {name}".encode()).digest()
            self.passkeys[name], credential = new_passkey(name, handle, self.origin)
            await store.apply(Invite(Invitation(name, name, ("approvers",), store.now() + 600)))
            person = Person(name, ("approvers",), store.now(), None)
            await store.apply(Enrol(name, person, credential, adopt_agents=False))
        await store.close()

    async def _ask(self, count: int) -> list[str]:
        """The agent asks for all of them; it is told at once that people decide."""
        proxy = (await self.gateway.ask("run_begin", agent="default"))["proxy"]
        agent = Agent(proxy, self.paths.bundle, timeout=60)
        asked = [
            agent.send("POST", f"https://upstream.test/orders/o{number}", b"{}", ORDERS)
            for number in range(count)
        ]
        return [json.loads(answer.body)["envelope"] for answer in await asyncio.gather(*asked)]

    async def _decide(self, ids: list[str]) -> list[dict[str, Any]]:
        """Everybody is signed in before anybody decides."""
        turns = plan(ids, self.seed)
        contenders = [await self._contender(name, turns[name]) for name in NAMES]
        try:
            for process in contenders:
                assert await read_line(process) == "ready"
            for process in contenders:
                assert process.stdin is not None
                process.stdin.write(b"go\n")
                await process.stdin.drain()
            results = await asyncio.gather(*(read_line(process) for process in contenders))
        finally:
            for process in contenders:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return [told for result in results for told in json.loads(result)]

    async def _contender(self, name: str, turns: list[tuple[str, str]]) -> asyncio.subprocess.Process:
        passkey = self.passkeys[name]
        pem = passkey.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        job = {
            "origin": self.origin,
            "person": name,
            "id": encode(passkey.id),
            "handle": encode(passkey.user_handle or b""),
            "key": pem.decode(),
            "turns": turns,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.contender"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=clean_environment(),
            cwd=Path(__file__).parents[2],
            limit=64 * 1024 * 1024,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        await process.stdin.drain()
        return process


async def read_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def new_passkey(name: str, handle: bytes, origin: str) -> tuple[SoftPasskey, passkeys.Credential]:
    device, challenge = SoftPasskey("localhost", origin), b"\x07" * 64
    options = passkeys.registration_options(
        rp_id="localhost",
        rp_name="Secondsig",
        user_id=handle,
        user_name=name,
        challenge=challenge,
        exclude=(),
    )
    answer = device.register(options)
    made = passkeys.verify_registration(answer, challenge=challenge, rp_id="localhost", origins=[origin])
    return device, passkeys.Credential(
        made.id,
        name,
        made.public_key,
        made.sign_count,
        made.transports,
        made.device_type,
        made.backed_up,
        f"{name}'s phone",
    )


def plan(ids: list[str], seed: int) -> dict[str, list[tuple[str, str]]]:
    """Who decides what: all go through the questions in one order, so that they meet at each of them.

    A signature takes longer than a denial, so those who sign begin a little earlier: either may win.
    """
    chance = random.Random(seed)
    turns: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    for number, envelope in enumerate(ids):
        signers = set(chance.sample(NAMES, 4)) if number % 3 == 0 else set()
        verb = "approve then withdraw" if number % 6 == 0 else "approve"
        people = [*chance.sample(NAMES, len(NAMES)), *chance.sample(NAMES, DECISIONS - len(NAMES))]
        for name in people:
            signs = name in signers
            turn = number - chance.uniform(0, LEAD) if signs else number
            turns[name].append((turn, envelope, verb if signs else "deny"))
    return {
        name: [(envelope, verb) for _, envelope, verb in sorted(planned)] for name, planned in turns.items()
    }


def judge(ids: list[str], said: list[dict[str, Any]], database: Path) -> list[str]:
    """One winner for each, the same in the answers, in the envelope and in the rows; losers were told."""
    wrong = []
    by_envelope: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for told in said:
        by_envelope[told["envelope"]].append(told)
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        for envelope in ids:
            row = db.execute("SELECT * FROM envelopes WHERE id = ?", (envelope,)).fetchone()
            reasons = Counter(
                entry["reason"]
                for entry in db.execute("SELECT reason FROM log WHERE envelope = ?", (envelope,))
            )
            wrong += [f"{envelope}: {why}" for why in judged(by_envelope[envelope], dict(row), reasons)]
    return wrong


def judged(told: list[dict[str, Any]], row: dict[str, Any], reasons: Counter[str]) -> list[str]:
    decisions = [one for one in told if one["verb"] != "withdraw"]
    withdrawn = [one for one in told if one["verb"] == "withdraw" and one["won"]]
    winners = [one for one in decisions if one["won"]]
    if len(decisions) != DECISIONS:
        return [f"{len(decisions)} decisions were answered"]
    if len(winners) != 1:
        return [f"{len(winners)} people were told that they decided it"]
    (winner,) = winners
    wrong = [
        f"{one['person']} was told {one['error']} and {one['winner']}, not {winner['person']}"
        for one in decisions
        if not one["won"] and (one["error"], one["winner"]) != ("decided", winner["person"])
    ]
    state = "revoked" if withdrawn else "denied" if winner["verb"] == "deny" else "approved"
    if (row["state"], row["decided_by"]) != (state, winner["person"]):
        wrong.append(f"it is {row['state']} by {row['decided_by']}, not {state} by {winner['person']}")
    if reasons["approval_denied"] + reasons["minted"] != 1 or reasons["withdrawn"] != len(withdrawn):
        wrong.append(f"its rows are {dict(reasons)}")
    if winner["verb"] == "approve then withdraw" and not withdrawn:
        wrong.append("its signer could not withdraw")
    return wrong


def summary(ids: list[str], said: list[dict[str, Any]]) -> dict[str, int]:
    won = Counter(told["verb"] for told in said if told["won"])
    return {
        "envelopes": len(ids),
        "decisions": sum(told["verb"] != "withdraw" for told in said),
        "denied": won["deny"],
        "approved": won["approve"] + won["approve then withdraw"],
        "withdrawn": won["withdraw"],
        "told who won": sum(not told["won"] for told in said),
    }
