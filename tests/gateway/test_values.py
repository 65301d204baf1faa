import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.values import dataclass

ROOT = Path(__file__).parents[2]
OPTIONS: tuple[dict[str, bool], ...] = (
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"frozen": True, "kw_only": True},
    {"frozen": True, "order": True},
    {"slots": True},
    {"eq": False},
    {},
)
NONE: dict[str, object] = {}
HIDDEN: list[object] = [field(compare=False), field(repr=False), field(hash=False)]


def made(by: Callable[..., Any], options: dict[str, bool], names: tuple[str, ...], **body: object) -> Any:
    """The same class, by whoever makes it."""
    annotations = {"__annotations__": dict.fromkeys(names, object), "__qualname__": "Outer.Same"}
    return by(**options)(type("Same", (), {**annotations, **body}))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@given(data=st.data())
def test_it_compares_hashes_and_tells_as_the_librarys_does(
    options: dict[str, bool], data: st.DataObject
) -> None:
    names = tuple(data.draw(st.lists(st.sampled_from("abcd"), unique=True)))
    values = st.lists(
        st.sampled_from([0, 1, True, 1.0, "x", "", None, (1,)]), min_size=len(names), max_size=len(names)
    )
    hidden = data.draw(st.sampled_from([None, *names]))
    how = data.draw(st.sampled_from(HIDDEN))
    body = NONE if hidden is None else {hidden: how}
    ours, theirs = (made(by, options, names, **body) for by in (dataclass, dataclasses.dataclass))
    first, second = ([dict(zip(names, data.draw(values), strict=True))] * 2 for _ in range(2))
    for one, other in ((first[0], second[0]), (first[0], first[1])):
        assert (ours(**one) == ours(**other)) == (theirs(**one) == theirs(**other))
        assert (ours(**one) != ours(**other)) == (theirs(**one) != theirs(**other))
    if options.get("eq", True):
        assert repr(ours(**first[0])) == repr(theirs(**first[0]))
    if options.get("frozen"):
        assert hash(ours(**first[0])) == hash(theirs(**first[0]))


def test_another_class_is_never_equal() -> None:
    one, other = (made(dataclass, OPTIONS[0], ("a",)) for _ in range(2))
    assert one(1) != other(1)
    assert one(1) != (1,)
    assert one(1) == one(1)


def test_what_is_frozen_stays_and_is_copied_and_pickled() -> None:
    value = Pickled("x", 1)
    with pytest.raises(FrozenInstanceError):
        value.a = "y"  # type: ignore[misc]  # that is what is tried
    assert replace(value, b=2) == Pickled("x", 2)
    assert pickle.loads(pickle.dumps(value)) == value


def test_its_own_methods_are_kept() -> None:
    body: dict[str, object] = {
        "__repr__": lambda _: "told", "__eq__": lambda *_: True, "__hash__": lambda _: 7,
    }  # fmt: skip
    kept = made(dataclass, OPTIONS[0], ("a",), **body)
    assert (repr(kept(1)), kept(1) == 3, hash(kept(1))) == ("told", True, 7)


def test_frozen_classes_are_made_by_it_everywhere() -> None:
    for path in (*(ROOT / "gateway").rglob("*.py"), *(ROOT / "addons").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "@dataclass(frozen=True" in text:
            assert "from gateway.values import dataclass" in text, path


@dataclass(frozen=True, slots=True)
class Pickled:
    a: str
    b: int
