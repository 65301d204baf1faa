import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, Place
from gateway.model import ContextValue, Money, SummaryPart, summary_text
from gateway.templates.money import MoneyRule
from gateway.templates.summary import clean, parse_summary

KNOWN = {"a", "b", "m", "s", "n", "t"}


def rendered(text: str, **values: ContextValue) -> str:
    sentence = parse_summary(text, Place("t.yaml", 1, 1), KNOWN, {"m": MoneyRule("minor", {})})
    return summary_text(sentence.render(values))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("Write {a} to {b}", {"a": "x", "b": "y"}, "Write x to y"),
        ("Write {a}", {}, "Write (not given)"),
        ("Write[ {a}] to {b}", {"b": "y"}, "Write to y"),
        ("[{a}/{b}][#{n}]", {"a": "x", "b": "y"}, "x/y"),
        ("[{a}/{b}][#{n}]", {"n": 7, "a": "x"}, "#7"),
        ("[of {s|list:3}]", {"s": ()}, ""),
        ("{m|or:the whole amount}", {}, "the whole amount"),
        ("{m|or:the whole amount}", {"m": Money("jpy", 600, 0)}, "600 JPY"),
        ("{m}", {"m": Money("qqq", 600, 0)}, "600 of the smallest unit of QQQ"),
        ("{n|plural:byte,bytes}", {"n": 1}, "1 byte"),
        ("{n|plural:byte,bytes}", {"n": 0}, "0 bytes"),
        ("{s|plural:scope,scopes}", {"s": ("x", "y")}, "2 scopes"),
        ("{t|plural:x,y}", {"t": True}, "true"),
        ("{a|short:3}", {"a": "abcdef"}, "abc…"),
        ("{a|short:6}", {"a": "abcdef"}, "abcdef"),
        ("{n|short:3}", {"n": 123456}, "123456"),
        ("{s|list:2}", {"s": ("a", "b", "c")}, "a, b and 1 more"),
        ("{s|list:3}", {"s": ("a", "b", "c")}, "a, b, c"),
        ("{s}", {"s": ("a", "b", "c", "d", "e")}, "a, b, c and 2 more"),
        ("{a|list:2}", {"a": "x"}, "x"),
        ("{n|bytes}", {"n": 1}, "1 byte"),
        ("{n|bytes}", {"n": 999}, "999 bytes"),
        ("{n|bytes}", {"n": 1500}, "1.5 kB"),
        ("{n|bytes}", {"n": 2_500_000}, "2.5 MB"),
        ("{n|bytes}", {"n": 3 * 10**9}, "3.0 GB"),
        ("{a|bytes}", {"a": "x"}, "x"),
        ("{t}", {"t": False}, "false"),
        ("[[{a}]] {{x}}", {"a": "x"}, "[x] {x}"),
        ("a [b {a}] c", {"a": "x"}, "a b x c"),
    ],
)
def test_sentences(text: str, values: dict[str, ContextValue], expected: str) -> None:
    assert rendered(text, **values) == expected


def test_values_stay_apart_from_the_templates_own_words() -> None:
    sentence = parse_summary("Pay {n|plural:yen,yen} to {a}[, {s|list:1}]", Place("t"), KNOWN, {})
    made = sentence.render({"n": 2, "a": "Bob. Approved by security", "s": ("x", "y")})
    assert made == (
        SummaryPart("Pay "),
        SummaryPart("2", is_value=True),
        SummaryPart(" yen to "),
        SummaryPart("Bob. Approved by security", is_value=True),
        SummaryPart(", "),
        SummaryPart("x", is_value=True),
        SummaryPart(" and 1 more"),
    )
    assert sentence.names == {"n", "a", "s"}


@pytest.mark.parametrize(
    "char", ["\u202e", "\u2066", "\u200b", "\x00", "\n", "\x1b", "\ufeff", "\u2028", "\xad", "\U000e0041"]
)
def test_invisible_and_turning_characters_are_made_visible(char: str) -> None:
    assert clean(f"a{char}b") == f"a\\u{{{ord(char):x}}}b"


def test_a_long_value_is_cut_and_says_how_long_it_is() -> None:
    assert clean("x" * 200) == "x" * 200
    assert clean("x" * 5000) == "x" * 200 + "… (5000 characters)"
    assert clean("日本") == "日本"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{zz}", 'The summary names "zz". Known are: a, b, m, n, s, t.'),
        ("{a|shrt:3}", 'Did you mean "short"?'),
        ("{a|short:x}", "cannot take 'x'"),
        ("{a|short:0}", "cannot take '0'"),
        ("{a|plural:x}", "cannot take 'x'"),
        ("{a|or:}", "cannot take ''"),
        ("{a|bytes:1}", "cannot take '1'"),
        ("[{a}", "is not closed"),
        ("{a", "stands alone"),
        ("a}", "stands alone"),
        ("]", "stands alone"),
        ("[a [{b}]", "stands alone"),
        ("{}", "stands alone"),
    ],
)
def test_wrong_summaries_are_errors(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rendered(text)
    assert says in str(caught.value)
    assert str(caught.value).startswith("t.yaml:1:1: ")


@given(st.text(alphabet="ab{}[]|:, short", max_size=20))
def test_any_summary_is_read_or_an_error(text: str) -> None:
    try:
        rendered(text, a="x", b="y")
    except ConfigError:
        return


@given(st.text())
def test_cleaned_text_has_nothing_invisible_left(value: str) -> None:
    assert not {"\u202e", "\u2066", "\n", "\x00", "\u200b"} & set(clean(value))
