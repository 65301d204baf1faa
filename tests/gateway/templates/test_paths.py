from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.templates.paths import parse_path, split_target


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", [""]),
        ("/a/b", ["a", "b"]),
        ("/a/", ["a", ""]),
        ("/a%20b/%C3%A9", ["a b", "é"]),
        ("/a%2Fb", ["a/b"]),
        ("/100%25", ["100%"]),
        ("/a...b", ["a...b"]),
        ("/a:b@c!$&'()*+,=~", ["a:b@c!$&'()*+,=~"]),
        ('/{x}|[y]^`"<>', ['{x}|[y]^`"<>']),
        ("/%41", ["A"]),
    ],
)
def test_segments_are_decoded_once(path: str, segments: list[str]) -> None:
    assert parse_path(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "/a//b",
        "/a//",
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/...",
        "/a/.%20",
        "/a%2f..",
        "/..%2fa",
        "/a%2F%2Fb",
        "/%2Fa",
        "/a%2f",
        "/a%5cb",
        "/a\\b",
        "/..%5c..",
    ],
)
def test_dot_and_empty_segments_in_any_spelling_are_refused(path: str) -> None:
    with pytest.raises(Refusal):
        parse_path(path)


@pytest.mark.parametrize("path", ["/%252e%252e", "/a%252Fb", "/%25%32%65", "/%2541"])
def test_double_encoding_is_refused(path: str) -> None:
    with pytest.raises(Refusal, match="twice"):
        parse_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "*",
        "http://x/",
        "/a;b",
        "/a;x=1/b",
        "/a#b",
        "/é",
        "/a b",
        "/\x00",
        "/%00",
        "/%0d%0a",
        "/%7f",
        "/%C2%85",
        "/a%",
        "/a%2",
        "/a%zz",
        "/%FF",
        "/%C0%AF",
        "/%ED%A0%80",
    ],
)
def test_what_servers_read_in_two_ways_is_refused(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_path(path)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST


def test_the_query_begins_at_the_first_mark() -> None:
    assert split_target("/a?b?c") == ("/a", "b?c")
    assert split_target("/a?") == ("/a", "")
    assert split_target("/a") == ("/a", None)


@given(st.text(max_size=60) | st.text(alphabet="/.%25eEfF;\\a", max_size=20).map("/".__add__))
def test_any_path_is_read_or_refused(path: str) -> None:
    try:
        segments = parse_path(path)
    except Refusal as refusal:
        reason = refusal.reason
        assert reason is Reason.AMBIGUOUS_REQUEST
    else:
        assert all(segments[:-1])
        assert not {".", ".."} & {piece for segment in segments for piece in segment.split("/")}
        assert parse_path("/" + "/".join(quote(segment, safe="") for segment in segments)) == segments
