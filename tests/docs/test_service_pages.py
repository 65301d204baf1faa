"""The pages about the shipped templates say what the templates say."""

from pathlib import Path

import pytest

from gateway.loading import shipped_templates
from gateway.templates import Library
from tools.service_pages import FOLDER, main, page, pages

WAY_OUT = "run python -m tools.service_pages"


def test_every_shipped_service_has_its_page_and_nothing_else_has() -> None:
    there = {file.name for file in FOLDER.glob("*.md")}
    assert there == {*(f"{name}.md" for name in shipped_templates()), "README.md"}, WAY_OUT


@pytest.mark.parametrize("name", [*shipped_templates(), "README"])
def test_a_page_is_in_line_with_its_template(name: str) -> None:
    templates = shipped_templates()
    chosen = templates if name == "README" else {name: templates[name]}
    wanted = pages(chosen)[f"{name}.md"]
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == wanted, WAY_OUT


def test_a_page_shows_every_action_with_its_risk_and_breaks_at_no_sign(tmp_path: Path) -> None:
    file = tmp_path / "tea.yaml"
    file.write_text(
        "format: 1\nservice: tea\nnamespace: Tea\nversion: 1.0.0\n"
        "title: Tea | <b>\nhosts: [a.example]\nactions:\n"
        "  - {id: b, match: {method: DELETE, path: /b}, title: 'a | b', groups: [destructive], "
        "risk: forbid, summary: B, undo: {how: never, note: Gone.}}\n"
        "  - {id: a, match: {method: GET, path: /a}, summary: A}\n"
    )
    made = page(Library.load([file]).services["tea"])
    assert "# Tea \\| &lt;b>" in made
    assert "2 actions, 1 of them write: 1 forbid, 1 low." in made
    assert made.index("/tea/a`") < made.index(
        "| `/tea/b` | a \\| b | Host | destructive | write | forbid | never: Gone. |"
    )


def test_the_pages_are_written_once_and_stale_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.service_pages.FOLDER", tmp_path / "services")
    monkeypatch.setattr(
        "tools.service_pages.shipped_templates", lambda: {"playground": shipped_templates()["playground"]}
    )
    assert main(["--check"]) == 1
    assert main([]) == 0
    (tmp_path / "services" / "gone.md").write_text("x")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert sorted(file.name for file in (tmp_path / "services").iterdir()) == ["README.md", "playground.md"]
    assert "up to date" in capsys.readouterr().out
