from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigErrors
from gateway.policy.source import Source
from gateway.policy.tokens import find, statements, text_of, tokens_of, words_of


def words(text):
    return [token.text for token in tokens_of(Source("f", text))]


def test_a_semicolon_in_a_string_or_comment_does_not_cut_a_policy():
    source = Source("f", 'a ";" // b;\n; "\\";" ; rest')
    assert [text_of(source, piece) for piece in statements(tokens_of(source))] == [
        'a ";" // b;\n;',
        '"\\";" ;',
        "rest",
    ]


def test_a_forbid_behind_a_carriage_return_is_not_hidden_in_a_comment():
    assert words("// permit\rforbid") == ["forbid"]


def test_a_string_that_never_ends_is_an_error_at_its_start():
    with pytest.raises(ConfigErrors, match=r"^f:2:3: This string never ends"):
        tokens_of(Source("f", 'a;\n  "b'))


def test_slots_are_recognised_and_question_marks_are_not():
    tokens = tokens_of(Source("f", "?principal ? x"))
    assert [token.is_slot for token in tokens] == [True, False, False]


def test_find_wants_the_whole_run():
    tokens = tokens_of(Source("f", "a.b a.c"))
    assert find(["a", ".", "c"], tokens) == 3
    assert find(["c", "."], tokens) is None


@given(st.text(alphabet='ab"\\;/ \n\r:=?é', max_size=40))
def test_tokens_lose_nothing_but_space_and_comments(text):
    try:
        tokens = tokens_of(Source("f", text))
    except ConfigErrors:
        return
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert [token for piece in statements(tokens) for token in piece] == list(tokens)
    assert all(before.end <= after.start for before, after in pairwise(tokens))


@given(
    st.lists(
        st.sampled_from(
            ['"a b"', '"//"', '"\\""', "// x\n", "//\r", "x", "::", "?y", " ", "\n", "&&", ";", "7"]
        )
    )
)
def test_words_are_the_tokens_texts(parts):
    text = "".join(parts)
    assert words_of(text) == words(text)


DEEP = {
    "brackets": lambda n: "(" * n + "true" + ")" * n,
    "sets": lambda n: "[" * n + "]" * n,
    "records": lambda n: "{a:" * n + "1" + "}" * n,
    "brackets behind a stray semicolon": lambda n: "(" * n + ";" + "(" * n,
    "brackets behind others closed too often": lambda n: ")" * n + "(" * n,
    "else if": lambda n: "if true then true else " * (10 * n) + "true",
    "a chain": lambda n: "true && " * (40 * n) + "true",
    "attributes": lambda n: "context" + ".a" * (40 * n),
    "indexes": lambda n: "context" + '["a"]' * (40 * n),
}


@pytest.mark.parametrize("made", DEEP.values(), ids=DEEP.keys())
def test_a_text_that_would_end_the_process_in_cedars_parser_is_refused_before(made):
    with pytest.raises(ConfigErrors, match="This nests too deeply to be read"):
        words(f"permit (principal, action, resource) when {{ {made(110)} }};")


def test_many_policies_and_long_sets_are_not_deep():
    names = ", ".join(f'Action::"/shop/{number}"' for number in range(6000))
    assert words(f"permit (principal, action in [{names}], resource);")
    assert words("permit (principal, action, resource) when { context.a && context.b.c };\n" * 3000)
