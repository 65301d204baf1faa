import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.loading import shipped_templates


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))


def test_without_a_file_every_template_that_ships_is_tested(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: path for name, path in shipped_templates().items() if name in {"git", "playground"}}
    monkeypatch.setattr("gateway.cli.template.shipped_templates", lambda: few)
    assert main(["template", "test"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("0 failed\n")
    assert not out.startswith("0 passed")


def test_one_file_is_tested_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "test", "--json", str(shipped_templates()["playground"])]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] > 0
    assert told["failed"] == []


def test_an_example_that_fails_is_named_with_its_place_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shipped_templates()["playground"].read_text()
    broken = tmp_path / "playground.yaml"
    lines = [line for line in text.splitlines() if "action: payment/" in line or "action: " in line]
    assert lines, "the playground's examples name their actions"
    wrong = lines[-1].replace("action: ", "action: not/")
    broken.write_text(text.replace(lines[-1], wrong))
    assert main(["template", "test", str(broken)]) == 1
    told = capsys.readouterr()
    assert str(broken) in told.out + told.err


def test_a_file_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "test", "nowhere.yaml"]) == 1
    assert capsys.readouterr().err == "secondsig: There is no file nowhere.yaml.\n"


def test_the_configured_templates_are_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secondsig.yaml").write_text("templates: {playground: }\n")
    assert main(["template", "test"]) == 0
    (tmp_path / "secondsig.yaml").write_text("templates: {playgruond: }\n")
    assert main(["template", "test"]) == 1
    assert 'Did you mean "playground"?' in capsys.readouterr().err


def test_what_an_overlay_loosens_is_said_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secondsig.yaml").write_text("templates: {playground: {overlays: [over.yaml]}}\n")
    entry = "{id: payment/create, title: Pretend to pay, loosen: Only pretend money.}"
    (tmp_path / "over.yaml").write_text(f"overlay: playground\nrequires: '>=1'\nactions: [{entry}]\n")
    assert main(["template", "test"]) == 0
    said = capsys.readouterr().out
    assert "over.yaml:3:11: /playground/payment/create is looser than its template" in said
    assert "Only pretend money." in said
    assert main(["template", "test", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["loosened"]
    assert (told["action"], told["reason"]) == ("/playground/payment/create", "Only pretend money.")
