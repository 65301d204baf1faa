"""A short round of `make faults`."""

from pathlib import Path

import pytest

from tests.faults.killing import kill_rounds


@pytest.mark.slow
async def test_kill_9_at_random_moments_releases_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    wrong, said = await kill_rounds(tmp_path, 8, 20261120, lambda _: None)
    assert wrong == [], said
    assert '"arrived": 0' not in said
