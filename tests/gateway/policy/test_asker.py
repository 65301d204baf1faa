import json
from dataclasses import replace

import pytest
from cedarpy import is_authorized
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model import Approval, EntityRef
from gateway.policy import FirstRequest
from gateway.policy import asker as asker_module
from gateway.policy.approving import Signing
from gateway.policy.asker import Asker
from gateway.policy.directory import action_entities, build_world
from gateway.policy.entities import read_entities
from gateway.policy.facts import AgentFacts, CannotTell, PersonFacts
from gateway.policy.rules import parse_rules
from gateway.policy.schemas import Schemas
from gateway.policy.slices import Slices
from gateway.policy.source import Source
from gateway.policy.vocabulary import read_vocabulary

PLAIN = Signing()

ACTIONS = ["/shop/repo/put_file", "/shop/repo/delete", "/shop/search", "/shop/unmatched/write"]


def repo(name, **attrs):
    return {"uid": {"type": "Shop::Repo", "id": name}, "attrs": attrs, "parents": []}


ENTITIES = [
    {"uid": {"type": "Shop::Org", "id": "acme"}, "attrs": {}, "parents": []},
    repo("acme/site", visibility="public", twin={"type": "Shop::Repo", "id": "acme/twin"}),
    repo("acme/twin", visibility="private"),
    repo("acme/odd", twin={"type": "Shop::Repo", "id": "acme/secret"}),
    repo("acme/secret", visibility="secret"),
]
POLICIES = """
@id("group") forbid (principal, action in Action::"destructive", resource) when { !context.cosigner };
@id("team") forbid (principal in Team::"platform", action, resource in Shop::Org::"evil");
@id("twin") forbid (principal is Agent, action == Action::"/shop/repo/put_file", resource is Shop::Repo)
  when { resource has twin && resource.twin has visibility && resource.twin.visibility == "secret" };
@id("literal") permit (principal is Agent, action in Action::"write", resource is Shop::Repo)
  when { Shop::Repo::"acme/twin" has visibility && resource in Shop::Org::"acme" };
@id("ip") permit (principal is Agent, action in Action::"read", resource)
  when { context.requester_ip.isLoopback() && context.now.day_of_week <= 7 };
@id("approve") permit (principal in Group::"approvers", action == Action::"approve", resource)
  when { resource.agent in Team::"platform" && resource.groups.contains("write") && !context.owner };
"""


@pytest.fixture
def parts(schema_text):
    schemas = Schemas(schema_text)
    vocabulary = read_vocabulary(schemas)
    file = read_entities(Source("e", json.dumps(ENTITIES)), schemas, vocabulary)
    people = [PersonFacts("mika", ("approvers",)), PersonFacts("noor", ())]
    world = build_world(
        file, action_entities(vocabulary), [AgentFacts("ci", "platform"), AgentFacts("loner")], people
    )
    slices = Slices(parse_rules(Source("p", POLICIES)), vocabulary)
    return schemas, vocabulary, slices, world


@pytest.fixture
def asker(parts):
    return Asker(*parts)


@pytest.fixture
def ask(asker, unit, mapped, facts):
    def asked(action="/shop/repo/put_file", agent="ci", cosigner=False, fact=None, **changes):
        (question,) = asker.questions(agent, mapped(unit(action, **changes)), facts(**fact or {}))
        answer = question.ask(cosigner=cosigner, approvals=0)
        return answer.allowed, [reason.id for reason in answer.reasons]

    return asked


def test_an_action_group_is_not_skipped(ask):
    assert ask("/shop/repo/delete") == (False, ["group"])
    assert ask("/shop/repo/delete", cosigner=True) == (True, ["literal"])


def test_a_resource_is_in_the_parents_of_its_request(ask):
    evil, repo = EntityRef("Shop::Org", "evil"), EntityRef("Shop::Repo", "evil/x")
    assert ask(resource=repo, parents={repo: (evil,)}) == (False, ["team"])
    assert ask(resource=repo, parents={repo: (evil,)}, agent="loner") == (False, [])
    assert ask(resource=repo, parents={}) == (False, [])


def test_attributes_are_followed_from_resource_to_resource(ask):
    assert ask() == (True, ["literal"])
    assert ask(resource=EntityRef("Shop::Repo", "acme/odd"), parents={}) == (False, ["twin"])


def test_a_request_may_add_parents_to_an_entity_that_a_policy_names(ask):
    twin, org = EntityRef("Shop::Repo", "acme/twin"), EntityRef("Shop::Org", "evil")
    assert ask(resource=twin, parents={twin: (org,)}) == (False, ["team"])
    assert ask(resource=twin, parents={}) == (False, []), (
        "the parents of one request do not stay for the next"
    )


