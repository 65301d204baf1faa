from pathlib import Path

import pytest

from gateway.errors import ConfigErrors, Reason, Refusal
from gateway.model import Risk
from gateway.templates import Library
from tests.gateway.templates.making import FORM, JSON, library, request, shop, template

ACTIONS = """
- {id: zoo, match: {method: GET, path: /z}, summary: Z, resource: Host}
- {id: pay, match: {method: POST, path: /a}, summary: A, groups: [payment], risk: step_up, title: Pay}
"""


def test_a_host_without_a_template_has_no_passage() -> None:
    made = shop(ACTIONS)
    assert made.serves("https", "api.shop.test", 443) == "shop"
    for scheme, host, port in (
        ("http", "api.shop.test", 80),
        ("https", "api.shop.test", 8443),
        ("https", "x.test", 443),
    ):
        assert made.serves(scheme, host, port) is None
    for act in (made.map, made.body):
        with pytest.raises(Refusal) as caught:
            act(request(host="other.test"))
        assert caught.value.reason is Reason.UNMAPPED


def test_actions_are_listed_in_the_order_of_the_file() -> None:
    zoo, pay, read, write = shop(ACTIONS, "resources: {Org: {id: '{o}', at: ['/o/{o}']}}").actions()
    assert (zoo.id, zoo.access, zoo.resource_types) == ("/shop/zoo", "read", ("Shop::Host",))
    assert (pay.id, pay.title, pay.groups, pay.risk, pay.service) == (
        "/shop/pay",
        "Pay",
        ("payment",),
        Risk.STEP_UP,
        "shop",
    )
    assert pay.resource_types == ("Shop::Org", "Shop::Host")
    assert pay.place.line == 10
    assert (read.id, write.id) == ("/shop/unmatched/read", "/shop/unmatched/write")
    assert write.groups == ("unmatched",)


def test_http1_is_offered_where_something_may_wait() -> None:
    assert shop(ACTIONS).needs_http1("api.shop.test")
    assert not shop(ACTIONS).needs_http1("other.test")
    assert library(template(ACTIONS).replace("[api.shop.test]", "['{x}.shop.test']")).needs_http1(
        "a.shop.test"
    )


def test_the_body_is_read_as_the_template_says() -> None:
    made = shop(rest="decode: {body: {application/json: json, '*': form}}")
    assert made.body(request("POST", "/", '{"a":1}', JSON)).json == {"a": "1"}
    assert made.body(request("POST", "/", "a=1")).form == (("a", "1"),)
    assert (
        shop(rest="decode: {body: {application/json: json}}").body(request("POST", "/", "x", FORM)).kind
        == "opaque"
    )
    with pytest.raises(Refusal):
        made.body(request("POST", "/", "{", JSON))


def test_wrong_files_and_variables_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read"):
        Library.load([tmp_path / "none.yaml"])
    with pytest.raises(ConfigErrors, match='Did you mean "shop"'):
        library(template(), {"shp": {}})
    with pytest.raises(ConfigErrors, match="no variable"):
        library(template(), {"shop": {"x": "y"}})


def test_an_empty_library_serves_nothing() -> None:
    made = Library.load([])
    assert made.serves("https", "api.shop.test", 443) is None
    assert made.actions() == ()
    assert len(made.digest) == 64


def test_the_digest_does_not_depend_on_the_order_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(template(), encoding="utf-8")
    two.write_text(template().replace("shop", "other").replace("Shop", "Other"), encoding="utf-8")
    assert Library.load([one, two]).digest == Library.load([two, one]).digest


def test_a_unit_names_the_template_that_said_so() -> None:
    made = shop(ACTIONS)
    mapped = made.map(request("POST", "/a"))
    assert (mapped.service, mapped.template_version) == ("shop", "1.0.0")
    assert mapped.template_digest == made.services["shop"].digest
