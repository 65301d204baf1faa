import json
import time
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import (
    MAX_DEPTH,
    MAX_VALUES,
    Json,
    JsonNumber,
    json_leaves,
    leaf_text,
    parse_form,
    parse_json,
)
from gateway.errors import Reason, Refusal
from gateway.model import Caller, Request


def ambiguity(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def sent(body: bytes, **headers: str) -> Request:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(Caller("a", "t", None, "127.0.0.1"), "POST", "https", "h.test", 443, "/", pairs, body)


def test_numbers_keep_the_text_they_came_in() -> None:
    assert parse_json(b'{"a": 1.50, "b": 6e2, "c": -0, "d": 123456789012345678901}') == {
        "a": "1.50",
        "b": "6e2",
        "c": "-0",
        "d": "123456789012345678901",
    }
    value = parse_json(b"1.50")
    assert isinstance(value, JsonNumber)
    assert repr(value) == "JsonNumber('1.50')"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"amount":1,"amount":100000}',
        b'{"amount":1,"Amount":100000}',
        '{"kelvin":1,"\u212aelvin":2}'.encode(),
        b'{"a":{"b":[{"x":1,"x":2}]}}',
        b'{"a":1,"\\u0061":2}',
    ],
)
def test_duplicate_json_keys_are_refused(raw: bytes) -> None:
    assert "twice in one object" in ambiguity(lambda: parse_json(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b'{"a":1} x',
        b'{"a":1}{"a":2}',
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b"NaN",
        b'{"a":Infinity}',
        b"[-Infinity]",
        b"01",
        b"+1",
        b"1.",
        b'"\x01"',
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"/* */ 1",
        b'{"amount\\u0000x":1}',
    ],
)
def test_json_that_readers_disagree_on_is_refused(raw: bytes) -> None:
    ambiguity(lambda: parse_json(raw))


def test_whole_surrogate_pairs_are_text() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_a_nesting_bomb_is_refused(open_: str, close: str) -> None:
    deepest = MAX_DEPTH
    assert parse_json((open_ * deepest + "1" + close * deepest).encode()) is not None
    for depth in (deepest + 1, 10_000):
        raw = (open_ * depth + "1" + close * depth).encode()
        assert "nested deeper" in ambiguity(lambda raw=raw: parse_json(raw))  # type: ignore[misc]  # lambda default


def too_large(raw: bytes) -> None:
    took = []
    for _ in range(3):
        start = time.thread_time()
        with pytest.raises(Refusal) as caught:
            parse_json(raw)
        took.append(time.thread_time() - start)
        assert caught.value.reason is Reason.BODY_TOO_LARGE
    assert min(took) < 0.15


@pytest.mark.parametrize(
    "item",
    ["0", "null", '""', "[]", "{}", "[ ]", '"a,[{"', '{"a":1}', '"\\""', '"\\\\"', '{"k":"v","l":[1]}'],
)
def test_a_megabyte_of_tiny_values_is_refused_before_it_is_built(item: str) -> None:
    too_large(f"[{','.join([item] * (1_000_000 // (len(item) + 1)))}]".encode())


@pytest.mark.parametrize(
    "raw", [b"[" * 1_000_000, b'{"a":' * 200_000, b'""' * 500_000 + b"," * 20_000, b"," * 1_000_000]
)
def test_a_megabyte_that_is_no_json_costs_as_little(raw: bytes) -> None:
    too_large(raw)


def test_values_are_counted_exactly_and_not_within_strings() -> None:
    for item, values in (("0", 1), ("[]", 1), ("{ }", 1), ('{"k":[1,"\\",2"]}', 4), ('"[,{,"', 1)):
        most = (MAX_VALUES - 1) // values
        assert parse_json(f"[{','.join([item] * most)}]".encode())
        too_large(f"[{','.join([item] * (most + 1))}]".encode())
    assert parse_json(json.dumps(",[{" * 50_000).encode())
    ambiguity(lambda: parse_json(b'"' + b"," * 50_000))


def test_a_long_key_is_not_repeated_whole_in_the_refusal() -> None:
    raw = json.dumps("k" * 500)
    assert len(ambiguity(lambda: parse_json(f"{{{raw}:1,{raw}:2}}".encode()))) < 200


SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_json_or_a_refusal(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except Refusal as refusal:
        reason = refusal.reason
        assert reason is Reason.AMBIGUOUS_REQUEST
    else:
        assert list(json_leaves(value))


@given(VALUES)
def test_what_is_read_is_what_was_written(value: object) -> None:
    try:
        read = parse_json(json.dumps(value).encode())
    except Refusal:
        return
    assert json.loads(_written(read)) == value


def _written(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item) for item in value) + "]"
    return str(value) if isinstance(value, JsonNumber) else json.dumps(value)


def test_leaves_have_their_pointers_and_empty_containers_are_leaves() -> None:
    value = parse_json(b'{"a/b":{"m~n":[true,null,"x"]},"e":{},"f":[],"g":1}')
    assert list(json_leaves(value)) == [
        ("/a~1b/m~0n/0", True),
        ("/a~1b/m~0n/1", None),
        ("/a~1b/m~0n/2", "x"),
        ("/e", "{}"),
        ("/f", "[]"),
        ("/g", "1"),
    ]
    assert list(json_leaves("alone")) == [("", "alone")]


def test_leaf_text() -> None:
    assert [leaf_text(leaf) for leaf in (None, True, False, JsonNumber("1.0"), "x")] == [
        "null",
        "true",
        "false",
        "1.0",
        "x",
    ]


def test_form_pairs_keep_their_order_and_repeats() -> None:
    assert parse_form(b"a=1&b=x+y&a=%C3%A9&c&=&&d[x][]=2") == (
        ("a", "1"),
        ("b", "x y"),
        ("a", "é"),
        ("c", ""),
        ("", ""),
        ("d[x][]", "2"),
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"a=1;b=2",
        b"a=%",
        b"a=%2",
        b"a=%zz",
        b"a=%FF",
        b"\xff=1",
        b"+a=1",
        b"a%00=1",
        b"a%0a=1",
        b" a=1",
        b"\xef\xbb\xbfa=1",
    ],
)
def test_forms_that_servers_split_or_decode_differently_are_refused(raw: bytes) -> None:
    ambiguity(lambda: parse_form(raw))


def test_a_form_of_endless_pairs_is_refused() -> None:
    assert len(parse_form(b"a&" * 19_999 + b"a")) == 20_000
    assert "more than 20000 pairs" in ambiguity(lambda: parse_form(b"a&" * 20_000 + b"a"))


@given(st.binary(max_size=100) | st.text(alphabet="ab=&%;+[]%C3A9").map(str.encode))
def test_any_bytes_are_a_form_or_a_refusal(raw: bytes) -> None:
    try:
        pairs = parse_form(raw)
    except Refusal as refusal:
        reason = refusal.reason
        assert reason is Reason.AMBIGUOUS_REQUEST
    else:
        again = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs)
        assert parse_form(again.encode()) == pairs
