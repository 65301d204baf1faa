"""Each check finds what it is for, and is silent about what is right."""

import inspect
import re

import pytest

from gateway.authoring import checks
from gateway.authoring.findings import NAMES, Finding
from tests.gateway.authoring.lint_shop import subject


def found(check: checks.Check, actions: str, more: str = "") -> list[Finding]:
    return list(check(subject(actions, more)))


def test_a_capture_that_one_path_does_not_bind_is_an_error_at_the_summary() -> None:
    (finding,) = found(
        checks.missing_in_summary,
        '{id: a, match: {path: ["/r/{owner}/{repo}", "/n/{n}"]}, summary: "Do {owner}[ {n}] {repo|or:it}"}',
    )
    assert str(finding.place) == "shop.yaml:7:70"
    assert (finding.name, str(finding.severity)) == ("summary-missing-field", "error")
    assert '"owner", which the path /n/{n} does not bind' in finding.message
    assert "[… {owner}]" in finding.hint


@pytest.mark.parametrize(
    ("field", "found_one"),
    [
        ('{from: "json:/x"}', True),
        ('{from: "json:/x", default: y}', False),
        ('{from: "json:/x", missing: refuse}', False),
        ("{from: body.bytes, type: int}", False),
        ('{from: "json:/x/*", type: set}', False),
        ("{from: path.p}", False),
    ],
)
def test_an_optional_field_outside_brackets_is_a_warning(field: str, found_one: bool) -> None:
    made = found(
        checks.missing_in_summary,
        f'{{id: a, match: {{path: "/{{p}}"}}, context: {{x: {field}}}, summary: "Do {{x}}"}}',
    )
    assert [str(each.severity) for each in made] == (["warning"] if found_one else [])


def test_a_field_from_a_capture_of_some_paths_only_is_found() -> None:
    (finding,) = found(
        checks.missing_in_summary,
        '{id: a, match: {path: ["/{p}", /b]}, context: {x: {from: path.p}}, summary: "Do {x}"}',
    )
    assert "optional" in finding.message


def test_what_every_host_binds_is_bound() -> None:
    match = '{host: ["{b}.shop.test", "{b}.eu.shop.test"], path: [/x, "/{k}"]}'
    hosts = f'{{id: a, match: {match}, summary: "Do {{b}} on {{host}}"}}'
    assert found(checks.missing_in_summary, hosts) == []
    (finding,) = found(checks.missing_in_summary, hosts.replace('"{b}.eu.shop.test"', "eu.shop.test"))
    assert "which the path /x does not bind" in finding.message


def test_an_action_that_others_always_win_over_is_an_error() -> None:
    (finding,) = found(
        checks.never_wins,
        """
{id: both, match: {method: [GET, POST], path: /a}, summary: Both}
{id: get, match: {method: GET, path: /a}, summary: Get}
{id: post, match: {method: POST, path: /a}, summary: Post}""",
    )
    assert finding.name == "unreachable-action"
    assert '"both" never wins: "get" (line 8), "post" (line 9) take' in finding.message


@pytest.mark.parametrize(
    ("action", "wide"),
    [
        ('{id: a, match: {method: POST, path: "/{x*}"}, summary: A}', "the path /{x*}"),
        ('{id: a, match: {method: POST, path: "/v1/{x*}"}, summary: A}', "the path /v1/{x*}"),
        ('{id: a, match: {method: POST, path: "/repos/{o}/contents/{x*}"}, summary: A}', None),
        ('{id: a, match: {method: POST, path: "/{x*}"}, risk: step_up, summary: A}', None),
        ('{id: a, match: {method: GET, path: "/{x*}"}, summary: A}', None),
        (
            '{id: a, match: {method: POST, path: /a, where: {"query:q": {glob: "*"}}}, summary: A}',
            "query:q like *",
        ),
        ('{id: a, match: {method: POST, path: /a, where: {"query:q": {glob: "delete*"}}}, summary: A}', None),
    ],
)
def test_a_broad_write_of_risk_low_is_a_warning(action: str, wide: str | None) -> None:
    made = found(checks.broad_and_low, action)
    assert [wide in each.message for each in made if wide] == ([True] if wide else [])
    assert bool(made) is bool(wide)


