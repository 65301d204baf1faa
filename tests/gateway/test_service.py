import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli import serve
from gateway.config import load_settings
from gateway.demo.client import Agent
from gateway.demo.person import SoftPerson
from gateway.envelopes import State
from gateway.errors import ConfigError, ConfigErrors, StoreError, UsageError
from gateway.installation import install
from gateway.operator_socket import OperatorSocket, ask
from gateway.playground_tls import HOST
from gateway.service import Paths, Service, _host_port
from gateway.settings import Settings
from tests.kit.patience import until

BASE = f"https://{HOST}"
JSON = {"Content-Type": "application/json"}
BODY = b'{"amount": 600, "currency": "jpy", "to": "acct_tea"}'


def configured(folder: Path) -> Settings:
    path = install(folder, proxy="127.0.0.1:0", pages="localhost:0")
    return load_settings(path, {})


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(configured(tmp_path))
    await made.start()
    yield made
    await made.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def rows(service: Service, **where: str) -> list[dict[str, Any]]:
    await until(lambda: not service.store._noted)
    return [entry.row.columns() for entry in await service.store.rows(where, None, 100)]


async def test_nothing_under_the_state_folder_is_readable_by_others(service: Service) -> None:
    paths = service.paths
    for folder in (paths.state, paths.keys, paths.database.parent, paths.ca, paths.playground):
        assert mode(folder) == 0o700, folder
    for file in (paths.database, paths.socket, paths.lock, paths.bundle, paths.keys / "storage.key"):
        assert mode(file) == 0o600, file
    assert paths == Paths(service.settings.state)


async def test_the_configuration_in_force_is_a_row(service: Service) -> None:
    (row,) = await rows(service, kind="config")
    assert (row["decision"], row["reason"], row["config_digest"]) == (
        "in_force",
        "files",
        service.rules.digest,
    )


async def test_a_link_that_an_operator_asks_for_at_the_first_moment_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Service(configured(tmp_path))
    started, asked = OperatorSocket.start, []

    async def start_and_ask(operators: OperatorSocket) -> None:
        await started(operators)
        asked.append(await asyncio.to_thread(ask, made.paths.socket, "approver_invite", {}))

    monkeypatch.setattr(OperatorSocket, "start", start_and_ask)
    await made.start()
    try:
        await serve._welcome(made)
        person = SoftPerson(made.settings.origin, "Mika")
        await person.enrol(asked[0]["url"])
        await person.close()
    finally:
        await made.stop()