def test_a_circle_of_parents_is_not_an_allow(ask):
    a, b = EntityRef("Shop::Org", "a"), EntityRef("Shop::Org", "b")
    with pytest.raises(CannotTell):
        ask(parents={EntityRef("Shop::Repo", "acme/site"): (a,), a: (b,), b: (a,)})
    known = EntityRef("Shop::Org", "acme")
    with pytest.raises(CannotTell):
        ask(parents={EntityRef("Shop::Repo", "acme/site"): (known,), known: (b,), b: (known,)})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agent": "nobody"}, 'No agent "nobody"'),
        ({"action": "/shop/nothing"}, "No action"),
        ({"action": "write"}, "No action"),
        ({"resource": EntityRef("Shop::Account", "a"), "parents": {}}, "schema"),
        ({"context": {"size": "901"}}, "schema"),
        ({"context": {"extra": 1}}, "schema"),
        ({"context": {"cosigner": True}}, "may not set context.cosigner"),
        ({"context": {"size": 2**63}}, "too large"),
        ({"fact": {"requester_ip": "nowhere"}}, "not an IP address"),
        ({"resource": EntityRef("Shop::Repo", "\ud800"), "parents": {}}, "Cedar failed"),
    ],
)
def test_what_has_no_place_in_the_schema_is_not_an_allow(ask, changes, words):
    for _ in range(2):
        with pytest.raises(CannotTell, match=words):
            ask(**changes)


def test_a_shape_that_was_seen_does_not_cover_another(ask):
    assert ask()[0]
    with pytest.raises(CannotTell, match="schema"):
        ask(context={"branch": 1})


@pytest.mark.parametrize(("address", "allowed"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False)])
def test_the_requesters_address_is_an_address(ask, address, allowed):
    assert ask("/shop/search", fact={"requester_ip": address})[0] is allowed


def test_what_is_remembered_is_bounded(monkeypatch, asker, unit, mapped, facts):
    monkeypatch.setattr(asker_module, "_REMEMBERED", 3)
    for index in range(10):
        resource = EntityRef("Shop::Repo", str(index))
        asker.questions("ci", mapped(unit(resource=resource, parents={})), facts())
        assert len(asker._handles) <= 3


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    action=st.sampled_from(
        ["/shop/repo/put_file", "/shop/repo/delete", "/shop/search", "/shop/unmatched/write"]
    ),
    agent=st.sampled_from(["ci", "loner"]),
    name=st.sampled_from(["acme/site", "acme/twin", "acme/odd", "new"]),
    parent=st.sampled_from(["acme", "evil", None]),
    cosigner=st.booleans(),
    address=st.sampled_from(["127.0.0.1", "10.0.0.1"]),
)
def test_slices_and_shortcuts_decide_as_cedar_does_with_everything(
    parts, asker, unit, mapped, facts, action, agent, name, parent, cosigner, address
):
    schema, _, _, world = parts
    resource = EntityRef("Shop::Repo", name)
    parents = {resource: (EntityRef("Shop::Org", parent),)} if parent else {}
    one = unit(action, resource=resource, parents=parents)
    (question,) = asker.questions(agent, mapped(one), facts(requester_ip=address))
    answer = question.ask(cosigner=cosigner, approvals=0)
    whole = world.reachable([*world.entities, resource], parents)
    context = {
        "cosigner": cosigner, "approvals": 0, "delegate": False, "break_glass": False, "grant": False,
        "risk": "low", "intent_risk": "low", "method": "POST", "host": "api.shop.test", "units": 1,
        "requester_ip": {"__extn": {"fn": "ip", "arg": address}},
        "now": {"epoch": 1_795_000_000, "hour": 11, "day_of_week": 3}, **one.context,
        "recent": FirstRequest().recent(action),
    }  # fmt: skip
    request = {
        "principal": {"type": "Agent", "id": agent},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource.type, "id": resource.id},
        "context": context,
    }
    entities = json.dumps([entity.as_json() for entity in whole.values()])
    result = is_authorized(request, POLICIES, entities, schema.whole)
    assert result.diagnostics.errors == []
    assert answer.allowed is result.allowed
    named = set(result.diagnostics.id_annotations_by_reason.values())
    assert {reason.id for reason in answer.reasons} == named


@pytest.mark.parametrize(
    ("person", "changes", "expected"),
    [
        ("mika", {}, True),
        ("noor", {}, False),
        ("nobody", {}, False),
        ("ci", {}, False),
        ("mika", {"agent": "loner"}, False),
        ("mika", {"agent": "nobody"}, False),
        ("mika", {"owner": True}, False),
    ],
)
def test_only_those_whom_cedar_lets_may_approve(asker, unit, mapped, person, changes, expected):
    asked = {"agent": "ci", "owner": False} | changes
    assert asker.may_approve(person, mapped=mapped(unit()), signing=Signing(), **asked) is expected


