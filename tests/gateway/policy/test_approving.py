import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model import EntityRef, Money
from gateway.policy import AgentFacts, PersonFacts, Policy, Signing
from gateway.policy.approving import amount_of
from tests.gateway.policy.conftest import BASE as BASE_CONTEXT
from tests.gateway.policy.conftest import make_mapped, make_unit

ALL = '@id("all") permit (principal in Group::"approvers", action == Action::"approve", resource);'
LEADS = """
@id("above-10000-eur-a-finance-lead") @reason("Above 10,000 EUR a finance lead signs.")
forbid (principal, action == Action::"approve", resource)
when { resource.has_money &&
       !(resource has money && resource.money.currency == "eur" && resource.money.minor <= 1000000) }
unless { principal in Group::"finance-leads" };
"""
PEOPLE = (PersonFacts("mika", ("approvers",)), PersonFacts("lea", ("approvers", "finance-leads")))
BASE_LINE = " ".join(BASE_CONTEXT.split())
PLAIN = Signing()
REFUND, DELETE = "/shop/refund", "/shop/repo/delete"


def money(minor, currency="eur", exponent=2):
    return make_unit(REFUND, context={"money": Money(currency, minor, exponent)})


def asked(text, schema, mapped, person="mika", signing=PLAIN):
    agents = (AgentFacts("ci", team="platform"), AgentFacts("loner"))
    policy = Policy.load(text, "p.cedar", "[]", "e.json", schema, agents, PEOPLE)
    return policy.may_approve(person, agent="ci", owner=False, mapped=mapped, signing=signing)


@pytest.mark.parametrize(
    ("units", "may"),
    [
        ([money(1_000_000)], True),
        ([money(1_000_001)], False),
        ([money(600_000), money(400_000)], True),
        ([money(600_000), money(400_001)], False),
        ([money(5), money(5, "usd")], False),
        ([money(5, "usd")], False),
        ([money(5, "xxx")], False),
        ([money(2_000_000), money(-1_500_000)], False),
        ([money(-1)], False),
        ([money(5), money(5, exponent=3)], False),
        ([money(2**63 - 1), money(2**63 - 1)], False),
        ([make_unit(REFUND)], False),
        ([money(5), make_unit(DELETE)], True),
    ],
)
def test_above_a_limit_only_finance_leads_may_approve_and_doubt_is_above_it(schema_text, units, may):
    mapped = make_mapped(*units)
    assert asked(ALL + LEADS, schema_text, mapped) is may
    assert asked(ALL + LEADS, schema_text, mapped, person="lea") is True


@given(st.lists(st.tuples(st.sampled_from(["eur", "usd", "xxx"]), st.integers(-5, 2**62))))
def test_an_amount_is_the_exact_sum_or_none(parts):
    mapped = make_mapped(*(money(minor, currency) for currency, minor in parts), make_unit(DELETE))
    amount = amount_of(mapped, may_move=False)
    assert amount.has_money is bool(parts)
    if amount.money is not None:
        assert amount.money.minor == sum(minor for _, minor in parts) <= 2**63 - 1
        assert {currency for currency, _ in parts} == {amount.money.currency} != {"xxx"}
        assert min(minor for _, minor in parts) >= 0


@pytest.mark.parametrize(
    ("condition", "signing", "holds"),
    [
        ('resource.action == "/shop/repo/delete"', Signing(), True),
        ('resource.action == "/shop/refund"', Signing(), False),
        ('resource.resource like "*acme/site*"', Signing(), True),
        ('resource.intent_risk == "high"', Signing(intent_risk="high"), True),
        ('resource.intent_risk == "high"', Signing(), False),
        ("resource.quorum == 2", Signing(quorum=2), True),
        ("resource.quorum == 2", Signing(), False),
        ('resource has team && resource.team == Team::"platform"', Signing(), True),
        ('resource has team && resource.team == Team::"other"', Signing(), False),
        ("context.waited >= 30", Signing(waited=30), True),
        ("context.waited >= 30", Signing(waited=29), False),
        ('resource == Envelope::"envelope" && resource.quorum == 2', Signing(quorum=2), True),
        ('resource == Envelope::"envelope" && resource.quorum == 2', Signing(), False),
        ("context.signer == principal", Signing(), True),
        ("context.signer == principal", Signing(signer="lea"), False),
        ('context.signer in Group::"finance-leads"', Signing(signer="lea"), True),
        ("context.signer == principal", Signing(signer="nobody"), False),
        ('context.signer == Person::"nobody"', Signing(signer="nobody"), False),
    ],
)
def test_who_may_approve_can_depend_on_what_is_asked_and_on_who_signs(schema_text, condition, signing, holds):
    text = f'@id("x") permit (principal, action == Action::"approve", resource) when {{ {condition} }};'
    mapped = make_mapped(make_unit(DELETE))
    assert asked(text, schema_text, mapped, signing=signing) is holds


