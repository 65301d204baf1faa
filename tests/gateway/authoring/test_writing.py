"""How a draft is written down."""

import pytest

from gateway.authoring.naming import kinds, routes
from gateway.authoring.operations import Operation
from gateway.authoring.words import propose
from gateway.authoring.writing import Entry, Plan, quoted, word, written
from gateway.templates.yaml12 import parse_yaml


def test_the_lines_of_an_action_are_known_to_be_its() -> None:
    operations = [Operation("GET", "/a", "a"), Operation("DELETE", "/a/{x}", "b")]
    found, _ = routes(operations)
    known = kinds(found)
    entries = [
        Entry(route, f"a/{n}", propose(route.operation.method, "a", route.path), None, (), ())
        for n, route in enumerate(found)
    ]
    plan = Plan("tea", "Tea", "Tea", ("http://localhost:8080",), entries, known, {})
    text, owner = written(plan)
    lines = text.splitlines()
    assert {owner[n] for n, line in enumerate(lines, 1) if "a/1" in line} == {1}
    assert "http://localhost:8080/a/42" in text or "http://localhost:8080/a/x-1" in text
    assert parse_yaml(text.encode(), "x").kind == "a mapping"


def test_a_text_stays_a_text_whatever_it_says() -> None:
    for text in (
        "no",
        "a: b",
        '"',
        "\\",
        "\u2028",
        "# x",
        "{",
        "日本",
        "\x7f",
        "\ue000",
        "\x00",
        "\U000e0001",
        "🍵",
    ):
        assert parse_yaml(f"x: {quoted(text)}".encode(), "x").value != text
        node = parse_yaml(f"[{quoted(text)}]".encode(), "x").value
        assert isinstance(node, list)
        assert node[0].value == text


@pytest.mark.parametrize(
    "name", ["true", "False", "null", "Null", "~", "12", "1e3", ".inf", "tea", "to/be", "a-b"]
)
def test_a_name_is_read_as_a_name(name: str) -> None:
    read = parse_yaml(f"[{word(name)}]".encode(), "x").value
    assert isinstance(read, tuple | list)
    assert [node.value for node in read] == [name]