@pytest.mark.parametrize(
    ("approvers", "expected"),
    [
        ('Group::"approvers"', True),
        ('Person::"mika"', True),
        ('Group::"finance"', False),
        ("approvers", False),
        ("", False),
    ],
)
def test_a_template_can_only_narrow_the_approvers(asker, unit, mapped, approvers, expected):
    narrowed = replace(unit(), approval=Approval(approvers=approvers))
    assert (
        asker.may_approve("mika", agent="ci", owner=False, mapped=mapped(narrowed), signing=PLAIN) is expected
    )
    outsider = replace(unit(), approval=Approval(approvers='Person::"noor"'))
    assert asker.may_approve("noor", agent="ci", owner=False, mapped=mapped(outsider), signing=PLAIN) is False


def test_the_groups_of_an_envelope_are_the_schemas(asker, unit, mapped):
    assert (
        asker.may_approve("mika", agent="ci", owner=False, mapped=mapped(unit("/shop/search")), signing=PLAIN)
        is False
    )
    with pytest.raises(CannotTell):
        asker.may_approve(
            "mika", agent="ci", owner=False, mapped=mapped(unit("/shop/nothing")), signing=PLAIN
        )


COUNTED = """
permit (principal is Agent, action, resource) when { context.recent.requests_hour <= 2 };
"""


class Counting(FirstRequest):
    """Each time one more."""

    number = 0

    def recent(self, action):
        Counting.number += 1
        return dict.fromkeys(super().recent(action), Counting.number)


def test_a_sum_of_now_is_never_answered_from_memory(load, mapped, unit, facts):
    policy = load(COUNTED)
    Counting.number = 0
    asked = "ci", mapped(unit("/shop/search")), facts(remembered=Counting())
    policy.decide(*asked)
    effects = [str(policy.decide(*asked).effect) for _ in range(3)]
    assert effects[-1] == "deny"
    assert policy._asker._answers == {}


def test_what_no_policy_reads_is_not_counted_up(load, mapped, unit, facts):
    policy = load("permit (principal, action, resource);")
    Counting.number = 0
    for _ in range(5):
        policy.decide("ci", mapped(unit("/shop/search")), facts(remembered=Counting()))
    assert Counting.number == 1
    assert len(policy._asker._answers) == 1


REPOS = [EntityRef("Shop::Repo", name) for name in ("acme/site", "acme/twin", "acme/odd", "new", "\ud800")]
ORGS = [EntityRef("Shop::Org", name) for name in ("acme", "evil")]
RULES = [
    "permit (principal, action, resource);",
    "forbid (principal, action, resource is Shop::Repo) when { context.units > 1 };",
    'forbid (principal, action, resource in Shop::Org::"evil");',
    'forbid (principal, action, resource is Shop::Repo in Shop::Org::"evil");',
    'forbid (principal, action, resource == Shop::Repo::"new");',
    'forbid (principal, action, resource) when { resource == Shop::Repo::"new" };',
    "forbid (principal, action, resource is Shop::Repo) when { resource has visibility };",
    'forbid (principal, action, resource) when { Shop::Repo::"acme/twin" in Shop::Org::"evil" };',
    'forbid (principal in Team::"platform", action, resource) unless { context.cosigner };',
]
REQUESTS = st.tuples(
    st.sampled_from(["ci", "loner"]),
    st.sampled_from(["/shop/repo/delete", "/shop/search"]),
    st.sampled_from(REPOS),
    st.lists(st.sampled_from(ORGS), max_size=1).map(tuple),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True), st.lists(REQUESTS, min_size=2))
def test_an_answer_about_one_resource_is_given_about_another_only_where_no_policy_looks(
    load, unit, mapped, facts, rules, requests
):
    text = "\n".join(
        f'@id("r{at}") {rule}' for at, rule in enumerate(["permit (principal, action, resource);", *rules])
    )
    remembering, fresh = load(text, ENTITIES)._asker, load(text, ENTITIES)._asker

    def told(asker, agent, action, repo, orgs, cosigner):
        asked = mapped(unit(action, resource=repo, parents={repo: orgs} if orgs else {}))
        try:
            (question,) = asker.questions(agent, asked, facts())
            return question.ask(cosigner=cosigner, approvals=0)
        except CannotTell:
            return None

    for request in requests:
        fresh._answers.clear()
        assert told(remembering, *request) == told(fresh, *request)


@pytest.mark.parametrize(("rule", "kept"), list(zip(RULES, [1, 1, 4, 4, 4, 4, 4, 4, 1], strict=True)))
def test_policies_that_ignore_the_resource_answer_once_for_all_of_them(load, unit, mapped, facts, rule, kept):
    asker = load(f'@id("r") {rule}')._asker
    for repo in REPOS[:4]:
        (question,) = asker.questions(
            "ci", mapped(unit("/shop/repo/delete", resource=repo, parents={})), facts()
        )
        question.ask(cosigner=False, approvals=0)
    assert len(asker._answers) == kept
