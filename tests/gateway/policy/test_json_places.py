import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigErrors
from gateway.policy.json_places import read_json
from gateway.policy.source import Source


def read(text):
    return read_json(Source("entities.json", text))


def test_every_value_has_its_place():
    text = '[{"a": 1,\n  "b": [true, "x"]}]'
    placed = read(text)
    assert placed.places == {
        (): 0,
        (0,): 1,
        (0, "a"): text.index('"a"'),
        (0, "b"): text.index('"b"'),
        (0, "b", 0): text.index("true"),
        (0, "b", 1): text.index('"x"'),
    }


def test_what_is_not_there_has_its_parents_place():
    assert read('[{"a": 1}]').offset((0, "b", 4)) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[{"a": 1,\n "a": 2}]', 'entities.json:2:2: The key "a" stands here twice'),
        ('[{"a": 1, "\\u0061": 2}]', "entities.json:1:11: The key"),
        ('[{"a": 1,\n}]', "entities.json:2:1: This is not JSON"),
        ("", "entities.json:1:1: This is not JSON"),
        ("\ufeff[]", "This is not JSON"),
        ("[] []", "entities.json:1:4: This is not JSON"),
        ("[" * 100_000, "beyond what can be read"),
        ("1" * 5000, "beyond what can be read"),
    ],
)
def test_two_readings_and_no_reading_are_errors_with_a_place(text, fault):
    with pytest.raises(ConfigErrors) as caught:
        read(text)
    assert fault in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def pointers(value, at=()):
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield from pointers(member, (*at, key))


@given(VALUES, st.booleans())
def test_exactly_the_values_have_places(value, indented):
    text = json.dumps(value, indent=1 if indented else None)
    placed = read(text)
    assert placed.value == value
    assert set(placed.places) == set(pointers(value))
