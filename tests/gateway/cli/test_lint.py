import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.loading import shipped_templates
from tests.gateway.authoring.lint_shop import template


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_findings_have_place_words_and_name_and_warnings_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(
        template("{id: a, match: {method: POST, path: /a}, summary: A}"), encoding="utf-8"
    )
    assert main(["template", "lint", "shop.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('shop.yaml:7:10: warning: "a" has no example. Write one: ')
    assert lines[0].endswith("[no-example]")
    assert lines[-1] == "1 files: 0 errors, 1 warning"


def test_an_error_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text("format: [", encoding="utf-8")
    assert main(["template", "lint", "--json", "shop.yaml"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == 1
    assert told["findings"][0]["name"] == "not-yaml"


def test_a_file_that_is_not_there_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "lint", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "secondsig: There is no file nowhere.yaml.\n"


def test_without_files_what_ships_and_is_configured_is_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: path for name, path in shipped_templates().items() if name in {"git", "playground"}}
    monkeypatch.setattr("gateway.authoring.lint_set._shipped", lambda: few)
    assert main(["template", "lint"]) == 0
    assert "2 files: 0 errors" in capsys.readouterr().out
    Path("shop.yaml").write_text("format: [", encoding="utf-8")
    Path("secondsig.yaml").write_text(
        "templates: {playground: }\ntemplate_files: [shop.yaml]\n", encoding="utf-8"
    )
    assert main(["template", "lint"]) == 1


def test_what_a_template_says_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(template('{id: "a\\e[2J", match: {path: /a}, summary: A}'), encoding="utf-8")
    assert main(["template", "lint", "shop.yaml"]) == 1
    assert "\x1b" not in capsys.readouterr().out
