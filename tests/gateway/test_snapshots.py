from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.errors import ConfigError
from gateway.installation import install
from gateway.loading import read_rules
from gateway.settings import Service, Settings
from gateway.snapshots import MAX_DIFF, Snapshot, differences, snapshot_of

OVERLAY = "overlay: playground\nversion: 1.0.0\nactions: {}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(install(tmp_path / "home"), {})


def changed(snapshot: Snapshot, name: str, content: bytes | None) -> Snapshot:
    files = {key: value for key, value in snapshot.files.items() if key != name}
    return replace(snapshot, files=files if content is None else {**files, name: content})


def test_every_file_that_decides_is_in_it_once(settings: Settings, tmp_path: Path) -> None:
    overlay = tmp_path / "over.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    wanted = replace(settings, templates={"playground": Service(overlays=(overlay,))})
    files = snapshot_of(wanted, {}).files
    assert sorted(files) == [
        "entities.json",
        "overlays/playground/000-over.yaml",
        "policy.cedar",
        "secondsig.yaml",
        "templates/000-playground.yaml",
    ]
    assert files["policy.cedar"] == settings.policy.read_bytes()


def test_what_is_packed_comes_back(settings: Settings) -> None:
    snapshot = snapshot_of(settings, {"SECONDSIG_APPROVALS_TTL": "2m", "HOME": "/root"})
    again = Snapshot.unpack(snapshot.pack())
    assert again == snapshot
    assert again.environment == {"SECONDSIG_APPROVALS_TTL": "2m"}
    assert again.digest == snapshot.digest


def test_every_byte_and_variable_is_in_the_digest(settings: Settings) -> None:
    snapshot = snapshot_of(settings, {})
    others = [changed(snapshot, name, content + b" ") for name, content in snapshot.files.items()]
    others += [changed(snapshot, name, None) for name in snapshot.files]
    others.append(replace(snapshot, environment={"SECONDSIG_APPROVALS_TTL": "2m"}))
    digests = {other.digest for other in others}
    assert len(digests) == len(others)
    assert snapshot.digest not in digests


def test_rules_are_read_from_the_bytes_that_were_kept(settings: Settings, tmp_path: Path) -> None:
    snapshot = snapshot_of(settings, {"SECONDSIG_APPROVALS_TTL": "2m"})
    before = read_rules(settings)
    settings.policy.write_text("permit (principal, action, resource);", encoding="utf-8")
    settings.file.unlink()
    kept = snapshot.settings(tmp_path / "room")
    assert kept.approvals.ttl == 120
    assert read_rules(kept).policy.digest == before.policy.digest


def test_differences_are_told_line_by_line(settings: Settings) -> None:
    old = snapshot_of(settings, {})
    policy = old.files["policy.cedar"]
    new = changed(old, "policy.cedar", policy.replace(b"permit", b"forbid", 1) + b"// no newline")
    new = replace(new, environment={"SECONDSIG_NAME": "other"})
    text = differences(old, new)
    assert text.startswith("--- in force/policy.cedar\n+++ files/policy.cedar\n")
    assert "\n+// no newline\n" in text
    assert text.endswith("SECONDSIG_NAME: unset -> other\n")
    assert "SECONDSIG_NAME: other -> unset" in differences(new, old)
    assert differences(old, old) == ""


def test_what_is_too_long_to_read_is_told_by_its_digests(settings: Settings) -> None:
    old = snapshot_of(settings, {})
    new = changed(old, "templates/000-playground.yaml", b"x\n" * MAX_DIFF)
    text = differences(old, changed(new, "entities.json", None))
    assert "templates/000-playground.yaml: " in text
    assert f"{2 * MAX_DIFF} bytes, SHA-256 " in text
    assert "-[" in text


def test_a_file_that_is_gone_is_a_sentence(settings: Settings) -> None:
    settings.entities.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        snapshot_of(settings, {})
