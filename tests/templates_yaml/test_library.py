"""All templates that ship, each alone and all together."""

from pathlib import Path

import cedarpy
import pytest

from gateway.templates import Library
from tests.templates_yaml.walk import FOLDER, load

FILES = sorted(FOLDER.glob("*.yaml"))
GROUPS = ("access", "communicate", "content", "credential", "destructive", "execute", "payment", "publish")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_example_holds(file: Path) -> None:
    results = load(file.stem).examples()
    assert results
    assert [f"{result.place}: {result.wrong}" for result in results if not result.ok] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_change_has_an_example_and_what_must_not_match_has_some(file: Path) -> None:
    (service,) = load(file.stem).services.values()
    assert [action.id for action in service.actions if action.access == "write" and not action.examples] == []
    assert file.read_text(encoding="utf-8").count("refused: ambiguous_request") >= 2


@pytest.mark.slow
def test_all_of_them_load_together_and_make_one_schema() -> None:
    library = Library.load(FILES)
    assert "Schema" in type(cedarpy.Schema.from_str(library.cedar_schema())).__name__
    for group in GROUPS:
        assert any(group in action.groups for action in library.actions())
