import dataclasses

import pytest

from gateway.store import things

STORED = [each for each in vars(things).values() if getattr(each, "__module__", "") == things.__name__]
RECORDS = [each for each in STORED if isinstance(each, type)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_what_was_read_cannot_be_altered_behind_the_stores_back(record: type) -> None:
    frozen = getattr(record, "__dataclass_params__", None)
    assert issubclass(record, tuple) or (dataclasses.is_dataclass(record) and frozen and frozen.frozen)
