import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import ALPHABET, ENTROPY_BYTES, LENGTH, is_id, make_id


@given(st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_every_id_is_recognised_and_tells_all_its_entropy(entropy: bytes) -> None:
    made = make_id("env", entropy)
    number = 0
    for letter in made.removeprefix("env_"):
        number = number * 32 + ALPHABET.index(letter)
    assert is_id("env", made)
    assert number.to_bytes(ENTROPY_BYTES) == entropy


@pytest.mark.parametrize("size", [0, 1, ENTROPY_BYTES - 1, ENTROPY_BYTES + 1])
def test_an_id_of_too_little_entropy_cannot_be_made(size: int) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        make_id("env", b"x" * size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "env_",
        "env",
        "tok_" + "0" * LENGTH,
        "env_" + "0" * (LENGTH - 1),
        "env_" + "0" * (LENGTH + 1),
        "env_" + "0" * (LENGTH - 1) + "I",
        "env_" + "a" * LENGTH,
        "env_" + "0" * (LENGTH - 1) + "/",
        "env_" + "0" * (LENGTH - 1) + "\n",
        "env-" + "0" * LENGTH,
        "env_" + "０" * LENGTH,
    ],
)
def test_a_path_dressed_as_an_id_is_not_one(text: str) -> None:
    assert not is_id("env", text)


@given(st.text())
def test_is_id_never_raises(text: str) -> None:
    is_id("env", text)
