"""The whole gateway in this process: real proxy, real pages, real database, real upstream over TLS."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.canonical import sha256
from gateway.config import load_settings
from gateway.demo.client import Agent
from gateway.demo.person import SoftPerson
from gateway.envelopes import State
from gateway.installation import install
from gateway.service import Service
from gateway.store.things import Invitation
from gateway.store.writes import Invite
from tests.kit.later import LaterClock
from tests.kit.leaving import Leaver
from tests.kit.patience import PATIENCE, until
from tests.kit.ports import free_port
from tests.kit.upstream import Upstream

LIFE = 240
"""No question of a test ends by itself before the test is through, however slow the machine is."""
TARGET = Path(__file__).parent.parent / "faults" / "target.yaml"


@dataclass
class Inside:
    folder: Path
    service: Service
    upstream: Upstream
    person: SoftPerson
    clock: LaterClock
    tokens: dict[str, str] = field(default_factory=dict)

    def agent(self, name: str = "ci-bot", timeout: float = PATIENCE) -> Agent:
        return Agent(self.tokens[name], self.service.paths.bundle, timeout)

    async def add_agent(self, name: str, owner: str | None = None, team: str | None = None) -> None:
        added = await self.service.operating.agent_add(name, team=team, owner=owner)
        self.tokens[name] = added["proxy"]

    async def invite(self, person: str) -> str:
        """A link for this one more approver, as an administrator would give it."""
        token = secrets.token_urlsafe(32)
        ends = self.service.store.now() + 600
        invitation = Invitation(sha256(token.encode()), person, ("approvers",), ends)
        await self.service.store.apply(Invite(invitation))
        return f"{self.service.settings.origin}/enrol#{token}"

    async def held(self, count: int = 1) -> list[str]:
        """The ids of what waits, once there are that many."""
        async with asyncio.timeout(PATIENCE):
            while len(rows := await self.person.waiting()) < count:
                await asyncio.sleep(0.01)
        return [row["id"] for row in rows]

    async def asks_and_leaves(
        self, url: str, headers: dict[str, str], *, method: str = "POST", body: bytes = b"{}"
    ) -> str:
        """The envelope of a request whose client hung up while it was held; nobody decided it yet."""
        known = {each.id for each in await self.service.store.envelopes(None)}
        client = Leaver(self.tokens["ci-bot"], self.service.paths.bundle)
        sending = asyncio.create_task(client.send(method, url, body, headers))
        opened = await self._opened(known)
        await until(lambda: self.service.board.waiting(opened) == 1)
        client.leave()
        with pytest.raises(OSError):  # noqa: PT011  # which one, the operating system chooses
            await sending
        await until(lambda: self.service.board.waiting(opened) == 0)
        return opened

    async def _opened(self, known: set[str]) -> str:
        async with asyncio.timeout(PATIENCE):
            while True:
                now = {each.id for each in await self.service.store.envelopes(None)}
                if now != known:
                    (opened,) = now - known
                    return opened
                await asyncio.sleep(0.01)

    async def life_ends(self, envelope: str) -> None:
        """Time goes on until this question, and what was opened with it, is over."""
        found = await self.service.store.envelope(envelope)
        assert found is not None
        self.clock.later(found.expires_at + 1 - self.service.store.now())

    async def state(self, envelope: str) -> str:
        found = await self.service.store.envelope(envelope)
        assert found is not None
        return str(found.state)

    async def comes_to(self, envelope: str, state: State) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.state(envelope) != state:
                await asyncio.sleep(0.01)

    async def restart(self) -> None:
        await self.service.stop()
        self.make_service()
        await self.service.start()
        for name in self.tokens:
            self.tokens[name] = (await self.service.operating.agent_rotate(name))["proxy"]

    def make_service(self) -> None:
        """Another one, for the same installation, at the same time."""
        self.service = Service(load_settings(self.service.settings.file, {}), self.clock)

    def write_policy(self, added: str) -> None:
        policy = self.folder / "policy.cedar"
        policy.write_text(policy.read_text(encoding="utf-8") + added, encoding="utf-8")


@asynccontextmanager
async def inside(
    folder: Path, settings: str = "", ttl: int = LIFE, approvals: str = ""
) -> AsyncIterator[Inside]:
    upstream = Upstream(folder / "upstream")
    port = await upstream.start()
    home = folder / "gateway"
    config = install(home)
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:0", pages: "localhost:{free_port()}"}}
templates: {{playground: , orders: }}
template_files: ["{TARGET}"]
approvals: {{ttl: {ttl}s, owner_may_approve: true{approvals}}}
upstream:
  ca: {upstream.ca_file}
  connect_to: {{"upstream.test:443": "127.0.0.1:{port}"}}
{settings}
""",
        encoding="utf-8",
    )
    async with running(config, upstream) as made:
        await made.add_agent("ci-bot")
        yield made


@asynccontextmanager
async def running(config: Path, upstream: Upstream) -> AsyncIterator[Inside]:
    """The gateway of this configuration, with its first approver; the upstream stops with it."""
    clock = LaterClock()
    service = Service(load_settings(config, {}), clock)
    await service.start()
    person = SoftPerson(service.settings.origin, "Mika")
    made = Inside(config.parent, service, upstream, person, clock)
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        yield made
    finally:
        await person.close()
        await made.service.stop()
        await upstream.stop()
