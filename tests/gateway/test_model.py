import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import EntityRef, SummaryPart, summary_text
from tests.kit.things import a_request


def test_a_header_is_found_whatever_its_case_and_every_value_is_told_in_order() -> None:
    request = a_request(headers=(("X-A", "1"), ("x-a", "2"), ("X-AB", "3")))
    assert request.header("x-A") == ("1", "2")
    assert request.header("absent") == ()


@pytest.mark.parametrize(
    ("scheme", "port", "url"),
    [
        ("https", 443, "https://api.shop.test/x"),
        ("https", 80, "https://api.shop.test:80/x"),
        ("http", 80, "http://api.shop.test/x"),
        ("http", 443, "http://api.shop.test:443/x"),
    ],
)
def test_a_url_hides_no_unusual_port(scheme: str, port: int, url: str) -> None:
    assert a_request(scheme=scheme, port=port, target="/x").url == url


def test_an_id_cannot_break_out_of_its_quotes() -> None:
    hostile = EntityRef("Shop::Repo", 'a" in Shop::Org::"b\\')
    assert str(hostile) == 'Shop::Repo::"a\\" in Shop::Org::\\"b\\\\"'


@given(st.text(), st.text())
def test_two_ids_never_read_the_same(one: str, other: str) -> None:
    same = str(EntityRef("T", one)) == str(EntityRef("T", other))
    assert same == (one == other)


def test_a_summary_is_its_parts_in_order() -> None:
    assert summary_text((SummaryPart("Pay "), SummaryPart("600", is_value=True))) == "Pay 600"
