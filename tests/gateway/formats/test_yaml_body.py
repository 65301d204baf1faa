from collections.abc import Iterable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.bodies import MAX_DEPTH, MAX_VALUES, Json, JsonNumber, parse_json
from gateway.errors import Reason, Refusal
from gateway.formats import yaml_body
from gateway.formats.yaml_body import parse_yaml_body
from gateway.templates.yaml12 import Yaml, parse_yaml


def refused(raw: str | bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse_yaml_body(raw.encode() if isinstance(raw, str) else raw)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_a_manifest_is_read_with_numbers_as_written() -> None:
    raw = b"""---
kind: Deployment
spec:
  replicas: 3  # three
  share: 0.50
  image: nginx:1.25
  ip: 10.0.0.1
  args: ["--a", 'it''s', plain]
  text: |
    one
    two
  nothing:
  tilde: ~
  on-call: true
"""
    assert parse_yaml_body(raw) == {
        "kind": "Deployment",
        "spec": {
            "replicas": JsonNumber("3"),
            "share": JsonNumber("0.50"),
            "image": "nginx:1.25",
            "ip": "10.0.0.1",
            "args": ["--a", "it's", "plain"],
            "text": "one\ntwo\n",
            "nothing": None,
            "tilde": None,
            "on-call": True,
        },
    }
    spec = parse_yaml_body(b"replicas: 3")
    assert isinstance(spec, dict)
    assert isinstance(spec["replicas"], JsonNumber)


@pytest.mark.parametrize(
    "plain",
    [
        "yes",
        "No",
        "ON",
        "off",
        "y",
        "N",
        "tRUE",
        "nUll",
        "012",
        "0o17",
        "0x1F",
        "0b1",
        "1_000",
        "+1",
        "1:30",
        "190:20:30.15",
        "22:22",
        "1e3",
        "1.",
        ".5",
        "1.5e3",
        ".inf",
        "-.INF",
        ".nan",
        "2001-01-01",
        "2001-01-01T10:00:00Z",
        "=",
        "<<",
        "00",
        "-012",
        "12e4567",
    ],
)
def test_what_versions_of_yaml_read_differently_is_refused(plain: str) -> None:
    assert "differently" in refused(f"a: {plain}")
    assert "differently" in refused(f"{plain}: a") or plain == "="
    assert parse_yaml_body(f"a: '{plain}'".encode()) == {"a": plain}
    assert parse_yaml_body(f'"{plain}": a'.encode()) == {plain: "a"}


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "1.5"])
def test_a_key_that_is_no_text_to_some_readers_is_refused(key: str) -> None:
    assert "not a text" in refused(f"{key}: a")


@pytest.mark.parametrize("raw", ["[a]: b", "{a: b}: c", "? [a]\n: b", "? {a: b}\n: c"])
def test_a_key_that_is_a_collection_is_refused(raw: str) -> None:
    assert "not a text" in refused(raw)


@pytest.mark.parametrize(
    "raw", ["a: 1\na: 2", "a: 1\nA: 2", "{a: 1, 'a': 2}", 'a: 1\n"\\x61": 2', "b: {a: 1, a: 1}"]
)
def test_duplicate_keys_are_refused(raw: str) -> None:
    assert "twice" in refused(raw)


@pytest.mark.parametrize("raw", ['" a": 1', '"a\\0": 1', '"a\\n": 1'])
def test_a_key_that_some_readers_trim_is_refused(raw: str) -> None:
    assert "blanks or control characters" in refused(raw)


@pytest.mark.parametrize("raw", ["a: &x 1\nb: *x", "&x a: 1", "a: &x [*x]", "a: &x 1", "*x"])
def test_an_anchor_that_stands_for_something_shown_elsewhere_is_refused(raw: str) -> None:
    assert "anchor or an alias" in refused(raw)


def test_alias_bombs_are_refused_before_they_grow() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "anchor" in refused(bomb)


@pytest.mark.parametrize(
    "raw",
    [
        "a: !!str 1",
        "a: ! 1",
        "!x a: 1",
        "a: !!binary aGk=",
        "!!python/object/apply:os.system ['x']",
        "a: !!set {b}",
    ],
)
def test_tags_are_refused(raw: str) -> None:
    assert "tag" in refused(raw)


def test_a_second_document_is_refused() -> None:
    assert "several" in refused("a: 1\n---\nb: 2")
    assert "'...'" in refused("a: 1\n...\n---\nb: 2")
    assert "'...'" in refused("a: 1\n...")
    assert "directive" in refused("%YAML 1.1\n---\na: 1")
    assert "directive" in refused("%TAG ! tag:x\n---\na: 1")


@pytest.mark.parametrize("raw", ["", " ", "# nothing", "\n\n"])
def test_an_empty_body_is_refused(raw: str) -> None:
    assert "empty" in refused(raw)


@pytest.mark.parametrize(
    "raw", ["a: b\u0085c: d", "a: b\u2028c: d", "a: b\rc: d", "\ufeffa: b", "# x\u2029a: b"]
)
def test_a_line_break_that_only_some_readers_see_is_refused(raw: str) -> None:
    assert "line break" in refused(raw)
    assert parse_yaml_body(b"a: b\r\nc: d") == {"a": "b", "c": "d"}


