import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, ConfigErrors, Refusal
from gateway.model import ContextValue, Money
from gateway.templates.values import read_context
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import FORM, JSON, Headers, request, yaml


def value(field: str, body: str = "", target: str = "/", headers: Headers = JSON) -> ContextValue | None:
    (made,) = read_context(yaml(f"{{f: {field}}}"))
    return made.read(
        View(request("POST", target, body, headers), target.partition("?")[2], BodyRule(), {"n": "7"})
    )


@pytest.mark.parametrize(
    ("field", "body", "expected"),
    [
        ("{from: 'json:/a'}", '{"a": "x"}', "x"),
        ("{from: 'json:/a'}", '{"a": 1.50}', "1.50"),
        ("{from: 'json:/a'}", '{"a": true}', "true"),
        ("{from: 'json:/a'}", '{"a": null}', None),
        ("{from: 'json:/a'}", "{}", None),
        ("{from: 'json:/a', default: main}", "{}", "main"),
        ("{from: 'json:/a', default: main}", '{"a": null}', "main"),
        ("{from: 'json:/a', fold: lower}", '{"a": "ACME"}', "acme"),
        ("{from: 'json:/a', fold: lower, enum: [acme]}", '{"a": "ACME"}', "acme"),
        ("{from: 'json:/a', type: int}", '{"a": -12}', -12),
        ("{from: 'json:/a', type: int}", '{"a": "12"}', 12),
        ("{from: 'json:/a', type: int, default: 3}", "{}", 3),
        ("{from: path.n, type: int}", "", 7),
        ("{from: body.bytes, type: int}", "{}", 2),
        ("{from: 'json:/a', type: bool}", '{"a": true}', True),
        ("{from: 'json:/a', type: bool}", '{"a": "false"}', False),
        ("{from: 'json:/a', type: bool, default: false}", "{}", False),
        ("{from: 'json:/a/*', type: set}", '{"a": ["x", 1, true]}', ("x", "1", "true")),
        ("{from: 'json:/a/*', type: set}", "{}", ()),
        ("{from: 'json:/a/*', type: count}", '{"a": [1, {}, null]}', 3),
        ("{from: 'json:/a/*', type: count}", "{}", 0),
        (
            "{type: money, amount: 'json:/a', currency: 'json:/c'}",
            '{"a": 600, "c": "JPY"}',
            Money("jpy", 600, 0),
        ),
        (
            "{type: money, amount: 'json:/a', currency: 'json:/c'}",
            '{"a": "600", "c": "JPY"}',
            Money("jpy", 600, 0),
        ),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"c": "JPY"}', None),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": 5}', Money("xxx", 5, 0)),
        (
            "{type: money, amount: 'json:/a', currency: 'json:/c', default_currency: eur}",
            '{"a": 5}',
            Money("eur", 5, 2),
        ),
        (
            "{type: money, amount: 'json:/a', currency: 'json:/c', default_currency: ''}",
            '{"a": 5}',
            Money("xxx", 5, 0),
        ),
    ],
)
def test_values_by_type(field: str, body: str, expected: ContextValue | None) -> None:
    found = value(field, body)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("{from: 'json:/a', missing: refuse}", "{}"),
        ("{from: 'json:/a', missing: refuse}", '{"a": null}'),
        ("{from: 'json:/a'}", '{"a": {"__entity": {"type": "Person", "id": "x"}}}'),
        ("{from: 'json:/a'}", '{"a": ["x"]}'),
        ("{from: 'json:/a', enum: [x]}", '{"a": "y"}'),
        ("{from: 'json:/a', type: int}", '{"a": 1.0}'),
        ("{from: 'json:/a', type: int}", '{"a": 1e3}'),
        ("{from: 'json:/a', type: int}", '{"a": true}'),
        ("{from: 'json:/a', type: int}", '{"a": "007"}'),
        ("{from: 'json:/a', type: int}", '{"a": 9223372036854775808}'),
        ("{from: 'json:/a', type: int}", '{"a": ' + "9" * 5000 + "}"),
        ("{from: 'json:/a', type: bool}", '{"a": 1}'),
        ("{from: 'json:/a', type: bool}", '{"a": "yes"}'),
        ("{from: 'json:/a', type: bool}", '{"a": {}}'),
        ("{from: 'json:/a/*', type: set}", '{"a": [{"x": 1}]}'),
        ("{from: 'json:/a/*', type: set}", '{"a": [null]}'),
        ("{from: 'json:/a/*', type: set}", '{"a": "x"}'),
        ("{from: 'json:/a/*', type: set}", '{"a": [' + "1," * 10_000 + "1]}"),
        ("{from: 'json:/a/*'}", '{"a": ["x", "y"]}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": -600, "c": "JPY"}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": -600}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": true, "c": "JPY"}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": {}, "c": "JPY"}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": 1, "c": 5}'),
        ("{type: money, amount: 'json:/a', currency: 'json:/c'}", '{"a": 1, "c": ["JPY"]}'),
    ],
)
def test_what_cannot_be_read_as_its_type_is_refused(field: str, body: str) -> None:
    with pytest.raises(Refusal):
        value(field, body)


