import pytest

from gateway.decoded import Kind
from gateway.errors import Refusal
from gateway.templates.view import BodyRule, View, parse_query
from tests.gateway.templates.making import FORM, JSON, Headers, request


def kind(headers: Headers, kinds: tuple[tuple[str, Kind], ...] | None = None, body: str = "x") -> Kind | None:
    rule = BodyRule() if kinds is None else BodyRule(kinds)
    return rule.kind(request("POST", body=body, headers=headers))


def test_the_content_type_picks_the_reader() -> None:
    assert kind(JSON) == "json"
    assert kind({"content-type": "Application/JSON ; charset=utf-8"}) == "json"
    assert kind(FORM) == "form"
    assert kind({"Content-Type": "text/plain"}) == "opaque"
    assert kind({}) == "opaque"
    assert kind({}, body="") == "none"
    assert kind({}, (("application/json", "json"),)) is None
    assert kind({"Content-Type": "text/plain"}, (("application/json", "json"),)) is None
    assert kind({"Content-Type": "text/plain"}, (("*", "json"),)) == "json"


def test_two_content_types_are_read_only_where_the_type_means_nothing() -> None:
    both = (("Content-Type", "application/json"), ("content-type", "text/plain"))
    assert kind(both) is None
    assert kind(both, (("*", "json"),)) == "json"


def view(body: str, headers: Headers, rule: BodyRule | None = None) -> View:
    return View(request("POST", body=body, headers=headers), "a=1", rule or BodyRule())


def test_a_body_nobody_can_read_into_is_refused() -> None:
    with pytest.raises(Refusal, match="right content type"):
        _ = view("{}", {"Content-Type": "text/plain"}).body
    with pytest.raises(Refusal, match="not one this service"):
        _ = view("{}", {}, BodyRule((("application/json", "json"),))).body
    with pytest.raises(Refusal, match="right content type"):
        _ = view("{}", {}, BodyRule((("*", "text"),))).body


def test_body_and_query_are_read_once() -> None:
    made = view('{"a":1}', JSON)
    assert made.body is made.body
    assert made.query is made.query
    assert made.query == (("a", "1"),)


def test_queries() -> None:
    assert parse_query(None) == ()
    assert parse_query("") == ()
    assert parse_query("delete") == (("delete", ""),)
    with pytest.raises(Refusal, match="percent-encoded"):
        parse_query("a=é")
    with pytest.raises(Refusal):
        parse_query("a=1;b=2")
