import inspect

import pytest

from gateway.store.contract import Done, Lost, Store
from gateway.store.sqlite import SqliteStore


@pytest.mark.parametrize("name", [name for name in vars(Store) if not name.startswith("_")])
def test_the_embedded_store_has_everything_the_contract_promises(name: str) -> None:
    promised, kept = getattr(Store, name), getattr(SqliteStore, name)
    assert inspect.iscoroutinefunction(promised) == inspect.iscoroutinefunction(kept)
    assert inspect.signature(promised) == inspect.signature(kept)


def test_what_was_lost_says_what_is_true_now() -> None:
    assert Lost("absent").envelope is None
    assert Done() == Done(None, None)
