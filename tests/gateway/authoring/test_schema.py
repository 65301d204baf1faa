"""Every template validates against the schema, and what the loader refuses does not."""

from pathlib import Path
from typing import Any

import pytest

from gateway.authoring.schema import template_schema
from gateway.loading import shipped_templates
from gateway.templates.variables import plain_value
from gateway.templates.yaml12 import parse_yaml
from tests.kit.json_schema import wrong

ROOT = Path(__file__).parents[3]
SHIPPED = [pytest.param(file, marks=pytest.mark.whole) for file in shipped_templates().values()]
FILES = [*SHIPPED, *sorted((ROOT / "tests" / "trial").glob("*.yaml"))]
SCHEMA = template_schema()
HEAD = "format: 1\nservice: shop\nnamespace: Shop\nversion: 1.0.0\nhosts: [api.shop.test]\n"


def faults(text: str) -> list[str]:
    value: Any = plain_value(parse_yaml(text.encode(), "a.yaml"))
    return list(wrong(value, SCHEMA, SCHEMA))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_template_there_is_validates(file: Path) -> None:
    assert faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acctions: []", "'acctions' is not known"),
        ("actions: [{id: a, match: {path: /a}, summary: A, risk: middle}]", "'middle' is none of"),
        ("actions: [{id: a, match: {pth: /a}, summary: A}]", "'pth' is not known"),
        ("actions: [{id: A, match: {path: /a}, summary: A}]", "does not look like"),
        ("actions: [{id: a, match: {path: /a}}]", "'summary' is missing"),
        ("actions: [{id: a, match: {path: /a}, summary: A, approval: {quorum: 9}}]", "9 is too much"),
        ("actions: [{id: a, match: {path: /a}, summary: A, approval: {ttl: soon}}]", "does not look like"),
        ("actions: [{id: a, match: {path: /a}, summary: A, groups: [deletes]}]", "is none of"),
        (
            "actions: [{id: a, match: {path: /a}, summary: A, context: {x: {form: json:/a}}}]",
            "'form' is not known",
        ),
        ("decode: [{body: cbor}]", "'cbor' is none of"),
    ],
)
def test_what_the_loader_refuses_does_not_validate(text: str, said: str) -> None:
    assert any(said in fault for fault in faults(HEAD + text)), faults(HEAD + text)


def test_an_overlay_is_told_by_its_first_key() -> None:
    assert faults('{overlay: shop, requires: ">=1", actions: [{id: a, risk: forbid}]}') == []
    assert faults('{overlay: shop, requires: ">=1", hosts: [a.test]}') == ["$: 'hosts' is not known"]
    assert faults("{overlay: shop}") == ["$: 'requires' is missing"]


def test_variables_stand_where_mappings_stand() -> None:
    money = '{type: money, amount: "arg:a", currency: "arg:c", exponents: "${e}"}'
    action = f"{{id: a, match: {{path: /a}}, summary: A, context: {{m: {money}}}}}"
    assert faults(f"{HEAD}actions: [{action}]") == []


def test_every_key_has_a_description_for_hover() -> None:
    for part in SCHEMA["$defs"].values():
        assert part["description"]
        assert all(key["description"] for key in part["properties"].values())
