import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, ConfigErrors, Refusal
from gateway.templates.conditions import ANYTHING, MISSING, PRESENT, ValueSet, all_hold, read_where
from gateway.templates.view import BodyRule, View
from tests.gateway.templates.making import FORM, JSON, Headers, request, yaml


def holds(where: str, target: str = "/", body: str = "", headers: Headers = ()) -> bool:
    view = View(request("POST", target, body, headers), target.partition("?")[2], BodyRule())
    return all_hold(read_where(yaml(where)), view)


@pytest.mark.parametrize(
    ("where", "target", "expected"),
    [
        ("{'query:a': x}", "/?a=x", True),
        ("{'query:a': x}", "/?a=X", False),
        ("{'query:a': x}", "/", False),
        ("{'query:a': [x, y]}", "/?a=y", True),
        ("{'query:a': true}", "/?a=true", True),
        ("{'query:a': 1}", "/?a=1", True),
        ("{'query:a': present}", "/?a", True),
        ("{'query:a': present}", "/", False),
        ("{'query:a': absent}", "/", True),
        ("{'query:a': absent}", "/?a=", False),
        ("{'query:a': [x, absent]}", "/", True),
        ("{'query:a': {not: [x]}}", "/?a=y", True),
        ("{'query:a': {not: x}}", "/?a=x", False),
        ("{'query:a': {not: [x]}}", "/", True),
        ("{'query:a': {not: [x, absent]}}", "/", False),
        ("{'query:a': {glob: 'de*te'}}", "/?a=delete", True),
        ("{'query:a': {glob: 'de*te'}}", "/?a=deleted", False),
        ("{'query:a': {glob: '*'}}", "/", False),
        ("{'query:a': x, 'query:b': y}", "/?a=x&b=z", False),
        ("{}", "/", True),
    ],
)
def test_conditions_are_sets(where: str, target: str, *, expected: bool) -> None:
    assert holds(where, target) is expected


@pytest.mark.parametrize(
    ("where", "body", "expected"),
    [
        ("{'json:/d': true}", '{"d": true}', True),
        ("{'json:/d': true}", '{"d": "true"}', False),
        ("{'json:/d': 'true'}", '{"d": true}', False),
        ("{'json:/d': 1}", '{"d": 1}', True),
        ("{'json:/d': 0x10}", '{"d": 16}', True),
        ("{'json:/d': 1}", '{"d": "1"}', False),
        ("{'json:/d': 1}", '{"d": 2}', False),
        ("{'json:/d': present}", '{"d": {}}', True),
        ("{'json:/d': x}", '{"d": ["x"]}', False),
        ("{'json:/d': x}", '{"d": null}', False),
        ("{'json:/d': true}", "", False),
        ("{body: absent}", "", True),
        ("{body: present}", "{}", True),
        ("{body: absent}", "{}", False),
    ],
)
def test_json_is_compared_by_type(where: str, body: str, *, expected: bool) -> None:
    assert holds(where, body=body, headers=JSON) is expected


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("{'json:/d': true}", '{"d": tru'),
        ("{'json:/d': true}", '{"d": true, "d": false}'),
        ("{'json:/d': true}", '{"D": true}'),
        ("{'json:/d': 1}", '{"d": 1.0}'),
        ("{'json:/d': 1}", '{"d": 1e0}'),
        ("{'json:/d': absent}", '{"d": null}'),
        ("{'json:/d': present}", '{"d": null}'),
        ("{'json:/d': {glob: 'x*'}}", '{"d": true}'),
    ],
)
def test_what_two_servers_could_judge_differently_is_unknown(where: str, body: str) -> None:
    with pytest.raises(Refusal):
        holds(where, body=body, headers=JSON)


def test_a_repeated_value_is_unknown() -> None:
    with pytest.raises(Refusal, match="more than once"):
        holds("{'query:a': x}", "/?a=x&a=x")
    with pytest.raises(Refusal):
        holds("{'form:a': x}", body="a=x&a=y", headers=FORM)


def test_one_false_is_false_whatever_is_unknown() -> None:
    where = "{'json:/d': true, 'query:a': x}"
    assert holds(where, "/?a=y", '{"d": tru', JSON) is False
    with pytest.raises(Refusal):
        holds(where, "/?a=x", '{"d": tru', JSON)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("{'json:/a/*': x}", "a condition is about one"),
        ("{body: x}", "only be present or absent"),
        ("{'query:a': []}", "matches nothing"),
        ("{'query:a': {}}", "is {not: […]} or {glob: …}"),
        ("{'query:a': {not: [x], glob: y}}", "is {not: […]} or {glob: …}"),
        ("{'query:a': {regex: x}}", "Known are: glob, not"),
        ("{'query:a': [[x]]}", "single values"),
        ("{'query:a': ~}", "Write absent"),
        ("{'query:a': {not: [{}]}}", "single values"),
        ("{'graphql:kin': query}", 'Did you mean "kind"'),
        ("[x]", "must be a mapping"),
    ],
)
def test_wrong_conditions_are_errors(where: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read_where(yaml(where))
    assert says in str(caught.value)


def a_set(text: str) -> ValueSet:
    (condition,) = read_where(yaml(f"{{'query:a': {text}}}"))
    return condition.allowed


SETS = st.sampled_from(
    [
        "x",
        "[x, y]",
        "present",
        "absent",
        "{not: [x]}",
        "{not: [x, absent]}",
        "{glob: 'x*'}",
        "{glob: '*y'}",
        "{glob: 'xx'}",
        "[xx, absent]",
        "{not: []}",
    ]
).map(a_set)
TAGS = st.sampled_from(["", "s:", "s:x", "s:y", "s:xy", "s:xx", "s:z"])


@given(SETS, SETS, TAGS)
def test_comparison_agrees_with_membership(first: ValueSet, second: ValueSet, tag: str) -> None:
    if first.contains(second) and second.has(tag):
        assert first.has(tag)
    shared = first.shared(second)
    if shared is None:
        assert not (first.has(tag) and second.has(tag))
    else:
        assert first.has(shared)
        assert second.has(shared)


def test_containment_of_the_usual_sets() -> None:
    assert ANYTHING.contains(PRESENT)
    assert ANYTHING.contains(MISSING)
    assert PRESENT.contains(a_set("x"))
    assert PRESENT.contains(a_set("{glob: 'x*'}"))
    assert not PRESENT.contains(ANYTHING)
    assert a_set("{glob: '*'}").contains(a_set("{glob: 'a*b'}"))
    assert a_set("{not: [x]}").contains(a_set("{not: [x, y]}"))
    assert a_set("{glob: 'a*'}").shared(a_set("{glob: 'b*'}")) is None


def test_a_condition_on_a_capture_is_an_error_and_not_one_that_never_holds() -> None:
    for selector in ("path.repo", "host.bucket"):
        with pytest.raises(ConfigError, match="is no condition"):
            read_where(yaml(f"{{'{selector}': x}}"))