def test_a_low_write_in_a_group_that_steps_up_is_a_warning() -> None:
    (finding,) = found(
        checks.low_in_a_group,
        """
{id: a, match: {method: POST, path: /a}, groups: [content, payment, access], summary: A}
{id: b, match: {method: POST, path: /b}, groups: [payment], risk: step_up, summary: B}
{id: c, match: {method: GET, path: /c}, groups: [credential], summary: C}
{id: d, match: {method: POST, path: /d}, groups: [content], summary: D}""",
    )
    assert '"a" is in the group access and payment' in finding.message


@pytest.mark.parametrize(
    ("selector", "word"),
    [
        ("json:/user/password", "password"),
        ("form:card[cvc]", "cvc"),
        ("arg:apiKey", "key"),
        ("json:/accessToken", "token"),
        ("json:/clientSecret", None),
        ("query:next_token", None),
        ("json:/secret_name", None),
        ("json:/token_id", None),
        ("json:/key", None),
        ("json:/public_key", None),
        ("header:Authorization", None),
        ("json:/tokens/*", None),
        ("json:/", None),
    ],
)
def test_what_sounds_like_a_secret_should_not_be_in_the_context(selector: str, word: str | None) -> None:
    kind = "set" if selector.endswith("*") else "string"
    action = (
        f'{{id: a, match: {{path: /a}}, context: {{x: {{from: "{selector}", type: {kind}}}}}, summary: A}}'
    )
    made = found(checks.secret_in_context, action)
    assert [each.message.endswith(f"sounds like a {word}.") for each in made] == ([True] if word else [])


def test_a_bare_key_is_one_only_where_credentials_are_made() -> None:
    action = '{id: a, match: {path: /a}, groups: [credential], context: {x: {from: "json:/key"}}, summary: A}'
    assert [each.name for each in found(checks.secret_in_context, action)] == ["secret-in-context"]


EXAMPLE = '{request: {method: POST, url: "https://api.shop.test/a"}, expect: {action: /shop/a}}'


def test_a_write_without_examples_is_a_warning() -> None:
    made = found(
        checks.no_examples,
        f"""
{{id: a, match: {{method: POST, path: /a}}, summary: A, examples: [{EXAMPLE}]}}
{{id: b, match: {{method: POST, path: /b}}, summary: B}}
{{id: c, match: {{method: GET, path: /c}}, summary: C}}""",
    )
    assert [each.message for each in made] == ['"b" has no example.']


def test_a_risky_action_needs_an_example_of_what_it_is_not() -> None:
    action = f"{{id: a, match: {{method: POST, path: /a}}, risk: step_up, summary: A, examples: [{EXAMPLE}]}}"
    (finding,) = found(checks.no_negative_examples, action)
    assert (finding.name, str(finding.place)) == (
        "no-negative-example",
        f"shop.yaml:7:{action.index('[{req') + 5}",
    )


def test_long_titles_and_sentences_are_warnings() -> None:
    made = found(
        checks.too_long,
        f"""
{{id: a, title: "{"x" * 61}", match: {{path: "/{{p}}"}}, summary: "{"y" * 130}[ {{p}}]"}}
{{id: b, title: "{"x" * 60}", match: {{method: POST, path: /b}}, summary: "{"y" * 140}"}}""",
    )
    assert [each.name for each in made] == ["long-title", "long-summary"]


def test_what_is_declared_and_never_named_is_a_warning() -> None:
    more = """\
vars: {used: {default: /a}, spare: {default: x}}
params: {p: {pattern: "[a-z]+"}, q: {pattern: "[0-9]+"}, r: {fold: lower}, s: {fold: lower}}
resources: {Org: {id: "{p}"}, Repo: {id: "{p}", in: [Org]}, At: {id: "{r}", at: ["/at/{r}"]},
            Lost: {id: "{p}"}}
decode: [{at: {path: "/d/{s}"}, body: json}]
"""
    made = found(checks.unused, '{id: a, match: {path: ["${used}", "/x/{p}"]}, summary: A}\n', more)
    assert [(each.name, each.message.split('"')[1]) for each in made] == [
        ("unused-param", "q"),
        ("unused-resource", "Org"),
        ("unused-resource", "Repo"),
        ("unused-resource", "Lost"),
        ("unused-variable", "spare"),
    ]
    named = found(
        checks.unused, '{id: a, match: {path: ["${used}", "/x/{p}"]}, resource: Repo, summary: A}\n', more
    )
    assert "Org" not in {each.message.split('"')[1] for each in named}


def test_every_finding_has_a_name_that_is_explained() -> None:
    used = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', inspect.getsource(checks)))
    assert used <= NAMES.keys()
    assert {"summary-missing-field", "unreachable-action", "broad-low-risk"} <= used
