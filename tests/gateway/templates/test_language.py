import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.templates import language
from gateway.templates.language import (
    ANY,
    TooLarge,
    chars,
    concat,
    escape,
    literal,
    one,
    overlap,
    ranges,
    repeat,
    union,
    without,
)
from gateway.templates.regex import parse_pattern

WORDS = st.text(alphabet="ab-é", max_size=4)


def test_ranges_are_merged_and_taken_away() -> None:
    assert ranges((5, 9), (1, 4), (20, 30)) == ((1, 9), (20, 30))
    assert without(((1, 9),), ((3, 4), (9, 9))) == ((1, 2), (5, 8))
    assert without(ANY, ANY) == ()


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_a_union_of_words_matches_just_these(words: list[str], word: str) -> None:
    assert union(*(literal(each) for each in words)).matches(word) is (word in words)


@given(WORDS, WORDS)
def test_overlap_and_escape_of_two_words(first: str, second: str) -> None:
    same = first == second
    assert overlap(literal(first), literal(second)) == (first if same else None)
    assert (escape(literal(first), literal(second)) is None) is same


def test_repetition() -> None:
    some = repeat(one(chars("a")), 2, 3)
    assert [some.matches("a" * n) for n in range(5)] == [False, False, True, True, False]
    many = repeat(one(chars("a")), 1, None)
    assert [many.matches("a" * n) for n in (0, 1, 500)] == [False, True, True]
    assert concat().matches("")


def test_a_witness_is_readable_and_right() -> None:
    digits, hexes = parse_pattern("[0-9]+", fold=False), parse_pattern("[0-9a-f]+", fold=False)
    witness = overlap(digits, hexes)
    assert witness is not None
    assert digits.matches(witness)
    assert hexes.matches(witness)
    assert escape(digits, hexes) is None
    assert escape(hexes, digits) == "a"
    assert overlap(digits, parse_pattern("[a-f]+", fold=False)) is None


PATTERNS = st.sampled_from(
    ["a*", "(a|b)+", "a?b{2,3}", "[^a]+", ".b.", "ab|ba", "\\d+", "", "(aa)*", "[a-c]{1,2}"]
)


@given(PATTERNS, PATTERNS, st.text(alphabet="abc1", max_size=6))
def test_comparison_agrees_with_matching(first: str, second: str, text: str) -> None:
    one_language, two = parse_pattern(first, fold=False), parse_pattern(second, fold=False)
    witness, outside = overlap(one_language, two), escape(one_language, two)
    assert witness is None or (one_language.matches(witness) and two.matches(witness))
    assert outside is None or (one_language.matches(outside) and not two.matches(outside))
    if one_language.matches(text):
        assert two.matches(text) or outside is not None
        assert not two.matches(text) or witness is not None


def test_a_pattern_that_ruins_backtracking_engines_takes_one_step_a_character() -> None:
    assert not parse_pattern("(a+)+b", fold=False).matches("a" * 20_000)


def test_an_agents_choice_of_characters_does_not_grow_what_is_kept() -> None:
    anything = repeat(one(ANY), 0, None)
    for code in range(0x4E00, 0x5E00):
        assert anything.matches(chr(code))
    assert len(anything._steps) < 10


def test_what_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):
        repeat(repeat(one(ANY), 256, None), 256, None)
    first, second = parse_pattern("(a|b)*a(a|b){9}", fold=False), parse_pattern("(a|b)*b(a|b){8}", fold=False)
    monkeypatch.setattr(language, "MAX_STATES", 50)
    with pytest.raises(TooLarge):
        escape(first, second)
