"""What is slow by where it stands: tests with sockets, processes or databases for each case."""

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).parent
SLOW = (
    "addons",
    "docs/test_examples.py",
    "e2e",
    "gateway/cli",
    "gateway/demo",
    "gateway/proxy",
    "gateway/test_service.py",
    "gateway/test_playground.py",
    "gateway/web",
)
DATABASES = frozenset({"world", "store", "house", "painting", "watching", "court"})
"""Fixtures that open a database or listen on a socket for each test."""

WHOLE = (
    "faults",
    "e2e",
    "approve_ui",
    "clients",
    "gateway/cli/test_explain.py",
    "gateway/cli/test_serve.py",
    "gateway/cli/test_demo.py",
    "gateway/cli/test_coverage.py",
    "templates_yaml",
    "docs/test_service_pages.py",
)
"""The longest first, so that no worker is left with one of them at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of a test stays in the account's own cache: what was compiled lies beside pytest's own."""
    os.environ["XDG_CACHE_HOME"] = str(config.cache.mkdir("compiled"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = _place(item.path)
        if place.startswith(WHOLE) or is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.whole)
        opens = DATABASES.intersection(getattr(item, "fixturenames", ()))
        if opens or place.startswith(SLOW) or item.get_closest_marker("whole"):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: _turn(item.path))


@cache
def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _turn(path: Path) -> int:
    return next((turn for turn, start in enumerate(WHOLE) if _place(path).startswith(start)), len(WHOLE))
