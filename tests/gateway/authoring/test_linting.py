"""One run finds everything, in every file."""

from pathlib import Path

import pytest

from gateway.authoring.linting import lint
from tests.gateway.authoring.lint_shop import template


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def names(*files: Path, overlays: dict[str, tuple[Path, ...]] | None = None) -> list[str]:
    return [finding.name for finding in lint(files, {}, overlays or {})]


def test_a_broken_action_does_not_hide_what_is_doubtful_in_the_others(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "shop.yaml",
        template(
            "{id: a, match: {method: POST, path: /a}, smmary: A}\n"
            "{id: b, match: {method: POST, path: /b}, summary: B}"
        ),
    )
    assert names(file) == ["missing-key", "no-example"]


def test_a_broken_head_says_only_what_is_broken(tmp_path: Path) -> None:
    text = template("{id: a, match: {method: POST, path: /a}, summary: A}").replace("Shop", "shop")
    assert names(write(tmp_path, "shop.yaml", text)) == ["wrong-value"]


def test_every_file_is_looked_at(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", "a: [")
    two = write(tmp_path, "two.yaml", template("{id: a, match: {path: /a}, summary: A, risk: high}"))
    assert names(one, two, tmp_path / "missing.yaml") == ["unreadable", "not-yaml", "wrong-value"]


def test_two_files_that_share_a_host_are_told(tmp_path: Path) -> None:
    text = template("{id: a, match: {method: GET, path: /a}, summary: A}")
    other = text.replace("service: shop", "service: mall").replace("Shop", "Mall")
    assert names(write(tmp_path, "a.yaml", text), write(tmp_path, "b.yaml", other)) == [
        "taken-by-another-template"
    ]


def test_an_example_that_fails_is_an_error_where_it_stands(tmp_path: Path) -> None:
    example = '{request: {method: GET, url: "https://api.shop.test/a"}, expect: {action: /shop/b}}'
    text = template(f"{{id: a, match: {{method: GET, path: /a}}, summary: A, examples: [{example}]}}")
    (finding,) = lint([write(tmp_path, "shop.yaml", text)], {}, {})
    assert (finding.name, finding.place.line) == ("example-fails", 7)
    assert "'/shop/b' expected, '/shop/a' found" in finding.message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{overlay: shop, requires: ">=1", actions: [{id: a, risk: step_up}]}', []),
        ('{overlay: shop, requires: ">=2", actions: [{id: a, risk: step_up}]}', ["overlay-misfit"]),
        ('{overlay: shop, requires: ">=1", actions: [{id: b, risk: step_up}]}', ["unknown-action"]),
        ('{overlay: shop, requires: ">=1", unmatched: {write: low}}', ["overlay-loosens"]),
        ('{overlay: shop, requires: ">=1", acts: []}', ["unknown-key"]),
    ],
)
def test_overlays_are_laid_over_and_judged(text: str, found: list[str], tmp_path: Path) -> None:
    base = write(tmp_path, "shop.yaml", template("{id: a, match: {method: GET, path: /a}, summary: A}"))
    over = write(tmp_path, "over.yaml", text)
    assert names(base, overlays={"shop": (over,)}) == found


def test_an_overlay_over_nothing_is_told(tmp_path: Path) -> None:
    base = write(tmp_path, "shop.yaml", template("{id: a, match: {method: GET, path: /a}, summary: A}"))
    assert names(base, overlays={"mall": (tmp_path / "over.yaml",)}) == ["overlay-misfit"]
    assert names(base, overlays={"shop": (tmp_path / "over.yaml",)}) == ["unreadable"]
    base.write_text("a: [", encoding="utf-8")
    assert names(base, overlays={"mall": (tmp_path / "over.yaml",)}) == ["not-yaml"]
