import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.proxy.authority import is_address, parse_authority, spell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api.test", ("api.test", 443)),
        ("API.Test:8443", ("api.test", 8443)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]", ("::1", 443)),
        ("[2001:DB8::0]:1", ("2001:db8::", 1)),
        ("a_b.test", ("a_b.test", 443)),
    ],
)
def test_one_spelling_for_each_host(text: str, expected: tuple[str, int]):
    assert parse_authority(text, 443) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user@api.test",
        "user:word@api.test:443",
        "api.test.",
        "api..test",
        ".api.test",
        "api.test:0",
        "api.test:65536",
        "api.test:",
        "api.test:443:443",
        "api.test:٤٤٣",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "1.2.3.0x4",
        "localhost.",
        "bücher.test",
        "api test",
        "api.test/x",
        "api.test\r\nX: y",
        "-api.test",
        "::1",
        "[::1",
        "[fe80::1%eth0]",
        "[127.0.0.1]",
        "a" * 64 + ".test",
    ],
)
def test_a_host_in_a_doubtful_spelling_is_refused(text: str):
    with pytest.raises(Refusal):
        parse_authority(text, 443)


@given(st.text(max_size=40))
def test_any_text_is_a_host_that_reads_back_or_is_refused(text: str):
    try:
        host, port = parse_authority(text, 443)
    except Refusal:
        return
    assert host.isascii()
    assert host == host.lower()
    assert parse_authority(spell(host, port), 443) == (host, port)


@given(st.from_regex(r"[0-9xa-f.:\[\]]{1,20}", fullmatch=True))
def test_what_looks_like_a_number_is_one_address_or_refused(text: str):
    try:
        host, _ = parse_authority(text, 443)
    except Refusal:
        return
    assert is_address(host) or not host.rpartition(".")[2].isdigit()
