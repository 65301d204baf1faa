import pytest

from gateway.errors import ConfigError, ConfigErrors
from gateway.templates.variables import plain_value, read_variables
from tests.gateway.templates.making import yaml

VARS = """
hosts: {type: hosts, default: [a.test]}
name: {default: x}
table: {type: map, default: {k: v}}
"""


def filled(text: str, **given: object) -> object:
    return plain_value(read_variables(yaml(VARS), given, "t.yaml").fill(yaml(text)))


def test_variables_stand_where_they_are_named() -> None:
    text = "{h: ['${hosts}', b.test], n: 'a-${name}-${name}', t: '${table}', i: 1}"
    assert filled(text) == {"h": ["a.test", "b.test"], "n": "a-x-x", "t": {"k": "v"}, "i": 1}
    assert filled(text, hosts=["c.test", "d.test"], name="y", table={"q": "r"}) == {
        "h": ["c.test", "d.test", "b.test"],
        "n": "a-y-y",
        "t": {"q": "r"},
        "i": 1,
    }
    assert filled("['${hosts}']", hosts=[]) == []


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("'${hsts}'", {}, 'Did you mean "hosts"?'),
        ("['${hsts}']", {}, 'There is no variable "hsts"'),
        ("'x${hosts}'", {}, "more than one text"),
        ("'x${table}'", {}, "more than one text"),
        ("x", {"hots": []}, 'Did you mean "hosts"?'),
        ("x", {"hosts": "a.test"}, "must be a list of hosts"),
        ("x", {"hosts": [1]}, "must be a list of hosts"),
        ("x", {"name": 1}, "must be a text"),
        ("x", {"table": {"k": 1}}, "must be a mapping of texts"),
    ],
)
def test_wrong_variables_are_errors(text: str, given: dict[str, object], says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        filled(text, **given)
    assert says in str(caught.value)
    assert "t.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ("{a: {type: secret}}", "Known are: hosts, map, string."),
        ("{a: {type: hosts}}", "no default and is not set"),
        ("{a: {default: [x]}}", "must be a text"),
        ("{a: {defalt: x}}", "Did you mean"),
        ("{a: x}", "must be a mapping"),
    ],
)
def test_wrong_declarations_are_errors(declared: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read_variables(yaml(declared), {}, "t.yaml")
    assert says in str(caught.value)


def test_a_variable_without_a_default_can_be_set() -> None:
    assert read_variables(yaml("{a: {type: hosts}}"), {"a": ["x.test"]}, "t").values == {"a": ("x.test",)}
