import itertools

import pytest

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.hosts import parse_service_host
from gateway.templates.language import escape, overlap
from gateway.templates.matching import Match, both, common_host, host_within, read_match, within
from gateway.templates.params import Param, read_param
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import request, yaml

PARAMS = {
    "path": Param("path", slash=True),
    "n": read_param("n", yaml('{pattern: "[0-9]+"}')),
    "w": read_param("w", yaml("{enum: [exec, attach]}")),
}
HOSTS = (parse_service_host("api.shop.test", Place("t"), {}),)


def match(text: str, only: str | None = None) -> Match:
    return read_match(yaml(text), HOSTS, PARAMS, None if only is None else yaml(only))


ORDERED = [
    ("{path: /a}", "{path: '/{x}'}"),
    ("{path: '/{n}'}", "{path: '/{x}'}"),
    ("{path: '/{x}'}", "{path: '/{path}'}"),
    ("{path: /exec}", "{path: '/{w}'}"),
    ("{path: '/a/{x}'}", "{path: '/a/{x*}'}"),
    ("{path: '/a/{x*}:go'}", "{path: '/a/{x*}'}"),
    ("{path: ['/a/{x}', /b]}", "{path: ['/{y}', '/{x}/{y}']}"),
    ("{method: GET, path: /a}", "{path: /a}"),
    ("{method: GET, path: /a}", "{method: [GET, POST], path: /a}"),
    ("{path: /a, where: {'query:q': x}}", "{path: /a}"),
    ("{path: /a, where: {'query:q': x}}", "{path: /a, where: {'query:q': [x, y]}}"),
    ("{path: /a, where: {'query:q': x}}", "{path: /a, where: {'query:q': present}}"),
    ("{path: /a, where: {'query:q': xy, 'json:/d': true}}", "{path: /a, where: {'query:q': {glob: 'x*'}}}"),
    ("{path: /a, host: api.shop.test}", "{path: /a, host: '{x}.shop.test'}"),
    ("{path: /a}", "{path: /a, host: [api.shop.test, b.shop.test]}"),
    ("{path: '/{x}'}", "{}"),
]


@pytest.mark.parametrize(("inner", "outer"), ORDERED)
def test_the_narrower_is_within_the_wider(inner: str, outer: str) -> None:
    one, two = match(inner), match(outer)
    assert within(one, two)
    assert not within(two, one)
    assert both(one, two) is not None


DISJOINT = [
    ("{path: /a}", "{path: /b}"),
    ("{path: /a}", "{path: /a/}"),
    ("{path: /a}", "{path: /A}"),
    ("{path: '/{n}'}", "{path: '/{w}'}"),
    ("{path: '/{n}'}", "{path: /x}"),
    ("{path: '/a/{x*}'}", "{path: '/b/{x*}'}"),
    ("{path: '/{x*}:go'}", "{path: '/{x*}:stop'}"),
    ("{path: '/a/{x*}'}", "{path: /a}"),
    ("{method: GET, path: /a}", "{method: POST, path: /a}"),
    ("{path: /a, where: {'query:q': x}}", "{path: /a, where: {'query:q': y}}"),
    ("{path: /a, where: {'query:q': present}}", "{path: /a, where: {'query:q': absent}}"),
    ("{path: /a, where: {'json:/d': true}}", "{path: /a, where: {'json:/d': 'true'}}"),
    ("{path: /a, where: {body: absent}}", "{path: /a, where: {'json:/d': true}}"),
    ("{path: /a, where: {'query:q': {glob: 'x*'}}}", "{path: /a, where: {'query:q': {glob: 'y*'}}}"),
    ("{path: /a, host: a.test}", "{path: /a, host: b.test}"),
    ("{path: /a, host: 'a.test:8443'}", "{path: /a, host: a.test}"),
    ("{path: /a, host: 's3.{r}.test'}", "{path: /a, host: '{b*}.s3.{r}.test'}"),
]


@pytest.mark.parametrize(("first", "second"), DISJOINT)
def test_what_no_request_matches_is_not_an_overlap(first: str, second: str) -> None:
    assert both(match(first), match(second)) is None
    assert both(match(second), match(first)) is None


@pytest.mark.parametrize(
    ("first", "second", "witness"),
    [
        ("{method: GET, path: '/{x}/b'}", "{path: '/a/{y}'}", "GET https://api.shop.test/a/b"),
        ("{path: '/{x*}/b'}", "{path: '/a/{y*}'}", "GET https://api.shop.test/a/b"),
        (
            "{method: POST, path: /a, where: {'query:q': x}}",
            "{path: /a, where: {'query:r': present}}",
            "POST https://api.shop.test/a with query:q x with query:r x",
        ),
        (
            "{path: /a, where: {'query:q': {not: [x]}}}",
            "{path: /a, where: {'query:q': {not: [y]}}}",
            "GET https://api.shop.test/a with query:q xx",
        ),
        ("{path: '/{n}'}", "{}", "GET https://api.shop.test/0"),
        ("{}", "{}", "GET https://api.shop.test/"),
        ("{path: /a, host: '{x}.b.test'}", "{path: /a, host: 'a.{y}.test'}", "GET https://a.b.test/a"),
    ],
)
def test_an_overlap_is_shown_by_a_request(first: str, second: str, witness: str) -> None:
    assert str(both(match(first), match(second))) == witness


def test_query_only_narrows_and_bars() -> None:
    plain, only = match("{path: /a}"), match("{path: /a}", "[b, c]")
    assert within(only, plain)
    assert not within(plain, only)
    assert within(match("{path: /a}", "b"), only)
    wants = match("{path: /a, where: {'query:policy': present}}")
    assert both(only, wants) is None
    assert both(wants, only) is None
    sent = request(target="/a?b=1&analytics")
    assert not only.conditions_hold(View(sent, "b=1&analytics", BodyRule()))
    assert only.conditions_hold(View(sent, "b=1&c[x]=2", BodyRule()))


def test_a_host_list_that_is_empty_matches_nothing() -> None:
    none = match("{path: /a, host: []}")
    assert none.hosts == ()
    assert both(none, match("{path: /a}")) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{method: get}", "is not a method"),
        ("{method: 'GE T'}", "is not a method"),
        ("{pth: /a}", 'Did you mean "path"?'),
        ("{path: a}", "must start with"),
        ("{host: 'a b'}", "not the name of a host"),
    ],
)
def test_wrong_matches_are_errors(text: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        match(text)
    assert says in str(caught.value)


NAMES = [
    "a.test", "b.test", "{x}.test", "{x}.a.test", "a.{x}.test", "{x*}.test", "{x*}.a.test", "a-{x}.test",
    "{x}-a.test", "{n}.test", "{n}.{x}.test", "a.b.test", "http://a.test", "a.test:8443", "{x}.test:8443",
    "{w}.test",
]  # fmt: skip


@pytest.mark.parametrize(("one", "two"), list(itertools.product(NAMES, NAMES)))
def test_hosts_compare_as_their_whole_languages_do(one: str, two: str) -> None:
    params = {
        "n": read_param("n", yaml('{pattern: "[0-9]+"}')),
        "w": read_param("w", yaml("{enum: [a, b, c]}")),
    }
    first, second = (parse_service_host(text, Place("t"), params) for text in (one, two))
    alike = (first.scheme, first.port) == (second.scheme, second.port)
    languages = first.pattern.language, second.pattern.language
    assert host_within(first, second) is (alike and escape(*languages) is None)
    common = overlap(*languages) if alike else None
    assert common_host(first, second) == (None if common is None else first.origin(common))
