import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.shell import words
from gateway.errors import UsageError
from tests.kit.sentences import one_sentence_at_most


@pytest.mark.parametrize(
    ("command", "made"),
    [
        ("curl  -X POST\thttps://a.test", ["curl", "-X", "POST", "https://a.test"]),
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("'' \"\" a", ["", "", "a"]),
        ("curl \\\n  -d 'x' \\\r\n -G", ["curl", "-d", "x", "-G"]),
        ("curl \\\n", ["curl"]),
        (r"$'a\n\'\\\u00e9\x41\101\q'", ["a\n'\\éAA\\q"]),
        (r'"a\"b\\c\$d\e"', [r'a"b\c$d\e']),
        ('-H "Authorization: Bearer $TOKEN"', ["-H", "Authorization: Bearer $TOKEN"]),
    ],
)
def test_words_are_as_bash_splits_them(command: str, made: list[str]) -> None:
    assert words(command) == made


@pytest.mark.parametrize(
    "command", ["curl a; rm b", "curl a && b", "curl a | b", "curl `id`", "curl $(id)", "curl > f"]
)
def test_a_second_command_is_refused_not_run(command: str) -> None:
    with pytest.raises(UsageError, match="give one command alone"):
        words(command)


@pytest.mark.parametrize("command", ["curl 'a", 'curl "a', "curl $'a", "curl a\\"])
def test_a_quote_left_open_is_a_sentence(command: str) -> None:
    with pytest.raises(UsageError, match="not closed"):
        words(command)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_what_a_shell_quotes_comes_back(given_words: list[str]) -> None:
    assert words(shlex.join(given_words)) == given_words


@given(st.text())
def test_no_command_line_is_a_fault(command: str) -> None:
    with one_sentence_at_most():
        words(command)
