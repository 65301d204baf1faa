import pytest

from gateway.errors import Refusal
from gateway.templates.params import Param, fold_lower, read_param
from tests.gateway.templates.making import yaml


def test_a_param_says_what_a_capture_may_be() -> None:
    plain = read_param("x", yaml("{}"))
    assert plain == Param("x")
    assert plain.allows("é b")
    assert not plain.allows("")
    assert not plain.allows("a/b")
    assert read_param("x", yaml("{slash: encoded}")).allows("a/b")
    digits = read_param("x", yaml('{pattern: "[0-9]+"}'))
    assert digits.allows("12")
    assert not digits.allows("a")
    sub = read_param("x", yaml("{enum: [exec, attach, a.b]}"))
    assert [sub.allows(word) for word in ("exec", "attach", "EXEC", "axb")] == [True, True, False, False]


def test_a_folded_enum_does_not_let_another_case_slip_past() -> None:
    sub = read_param("x", yaml("{enum: [exec, a.b], fold: lower}"))
    assert [sub.allows(word) for word in ("EXEC", "A.B", "axb")] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{pattern: '[', slash: encoded}", "cannot be used: it ends too early"),
        ("{pattern: a, enum: [b]}", "both pattern and enum"),
        ("{enum: []}", "at least one value"),
        ("{fold: upper}", "Known are: lower"),
        ("{patern: a}", 'Did you mean "pattern"?'),
    ],
)
def test_wrong_params_are_errors(text: str, says: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        read_param("x", yaml(text))
    assert says in str(caught.value)
    assert "t.yaml:1" in str(caught.value)


def test_folding() -> None:
    assert fold_lower("ACME-é", "it") == "acme-é"


@pytest.mark.parametrize("value", ["\u212aube", "ſecret", "ÉCOLE", "İ", "straße"])
def test_letters_that_servers_fold_differently_are_refused(value: str) -> None:
    with pytest.raises(Refusal):
        fold_lower(value, "it")


def test_params_that_allow_different_values_are_never_taken_for_each_other() -> None:
    """What was compared is remembered by params: a pattern must not borrow the answer of an enum."""
    written = [
        "{enum: [a.b]}",
        '{pattern: "a.b"}',
        "{enum: [a, b]}",
        '{pattern: "a|b"}',
        '{enum: ["a|b"]}',
        "{}",
    ]
    params = [read_param("x", yaml(text)) for text in written]
    assert len(set(params)) == len(params)
