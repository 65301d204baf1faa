import pytest

from gateway.errors import ConfigError, ConfigErrors
from gateway.templates.examples import ExampleResult, read_request
from tests.gateway.templates.making import library, template, yaml

ACTION = """
- id: put
  match: {{method: POST, path: '/a/{{x}}'}}
  context:
    n: {{from: 'json:/n', type: int}}
    t: {{from: 'json:/t/*', type: set}}
    m: {{type: money, amount: 'json:/a', currency: 'json:/c'}}
  summary: "Put {{x}}[ {{n}}]"
  examples:
    - {}
"""
SENT = "request: {method: POST, url: 'https://api.shop.test/a/b', json: {n: 1, t: [x], a: 5, c: usd}}"


def run(example: str, rest: str = "") -> ExampleResult:
    (result,) = library(template(ACTION.format(example), rest)).examples()
    return result


@pytest.mark.parametrize(
    "expect",
    [
        "{action: /shop/put}",
        "{summary: Put b 1, risk: low, resource: 'Shop::Host::\"api.shop.test\"'}",
        "{context: {n: 1, t: [x], m: {currency: usd, minor: 5, exponent: 2}, zz: (absent)}}",
        "[{action: /shop/put}]",
    ],
)
def test_an_example_that_holds(expect: str) -> None:
    result = run(f"{{{SENT}, expect: {expect}}}")
    assert result.ok
    assert result.name == "POST https://api.shop.test/a/b"
    assert result.service == "shop"
    assert result.place.line == 17


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ("{action: /shop/putt}", "action: '/shop/putt' expected, '/shop/put' found"),
        ("{summary: Put}", "summary: 'Put' expected"),
        ("{context: {n: '1'}}", "context.n: '1' expected, 1 found"),
        ("{context: {n: true}}", "context.n: True expected, 1 found"),
        ("{context: {n: (absent)}}", "context.n: '(absent)' expected, 1 found"),
        ("{refused: ambiguous_request}", "refused as ambiguous_request expected, mapped to /shop/put"),
        ("[{action: /shop/put}, {action: /shop/put}]", "2 units expected, 1 found"),
        ("{}", "expects nothing"),
        ("{actoin: x}", 'Did you mean "action"?'),
    ],
)
def test_an_example_that_does_not_hold_says_why(expect: str, says: str) -> None:
    result = run(f"{{{SENT}, expect: {expect}}}")
    assert not result.ok
    assert says in " ".join(result.wrong)


@pytest.mark.parametrize(
    ("example", "says"),
    [
        (
            "{request: {method: POST, url: 'https://other.test/'}, expect: {action: x}}",
            "is no host of this template",
        ),
        (
            "{request: {method: POST, url: 'https://api.shop.test//'}, expect: {action: x}}",
            "refused as ambiguous_request",
        ),
        ("{request: {method: POST, url: api.shop.test}, expect: {action: x}}", "must name a scheme"),
        ("{request: {method: POST}, expect: {action: x}}", 'needs "url"'),
        (
            "{request: {method: POST, url: 'https://api.shop.test/', bdy: x}, expect: {action: x}}",
            'Did you mean "body"?',
        ),
        ("{expect: {action: x}}", 'needs "request"'),
        (
            "{vars: {z: y}, request: {method: GET, url: 'https://api.shop.test/'}, expect: {action: x}}",
            "no variable",
        ),
    ],
)
def test_an_example_that_cannot_be_run_says_why(example: str, says: str) -> None:
    assert says in " ".join(run(example).wrong)


def test_a_refusal_can_be_expected() -> None:
    headers = "headers: {content-type: application/json}"
    sent = f"request: {{method: POST, url: 'https://api.shop.test/a/b', body: '{{', {headers}}}"
    assert run(f"{{{sent}, expect: {{refused: ambiguous_request}}}}").ok
    assert not run(f"{{{sent}, expect: {{refused: unmapped}}}}").ok


def test_examples_run_under_their_own_variables_not_the_operators() -> None:
    text = template(rest="vars: {h: {type: hosts, default: []}}").replace("[api.shop.test]", "['${h}']")
    sent = "request: {method: GET, url: 'https://v.test/'}"
    example = f"{{vars: {{h: [v.test]}}, {sent}, expect: {{action: /shop/unmatched/read}}}}"
    made = library(text + f"examples:\n- {example}\n- {example}\n", {"shop": {"h": ["real.test"]}})
    assert [result.ok for result in made.examples()] == [True, True]
    assert made.serves("https", "real.test", 443) == "shop"


def test_requests_as_examples_write_them() -> None:
    sent = read_request(
        yaml(
            "{method: POST, url: 'http://h.test:8080/a?b', headers: {X: 1},"
            " json: {n: 1.50, s: [x, true, ~], o: {k: no}}}"
        )
    )
    assert (sent.scheme, sent.host, sent.port, sent.target) == ("http", "h.test", 8080, "/a?b")
    assert sent.body == b'{"n": 1.50, "s": ["x", true, null], "o": {"k": "no"}}'
    assert sent.headers == (("X", "1"), ("content-type", "application/json"))
    form = read_request(
        yaml(
            "{method: POST, url: 'https://h.test', form: {a b: [1, 2], c: x&y}, headers: {Content-Type: x/y}}"
        )
    )
    assert form.body == b"a+b=1&a+b=2&c=x%26y"
    assert form.target == "/"
    assert form.headers == (("Content-Type", "x/y"),)
    assert read_request(yaml("{method: POST, url: 'https://h.test/', form: a=1}")).body == b"a=1"
    with pytest.raises((ConfigError, ConfigErrors)):
        read_request(yaml("{method: POST, url: 'https://h.test/', body: [x]}"))
