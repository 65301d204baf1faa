import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.templates.variables import plain_value
from gateway.templates.yaml12 import parse_yaml


def read(text: str | bytes) -> object:
    return plain_value(parse_yaml(text if isinstance(text, bytes) else text.encode(), "t.yaml"))


def test_words_of_yaml_1_1_are_texts() -> None:
    assert read("[no, yes, on, off, 1:30, 2001-01-01, y, 0b1, 1_000, '1', '~', \"true\"]") == [
        "no",
        "yes",
        "on",
        "off",
        "1:30",
        "2001-01-01",
        "y",
        "0b1",
        "1_000",
        "1",
        "~",
        "true",
    ]


def test_scalars_of_the_core_schema() -> None:
    assert read("[1, -2, +3, 010, 0x10, 0o17, 1.5, .5, 1e3, true, FALSE, null, ~, ]") == [
        1,
        -2,
        3,
        10,
        16,
        15,
        1.5,
        0.5,
        1000.0,
        True,
        False,
        None,
        None,
    ]
    assert read("a:") == {"a": None}
    assert parse_yaml(b"1.50", "t").text == "1.50"


def test_a_number_too_long_to_be_meant_is_a_text_or_a_float_not_an_attack() -> None:
    assert isinstance(read("1" * 5000), float)


def test_anchors_and_aliases() -> None:
    assert read("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


def test_positions_are_those_of_the_file() -> None:
    root = parse_yaml(b"a: 1\nb:\n  c: [x, y]\n", "t.yaml")
    assert isinstance(root.value, dict)
    (_, (key, below)) = root.value.items()
    assert str(key.place) == "t.yaml:2:1"
    assert str(below.place) == "t.yaml:3:3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{a: 1, a: 2}", "twice"),
        (b"a: 1\n'a': 2", "The first is in line 1"),
        (b"&a [*a]", "inside what it names"),
        (b"!!python/name:os.system x", "tag"),
        (b"!x y", "tag"),
        (b"{[a]: 1}", "key must be a text"),
        (b"--- 1\n--- 2", "another document"),
        (b"{a: [", "not YAML"),
        (b"*nowhere", "not YAML"),
        (b"\xff", "not UTF-8"),
        (b"a: \x01", "not YAML"),
        (b"", "empty"),
    ],
)
def test_what_is_not_one_plain_document_is_an_error(text: bytes, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert says in str(caught.value)
    assert caught.value.place is not None
    assert caught.value.place.file == "t.yaml"


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="aliases stand for too much"):
        read("\n".join(lines))


def test_kinds_are_told_in_words() -> None:
    kinds = [parse_yaml(text, "t").kind for text in (b"{}", b"[]", b"true", b"x", b"~", b"1", b"1.5")]
    assert kinds == ["a mapping", "a list", "true or false", "a text", "nothing", "a number", "a number"]


@given(st.text(alphabet="ab: -\n[]{}&*!|>'\"#,0", max_size=40) | st.binary(max_size=40))
def test_any_file_is_yaml_or_a_config_error(text: str | bytes) -> None:
    try:
        read(text)
    except ConfigError:
        return


OVERFLOWS = {
    "within each other": "[" * 2000 + "]" * 2000,
    "open": "[" * 300_000,
    "maps": "{a: " * 300_000,
    "on one line": "- " * 300_000,
    "keys": "? " * 300_000,
    "after ends in quotes": '["]", ' * 100_000,
    "after ends in a comment": "[ # ]\n" * 100_000,
    "in steps": "\n".join(" " * (1998 * step) + "- " * 999 for step in range(40)),
    "line by line": "\n".join(" " * step + "a:" for step in range(3000)),
}


@pytest.mark.parametrize("text", OVERFLOWS.values(), ids=OVERFLOWS.keys())
def test_a_file_that_would_overflow_the_composer_is_refused_before(text: str) -> None:
    with pytest.raises(ConfigError, match="nests too deeply"):
        read(text)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert read("a: [" + "[], {}, " * 20_000 + "]")
