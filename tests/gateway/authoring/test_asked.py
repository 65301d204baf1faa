from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.asked import MAX_BYTES, Origin, make_request, read_bytes, read_url, shown
from gateway.errors import UsageError
from tests.kit.sentences import one_sentence_at_most
from tests.kit.things import a_caller

ORIGIN = Origin("https", "api.shop.test", 443)


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://API.Shop.test/a?b=c#d", ORIGIN, "/a?b=c"),
        ("api.shop.test", ORIGIN, "/"),
        ("http://localhost:8080?x", Origin("http", "localhost", 8080), "/?x"),
        ("https://[::1]:9/a", Origin("https", "::1", 9), "/a"),
    ],
)
def test_an_address_is_taken_apart(url: str, origin: Origin, target: str) -> None:
    assert read_url(url) == (origin, target)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:pass@api.shop.test/", "without a user name"),
        ("https:///a", "is no address"),
        ("ftp://api.shop.test/", "http and https, not 'ftp'"),
        ("https://api.shop.test:0/", "is no host"),
        ("https://api.shöp.test/", "is no host"),
    ],
)
def test_what_is_no_address_is_a_sentence(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_url(url)


@given(st.text())
def test_no_text_for_an_address_is_a_fault(url: str) -> None:
    with one_sentence_at_most():
        read_url(url)


@given(
    st.text(max_size=20), st.text(max_size=20), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)))
)
def test_no_request_is_a_fault(method: str, target: str, headers: list[tuple[str, str]]) -> None:
    with one_sentence_at_most():
        make_request(a_caller(), method, ORIGIN, f"/{target}", headers, b"")


def test_headers_of_the_hop_are_not_the_requests() -> None:
    given_headers = [("Connection", "close"), ("Proxy-Authorization", "x"), (":authority", "y"), ("A", "b")]
    assert make_request(a_caller(), "GET", ORIGIN, "/", given_headers, b"").headers == (("A", "b"),)


def test_a_header_with_a_line_break_is_refused() -> None:
    with pytest.raises(UsageError, match="line break"):
        make_request(a_caller(), "GET", ORIGIN, "/", [("A", "b\r\nC: d")], b"")


def test_a_file_that_is_missing_or_far_too_large_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_bytes(tmp_path / "missing")
    with pytest.raises(UsageError, match="cannot be the name of a file"):
        read_bytes(Path("a\0b"))
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageError, match="is larger than 64 MiB"):
        read_bytes(large)


def test_what_is_shown_is_short_and_on_one_line() -> None:
    assert shown("a\nb" * 100).count("\n") == 0
    assert len(shown("x" * 100)) < 80
