"""Every source file has its test file, in the same place under tests/."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("gateway", "addons")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "__init__.py"
]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_has_a_test_file(source: Path) -> None:
    test = ROOT / "tests" / source.parent / f"test_{source.name}"
    assert test.exists(), f"{source} has no test file: write {test.relative_to(ROOT)}"
    assert "def test_" in test.read_text(encoding="utf-8")
