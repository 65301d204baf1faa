import json
import stat
from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.errors import UsageError
from gateway.installation import install
from gateway.loading import read_rules
from gateway.settings import Address

FILES = ("secondsig.yaml", "policy.cedar", "entities.json")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_start_writes_what_is_safe_and_readable_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "secondsig"
    target = install(folder)
    assert target == folder / "secondsig.yaml"
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(FILES, 0o600)
    assert mode(folder) == 0o700
    made = load_settings(target, {})
    assert (made.unknown_hosts, made.config_trust) == ("refuse", "files")
    assert made.listen.proxy == Address("127.0.0.1", 8080)
    assert made.policy.exists()
    assert made.entities.exists()
    assert "payment-needs-a-person" in made.policy.read_text()
    assert isinstance(json.loads(made.entities.read_text()), list)


def test_a_configuration_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "secondsig.yaml").write_text("name: mine\n")
    with pytest.raises(UsageError, match=r"exists already: edit it, or choose another folder with --dir"):
        install(tmp_path)
    assert (tmp_path / "secondsig.yaml").read_text() == "name: mine\n"
    assert not (tmp_path / "policy.cedar").exists()


def test_a_policy_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "policy.cedar").write_text("// mine")
    install(tmp_path)
    assert (tmp_path / "policy.cedar").read_text() == "// mine"


def test_other_addresses_are_written_down(tmp_path: Path) -> None:
    listen = load_settings(install(tmp_path, proxy="127.0.0.1:0", pages="localhost:0"), {}).listen
    assert (listen.proxy, listen.pages) == (Address("127.0.0.1", 0), Address("localhost", 0))


def test_a_variation_is_enabled_with_the_policy_and_the_entities_that_belong_to_it(tmp_path: Path) -> None:
    made = load_settings(install(tmp_path, variation="agentkeys"), {})
    assert set(made.templates) == {"playground", "agentkeys"}
    assert "agentkeys-payment-over-limit" in made.policy.read_text()
    assert "Limits" in made.entities.read_text()
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == dict.fromkeys(FILES, 0o600)
    assert read_rules(made).policy.digest


@pytest.mark.parametrize("name", ["policy.cedar", "entities.json"])
def test_a_variation_is_written_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} exists already"):
        install(tmp_path, variation="agentkeys")
    assert [path.name for path in tmp_path.iterdir()] == [name]
