"""The format, tried on services of every kind: what each of these files says holds."""

from pathlib import Path

import pytest

from gateway.templates import Library

FILES = sorted((Path(__file__).parents[2] / "trial").glob("*.yaml"))


def test_every_kind_of_service_is_tried() -> None:
    assert len(FILES) == 13


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_trial_template_loads_and_its_examples_hold(file: Path) -> None:
    results = Library.load([file]).examples()
    assert results
    assert [result for result in results if not result.ok] == []