def test_an_agent_without_a_team_or_with_two_has_no_one_team(schema_text):
    text = '@id("x") permit (principal, action == Action::"approve", resource) when { resource has team };'
    agents = (AgentFacts("ci", team="platform"), AgentFacts("loner"))
    two = '[{"uid": {"type": "Agent", "id": "ci"}, "attrs": {}, "parents": [{"type": "Team", "id": "b"}]}]'
    one = make_mapped(make_unit(DELETE))
    plain = Policy.load(text, "p.cedar", "[]", "e.json", schema_text, agents, PEOPLE)
    assert plain.may_approve("mika", agent="ci", owner=False, mapped=one) is True
    assert plain.may_approve("mika", agent="loner", owner=False, mapped=one) is False
    both = Policy.load(text, "p.cedar", two, "e.json", schema_text, agents, PEOPLE)
    assert both.may_approve("mika", agent="ci", owner=False, mapped=one) is False


@pytest.mark.parametrize(("action", "told"), [("tip", True), ("wave", False)])
def test_an_action_that_takes_money_has_some_also_where_the_request_left_it_out(schema_text, action, told):
    """A refund without an amount is a refund of everything."""
    lines = f"""
type Ctx1 = {{ {BASE_LINE}, "tip"?: Money }};
type Ctx2 = {{ {BASE_LINE} }};
action "/shop/tip" in ["write"] appliesTo {{ principal: [Agent], resource: [Shop::Repo], context: Ctx1 }};
action "/shop/wave" in ["write"] appliesTo {{ principal: [Agent], resource: [Shop::Repo], context: Ctx2 }};
"""
    text = '@id("x") permit (principal, action == Action::"approve", resource) when { resource.has_money };'
    mapped = make_mapped(make_unit(f"/shop/{action}"))
    assert asked(text, schema_text + lines, mapped) is told


CONDITIONS = [
    "true",
    "resource.quorum == 2",
    'resource.resource like "*site*"',
    "resource has money && resource.money.minor > 5",
    'Envelope::"envelope".resource like "*site*"',
    "[resource].contains(resource) && resource.quorum == 2",
    'resource.intent_risk == "high" && context.waited > 3',
    "context.signer == principal",
    'resource.agent in Team::"platform"',
]
ASKED = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["mika", "lea"]),
        "agent": st.sampled_from(["ci", "loner"]),
        "owner": st.booleans(),
        "unit": st.sampled_from(
            [
                make_unit(DELETE),
                make_unit(DELETE, resource=EntityRef("Shop::Repo", "acme/x")),
                money(3),
                money(9),
            ]
        ),
        "signing": st.builds(
            Signing,
            quorum=st.integers(1, 2),
            intent_risk=st.sampled_from(["low", "high"]),
            waited=st.sampled_from([0, 9]),
            signer=st.sampled_from([None, "lea"]),
        ),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2), st.lists(ASKED, min_size=2, max_size=12)
)
def test_an_answer_about_one_question_is_never_given_about_another(schema_text, conditions, asked):
    """Policies that remember answer as policies that were never asked before."""

    def policy():
        texts = (
            f'@id("x{at}") permit (principal, action == Action::"approve", resource) when {{ {condition} }};'
            for at, condition in enumerate(conditions)
        )
        agents = (AgentFacts("ci", team="platform"), AgentFacts("loner"))
        return Policy.load("\n".join(texts), "p.cedar", "[]", "e.json", schema_text, agents, PEOPLE)

    remembering, fresh = policy(), policy()
    for one in asked:
        given = {"agent": one["agent"], "owner": one["owner"], "signing": one["signing"]}
        fresh._asker._answers.clear()
        mapped = make_mapped(one["unit"])
        known = remembering.may_approve(one["person"], mapped=mapped, **given)
        assert known is fresh.may_approve(one["person"], mapped=mapped, **given)


def test_long_words_of_an_agent_do_not_fill_the_memory_of_answers(schema_text):
    text = f'@id("x") permit (principal, action == Action::"approve", resource) when {{ {CONDITIONS[2]} }};'
    agents = (AgentFacts("ci", team="platform"),)
    policy = Policy.load(text, "p.cedar", "[]", "e.json", schema_text, agents, PEOPLE)
    for name, kept in (("site", 1), ("site" * 500, 1), ("site2", 2)):
        mapped = make_mapped(make_unit(DELETE, resource=EntityRef("Shop::Repo", name)))
        assert policy.may_approve("mika", agent="ci", owner=False, mapped=mapped, signing=PLAIN)
        assert len(policy._asker._answers) == kept
