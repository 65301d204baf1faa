import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.templates.regex import BadPattern, fold_case, parse_pattern

PATTERNS = [
    "[0-9]+",
    "[a-z.A-Z]+\\.(list|info|get[A-Za-z]*)|auth\\.test",
    "@[^/]+/[^/]+|[^/@-][^/]*",
    "sha256:[0-9a-f]{4}",
    "a{2}|b{1,}|c{0,2}",
    "(?:ab)+c?",
    "[\\]a-]+",
    "\\w+\\s\\d\\.",
    "\\D\\W\\S",
    ".*",
    "",
]
TEXTS = st.text(alphabet="ab1.@/-_ :[]é", max_size=8) | st.sampled_from(
    ["chat.list", "auth.test", "@a/b", "sha256:00ff"]
)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=TEXTS)
def test_patterns_match_as_everywhere(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern, text, re.ASCII | re.DOTALL) is not None
    assert parse_pattern(pattern, fold=False).matches(text) is expected


@given(TEXTS.map(str.swapcase))
def test_folding_lets_ascii_letters_match_in_either_case(text: str) -> None:
    folded = parse_pattern("[a-c]+X|get\\.", fold=True)
    expected = re.fullmatch("[a-c]+X|get\\.", text, re.ASCII | re.IGNORECASE) is not None
    assert folded.matches(text) is expected
    assert not parse_pattern("[a-z]", fold=True).matches("\u212a")
    assert fold_case(((0x5A, 0x61),)) == ((0x41, 0x41), (0x5A, 0x61), (0x7A, 0x7A))


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[", "ends too early"),
        ("[]", "is empty"),
        ("a**", "repeats a repetition"),
        ("a+?", "repeats a repetition"),
        ("*a", "repeats nothing"),
        ("(?=x)", "not supported"),
        ("(?P<n>x)", "not supported"),
        ("\\1", "not supported"),
        ("\\b", "not supported"),
        ("\\", "ends too early"),
        ("a{", "is not {n}"),
        ("a{x}", "is not {n}"),
        ("a{2,1}", "may count to"),
        ("a{999}", "may count to"),
        ("((a{256}){256}){2}", "repeats too much"),
        ("[z-a]", "is not one"),
        ("[\\d-z]", "is not one"),
        ("^a", "leave out"),
        ("a$", "leave out"),
        ("(" * 30 + ")" * 30, "too deep"),
        ("a" * 501, "longer than"),
    ],
)
def test_what_is_not_supported_is_named(pattern: str, says: str) -> None:
    with pytest.raises(BadPattern) as caught:
        parse_pattern(pattern, fold=False)
    assert says in str(caught.value)


@given(st.text(alphabet="ab|()[]{}*+?.\\^$-,09d", max_size=12))
def test_any_pattern_is_read_or_named_bad(pattern: str) -> None:
    try:
        parse_pattern(pattern, fold=True)
    except BadPattern:
        return
