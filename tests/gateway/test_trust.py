from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.errors import ConfigError, ConfigErrors
from gateway.installation import install
from gateway.settings import Settings
from gateway.trust import Trust


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return install(tmp_path / "home")


def sign(config: Path) -> Settings:
    config.write_text(f"{config.read_text(encoding='utf-8')}\nconfig_trust: signed\n", encoding="utf-8")
    return load_settings(config, {})


def loosen(config: Path) -> None:
    policy = config.parent / "policy.cedar"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(f"{text}\npermit (principal is Agent, action, resource);\n", encoding="utf-8")


def trust_of(config: Path, environment: dict[str, str] | None = None) -> Trust:
    return Trust(config, config.parent / "state" / "signed", environment or {})


def test_where_files_are_trusted_they_decide_by_themselves(config: Path) -> None:
    trust, settings = trust_of(config), load_settings(config, {})
    assert trust.begin(settings, None) is settings
    loosen(config)
    trust.check(settings)
    assert trust.taken(settings) is None
    with pytest.raises(ConfigError, match="nothing to sign"):
        trust.candidate()


def test_a_changed_file_does_not_take_effect_by_itself(config: Path) -> None:
    settings, trust = sign(config), trust_of(config)
    trust.begin(settings, None)
    trust.check(settings)
    loosen(config)
    with pytest.raises(ConfigError, match="an administrator has signed it"):
        trust.check(settings)


def test_nor_does_a_variable(config: Path) -> None:
    settings = sign(config)
    kept = trust_of(config)
    kept.begin(settings, None)
    assert kept.signed is not None
    other = trust_of(config, {"SECONDSIG_APPROVALS_OWNER_MAY_APPROVE": "true"})
    other.begin(settings, kept.signed.pack())
    with pytest.raises(ConfigError, match="signed it"):
        other.check(settings)


def test_what_was_signed_decides_after_a_restart_whatever_stands_on_the_disk(config: Path) -> None:
    settings, trust = sign(config), trust_of(config)
    trust.begin(settings, None)
    packed = trust.signed.pack() if trust.signed else ""
    before = settings.policy.read_bytes()
    loosen(config)
    config.write_text(config.read_text(encoding="utf-8").replace("signed", "files"), encoding="utf-8")
    again = trust_of(config)
    in_force = again.begin(load_settings(config, {}), packed)
    assert in_force.policy.read_bytes() == before
    assert in_force.config_trust == "signed"
    assert in_force.state == settings.state
    with pytest.raises(ConfigError, match="signed it"):
        again.check(load_settings(config, {}))


def test_a_candidate_says_what_is_different_and_is_read_from_what_it_says(config: Path) -> None:
    settings, trust = sign(config), trust_of(config)
    trust.begin(settings, None)
    loosen(config)
    candidate = trust.candidate()
    assert "+permit (principal is Agent, action, resource);" in candidate.diff
    trust.sign(candidate)
    trust.check(settings)
    assert [folder.name for folder in (config.parent / "state" / "signed").iterdir()] == [
        candidate.snapshot.digest
    ]


def test_a_candidate_that_is_wrong_is_not_offered(config: Path) -> None:
    settings, trust = sign(config), trust_of(config)
    trust.begin(settings, None)
    (config.parent / "policy.cedar").write_text("permit (", encoding="utf-8")
    with pytest.raises(ConfigErrors):
        trust.candidate()


def test_giving_up_signatures_takes_one(config: Path) -> None:
    settings, trust = sign(config), trust_of(config)
    trust.begin(settings, None)
    config.write_text(config.read_text(encoding="utf-8").replace("signed", "files"), encoding="utf-8")
    trust.sign(trust.candidate())
    assert not trust.is_signed


def test_a_reload_that_asks_for_signatures_keeps_what_it_takes(config: Path) -> None:
    trust = trust_of(config)
    trust.begin(load_settings(config, {}), None)
    settings = sign(config)
    packed = trust.taken(settings)
    assert packed is not None
    assert trust.is_signed
    assert trust.taken(settings) is None
