import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, Place
from gateway.templates.language import escape, overlap
from gateway.templates.params import Param, read_param
from gateway.templates.patterns import Pattern, parse_path
from gateway.templates.segments import (
    NotAlike,
    common_segments,
    escaping_segments,
    segment_overlap,
    segment_within,
)
from tests.gateway.templates.making import yaml

PARAMS = {
    "deep": Param("deep", slash=True),
    "n": read_param("n", yaml('{pattern: "[0-9]+"}')),
    "one": read_param("one", yaml("{enum: [b, c]}")),
    "two": read_param("two", yaml("{enum: [c, d]}")),
    "Fold": read_param("Fold", yaml("{enum: [b, K], fold: lower}")),
}
WORDS = ["a", "b", "B", "12", "{x}", "{x*}", "{n}", "{one}", "{two}", "{Fold}", "{deep}", "v{n}", "{deep*}"]
PATHS = st.lists(st.sampled_from([*WORDS, ""]), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


def path(text: str) -> Pattern | None:
    with contextlib.suppress(ConfigError):
        return parse_path(text, Place("t.yaml", 1, 1), PARAMS)
    return None


@given(PATHS, PATHS)
def test_segments_tell_what_signs_tell(one: str, two: str) -> None:
    first, second = path(one), path(two)
    if first is None or second is None:
        return
    try:
        common, escaping = common_segments(first, second), escaping_segments(first, second)
    except NotAlike:
        return
    assert (common is None) is (overlap(first.language, second.language) is None)
    assert (escaping is None) is (escape(first.language, second.language) is None)
    if common is not None:
        assert first.match(common) is not None
        assert second.match(common) is not None
    if escaping is not None:
        assert first.match(escaping) is not None
        assert second.match(escaping) is None


@pytest.mark.parametrize(
    ("one", "two", "common"),
    [
        ("/{x*}/b/{y}", "/a/{z}/b/c", ["a", "b", "b", "c"]),
        ("/{x*}/b", "/a/c", None),
        ("/{x*}", "/{y*}/a", ["a", "a"]),
        ("/{Fold}/{x*}", "/{Fold}/a", ["B", "a"]),
    ],
)
def test_stars_are_compared_by_segments(one: str, two: str, common: list[str] | None) -> None:
    first, second = path(one), path(two)
    assert first is not None
    assert second is not None
    assert common_segments(first, second) == common


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("/{one}", "/{two}"),
        ("/{x}", "/{deep}"),
        ("/a{x*}", "/{y}"),
        ("/a/", "/{x}/{y}"),
        ("/{n}/1", "/{x}/y"),
    ],
)
def test_what_overlaps_in_part_is_left_to_the_signs(one: str, two: str) -> None:
    first, second = path(one), path(two)
    assert first is not None
    assert second is not None
    with pytest.raises(NotAlike):
        common_segments(first, second)


@given(st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_single_segments_compare_as_their_languages_do(one: str, two: str) -> None:
    first, second = path("/" + one), path("/" + two)
    if first is None or second is None or "*" in one + two:
        return
    (a,), (b,) = first.segments, second.segments
    shared = overlap(first.language, second.language)
    assert (segment_overlap(a, b) is None) is (shared is None)
    if segment_within(a, b):
        assert escape(first.language, second.language) is None


def test_a_kelvin_sign_is_no_way_around_a_list_of_words() -> None:
    """Its case fold is a k: two lists that only meet there must still be compared."""
    kelvin = PARAMS | {"k": read_param("k", yaml('{enum: ["\\u212a"]}'))}
    first = parse_path("/{k}", Place("t.yaml", 1, 1), kelvin).segments[0]
    second = parse_path("/{Fold}", Place("t.yaml", 1, 1), kelvin).segments[0]
    shared = overlap(first.language("/"), second.language("/"))
    assert (segment_overlap(first, second) is None) is (shared is None)
