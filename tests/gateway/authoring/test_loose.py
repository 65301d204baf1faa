"""Nothing that strangers wrote has a type that anybody may rely on."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.loose import mapping, sequence, texts, words

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(ANYTHING)
def test_whatever_comes_is_of_the_type_hoped_for(value: object) -> None:
    assert isinstance(mapping(value), dict)
    assert isinstance(sequence(value), list)
    assert isinstance(words(value), str)
    assert all(isinstance(each, str) for each in texts(value))


def test_numbers_as_keys_are_their_texts_as_in_the_answers_of_a_yaml_description() -> None:
    assert mapping({200: "ok", (1,): "gone", None: "gone"}) == {"200": "ok"}
