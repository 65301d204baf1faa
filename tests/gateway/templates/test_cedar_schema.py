import json

import cedarpy
import pytest

from tests.gateway.templates.making import shop

ACTIONS = """
- {id: a, match: {method: GET, path: /a}, summary: A}
- id: b
  match: {method: POST, path: '/b/{o}'}
  resource: Repo
  groups: [payment]
  context:
    money: {type: money, amount: 'json:/a', currency: 'json:/c'}
    to: {from: 'json:/to', missing: refuse}
    why: {from: 'json:/why'}
    n: {from: 'json:/n', type: int, default: 1}
    tags: {from: 'json:/t/*', type: set}
  summary: B
- {id: c, match: {method: POST, path: '/c/{o}'}, resource: Repo, summary: C}
"""
REST = """
resources:
  Org: {id: '{o}', at: ['/o/{o}']}
  Repo: {id: '{o}', in: [Org], attributes: {visibility: string}}
"""


def schema() -> str:
    return shop(ACTIONS, REST).cedar_schema()


def errors(policy: str) -> list[str]:
    return [error.error for error in cedarpy.validate_policies(policy, schema()).errors]


def test_the_schema_parses_and_shares_equal_contexts() -> None:
    text = schema()
    cedarpy.Schema.from_str(text)
    assert text.count("type Ctx") == 2
    assert 'action "/shop/b" in ["/shop", "payment", "write"]' in text
    assert 'action "/shop/unmatched/read" in ["/shop", "read", "unmatched"]' in text
    assert "resource: [Shop::Org, Shop::Host]" in text
    cedarpy.Schema.from_str(shop().cedar_schema())


VALID = """
forbid (principal, action in Action::"payment", resource) when { !context.cosigner };

permit (principal, action in Action::"/shop", resource)
when { context.approvals >= 2 && context.now.hour < 18 };

permit (principal, action == Action::"/shop/b", resource in Shop::Org::"acme")
when { context.to == "x" && context.n == 1 && context.tags.contains("y") && context has why };

permit (principal, action == Action::"/shop/b", resource)
when {
    principal has limits && context has money
    && principal.limits.hasTag(context.money.currency)
    && context.money.minor <= principal.limits.getTag(context.money.currency)
};

permit (principal in Group::"x", action == Action::"approve", resource)
when { !context.owner && resource.groups.contains("payment") };

permit (principal, action == Action::"/shop/b", resource)
when { context.recent.action_day < 9 && context has spent && context.spent.day <= 5000 };

permit (principal, action, resource) when { resource is Shop::Repo && resource has visibility };

permit (principal in Team::"t", action in Action::"read", resource)
when {
    context.requester_ip.isLoopback() && context.intent_risk == "low"
    && !context.break_glass && context.units == 1
};
"""


@pytest.mark.parametrize("policy", VALID.strip().split("\n\n"))
def test_policies_a_security_team_writes_are_valid(policy: str) -> None:
    assert errors(policy) == []


@pytest.mark.parametrize(
    "policy",
    [
        'forbid (principal, action in Action::"payment", resource) when { !context.cosinger };',
        'permit (principal, action == Action::"/shop/bb", resource);',
        'permit (principal, action == Action::"/shop/b", resource) when { context.spent.day < 5 };',
        'permit (principal, action == Action::"/shop/c", resource) when { context.spent.day < 5 };',
        'permit (principal, action in Action::"/shop", resource) when { context.recent.week < 5 };',
        'permit (principal, action == Action::"/shop/b", resource) when { context.money.minor < 5 };',
        'permit (principal, action == Action::"/shop/a", resource) when { context.to == "x" };',
        'permit (principal, action == Action::"/shop/b", resource == Shop::Org::"x");',
    ],
)
def test_a_misspelt_or_unsafe_policy_is_an_error(policy: str) -> None:
    assert errors(policy)


def test_groups_of_actions_hold_in_decisions() -> None:
    parsed = cedarpy.Schema.from_str(schema())
    entities = cedarpy.Entities.from_json_str(json.dumps([]), parsed)
    context = {
        "cosigner": False,
        "approvals": 0,
        "delegate": False,
        "break_glass": False,
        "grant": False,
        "risk": "low",
        "intent_risk": "low",
        "method": "POST",
        "host": "h",
        "units": 1,
        "recent": {
            "requests_hour": 1,
            "requests_day": 1,
            "action_hour": 1,
            "action_day": 1,
            "questions_hour": 1,
        },
        "now": {"epoch": 1, "hour": 1, "day_of_week": 1},
        "requester_ip": {"__extn": {"fn": "ip", "arg": "127.0.0.1"}},
    }
    policy = """
        permit (principal, action in Action::"write", resource);
        forbid (principal, action in Action::"payment", resource);
    """

    def allowed(action: str, more: dict[str, object]) -> bool:
        asked = {
            "principal": {"type": "Agent", "id": "x"},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Shop::Repo", "id": "r"},
            "context": {**context, **more},
        }
        answer = cedarpy.is_authorized(asked, policy, entities, parsed)
        assert answer.diagnostics.errors == []
        return bool(answer.allowed)

    assert allowed("/shop/c", {})
    assert not allowed("/shop/b", {"to": "x", "n": 1, "tags": []})
