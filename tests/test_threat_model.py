"""The threat model names tests that exist, and has a line for every rule of the protocol."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
LINES = {int(row[0]): [cell.strip() for cell in row[1:]] for row in ROWS}
NAMED = [name for row in LINES.values() for name in re.findall(r"`(tests/[^`]+)`", row[2])]
RULES = 43


@cache
def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in functions if node.name.startswith("test_")}


def test_every_rule_has_one_line() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, RULES + 1))


@pytest.mark.parametrize("number", LINES)
def test_a_rule_says_what_it_is_what_attacks_it_and_what_holds_it(number: int) -> None:
    rule, attack, held = LINES[number]
    assert rule.endswith(".")
    assert attack.endswith(".")
    assert re.search(r"`tests/[^`]+::test_\w+`", held) or re.match(r"Not yet: .+\.$", held)


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_threat_model_names_exists(name: str) -> None:
    file, mark, function = name.partition("::")
    assert mark, f"{name} does not name a test"
    assert (ROOT / file).is_file(), f"{file} is gone"
    assert function in functions_in(ROOT / file), f"{file} has no {function}"
