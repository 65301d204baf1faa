"""The files that `secondsig init` writes: what passes, what waits and what is refused under them."""

from dataclasses import replace
from pathlib import Path

import pytest

import gateway
from gateway.model import Caller, Effect, EntityRef, Mapped, Request, Risk, Unit
from gateway.policy import AgentFacts, Facts, PersonFacts, Policy
from gateway.templates import Library
from gateway.templates.compiled import Compiled

STARTER = Path(gateway.__file__).parent / "starter"
GROUPS = (
    "destructive",
    "payment",
    "credential",
    "access",
    "publish",
    "execute",
    "communicate",
    "content",
    "unmatched",
)
BASE = """cosigner: Bool, approvals: Long, delegate: Bool, break_glass: Bool, grant: Bool, risk: String,
  intent_risk: String, method: String, host: String, requester_ip: ipaddr, now: {epoch: Long, hour: Long,
  day_of_week: Long}, purpose?: String, units: Long,
  recent: {requests_hour: Long, requests_day: Long, action_hour: Long, action_day: Long,
  questions_hour: Long}"""
HEAD = """entity Limits tags Long; entity Team in [Team]; entity Agent in [Team] { limits?: Limits };
entity Group; entity Person in [Group];
entity Envelope { agent: Agent, service: String, risk: String, groups: Set<String> };
action "approve" appliesTo { principal: [Person], resource: [Envelope], context: { owner: Bool } };
entity Thing; action "read"; action "write";"""


def schema(groups=GROUPS):
    actions = "".join(f'action "{group}";' for group in GROUPS)
    applies = f"appliesTo {{ principal: [Agent], resource: [Thing], context: {{ {BASE} }} }};"
    for access in ("read", "write"):
        actions += f'action "/s/{access}" in ["{access}"] {applies}'
        actions += "".join(
            f'action "/s/{group}/{access}" in ["{group}", "{access}"] {applies}' for group in groups
        )
    return HEAD + actions


def load(text):
    policy, entities = STARTER / "policy.cedar", STARTER / "entities.json"
    people = [PersonFacts("mika", ("approvers",)), PersonFacts("noor", ("administrators",))]
    return Policy.load(
        policy.read_text(),
        policy.name,
        entities.read_text(),
        entities.name,
        text,
        [AgentFacts("default")],
        people,
    )


def mapped(action, risk=Risk.LOW):
    unit = Unit(
        service="s", action=action, title="Do it", groups=(), access="write", risk=risk, summary=(),
        resource=EntityRef("Thing", "t"), parents={}, context={},
    )  # fmt: skip
    return Mapped((unit,), "s", "1", "d")


FACTS = Facts(False, 0, "POST", "s.test", "127.0.0.1", 0, None)


@pytest.fixture(scope="module")
def policy():
    return load(schema())


def effect(policy, action, risk=Risk.LOW):
    return policy.decide("default", mapped(action, risk), FACTS).effect


@pytest.mark.parametrize("group", ["destructive", "payment", "credential", "access", "publish"])
@pytest.mark.parametrize("access", ["read", "write"])
def test_what_is_grave_needs_a_person_even_as_a_read(policy, group, access):
    decision = policy.decide("default", mapped(f"/s/{group}/{access}"), FACTS)
    assert (decision.effect, decision.quorum) == (Effect.STEP_UP, 1)
    assert [reason.id for reason in decision.reasons] == [f"{group}-needs-a-person"]
    assert all(reason.reason for reason in decision.reasons)


def test_reads_pass_and_writes_wait(policy):
    assert effect(policy, "/s/read") is Effect.ALLOW
    assert effect(policy, "/s/unmatched/read") is Effect.ALLOW
    assert effect(policy, "/s/write") is Effect.STEP_UP
    assert effect(policy, "/s/unmatched/write") is Effect.STEP_UP


GRANTED = replace(FACTS, grant=True)


def test_a_write_that_was_granted_passes_without_a_cosigner(policy):
    for action in ("/s/write", "/s/unmatched/write"):
        assert policy.decide("default", mapped(action), GRANTED).effect is Effect.ALLOW


@pytest.mark.parametrize("group", ["destructive", "payment", "credential", "access", "publish"])
@pytest.mark.parametrize("access", ["read", "write"])
def test_a_grant_never_answers_for_what_is_grave(policy, group, access):
    assert policy.decide("default", mapped(f"/s/{group}/{access}"), GRANTED).effect is Effect.STEP_UP


def test_a_grant_answers_what_a_template_asks_and_never_what_it_forbids(policy):
    assert policy.decide("default", mapped("/s/read", Risk.STEP_UP), GRANTED).effect is Effect.ALLOW
    assert policy.decide("default", mapped("/s/write", Risk.STEP_UP), GRANTED).effect is Effect.ALLOW
    assert policy.decide("default", mapped("/s/write", Risk.FORBID), GRANTED).effect is Effect.DENY


def test_a_templates_floor_holds_over_the_starter(policy):
    assert effect(policy, "/s/unmatched/read", Risk.STEP_UP) is Effect.STEP_UP
    assert effect(policy, "/s/read", Risk.FORBID) is Effect.DENY


def test_approvers_may_approve_and_nobody_else(policy):
    asked = {"agent": "default", "owner": True, "mapped": mapped("/s/write")}
    assert policy.may_approve("mika", **asked) is True
    assert policy.may_approve("noor", **asked) is False
    assert policy.may_approve("default", **asked) is False


def test_the_starter_fits_a_schema_whose_groups_are_empty():
    assert effect(load(schema(groups=())), "/s/write") is Effect.STEP_UP


def test_every_policy_of_the_starter_speaks_to_people():
    text = (STARTER / "policy.cedar").read_text()
    policies = text.count("\npermit") + text.count("\nforbid")
    assert text.count("\n@id(") == text.count("\n@reason(") == policies


TEMPLATE = """
format: 1
service: shop
namespace: Shop
version: 1.0.0
title: Shop
hosts: [api.shop.test]
params: {owner: {fold: lower}}
resources:
  Org: {id: "{owner}", at: ["/orgs/{owner}"]}
decode: [{body: {application/json: json}}]
actions:
  - id: org/delete
    title: Delete an organisation
    match: {method: DELETE, path: "/orgs/{owner}"}
    resource: Org
    groups: [destructive]
    summary: "Delete {owner}"
unmatched: {read: low, write: step_up}
"""


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/orgs/acme", Effect.ALLOW),
        ("DELETE", "/orgs/acme", Effect.STEP_UP),
        ("POST", "/orgs/acme", Effect.STEP_UP),
    ],
)
def test_the_starter_decides_what_a_real_template_maps(tmp_path, method, target, expected):
    file = tmp_path / "shop.yaml"
    file.write_text(TEMPLATE)
    library = Library.load([file])
    caller = Caller(agent="default", token_id="t", run=None, peer="127.0.0.1")
    request = Request(caller, method, "https", "api.shop.test", 443, target, (), b"")
    decision = load(library.cedar_schema()).decide("default", library.map(request), FACTS)
    assert (decision.effect, decision.error) == (expected, None)


@pytest.mark.whole
def test_the_starter_fits_every_template_that_ships():
    shipped = sorted((Path(gateway.__file__).parent.parent / "templates_yaml").glob("*.yaml"))
    assert load(Library.load(shipped, compiled=Compiled.usual()).cedar_schema()).digest