async def test_a_part_that_failed_meanwhile_does_not_keep_the_others_open(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    made = Service(settings)
    await made.start()

    async def fails() -> None:
        raise ValueError("it broke")

    made._tasks.append(asyncio.create_task(fails()))
    await asyncio.sleep(0)
    await made.stop()
    again = Service(settings)
    await again.start()
    await again.stop()


async def test_free_ports_are_named_once_they_are_taken(service: Service) -> None:
    listen = service.settings.listen
    assert listen.proxy.port
    assert listen.pages.port
    assert service.settings.origin == f"http://localhost:{listen.pages.port}"
    assert service.rules.settings.origin == service.settings.origin


async def test_the_whole_loop_from_the_agent_to_the_upstream_once(service: Service) -> None:
    person = SoftPerson(service.settings.origin, "Mika")
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        added = await service.operating.agent_add("ci-bot", owner="Mika")
        agent = Agent(added["proxy"], service.paths.bundle)
        sending = asyncio.create_task(agent.send("POST", f"{BASE}/v1/payments", BODY, JSON))
        waiting: list[dict[str, Any]] = []
        for _ in range(300):
            waiting = await person.waiting()
            if waiting:
                break
            await asyncio.sleep(0.02)
        assert service.playground.count("POST", "/v1/payments") == 0
        await person.approve(waiting[0]["id"])
        answer = await asyncio.wait_for(sending, 60)
        assert answer.status == 201
        assert service.playground.count("POST", "/v1/payments") == 1
        await service.releaser.settle()
        envelope = await service.store.envelope(waiting[0]["id"])
        assert envelope is not None
        assert (envelope.state, envelope.status) == (State.COMPLETED, 201)
    finally:
        await person.close()


async def test_an_administrator_tries_the_test_action_and_nothing_is_sent(service: Service) -> None:
    person = SoftPerson(service.settings.origin, "Mika")
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        loaded = await person.call("GET", "templates")
        playground = next(each for each in loaded["services"] if HOST in each["hosts"])
        assert (playground["mode"], loaded["administrator"]) == ("enforce", True)
        command = f"curl {BASE}/v1/payments -H 'content-type: application/json' -d '{BODY.decode()}'"
        told = await person.call("POST", "templates/explain", {"request": command})
        assert told["outcome"] == "step_up"
        (session,) = (await person.call("GET", "sessions"))["sessions"]
        assert (session["this"], session["address"] in {"127.0.0.1", "::1"}) == (True, True)
        assert not service.playground.calls
        assert await person.waiting() == []
    finally:
        await person.close()


async def test_a_stranger_at_the_proxy_gets_407_and_nothing_goes_on(service: Service) -> None:
    proxy = f"http://ci-bot:wrong@{service.settings.listen.proxy}"
    with pytest.raises(OSError, match="407"):
        await Agent(proxy, service.paths.bundle).send("GET", f"{BASE}/v1/accounts")
    assert not service.playground.calls


async def test_one_gateway_to_a_state_folder(service: Service) -> None:
    other = Service(service.settings)
    with pytest.raises(UsageError, match="Another gateway works on"):
        await other.start()
    assert service.store.healthy()
    assert (await service.operating.agent_list())["agents"] == []


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = settings.file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
        settings.file.write_text(text)
        with pytest.raises((OSError, UsageError, ConfigError)):
            await Service(load_settings(settings.file, {})).start()
    again = Service(load_settings(settings.file, {}))
    await again.start()
    await again.stop()


@pytest.mark.parametrize("damage", ["policy", "template", "key"])
async def test_a_configuration_that_is_wrong_does_not_start(tmp_path: Path, damage: str) -> None:
    settings = configured(tmp_path)
    if damage == "policy":
        settings.policy.write_text("permit (principal, action, resource")
    elif damage == "template":
        settings.file.write_text(settings.file.read_text().replace("playground:", "playgruond:"))
        settings = load_settings(settings.file, {})
    else:
        (settings.state / "keys").mkdir(parents=True)
        (settings.state / "keys" / "storage.key").write_bytes(b"short")
        (settings.state / "keys" / "storage.key").chmod(0o600)
    service = Service(settings)
    with pytest.raises((ConfigError, ConfigErrors)):
        await service.start()
    assert not service.paths.socket.exists()


async def test_a_reload_that_is_wrong_leaves_what_was_in_force(service: Service) -> None:
    before = service.rules
    service.settings.policy.write_text("permit (principal, action, resource")
    with pytest.raises((ConfigError, ConfigErrors)):
        await service.reload()
    assert service.rules is before
    refused, first = await rows(service, kind="config")
    assert (first["decision"], refused["decision"]) == ("in_force", "refused")
    assert (refused["person"], refused["config_digest"]) == ("operator", before.digest)
    assert "policy.cedar:1" in refused["detail"]


async def test_a_reload_takes_effect_whole_with_its_row(service: Service) -> None:
    before = service.rules.digest
    policy = service.settings.policy
    policy.write_text(policy.read_text() + "\n// changed\n")
    digest = await service.reload()
    assert digest == service.rules.digest != before
    assert await service.store.meta("config_digest") == digest
    assert [row["config_digest"] for row in await rows(service, kind="config")] == [digest, before]
    assert service.settings.listen.proxy.port
    assert await service.reload() == digest
    assert len(await rows(service, kind="config")) == 2


async def test_a_reload_whose_row_cannot_be_written_does_not_take_effect(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What decides is what the log says decides."""
    before = service.rules.digest
    policy = service.settings.policy
    policy.write_text(policy.read_text() + "\n// changed\n")

    async def failing(*_: object) -> Any:
        raise StoreError("gone")

    with monkeypatch.context() as gone:
        gone.setattr(service.store, "apply", failing)
        with pytest.raises(StoreError):
            await service.reload()
    assert service.rules.digest == before


async def test_a_changed_policy_is_in_force_within_moments_by_itself(service: Service) -> None:
    before = service.rules.digest
    policy = service.settings.policy
    policy.write_text(policy.read_text() + "\n// changed\n")
    await until(lambda: service.rules.digest != before)
    newest, _ = await rows(service, kind="config")
    assert (newest["decision"], newest["config_digest"]) == ("in_force", service.rules.digest)


async def test_a_changed_policy_that_is_wrong_is_told_and_what_was_in_force_stays(service: Service) -> None:
    before = service.rules
    good = service.settings.policy.read_text()
    person = SoftPerson(service.settings.origin, "Mika")
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        service.settings.policy.write_text("permit (principal, action, resource")
        await until(lambda: service.last_change.refused is not None)
        assert service.rules.digest == before.digest
        told = (await person.call("GET", "envelopes"))["config"]
        assert told["digest"] == before.digest
        assert "policy.cedar:1" in told["refused"]["why"][0]
        service.settings.policy.write_text(good)
        await until(lambda: service.last_change.refused is None)
    finally:
        await person.close()


async def test_an_agent_that_came_during_a_reload_is_not_forgotten_by_policy(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = service._configure
    tokens: list[str] = []

    async def slowly(rules: Any) -> None:
        tokens.append((await service.operating.agent_add("meanwhile"))["proxy"])
        await configure(rules)

    monkeypatch.setattr(service, "_configure", slowly)
    policy = service.settings.policy
    policy.write_text(policy.read_text() + "\n// changed\n")
    await service.reload()
    answer = await Agent(tokens[0], service.paths.bundle).send("GET", f"{BASE}/v1/accounts")
    assert answer.status == 200


async def test_what_was_opened_at_the_start_is_not_changed_by_a_reload(service: Service) -> None:
    """A new address in the file would make every passkey wrong while the pages still stand at the old one."""
    before = service.settings
    text = before.file.read_text()
    before.file.write_text(text + '\nname: renamed\npublic_url: "https://elsewhere.example"\n')
    await service.reload()
    assert service.settings.name == "renamed"
    assert (service.settings.origin, service.settings.listen) == (before.origin, before.listen)
    assert service.rules.settings is service.settings


OVERLAY = """\
overlay: playground
requires: ">=0"
actions:
  - {id: payment/create, title: Pretend to pay, loosen: Only pretend money}
"""


async def test_what_an_overlay_loosens_is_a_row_at_its_load(service: Service) -> None:
    folder = service.settings.file.parent
    (folder / "over.yaml").write_text(OVERLAY)
    text = service.settings.file.read_text()
    service.settings.file.write_text(text.replace("playground:", "playground: {overlays: [over.yaml]}"))
    await service.reload()
    (row,) = await rows(service, kind="config", decision="loosened")
    assert row["action"] == "/playground/payment/create"
    assert "Only pretend money" in row["detail"]
    assert row["config_digest"] == service.rules.digest


async def test_push_services_may_write_to_the_address_that_people_use_if_it_is_one(service: Service) -> None:
    """A reload that changes notifications takes effect for browsers as well."""
    assert service.browsers.push.contact is None
    config = service.settings.file
    listed = "notifications: {push_services: ['https://push.own.example']}\n"
    config.write_text(config.read_text() + listed)
    await service.reload()
    service.settings = replace(service.settings, public_url="https://secondsig.example")
    service.notifier.channels()
    push = service.browsers.push
    assert (push.contact, push.services) == ("https://secondsig.example", ("https://push.own.example",))
    assert service.reach.personal["push"]("Mika") is False


async def test_metrics_are_for_whoever_has_the_token(service: Service) -> None:
    assert mode(service.paths.metrics_token) == 0o600
    token = service.paths.metrics_token.read_text().strip()
    url = f"{service.settings.origin}/metrics"
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as refused:
            told = await refused.text()
            assert refused.status == 401
        assert "secondsig_" not in told
        async with client.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            page = await answer.text()
    assert f'secondsig_config_digest_info{{digest="{service.rules.digest}"}} 1' in page
    assert 'secondsig_reloads_total{result="taken"} 0' in page


async def test_policy_sees_a_new_agent_at_once(service: Service) -> None:
    digest = service.rules.digest
    added = await service.operating.agent_add("fresh")
    answer = await Agent(added["proxy"], service.paths.bundle).send("GET", f"{BASE}/v1/accounts")
    assert answer.status == 200
    assert service.rules.digest == digest
    await service.operating.agent_pause("fresh")
    refused = await Agent(added["proxy"], service.paths.bundle).send("GET", f"{BASE}/v1/accounts")
    assert refused.status == 403
    assert b"agent_paused" in refused.body


async def test_the_operator_speaks_to_it_through_its_socket(service: Service) -> None:
    told = await asyncio.to_thread(ask, service.paths.socket, "agent_add", {"name": "by-socket"})
    assert told["agent"] == "by-socket"
    assert "by-socket" in service.directory.agents


async def test_stopping_closes_every_door(tmp_path: Path) -> None:
    service = Service(configured(tmp_path))
    await service.start()
    listen = service.settings.listen
    await service.stop()
    for address in (listen.proxy, listen.pages):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", address.port), 1)
    assert not service.paths.socket.exists()


async def test_what_is_known_outlives_a_restart(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    first = Service(settings)
    await first.start()
    gateway, pem = first.gateway, first.ca.pem
    await first.operating.agent_add("kept")
    await first.stop()
    second = Service(settings)
    await second.start()
    try:
        assert (second.gateway, second.ca.pem) == (gateway, pem)
        assert "kept" in second.directory.agents
    finally:
        await second.stop()


async def test_the_command_line_works_on_the_files_while_no_gateway_runs(tmp_path: Path) -> None:
    service = Service(configured(tmp_path))
    await service.open()
    await service.operating.agent_add("offline")
    await service.stop()
    again = Service(service.settings)
    await again.open()
    assert "offline" in again.directory.agents
    await again.stop()


@pytest.mark.parametrize(("text", "read"), [("a.test", ("a.test", 443)), ("a.test:8443", ("a.test", 8443))])
def test_a_fixed_address_is_for_https_unless_it_says_otherwise(text: str, read: tuple[str, int]) -> None:
    assert _host_port(text) == read


async def test_pages_with_a_certificate_that_cannot_be_used_do_not_start(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    settings.file.write_text(settings.file.read_text() + "\npages_tls: {certificate: c.pem, key: k.pem}\n")
    with pytest.raises(ConfigError, match="the pages' certificate cannot be used"):
        await Service(load_settings(settings.file, {})).start()
