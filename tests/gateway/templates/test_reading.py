import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import parse_form, parse_json
from gateway.errors import Refusal
from gateway.templates.reading import COMPOUND, Found, key_tokens, read_json, read_pairs


def at(raw: str, *tokens: str) -> list[Found]:
    return read_json(parse_json(raw.encode()), tokens)


def test_json_places() -> None:
    raw = '{"a": {"b": [1, {"c": "x"}]}, "n": null, "o": {"k": 1, "l": 2}}'
    assert at(raw, "a", "b", "0") == ["1"]
    assert at(raw, "a", "b", "1", "c") == ["x"]
    assert at(raw, "a", "b", "7") == []
    assert at(raw, "a", "b", "x") == []
    assert at(raw, "a", "b") == [COMPOUND]
    assert at(raw, "a", "z") == []
    assert at(raw, "n", "z") == []
    assert at(raw, "n") == [None]
    assert at(raw, "n", "*") == []
    assert at(raw, "o", "*") == ["k", "l"]
    assert at(raw, "a", "b", "*", "c") == ["x"]
    assert at('{"b": {"x": {"m": [1]}, "y": {"m": [2, 3]}}}', "b", "*", "m", "*") == ["1", "2", "3"]


def test_a_key_in_another_case_is_refused() -> None:
    with pytest.raises(Refusal, match="another case"):
        at('{"Amount": 100000}', "amount")


def test_a_single_value_where_a_list_is_read_is_refused() -> None:
    with pytest.raises(Refusal, match="single value"):
        at('{"scopes": "admin"}', "scopes", "*")


def test_keys_have_their_tokens() -> None:
    assert key_tokens("a") == ("a",)
    assert key_tokens("a[b][]") == ("a", "b", "")
    assert key_tokens("a[0][x]") == ("a", "0", "x")
    for key in ("a[", "a]", "a[b", "a[[b]]", "a[b]c"):
        assert key_tokens(key) == ("a", "[")


def form(text: str, key: str) -> list[Found]:
    return read_pairs(parse_form(text.encode()), key_tokens(key))


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("a=1&b=2", "a", ["1"]),
        ("a=1&a=2", "a", ["1", "2"]),
        ("b=2", "a", []),
        ("metadata[order]=1&metadata[x]=2", "metadata[order]", ["1"]),
        ("a%5Bb%5D=1", "a[b]", ["1"]),
        ("line[]=x&line[]=y", "line[*]", ["x", "y"]),
        ("line[0]=x&line[1]=y", "line[*]", ["x", "y"]),
        ("line[0][p]=1&line[0][q]=2&line[1][p]=3", "line[*][p]", ["1", "3"]),
        ("ab=1", "a", []),
        ("a.b=1&[]=2&[b]=3&=4", "a", []),
    ],
)
def test_form_keys_as_stripe_writes_them(text: str, key: str, values: list[str]) -> None:
    assert form(text, key) == values


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Amount=1", "amount"),
        ("AMOUNT[]=1", "amount"),
        ("amount[]=1", "amount"),
        ("amount[0]=1", "amount"),
        ("amount[x]=1", "amount"),
        ("amount=1&amount[]=2", "amount"),
        ("amount[=1", "amount"),
        ("amount]=1", "amount"),
        ("[amount]=1", "amount"),
        ("[amount=1", "amount"),
        ("[][amount]=1", "amount"),
        ("[card][number]=1", "card[number]"),
        ("payment.intent=1", "payment_intent"),
        ("payment+intent=1", "payment_intent"),
        ("Payment.Intent[a]=1", "payment_intent"),
        ("a=1", "a[b]"),
        ("a[]=1", "a[b]"),
        ("a[B]=1", "a[b]"),
        ("a[b][c]=1", "a[b]"),
        ("line=x", "line[*]"),
    ],
)
def test_keys_that_a_server_could_take_for_the_one_read_are_refused(text: str, key: str) -> None:
    with pytest.raises(Refusal, match="more than one way"):
        form(text, key)


@given(st.lists(st.tuples(st.text(alphabet="aA[]0*", max_size=6), st.text(max_size=2)), max_size=4))
def test_any_keys_are_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        found = read_pairs(tuple(pairs), ("a", "*"))
    except Refusal:
        return
    assert len(found) <= len(pairs)
