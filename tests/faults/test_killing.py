"""A short round of `make faults`."""

from pathlib import Path

import pytest

from tests.faults.killing import kill_rounds


@pytest.mark.slow
async def test_kill_9_at_random_moments_releases_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    wrong, said = await kill_rounds(tmp_path, 8, 20261120, lambda _: None)
    assert wrong == [], said
    assert said["arrived"]
    assert said["decisions"]


@pytest.mark.slow
async def test_kill_9_under_load_loses_no_decision_and_leaves_no_question_without_an_end(
    tmp_path: Path,
) -> None:
    wrong, said = await kill_rounds(tmp_path, 2, 20261121, lambda _: None, held=10)
    assert wrong == [], said
    assert said["fewest open"] >= 10
    assert said["decisions"]
