import dataclasses
import typing

import pytest

from gateway.store import writes
from gateway.store.writes import Change

CHANGES = typing.get_args(Change.__value__)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_cannot_be_altered_on_its_way_to_the_store(change: type) -> None:
    assert dataclasses.is_dataclass(change)
    assert change.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has it


def test_every_change_is_one_that_a_store_must_know() -> None:
    """Beside those that are only a part of others."""
    made = {each for each in vars(writes).values() if getattr(each, "__module__", "") == writes.__name__}
    parts = {each.__name__ for each in made - {*CHANGES, Change} if isinstance(each, type)}
    assert parts == {"Route", "Delegate"}


def test_no_change_approves_without_a_signature() -> None:
    """Only Sign carries a cosigner in, only Spend lets it out."""
    carriers = {
        change.__name__
        for change in CHANGES
        if {"cosigner", "cosigner_token"} & {field.name for field in dataclasses.fields(change)}
    }
    assert carriers == {"Sign", "Spend"}
