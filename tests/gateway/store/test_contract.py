import dataclasses
import typing

import pytest

from gateway.store import contract
from gateway.store.contract import Change, Store
from gateway.store.sqlite import SqliteStore

CHANGES = typing.get_args(Change.__value__)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_cannot_be_altered_on_its_way_to_the_store(change: type) -> None:
    assert dataclasses.is_dataclass(change)
    assert change.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has it


@pytest.mark.parametrize("name", [name for name in vars(Store) if not name.startswith("_")])
def test_the_embedded_store_has_everything_the_contract_promises(name: str) -> None:
    import inspect

    promised, kept = getattr(Store, name), getattr(SqliteStore, name)
    assert inspect.iscoroutinefunction(promised) == inspect.iscoroutinefunction(kept)
    assert inspect.signature(promised) == inspect.signature(kept)


def test_no_change_approves_without_a_signature() -> None:
    """Only Sign carries a cosigner in, only Spend lets it out."""
    carriers = {
        change.__name__
        for change in CHANGES
        if {"cosigner", "cosigner_token"} & {field.name for field in dataclasses.fields(change)}
    }
    assert carriers == {"Sign", "Spend"}


def test_what_was_lost_says_what_is_true_now() -> None:
    assert contract.Lost("absent").envelope is None
    assert contract.Done() == contract.Done(None, None)
