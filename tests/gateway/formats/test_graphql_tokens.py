import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats import graphql_tokens
from gateway.formats.graphql_tokens import END, MAX_TEXT, MAX_TOKENS, Token, tokens


def texts(source: str) -> list[str]:
    return [token.text for token in tokens(source)[:-1]]


def refused(source: str) -> str:
    with pytest.raises(Refusal) as caught:
        tokens(source)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_names_signs_numbers_and_strings() -> None:
    assert tokens('a_1 ... $ -1.5e+3 "x" """y"""') == [
        Token("name", "a_1"),
        Token("punctuator", "..."),
        Token("punctuator", "$"),
        Token("number", "-1.5e+3"),
        Token("string", "x"),
        Token("string", "y"),
        END,
    ]
    assert texts("!$&()[]{}:=@|") == list("!$&()[]{}:=@|")


def test_comments_commas_and_line_ends_are_skipped() -> None:
    assert texts("a,b,,\t# c {\r\nd #e\nf#") == ["a", "b", "d", "f"]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\u0085", "\r"])
def test_a_comment_that_ends_earlier_for_some_readers_is_refused(sign: str) -> None:
    refused(f"{{a}} # {sign} mutation{{b}}")


@pytest.mark.parametrize(
    "source", ["a\0", "\ufeffa", "a\u200b", "a\x0bb", '"\x07"', "\ud800", "\u00e4", "?", "a.b", ".."]
)
def test_characters_outside_the_grammar_are_refused(source: str) -> None:
    refused(source)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"a\"b\\c\/\b\f\n\r\t"', 'a"b\\c/\b\f\n\r\t'),
        (r'"\u0064eleteRepo"', "deleteRepo"),
        (r'"\u{1F600}\uD83D\ude00"', "\U0001f600\U0001f600"),
        (r'"\\u0041"', r"\u0041"),
        ('""', ""),
        ('"#{,}"', "#{,}"),
        ('"\u2028"', "\u2028"),
    ],
)
def test_escapes_mean_what_the_specification_says(written: str, meant: str) -> None:
    assert texts(written) == [meant]


@pytest.mark.parametrize(
    "source",
    [
        r'"\x41"',
        r'"\u12"',
        r'"\uD800"',
        r'"\uDE00\uD83D"',
        r'"\u{D800}"',
        r'"\u{110000}"',
        r'"\u{}"',
        r'"\U0041"',
        r'"\u{000000041}"',
    ],
)
def test_an_escape_that_readers_differ_about_is_refused(source: str) -> None:
    assert "string of the GraphQL query" in refused(source)


@pytest.mark.parametrize(
    "source", ['"', '"a', '"a\nb"', '"\\"', '"""', '"""a', '"""a""', '"""a\\"""', '"a""b"', '"""a""""']
)
def test_a_string_that_some_readers_end_elsewhere_is_refused(source: str) -> None:
    assert "cannot be read" in refused(source)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('""""""', ""),
        ('"""a "b" \\""" c\\n"""', 'a "b" """ c\\n'),
        (
            '"""\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  """',
            "Hello,\n  World!\n\nYours,\n  GraphQL.",
        ),
        ('"""  a\r\n    b\n   c"""', "  a\n b\nc"),
        ('"""\n \n\t\n"""', ""),
        ('"""#no comment"""', "#no comment"),
    ],
)
def test_block_strings_lose_their_common_indentation(written: str, meant: str) -> None:
    assert texts(written) == [meant]


@pytest.mark.parametrize(
    "source", ["01", "1a", "1.", ".5", "1.e1", "1e", "-", "+1", "0x1", "1_0", "1.5.2", "-01", "1e5a"]
)
def test_a_number_that_readers_cut_elsewhere_is_refused(source: str) -> None:
    refused(source)


def test_a_flood_of_tokens_is_refused_at_the_limit() -> None:
    assert len(tokens("a " * MAX_TOKENS)) == MAX_TOKENS + 1
    with pytest.raises(Refusal) as caught:
        tokens("{" * (MAX_TOKENS + 1))
    assert caught.value.reason is Reason.BODY_TOO_LARGE


def test_the_steps_end_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[object] = []
    monkeypatch.setattr(graphql_tokens, "_token", steps.append)
    with pytest.raises(Refusal):
        tokens("{" * MAX_TEXT)
    assert len(steps) == MAX_TOKENS + 1
    with pytest.raises(Refusal) as caught:
        tokens("{" * (MAX_TEXT + 1))
    assert caught.value.reason is Reason.BODY_TOO_LARGE
    assert len(steps) == MAX_TOKENS + 1


@pytest.mark.parametrize(
    "source",
    ["," * MAX_TEXT, "#" * MAX_TEXT, "#\n" * 500_000, f'"{"a" * 999_998}"', '"' + "\\\\" * 400_000],
)
def test_long_tokens_are_read_or_refused_in_one_pass(source: str) -> None:
    """A pattern that went back over what it had read would never end here."""
    try:
        assert len(tokens(source)) <= 2
    except Refusal:
        assert source.endswith("\\")


@given(st.text('ab01"\\u{}#\n\r.,-+e$@ \u2028\ud800', max_size=30) | st.text(max_size=20))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        found = tokens(source)
    except Refusal:
        return
    assert found[-1] is END
    for token in found:
        if token.kind in {"name", "number", "punctuator"}:
            assert token.text in source
