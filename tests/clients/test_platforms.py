"""Kubernetes' client, MCP's client and git itself behind the gateway."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.clients.conftest import HERE, PYTHON, Street, Streets
from tests.clients.front import Handler, answering, forwarding
from tests.kit.git_upstream import GitUpstream, git
from tests.kit.ports import free_port
from tests.kit.process import clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

K8S, MCP, FORGE = "k8s.corp.test", "mcp.corp.test", "codeberg.org"
SCALE = "/apis/apps/v1/namespaces/prod/deployments/web/scale"
POD = "/api/v1/namespaces/prod/pods/web-1"
CLUSTER = answering(
    {
        ("GET", "/api/v1/namespaces/prod/pods"): {"kind": "PodList", "apiVersion": "v1", "items": []},
        ("PATCH", SCALE): {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 3}},
        ("DELETE", POD): {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1"}},
    }
)
TEMPLATES = f"""
  kubernetes: {{vars: {{hosts: [{K8S}]}}}}
  mcp: {{vars: {{hosts: [{MCP}]}}}}
  git: {{vars: {{hosts: [{FORGE}]}}}}"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tools() -> AsyncIterator[int]:
    """The official MCP server with two tools, as a process of its own."""
    port = free_port()
    script = str(HERE / "scripts" / "mcp_server.py")
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), script, str(port), env=clean_environment(), stdout=quiet, stderr=quiet
    )
    try:
        await listening(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> GitUpstream:
    """One repository that takes pushes."""
    upstream = GitUpstream(tmp_path_factory.mktemp("forge") / "git", FORGE)
    upstream.make_repository("acme/site")
    bare = upstream.folder / "srv" / "acme" / "site.git"
    git("-C", str(bare), "config", "http.receivepack", "true")
    return upstream


def serving(forge: GitUpstream) -> Handler:
    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return await forge._answer(request)  # without its own TLS: the street has one

    return answer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def street(streets: Streets, tools: int, forge: GitUpstream) -> Street:
    return await streets(TEMPLATES, {K8S: CLUSTER, MCP: forwarding(tools), FORGE: serving(forge)})


async def test_the_kubernetes_client_scales_a_deployment_and_deletes_a_pod(street: Street) -> None:
    assert (await street.script("kubernetes_rollout.py")).strip() == "PodList"
    scale, delete = street.signed
    assert (scale.action, scale.resource) == (
        "/kubernetes/workload/scale_some",
        f'K8s::Namespace::"{K8S}/prod"',
    )
    assert scale.context["replicas"] == "3"
    assert (delete.action, delete.resource) == ("/kubernetes/pod/delete", scale.resource)
    assert (street.front.count("PATCH", K8S, SCALE), street.front.count("DELETE", K8S, POD)) == (1, 1)


async def test_the_mcp_client_calls_a_tool(street: Street) -> None:
    assert (await street.script("mcp_agent.py")).splitlines() == [
        "['search', 'drop_table']",
        "orders is gone",
    ]
    (call,) = [each for each in street.signed if each.action == "/mcp/tool/call"]
    assert (call.resource, call.context["tool"]) == (f'Mcp::Tool::"{MCP}/drop_table"', "drop_table")
    assert {each.action for each in street.signed} == {"/mcp/tool/call"}


async def test_git_pushes_a_branch(street: Street, forge: GitUpstream, tmp_path: Path) -> None:
    work = forge.folder / "work"
    git("-C", str(work), "checkout", "-q", "-b", "night")
    (work / "README").write_text("good night\n", encoding="utf-8")
    git("-C", str(work), "-c", "user.name=t", "-c", "user.email=t@t.test", "commit", "-qam", "second")
    url = f"https://{FORGE}/acme/site.git"
    await street.behind("git", "-C", str(work), "push", "-q", url, "night", GIT_TERMINAL_PROMPT="0")
    (push,) = street.signed
    assert (push.action, push.resource) == ("/git/ref/create", f'Git::Repository::"{FORGE}/acme/site.git"')
    assert push.context["ref"] == "refs/heads/night"
    assert (
        push.context["new"]
        == head(work, "night")
        == head(forge.folder / "srv" / "acme" / "site.git", "night")
    )
    assert street.front.count("POST", FORGE, "/acme/site.git/git-receive-pack") == 1


def head(repository: Path, branch: str) -> str:
    command = ("git", "-C", str(repository), "rev-parse", f"refs/heads/{branch}")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
