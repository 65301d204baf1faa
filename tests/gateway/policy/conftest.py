"""A small shop: a schema as the templates generate it, and builders for units, facts and policies."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest

from gateway.model import Approval, EntityRef, Mapped, Risk, Unit
from gateway.policy import AgentFacts, Facts, PersonFacts, Policy

BASE = """cosigner: Bool, approvals: Long, delegate: Bool, break_glass: Bool, grant: Bool, risk: String,
  intent_risk: String, method: String, host: String, requester_ip: ipaddr, now: Clock, purpose?: String,
  units: Long, recent: Recent"""
SCHEMA = f"""
type Recent = {{
  requests_hour: Long, requests_day: Long, action_hour: Long, action_day: Long, questions_hour: Long
}};
type Clock = {{ epoch: Long, hour: Long, day_of_week: Long }};
type Money = {{ currency: String, minor: Long }};
entity Limits tags Long;
entity Team in [Team];
entity Agent in [Team] {{ limits?: Limits }};
entity Group;
entity Person in [Group];
entity Program;
entity Envelope {{ action: String, agent: Agent, groups: Set<String>, has_money: Bool, intent_risk: String,
  money?: Money, quorum: Long, resource: String, risk: String, service: String, team?: Team }};
action "approve" appliesTo {{ principal: [Person], resource: [Envelope],
  context: {{ break_glass: Bool, owner: Bool, signer: Person, waited: Long }} }};
action "delegate" appliesTo {{ principal: [Program], resource: [Envelope], context: {{ verb: String }} }};
action "read", "write", "destructive", "payment", "credential", "access", "publish", "execute";
action "communicate", "content", "unmatched";
namespace Shop {{
  entity Org;
  entity Repo in [Org] {{ visibility?: String, twin?: Repo }};
  entity Account;
  entity Host;
}}
action "/shop";
action "/shop/repo/put_file" in ["/shop", "content", "write"] appliesTo {{ principal: [Agent],
  resource: [Shop::Repo], context: {{ {BASE}, path?: String, branch: String, size: Long }} }};
action "/shop/repo/delete" in ["/shop", "destructive", "write"] appliesTo {{ principal: [Agent],
  resource: [Shop::Repo], context: {{ {BASE} }} }};
action "/shop/refund" in ["/shop", "payment", "write"] appliesTo {{ principal: [Agent],
  resource: [Shop::Account], context: {{ {BASE}, account: String, money?: Money,
  spent?: {{hour: Long, day: Long}}, lines: Set<String> }} }};
action "/shop/search" in ["/shop", "read"] appliesTo {{ principal: [Agent],
  resource: [Shop::Org, Shop::Repo, Shop::Host], context: {{ {BASE} }} }};
action "/shop/unmatched/read" in ["/shop", "read", "unmatched"] appliesTo {{ principal: [Agent],
  resource: [Shop::Org, Shop::Repo, Shop::Host], context: {{ {BASE} }} }};
action "/shop/unmatched/write" in ["/shop", "write", "unmatched"] appliesTo {{ principal: [Agent],
  resource: [Shop::Org, Shop::Repo, Shop::Host], context: {{ {BASE} }} }};
"""
ORG = EntityRef("Shop::Org", "acme")
REPO = EntityRef("Shop::Repo", "acme/site")
ACCOUNT = EntityRef("Shop::Account", "acct_1")
AGENTS = (AgentFacts("ci", team="platform", owner="mika"), AgentFacts("loner"))
PEOPLE = (PersonFacts("mika", ("approvers", "administrators")), PersonFacts("noor"))
FACTS = Facts(
    cosigner=False,
    approvals=0,
    method="POST",
    host="api.shop.test",
    requester_ip="127.0.0.1",
    now_epoch=1_795_000_000,
    purpose=None,
)
_CONTEXTS: dict[str, dict[str, Any]] = {
    "/shop/repo/put_file": {"branch": "main", "size": 901},
    "/shop/refund": {"account": "acct_1", "lines": ("a",)},
}


def make_unit(action: str = "/shop/repo/put_file", **changes: Any) -> Unit:
    resource = ACCOUNT if action == "/shop/refund" else REPO
    plain = Unit(
        service="shop",
        action=action,
        title="Do it",
        groups=(),
        access="write",
        resource=resource,
        parents={REPO: (ORG,)} if resource == REPO else {},
        context=_CONTEXTS.get(action, {}),
        risk=Risk.LOW,
        summary=(),
    )
    context = {**plain.context, **changes.pop("context", {})}
    quorum = changes.pop("quorum", 1)
    return replace(plain, context=context, approval=Approval(quorum=quorum), **changes)


def make_mapped(*units: Unit) -> Mapped:
    return Mapped(units=units, service="shop", template_version="1", template_digest="d")


def make_facts(**changes: Any) -> Facts:
    return replace(FACTS, **changes)


class MakePolicy(Protocol):
    def __call__(
        self, text: str, entities: Any = ..., *, schema: str = ..., agents: Sequence[AgentFacts] = ...
    ) -> Policy: ...


def load_policy(
    text: str, entities: Any = (), *, schema: str = SCHEMA, agents: Sequence[AgentFacts] = AGENTS
) -> Policy:
    raw = entities if isinstance(entities, str) else json.dumps(list(entities))
    return Policy.load(text, "policy.cedar", raw, "entities.json", schema, agents, PEOPLE)


@pytest.fixture
def schema_text() -> str:
    return SCHEMA


@pytest.fixture
def load() -> MakePolicy:
    return load_policy


@pytest.fixture
def unit() -> Callable[..., Unit]:
    return make_unit


@pytest.fixture
def mapped() -> Callable[..., Mapped]:
    return make_mapped


@pytest.fixture
def facts() -> Callable[..., Facts]:
    return make_facts
