from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan.dag import UcanError
from gateway.ucan.selectors import Unresolved, parse, resolve

ARGUMENTS: dict[str, Any] = {
    "from": "alice@example.com",
    "to": ["bob@example.com", "carol@not.example.com", "dan@example.com"],
    "cc": {"x": 1, "y": 2},
    "raw": bytes.fromhex("d6a9c18cf8c4"),
    "a.b": {"$": 7},
}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (".", ARGUMENTS),
        (".from", "alice@example.com"),
        (".to[1]", "carol@not.example.com"),
        (".to[-1]", "dan@example.com"),
        (".to[99]?", None),
        (".to[99]???", None),
        (".to[1:]", ARGUMENTS["to"][1:]),
        (".to[:1]", ARGUMENTS["to"][:1]),
        (".to[0:-2]", ARGUMENTS["to"][0:-2]),
        (".to[]", ARGUMENTS["to"]),
        (".cc[]", [1, 2]),
        (".cc[].x?", None),
        (".raw[3]", 0x8C),
        (".raw[3:]", b"\x8c\xf8\xc4"),
        ('["a.b"]', None),
        ('.["a.b"]["$"]', 7),
        (".missing", None),
        (".missing.deeper?", None),
        (".from[0]?", None),
        (".from[0:1]?", None),
        (".from[]?", None),
    ],
)
def test_path_finds_what_the_specification_says(selector, expected):
    selector = selector if selector.startswith(".") else "." + selector
    expected = ARGUMENTS["a.b"] if selector == '.["a.b"]' else expected
    assert resolve(parse(selector), ARGUMENTS) == expected


@pytest.mark.parametrize(
    "selector", [".to[99]", ".missing.deeper", ".to[99].x?", ".from[0]", ".from[1:]", ".from[]", ".to.x"]
)
def test_path_to_nothing_is_unresolved(selector):
    with pytest.raises(Unresolved):
        resolve(parse(selector), ARGUMENTS)


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "a",
        "..",
        ".a..b",
        ".a.",
        ".[",
        ".[a]",
        ".[1",
        '.["a"',
        '.["a',
        '.["a"x]',
        ".[:]",
        ".a b",
        ".?",
        ".é",
        5,
    ],
)
def test_malformed_selector_is_refused(selector):
    with pytest.raises(UcanError):
        parse(selector)


@given(st.text(alphabet='.[]?:"\\-01ab*', max_size=20))
def test_random_selector_never_raises_another_error(text):
    try:
        selector = parse("." + text)
    except UcanError:
        return
    try:
        resolve(selector, {"a": [{"b": b"\x00\x01"}, [1, 2]], "b": {"a": 1}})
    except Unresolved:
        return
