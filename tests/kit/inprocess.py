"""The whole gateway in this process: real proxy, real pages, real database, real upstream over TLS."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.canonical import sha256
from gateway.config import load_settings
from gateway.demo.client import Agent
from gateway.demo.person import SoftPerson
from gateway.installation import install
from gateway.service import Service
from gateway.store.contract import Invitation, Invite
from tests.kit.ports import free_port
from tests.kit.upstream import Upstream

TARGET = Path(__file__).parent.parent / "faults" / "target.yaml"


@dataclass
class Inside:
    folder: Path
    service: Service
    upstream: Upstream
    person: SoftPerson
    tokens: dict[str, str] = field(default_factory=dict)

    def agent(self, name: str = "ci-bot", timeout: float = 20) -> Agent:
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
        for _ in range(400):
            rows = await self.person.waiting()
            if len(rows) >= count:
                return [row["id"] for row in rows]
            await asyncio.sleep(0.01)
        raise AssertionError(f"{count} requests should wait")

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(1000):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not come to that")

    async def state(self, envelope: str) -> str:
        found = await self.service.store.envelope(envelope)
        assert found is not None
        return str(found.state)

    async def restart(self) -> None:
        await self.service.stop()
        self.service = Service(load_settings(self.service.settings.file, {}))
        await self.service.start()
        for name in self.tokens:
            self.tokens[name] = (await self.service.operating.agent_rotate(name))["proxy"]

    def write_policy(self, added: str) -> None:
        policy = self.folder / "policy.cedar"
        policy.write_text(policy.read_text(encoding="utf-8") + added, encoding="utf-8")


@asynccontextmanager
async def inside(
    folder: Path, settings: str = "", ttl: int = 20, approvals: str = ""
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
    service = Service(load_settings(config, {}))
    await service.start()
    person = SoftPerson(service.settings.origin, "Mika")
    made = Inside(config.parent, service, upstream, person)
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        yield made
    finally:
        await person.close()
        await made.service.stop()
        await upstream.stop()
