"""One gateway as a process, upstreams on loopback, and a person in Chromium, for a whole module."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from gateway.installation import install
from tests.kit.browser import BrowserPerson, Chromium
from tests.kit.git_upstream import GitUpstream
from tests.kit.ports import free_port
from tests.kit.process import Gateway, clean_environment, run, secondsig
from tests.kit.upstream import Upstream

CLONES = """
@id("clones-need-a-person")
@reason("Somebody looks at every clone.")
forbid (principal, action in Action::"read", resource)
when { context.host == "codeberg.org" && context.method == "GET" && !context.cosigner };
"""


@dataclass
class House:
    gateway: Gateway
    upstream: Upstream
    git: GitUpstream
    person: BrowserPerson
    chromium: Chromium

    @property
    def policy(self) -> Path:
        return self.gateway.config.parent / "policy.cedar"

    async def behind(self, *command: str, limit: float = 300) -> tuple[int, str, str]:
        """A client that `secondsig run` put behind the gateway."""
        line = secondsig("run", "--config", str(self.gateway.config), "--", *command)
        return await run(*line, env=clean_environment(), limit=limit)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    upstream, git = Upstream(folder / "upstream"), GitUpstream(folder / "git", "codeberg.org")
    git.make_repository("acme/site")
    ports = await upstream.start(), await git.start()
    roots = folder / "roots.pem"
    roots.write_bytes(upstream.ca_file.read_bytes() + git.ca_file.read_bytes())
    config = install(folder / "gateway")
    template = Path(__file__).parent.parent / "faults" / "target.yaml"
    config.write_text(
        f"""\
listen: {{proxy: "127.0.0.1:0", pages: "localhost:{free_port()}"}}
templates: {{playground: , git: {{vars: {{hosts: [codeberg.org]}}}}, orders: }}
template_files: ["{template}"]
approvals: {{ttl: 300s, owner_may_approve: true}}
upstream:
  ca: {roots}
  connect_to: {{"upstream.test:443": "127.0.0.1:{ports[0]}", "codeberg.org:443": "127.0.0.1:{ports[1]}"}}
""",
        encoding="utf-8",
    )
    policy = config.parent / "policy.cedar"
    policy.write_text(policy.read_text(encoding="utf-8") + CLONES, encoding="utf-8")
    gateway = Gateway(config)
    await gateway.start()
    async with Chromium() as chromium:
        person = await chromium.person()
        invitation = await gateway.ask("approver_invite")
        await person.enrol(invitation["url"], "Mika Sato")
        yield House(gateway, upstream, git, person, chromium)
    await gateway.stop()
    await upstream.stop()
    await git.stop()
