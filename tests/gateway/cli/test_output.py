import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.output import clean, print_json, print_table, sentence


@given(st.text())
def test_nothing_that_is_printed_can_move_the_cursor_or_turn_the_text(text: str) -> None:
    assert clean(text).isprintable()


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jok", "U+001B[2Jok"),
        ("a\u202eb", "aU+202Eb"),
        ("a\nb", "aU+000Ab"),
        ("\u200b", "U+200B"),
        ("\x9b31m", "U+009B31m"),
        (None, ""),
        (5, "5"),
        ("支払い", "支払い"),
    ],
)
def test_a_hostile_value_is_made_visible(hostile: object, shown: str) -> None:
    assert clean(hostile) == shown


def test_a_summary_quotes_what_came_from_outside() -> None:
    said = sentence([{"text": "Pay "}, {"value": "600” to Mika. Approved by “root\x1b[0m"}, {"text": "."}])
    assert said == "Pay “600” to Mika. Approved by “rootU+001B[0m”."


def test_a_table_is_aligned_and_clean(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"a": "x\x1b", "b": None}, {"a": "longer", "b": 5}], ("a", "b"), "Nothing.")
    assert capsys.readouterr().out.splitlines() == ["a        b", "xU+001B", "longer   5"]


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([], ("a",), "Nothing waits.")
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_json_for_machines_is_ascii_and_safe_in_any_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "\x1b\u202eé"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"a": "\x1b\u202eé"}
