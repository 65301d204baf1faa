"""Changes of a signed configuration, through the whole gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.demo.person import Refused, SoftPerson
from gateway.errors import ConfigError, UsageError
from gateway.installation import install
from gateway.service import Service

LOOSE = "\npermit (principal is Agent, action, resource);\n"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    config = install(tmp_path / "home", proxy="127.0.0.1:0", pages="localhost:0")
    config.write_text(f"{config.read_text(encoding='utf-8')}\nconfig_trust: signed\n", encoding="utf-8")
    made = Service(load_settings(config, {}))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def mika(service: Service) -> AsyncIterator[SoftPerson]:
    person = SoftPerson(service.settings.origin, "Mika")
    await person.enrol((await service.operating.approver_invite())["url"])
    yield person
    await person.close()


def loosen(service: Service) -> None:
    policy = service.settings.file.parent / "policy.cedar"
    policy.write_text(policy.read_text(encoding="utf-8") + LOOSE, encoding="utf-8")


async def test_a_changed_policy_takes_effect_when_it_was_signed_and_not_before(
    service: Service, mika: SoftPerson
) -> None:
    before = service.rules
    loosen(service)
    with pytest.raises(ConfigError, match="an administrator has signed it"):
        await service.reload()
    assert service.rules.digest == before.digest
    view = await mika.call("GET", "config")
    assert view["trust"] == "signed"
    assert "+permit (principal is Agent, action, resource);" in view["diff"]
    assert view["refused"]
    done = await mika.change("config/apply", {})
    assert done["config"] == service.rules.digest != before.digest
    assert service.rules.policy.digest != before.policy.digest
    assert (await mika.call("GET", "config"))["diff"] == ""
    rows = await service.store.rows({"kind": "config"}, None, 10)
    row = rows[0].row
    assert (row.decision, row.reason, row.person) == ("in_force", "signed", "Mika")
    assert row.config_digest == service.rules.digest
    assert await service.store.meta("config_digest") == service.rules.digest


async def test_what_was_signed_outlives_a_restart_and_what_was_not_does_not_begin_with_one(
    service: Service, mika: SoftPerson
) -> None:
    loosen(service)
    await mika.change("config/apply", {})
    signed = service.rules.policy.digest
    await service.stop()
    loosen(service)
    again = Service(load_settings(service.settings.file, {}))
    await again.open()
    try:
        assert again.rules.policy.digest == signed
        assert again.last_change.refused is not None
    finally:
        await again.stop()


async def test_files_that_changed_while_they_were_read_are_not_signed(
    service: Service, mika: SoftPerson
) -> None:
    before = service.rules.policy.digest
    loosen(service)
    begun = await mika.call("POST", "changes/begin", {"kind": "config/apply", "asked": {}})
    loosen(service)
    answer = mika.passkey.sign(begun["options"])
    with pytest.raises(Refused, match="not what would happen"):
        await mika.call(
            "POST", "changes/finish", {"challenge_id": begun["challenge_id"], "credential": answer}
        )
    assert service.rules.policy.digest == before


async def test_files_that_are_wrong_or_the_same_are_not_signed(service: Service, mika: SoftPerson) -> None:
    with pytest.raises(Refused, match="nothing to sign"):
        await mika.change("config/apply", {})
    (service.settings.file.parent / "policy.cedar").write_text("permit (", encoding="utf-8")
    with pytest.raises(Refused, match="policy"):
        await mika.change("config/apply", {})
    assert "wrong" in await mika.call("GET", "config")


async def test_the_command_line_only_makes_things_safer(service: Service, mika: SoftPerson) -> None:
    await mika.change("agent/add", {"name": "default"})
    for loosening in (
        service.operating.agent_add("new-bot"),
        service.operating.agent_rotate("default"),
        service.operating.agent_resume("default"),
    ):
        with pytest.raises(UsageError, match="an administrator does this with a passkey"):
            await loosening
    await service.operating.agent_pause("default")
    await mika.change("agent/resume", {"agent": "default"})
    assert not service.directory.agents["default"].paused
    assert (await service.operating.config_diff())["diff"] == ""
    assert (await service.operating.config_show())["trust"] == "signed"


async def test_a_configuration_of_files_has_nothing_to_sign(tmp_path: Path) -> None:
    made = Service(load_settings(install(tmp_path, proxy="127.0.0.1:0", pages="localhost:0"), {}))
    await made.start()
    person = SoftPerson(made.settings.origin, "Mika")
    try:
        await person.enrol((await made.operating.approver_invite())["url"])
        with pytest.raises(Refused, match="nothing to sign"):
            await person.change("config/apply", {})
        assert (await person.call("GET", "config"))["trust"] == "files"
        assert made.rules.settings.config_trust == "files"
    finally:
        await person.close()
        await made.stop()