def test_a_repeated_scalar_is_refused_and_a_set_is_not() -> None:
    with pytest.raises(Refusal, match="more than once"):
        value("{from: 'form:a'}", "a=1&a=2", headers=FORM)
    with pytest.raises(Refusal, match="more than once"):
        value("{from: 'header:x'}", headers=(("x", "1"), ("X", "1")))
    assert value("{from: 'form:a', type: set}", "a=1&a=2", headers=FORM) == ("1", "2")
    assert value("{from: 'query:a', type: count}", target="/?a=1&a=2") == 2


ACCOUNTS = (
    "{type: money, amount: 'form:a', currency: 'form:c',"
    " default_currency: {by: 'header:Account', of: {acct_1: jpy}, else: eur}}"
)


def test_the_operators_currency_goes_by_account() -> None:
    assert value(ACCOUNTS, "a=5", headers={**FORM, "Account": "acct_1"}) == Money("jpy", 5, 0)
    assert value(ACCOUNTS, "a=5", headers={**FORM, "Account": "acct_2"}) == Money("eur", 5, 2)
    assert value(ACCOUNTS, "a=5", headers=FORM) == Money("eur", 5, 2)
    assert value(ACCOUNTS, "a=5&c=usd", headers={**FORM, "Account": "acct_1"}) == Money("usd", 5, 2)


def test_required_attributes_are_those_that_are_always_there() -> None:
    fields = read_context(
        yaml(
            "{a: {from: 'json:/a'}, b: {from: 'json:/b', default: x}, c: {from: 'json:/c', missing: refuse},"
            " d: {from: 'json:/d/*', type: set}, e: {from: body.bytes, type: int}, f: {from: path.x}}"
        )
    )
    assert [each.name for each in fields if each.required] == ["b", "c", "d", "e"]
    (money,) = read_context(yaml(f"{{m: {ACCOUNTS}}}"))
    assert [source.text for source in money.sources] == ["form:a", "form:c", "header:Account"]


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ("{cosigner: {from: 'json:/a'}}", "set by the gateway itself"),
        ("{requester_ip: {from: 'json:/a'}}", "set by the gateway itself"),
        ("{__entity: {}}", 'needs "from"'),
        ("{in: {from: 'json:/a'}}", "a word of Cedar's own"),
        ("{A: {from: 'json:/a'}}", "cannot name an attribute"),
        ("{a: {from: 'json:/a', type: float}}", "Known are: bool, count, int, money, set, string."),
        ("{a: {frm: 'json:/a'}}", 'needs "from"'),
        ("{a: {from: 'json:/a', default: x, missing: refuse}}", "Keep one of them"),
        ("{a: {from: 'json:/a', default: z, enum: [x]}}", "not in the enum"),
        ("{a: {from: 'json:/a', type: int, default: x}}", "whole number"),
        ("{a: {from: 'json:/a', type: bool, default: x}}", "cannot be"),
        ("{a: {from: 'json:/a/*', type: set, default: x}}", "has no default"),
        ("{a: {type: money, amount: 'json:/a'}}", 'needs "currency"'),
        ("{a: {type: money, amount: 'json:/a', currency: 'json:/c', exponents: {isk: 99}}}", "from 0 to 8"),
        (
            "{a: {type: money, amount: 'json:/a', currency: 'json:/c', default_currency: {by: 'json:/x'}}}",
            'needs "of"',
        ),
        ("{a: {from: 'jso:/a'}}", "Did you mean"),
    ],
)
def test_wrong_context_is_an_error(context: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read_context(yaml(context))
    assert says in str(caught.value)


@given(st.text(alphabet='{}[]",:a1-e. tru', max_size=20))
def test_any_body_gives_a_value_or_a_refusal(body: str) -> None:
    for field in (
        "{from: 'json:/a', type: int}",
        "{from: 'json:/a/*', type: set}",
        "{from: 'arg:a', type: bool}",
    ):
        try:
            value(field, body)
        except Refusal:
            continue
