"""What was found is remembered exactly as long as nothing that decides it has changed."""

import json
from pathlib import Path

import pytest

from gateway.authoring import lint_set
from gateway.authoring.lint_set import LintSet, configured, named, remembered_lint
from gateway.config import load_settings
from gateway.loading import shipped_templates
from tests.gateway.authoring.lint_shop import template

ACTION = "{id: a, match: {method: POST, path: /a}, summary: A}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(template(ACTION), encoding="utf-8")
    return tmp_path / "shop.yaml"


def test_a_second_run_reads_only_what_it_kept(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = remembered_lint(named([file]), tmp_path / "kept")
    assert [each.name for each in first] == ["no-example"]
    monkeypatch.setattr("gateway.authoring.linting.lint", lambda *_: pytest.fail("it was known"))
    assert remembered_lint(named([file]), tmp_path / "kept") == first


def test_another_file_other_variables_and_another_program_are_looked_at_anew(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {lint_set._digest(named([file]))}
    digests.add(lint_set._digest(LintSet((file,), {"shop": {"a": "b"}})))
    digests.add(lint_set._digest(LintSet((file,), {}, {"shop": (tmp_path / "missing",)})))
    monkeypatch.setattr(lint_set, "_program", lambda: iter([("checks.py", 1)]))
    digests.add(lint_set._digest(named([file])))
    file.write_text(template(ACTION) + "\n", encoding="utf-8")
    digests.add(lint_set._digest(named([file])))
    assert len(digests) == 5


@pytest.mark.parametrize("kept", ["", "{", "[1]", '[{"file": "a"}]', '[{"severity": "none"}]'])
def test_a_damaged_memory_is_no_memory(kept: str, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    remembered_lint(named([file]), folder)
    (memory,) = folder.glob("*.json")
    memory.write_text(kept, encoding="utf-8")
    assert [each.name for each in remembered_lint(named([file]), folder)] == ["no-example"]
    assert json.loads(memory.read_text(encoding="utf-8"))


def test_a_folder_that_cannot_be_written_stops_nothing(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file", encoding="utf-8")
    assert len(remembered_lint(named([file]), tmp_path / "kept")) == 1


def test_old_results_make_room(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_set, "KEPT", 2)
    for number in range(4):
        file.write_text(template(ACTION) + "\n" * number, encoding="utf-8")
        remembered_lint(named([file]), tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob("*"))) == 2


def test_the_folder_is_where_such_things_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert lint_set._folder() == tmp_path / "secondsig" / "lint"


def test_an_overlay_brings_the_template_that_ships(tmp_path: Path, file: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text('overlay: stripe\nrequires: ">=1"\n', encoding="utf-8")
    assert named([over]) == LintSet((shipped_templates()["stripe"],), {}, {"stripe": (over,)})
    over.write_text('{overlay: shop, requires: ">=1"}', encoding="utf-8")
    assert named([file, over]) == LintSet((file,), {}, {"shop": (over,)})
    assert named([tmp_path / "missing"]) == LintSet((tmp_path / "missing",))


def test_the_configured_are_those_that_ship_and_the_operators_own(config: Path) -> None:
    assert configured(None).files == tuple(shipped_templates().values())
    settings = load_settings(config, {})
    chosen = configured(settings)
    assert chosen.files[0] == config.parent / "shop.yaml"
    assert set(shipped_templates().values()) <= set(chosen.files)
    (config.parent / "shop.yaml").write_text(template(ACTION).replace("service: shop", "service: stripe"))
    config.write_text("template_files: [shop.yaml]\ntemplates: {stripe: {vars: {a: b}}}\n", encoding="utf-8")
    chosen = configured(load_settings(config, {}))
    assert shipped_templates()["stripe"] not in chosen.files
    assert chosen.variables == {"stripe": {"a": "b"}}