@pytest.mark.parametrize("raw", ["{a:1}", "[a:b]", "{a: http://x}", "[a?b]"])
def test_a_colon_within_brackets_is_refused(raw: str) -> None:
    assert "quotes within brackets" in refused(raw)


@pytest.mark.parametrize(
    "raw",
    ["a: [", "a: 'x", "\ta: b", "a: b: c", "- a\nb: c", '"\\ud800"', '"\\U00110000"', '"\\q"', "@a", "a\0b"],
)
def test_what_is_no_yaml_is_refused(raw: str) -> None:
    assert "cannot be read" in refused(raw)


@pytest.mark.parametrize(
    "raw", ["a\t", "a: b\tc", "a:\tb", "a: b\t# c", '"a\tb"', "a: 'b\t\n  c'", "#\t\na: b", "- 'a\t'\n- \tb"]
)
def test_a_tab_that_only_some_readers_take_for_a_blank_is_refused(raw: str) -> None:
    refused(raw)
    assert parse_yaml_body(b"a: |\n  all:\n  \tcc a.c\t\nb: 'c\td'\ne: \"f\\tg\"") == {
        "a": "all:\n\tcc a.c\t\n",
        "b": "c\td",
        "e": "f\tg",
    }


@pytest.mark.parametrize("raw", ["a", "1", "'a'", "|\n# a", ">\n...\n", "|\n", "--- yes", "---"])
def test_a_document_that_is_no_collection_is_refused(raw: str) -> None:
    assert "mapping or a list" in refused(raw)


def test_other_encodings_are_refused() -> None:
    assert "UTF-8" in refused("a: b".encode("utf-16"))
    assert "UTF-8" in refused(b"a: \xff")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", '{"a": ', "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    with pytest.raises(Refusal):
        parse_yaml_body((opening * 100_000).encode())
    assert parse_yaml_body(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())
    assert "deeper" in refused("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "raw", ["- a\n" * (MAX_VALUES + 1), "[" + "a," * 1_000_000 + "]", "[" + "[]," * MAX_VALUES + "]"]
)
def test_a_flood_of_values_is_refused(raw: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_yaml_body(raw.encode())
    assert caught.value.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@pytest.mark.parametrize("raw", ["- a\n" * 100_000, "- []\n" * 100_000, "{a: {b: [" + "c," * 100_000])
def test_the_steps_end_at_the_limit(monkeypatch: pytest.MonkeyPatch, loader: type, raw: str) -> None:
    steps = 0

    class Counting(loader):  # type: ignore[misc]
        def get_event(self) -> object:
            nonlocal steps
            steps += 1
            return super().get_event()

    monkeypatch.setattr(yaml_body, "_LOADER", Counting)
    with pytest.raises(Refusal):
        parse_yaml_body(raw.encode())
    assert MAX_VALUES < steps <= 2 * MAX_VALUES + 3


@pytest.mark.parametrize("raw", ['"\\ud800"', '"\\U00110000"', '{"\\udc00": 1}'])
def test_half_a_character_is_refused_by_the_slow_loader_too(
    monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    monkeypatch.setattr(yaml_body, "_LOADER", yaml.SafeLoader)
    refused(raw)


def test_json_under_a_yaml_name_reads_as_json() -> None:
    raw = b'{"kind":"Pod","n":[1,-2.5,true,false,null,"no","1e3","a:b"],"e":{},"u":"\xc3\xbc\\u00fc\\n"}'
    assert parse_yaml_body(raw) == parse_json(raw)


def as_json(item: Yaml) -> object:
    if isinstance(item.value, dict):
        return {key.text: as_json(below) for key, below in item.value.items()}
    if isinstance(item.value, list):
        return [as_json(below) for below in item.value]
    return item.value


def with_numbers(value: Json) -> object:
    if isinstance(value, JsonNumber):
        return float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, dict):
        return {key: with_numbers(below) for key, below in value.items()}
    return [with_numbers(below) for below in value] if isinstance(value, list) else value


def check_against_both_versions(raw: bytes) -> None:
    try:
        value = with_numbers(parse_yaml_body(raw))
    except Refusal:
        return
    assert repr(yaml.safe_load(raw)) == repr(value)
    assert repr(as_json(parse_yaml(raw, "x"))) == repr(value)


_scalars = st.text("0123456789+-.:_eExXobtTZ ~=<", max_size=12) | st.sampled_from(
    ["yes", "True", "null", "nan", "1.5e+3", "-0"]
)


@given(_scalars)
def test_a_plain_scalar_means_the_same_in_both_versions_or_is_refused(text: str) -> None:
    check_against_both_versions(f"- {text}".encode())


def _lines(pieces: Iterable[str]) -> bytes:
    return "".join(pieces).encode()


_pieces = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ":",
        "'",
        '"',
        "|\n",
        ">\n",
        "#",
        "?",
        "!",
        "&x ",
        "*x",
        "1",
        "yes",
        "---\n",
        "...\n",
        "\t",
        "\u00fc",
        "\u0085",
        "%",
        "\\",
    ]
)


@given(st.lists(_pieces, max_size=16).map(_lines) | st.binary(max_size=40))
def test_any_bytes_mean_the_same_in_both_versions_or_are_refused(raw: bytes) -> None:
    check_against_both_versions(raw)
