import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, Place
from gateway.templates.params import Param, read_param
from gateway.templates.patterns import SEPARATOR, Pattern, parse_path
from tests.gateway.templates.making import yaml

PARAMS = {"path": Param("path", slash=True), "n": read_param("n", yaml('{pattern: "[0-9]+"}'))}


def path(text: str) -> Pattern:
    return parse_path(text, Place("t.yaml", 1, 1), PARAMS)


@pytest.mark.parametrize(
    ("pattern", "segments", "values"),
    [
        ("/", [""], []),
        ("/a", ["a"], []),
        ("/a", ["A"], None),
        ("/a", ["a", ""], None),
        ("/a/", ["a", ""], []),
        ("/{x}", ["b"], ["b"]),
        ("/{x}", [""], None),
        ("/{x}", ["a/b"], None),
        ("/{path}", ["a/b"], ["a/b"]),
        ("/{n}", ["12"], ["12"]),
        ("/{n}", ["x"], None),
        ("/v{n}.json", ["v7.json"], ["7"]),
        ("/v{n}.json", ["v.json"], None),
        ("/a{x}a", ["a"], None),
        ("/a/{x*}", ["a", "b", "c"], ["b/c"]),
        ("/a/{x*}", ["a"], None),
        ("/a/{x*}", ["a", ""], None),
        ("/a/{x*}", ["a", "b", ""], None),
        ("/a/{x*}", ["a", "b/c"], None),
        ("/a/{path*}", ["a", "b/c", "d"], ["b/c/d"]),
        ("/{x*}/z", ["a", "b", "z"], ["a/b"]),
        ("/{x*}/z", ["z"], None),
        ("/{o}/{x*}/m/{n}", ["o", "a", "b", "m", "3"], ["o", "a/b", "3"]),
        ("/{o}/{x*}/m/{n}", ["o", "a", "b", "m", "x"], None),
        ("/p/{x*}:go", ["p", "a", "b:go"], ["a/b"]),
        ("/p/{x*}:go", ["p", "a", ":go"], None),
        ("/p/{x*}:go", ["p", "a", "b"], None),
        ("/{x*}:go", ["a:go"], ["a"]),
        ("/{x}:{verb}", ["a:go"], ["a:go"]),
        ("/{x}:{verb}", ["a"], None),
        ("/{x}:{verb}", [":go"], None),
        ("/{x}:{verb}", ["a:"], None),
        ("/{x}:{verb}", ["a:b:go"], ["a:b:go"]),
        ("/{x}:{n}", ["a:1"], ["a:1"]),
        ("/{x}:{n}", ["a:1:b"], None),
        ("/v{n}.{x}.json", ["v1.a.json"], ["1.a"]),
        ("/p/{x*}:{verb}", ["p", "a", "b:go"], ["a/b:go"]),
        ("/p/{x*}:{verb}", ["p", "b:go"], ["b:go"]),
        ("/p/{x*}:{verb}", ["p", "a", ":go"], None),
        ("/p/{x*}:{verb}", ["p", "a:go", "b"], None),
        ("/p/{x*}:{path}", ["p", "a", "b:c/d"], ["a/b:c/d"]),
        ("/p/{x*}:{verb}", ["p", "a", "b:c/d"], None),
    ],
)
def test_a_path_matches_in_one_way(pattern: str, segments: list[str], values: list[str] | None) -> None:
    made = path(pattern)
    assert made.match(segments) == values
    assert made.language.matches(SEPARATOR.join(segments)) is (values is not None)


SEGMENTS = st.lists(st.text(alphabet="ab:1/", max_size=3), min_size=1, max_size=4)
PATTERNS = [
    "/a", "/{x}/{n}", "/a/{x*}", "/{x*}/b", "/{path*}:a", "/a{x}", "/{path}/b", "/{n}", "/a/", "/{x}1{n}",
    "/{x*}:{path}",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@given(segments=SEGMENTS)
def test_what_matches_is_what_is_compared(pattern: str, segments: list[str]) -> None:
    made = path(pattern)
    assert made.language.matches(SEPARATOR.join(segments)) is (made.match(segments) is not None)


def test_names_and_captures() -> None:
    made = path("/a/{x}/{path*}")
    assert made.names == ("x", "path")
    assert made.star == 2
    assert path("/a").star is None


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "/a?b",
        "/a%20b",
        "/a b",
        "/é",
        "/a\\b",
        "/a;b",
        "/a//b",
        "/../b",
        "/{x}{y}",
        "/{x}--{y}",
        "/{x}:{y}:{z}",
        "/{x}:{y*}",
        "/{x}:{x}",
        "/{x",
        "/x}",
        "/{1}",
        "/{x*}/{y*}",
        "/{x}/{x}",
        "/{n*}",
        "/{}",
    ],
)
def test_wrong_paths_are_errors(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        path(text)
    assert "t.yaml:1:1" in str(caught.value)
