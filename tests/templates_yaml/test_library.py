"""All templates that ship, each alone and all together."""

from functools import lru_cache
from pathlib import Path

import cedarpy
import pytest

from gateway.authoring.findings import Severity
from gateway.authoring.linting import lint
from gateway.templates import Library
from gateway.templates.compiled import Compiled
from tests.templates_yaml.walk import FOLDER

FILES = sorted(FOLDER.glob("*.yaml"))
GROUPS = ("access", "communicate", "content", "credential", "destructive", "execute", "payment", "publish")


@lru_cache
def whole(file: Path) -> Library:
    """Not from the cache, which keeps no examples."""
    return Library.load([file])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_wrong_with_it_and_every_example_holds(file: Path) -> None:
    found = lint([file], {}, {})
    assert [str(each) for each in found if each.severity is Severity.ERROR] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_change_has_an_example_and_what_must_not_match_has_some(file: Path) -> None:
    (service,) = whole(file).services.values()
    assert [action.id for action in service.actions if action.access == "write" and not action.examples] == []
    assert file.read_text(encoding="utf-8").count("refused: ambiguous_request") >= 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_kept_is_what_was_read(file: Path) -> None:
    first = whole(file)
    Library.load([file], compiled=Compiled.usual())
    second = Library.load([file], compiled=Compiled.usual())
    assert not any(action.examples for action in second.services[file.stem].actions)
    assert second.digest == first.digest
    assert second.cedar_schema() == first.cedar_schema()
    assert second.actions() == first.actions()


def test_all_of_them_load_together_and_make_one_schema() -> None:
    library = Library.load(FILES, compiled=Compiled.usual())
    assert "Schema" in type(cedarpy.Schema.from_str(library.cedar_schema())).__name__
    for group in GROUPS:
        assert any(group in action.groups for action in library.actions())
