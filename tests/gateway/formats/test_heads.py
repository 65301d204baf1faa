import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats.heads import MAX_LINE, MAX_LINES, header, read_headers, split_head


def test_a_head_ends_at_the_first_empty_line() -> None:
    assert split_head(b"a: 1\r\nb: 2\r\n\r\nx\r\n\r\ny", b"\r\n", "a part") == (
        ["a: 1", "b: 2"],
        b"x\r\n\r\ny",
    )
    assert split_head(b"\r\nbody", b"\r\n", "a part") == ([], b"body")
    assert split_head(b"a: 1\n\nx", b"\n", "a part") == (["a: 1"], b"x")
    with pytest.raises(Refusal, match="does not end with an empty line"):
        split_head(b"a: 1\r\n", b"\r\n", "a part")


@pytest.mark.parametrize(
    "line", [b"a: 1\nb: 2", b"a: 1\rb: 2", b"a: \0", b"a: \x7f", "a: \u2028".encode(), "a: \u0085".encode()]
)
def test_a_line_end_that_only_some_readers_see_is_refused(line: bytes) -> None:
    with pytest.raises(Refusal, match="control character"):
        split_head(line + b"\r\n\r\n", b"\r\n", "a part")


def test_a_flood_of_header_lines_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        split_head(b"a: 1\r\n" * (MAX_LINES + 1) + b"\r\n", b"\r\n", "a part")
    assert caught.value.reason is Reason.BODY_TOO_LARGE
    with pytest.raises(Refusal, match="over 8192 characters"):
        split_head(b"a: " + b"x" * MAX_LINE + b"\r\n\r\n", b"\r\n", "a part")


def test_headers_keep_case_and_order() -> None:
    headers = read_headers(["Content-Type: a/b ", "X:", "y:\tz:w"], "a part")
    assert headers == (("Content-Type", "a/b"), ("X", ""), ("y", "z:w"))
    assert header(headers, "content-type") == "a/b"
    assert header(headers, "z") is None


@pytest.mark.parametrize(
    "line", [" folded", "\tfolded: x", "name : x", "na me: x", ": x", "", "no colon", "n\u00e4me: x"]
)
def test_a_folded_or_broken_header_is_refused(line: str) -> None:
    with pytest.raises(Refusal, match="<name>: <value>"):
        read_headers(["a: 1", line], "a part")


def test_a_header_sent_twice_is_refused() -> None:
    with pytest.raises(Refusal, match="twice"):
        read_headers(["Host: a", "HOST: b"], "an inner request")


@given(
    st.lists(st.sampled_from([b"a: 1", b"b:", b"\r\n", b"\n", b" ", b"\xff", b"A: 2"]), max_size=8).map(
        b"".join
    )
)
def test_any_head_is_read_or_refused(raw: bytes) -> None:
    try:
        lines, body = split_head(raw, b"\r\n", "a part")
        headers = read_headers(lines, "a part")
    except Refusal:
        return
    assert raw.endswith(b"\r\n" + body)
    assert len(headers) == len(lines)
