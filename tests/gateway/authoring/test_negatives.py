"""An example says what an action is not, wherever in the file it stands."""

import pytest

from gateway.authoring.negatives import expected, without_negative
from tests.gateway.authoring.lint_shop import subject

DELETE = '{id: delete, match: {method: DELETE, path: "/r/{n}"}, risk: step_up, summary: Delete}'


def lacking(*actions: str, more: str = "") -> list[str]:
    made = subject("\n".join(actions), more)
    return [action.id for action in without_negative(made.service, made.actions)]


def an_example(url: str, expect: str, method: str = "DELETE") -> str:
    return f'{{request: {{method: {method}, url: "https://api.shop.test{url}"}}, expect: {expect}}}'


def test_a_risky_action_without_any_lacks_one() -> None:
    assert lacking(DELETE) == ["delete"]
    assert lacking(DELETE.replace("step_up", "low")) == []
    assert lacking(DELETE.replace("risk: step_up", "groups: [payment]")) == ["delete"]


@pytest.mark.parametrize(
    ("example", "enough"),
    [
        (an_example("/r/1", "{action: /shop/delete}"), False),
        (an_example("/r/..%2f1", "{refused: ambiguous_request}"), True),
        (an_example("/r/1", "{action: /shop/other}", "GET"), True),
        (an_example("/elsewhere", "{refused: ambiguous_request}"), False),
        ("{request: {}, expect: {}}", False),
        ("{expect: {refused: x}}", False),
    ],
)
def test_one_of_the_file_counts_if_it_is_near(example: str, enough: bool) -> None:
    assert (lacking(DELETE, more=f"examples: [{example}]\n") == []) is enough


def test_its_own_count_wherever_they_lead() -> None:
    own = an_example("/elsewhere", "{refused: ambiguous_request}")
    assert lacking(DELETE.replace("summary", f"examples: [{own}], summary")) == []


def test_several_expected_units_are_looked_at_each() -> None:
    made = subject(DELETE, more=f"examples: [{an_example('/r/1', '[{action: /shop/a}, {refused: b}]')}]\n")
    assert list(expected(made.service.examples[0])) == [("/shop/a", None), (None, "b")]
