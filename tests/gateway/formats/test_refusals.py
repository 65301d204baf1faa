import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats.refusals import is_bare, read_utf8, shown, too_many


def test_a_refusal_for_size_says_so() -> None:
    refusal = too_many("parts", 7)
    assert refusal.reason is Reason.BODY_TOO_LARGE
    assert refusal.detail == "The body holds more than 7 parts; send fewer at a time."


@given(st.text())
def test_an_agents_text_cannot_hide_or_flood_a_message(text: str) -> None:
    quoted = shown(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert len(quoted) <= 12 * 41 + 2


def test_bytes_that_are_not_utf8_are_refused() -> None:
    assert read_utf8("ü".encode(), "text") == "ü"
    with pytest.raises(Refusal, match="The text is not valid UTF-8"):
        read_utf8(b"\xff", "text")


@pytest.mark.parametrize("text", [" a", "a ", "a\x00", "a\n", "\u2003a", "a\x7fb"])
def test_blanks_around_a_name_and_controls_in_it_are_seen(text: str) -> None:
    assert not is_bare(text)
    assert is_bare("a b")
