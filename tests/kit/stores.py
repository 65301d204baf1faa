"""A real store with time that a test moves, and a store that fails where a test says."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.audit import Row
from gateway.envelopes import COSIGNER_LIFE, Envelope, Signature, State
from gateway.errors import StoreError
from gateway.store.contract import Applied
from gateway.store.epoch import Mark, decoded
from gateway.store.sqlite import SqliteStore
from gateway.store.things import Invitation
from gateway.store.writes import AddAgent, Change, Configure, Enrol, Invite, Open, Sign
from tests.kit.clocks import START, FakeTime
from tests.kit.patience import until
from tests.kit.things import a_credential, a_person, a_row, a_token, an_agent, an_envelope, caps


class TimedStore(SqliteStore):
    """The real one, on a clock of its own."""

    def __init__(
        self, path: Path, reserve: int = 0, beside: Path | None = None, time: FakeTime | None = None
    ) -> None:
        self.time = time or FakeTime()
        super().__init__(path, self.time.clock(), reserve, beside)

    async def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What is really in the tables."""
        return await self._ask(lambda db: [tuple(r) for r in db.execute(statement, values)], writes=True)  # type: ignore[no-any-return]

    async def log(self) -> list[str | None]:
        """The details of every row, oldest first."""
        return [entry.row.detail for entry in reversed(await self.rows({}, None, 10_000))]

    async def shake_out(self) -> None:
        """Every note is written."""
        await until(lambda: not self._noted)


class Kept:
    """A database with its file beside it, opened again and again."""

    def __init__(self, folder: Path) -> None:
        self.database, self.beside = folder / "data" / "test.db", folder / "epoch"
        self.database.parent.mkdir()

    def open(self, time: FakeTime | None = None) -> TimedStore:
        return TimedStore(self.database, beside=self.beside, time=time)

    def copy(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.database.parent.iterdir()}

    def put_back(self, copy: dict[str, bytes]) -> None:
        shutil.rmtree(self.database.parent)
        self.database.parent.mkdir()
        for name, data in copy.items():
            (self.database.parent / name).write_bytes(data)

    def mark(self) -> Mark:
        found = decoded(self.beside.read_bytes())
        assert found is not None
        return found


class Blocked:
    """The database's thread, held busy so that what comes now comes together."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._reached, self._go = threading.Event(), threading.Event()

    async def __aenter__(self) -> None:
        def wait(_db: sqlite3.Connection) -> None:
            self._reached.set()
            self._go.wait(5)

        self._task = asyncio.create_task(self._store._ask(wait))
        await asyncio.to_thread(self._reached.wait, 5)

    async def __aexit__(self, *_: object) -> None:
        self._go.set()
        await self._task


def row(detail: str) -> list[Row]:
    return [a_row(detail=detail)]


async def with_people(store: SqliteStore) -> None:
    """An agent with a token, a person with a passkey, a configuration in force."""
    await store.apply(Configure("config"))
    await store.apply(AddAgent(an_agent(), a_token()))
    await store.apply(Invite(Invitation("link", None, ("approvers",), START + 600)))
    await store.apply(Enrol("link", a_person(), a_credential(), adopt_agents=False))


def a_signature(person: str = "Mika", at: int = START, **changes: Any) -> Signature:
    told: dict[str, Any] = {
        "envelope": an_envelope().id,
        "person": person,
        "credential_id": a_credential(person).id,
        "challenge": b"c" * 64,
        "sealed_payload": b"sealed",
        "payload_sha256": "p" * 64,
        "assertion": {"id": "x"},
        "at": at,
    }
    return Signature(**{**told, **changes})


def a_sign(version: int = 1, **changes: Any) -> Sign:
    """The signature that completes a quorum of one."""
    told: dict[str, Any] = {
        "version": version,
        "signature": a_signature(),
        "credential": a_credential(),
        "cosigner": "bafycosigner",
        "cosigner_token": b"token",
        "cosigner_expires": START + COSIGNER_LIFE,
    }
    return Sign(**{**told, **changes})


async def approved(store: SqliteStore) -> Envelope:
    """An envelope that Mika signed."""
    await store.apply(Open(an_envelope(), caps(20)))
    await store.apply(a_sign())
    envelope = await store.envelope(an_envelope().id)
    assert envelope is not None
    assert envelope.state is State.APPROVED
    return envelope


class FailingStore:
    """The store behind it, until the call whose turn it is: that one fails, before or after it was done."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.calls: list[str] = []
        self.fails: Callable[[int, str], bool] = lambda _number, _name: False
        self.after = False
        self.error: Exception = StoreError("The database could not do it: disk I/O error.")
        self.before_apply: Callable[[Change], Awaitable[None]] | None = None

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        if not asyncio.iscoroutinefunction(real):
            return real

        async def call(*args: Any, **named: Any) -> Any:
            number = len(self.calls)
            told = f"{name} {type(args[0]).__name__}" if name == "apply" else name
            self.calls.append(told)
            failing = self.fails(number, told)
            if failing and not self.after:
                raise self.error
            if name == "apply" and self.before_apply:
                await self.before_apply(args[0])
            result: Applied = await real(*args, **named)
            if failing:
                raise self.error
            return result

        return call
