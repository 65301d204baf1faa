"""The loader's sentences get stable names."""

from pathlib import Path

import pytest

from gateway.authoring.findings import NAMES, Finding, Severity, from_loader
from gateway.authoring.linting import lint
from gateway.errors import ConfigError, Place
from tests.gateway.authoring.lint_shop import HEAD, template

GOOD = "{id: a, match: {path: /a}, summary: A}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a: [", "not-yaml"),
        ("", "not-yaml"),
        (HEAD + "format: 1\n", "duplicate-key"),
        (HEAD + "title: !!binary a\n", "yaml-feature"),
        (HEAD.replace("namespace: Shop\n", ""), "missing-key"),
        (HEAD + "acctions: []\n", "unknown-key"),
        (template("{id: a, match: {path: /a}, summary: A, risk: high}"), "wrong-value"),
        (template('{id: a, match: {path: /a}, summary: "{b}"}'), "summary-unknown-name"),
        (template('{id: a, match: {path: "/{b}"}, summary: "{b|upper}"}'), "summary-unknown-filter"),
        (template('{id: a, match: {path: /a}, summary: "[b"}'), "summary-brackets"),
        (template("{id: A, match: {path: /a}, summary: A}"), "bad-id"),
        (template(f"{GOOD}\n{GOOD}"), "id-taken"),
        (template(f"{GOOD}\n{{id: b, match: {{path: /a}}, summary: B}}"), "actions-overlap"),
        (template("{id: a, match: {path: /a}, over: [z], summary: A}"), "unknown-over"),
        (
            template('{id: a, match: {path: /a}, context: {x: {from: "jsn:/a"}}, summary: A}'),
            "unknown-reader",
        ),
        (template("{id: a, match: {path: /a}, context: {x: {from: path.b}}, summary: A}"), "unknown-capture"),
        (template('{id: a, match: {path: "${p}"}, summary: A}'), "unknown-variable"),
        (
            template(
                '{id: a, match: {path: /a}, context: {x: {from: "json:/x"}}, secret: ["json:/x"], summary: A}'
            ),
            "hidden-and-read",
        ),
        (
            template("{id: a, match: {path: /a}, resource: R, summary: A}", 'resources: {R: "{x}"}\n'),
            "resource-unbound",
        ),
    ],
)
def test_the_name_of_what_is_wrong(text: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    found = [each for each in lint([file], {}, {}) if each.severity is Severity.ERROR]
    assert name in {each.name for each in found}, found
    assert all(each.name in NAMES for each in found)


def test_what_has_no_name_of_its_own_is_invalid() -> None:
    assert from_loader(ConfigError("Oh dear."), "a.yaml") == Finding(
        Place("a.yaml", 1, 1), Severity.ERROR, "invalid", "Oh dear."
    )


def test_a_finding_is_one_line_for_people_and_a_mapping_for_machines() -> None:
    finding = Finding(Place("a.yaml", 2, 3), Severity.WARNING, "no-example", "No.", "Do.")
    assert str(finding) == "a.yaml:2:3: warning: No. Do. [no-example]"
    assert finding.as_json() == {
        "file": "a.yaml",
        "line": 2,
        "column": 3,
        "severity": "warning",
        "name": "no-example",
        "message": "No.",
        "hint": "Do.",
    }
