import dataclasses

import cedarpy
import pytest

from gateway.errors import ConfigErrors
from gateway.model import Effect, EntityRef, Money, PolicyReason, Risk
from gateway.policy import AgentFacts, PersonFacts, Policy, Signing, check

PUT, REFUND, SEARCH, DELETE = "/shop/repo/put_file", "/shop/refund", "/shop/search", "/shop/repo/delete"
ALL = 'permit (principal is Agent, action in Action::"/shop", resource)'
SIGNED = f"{ALL} when {{ context.cosigner }};"
UNSIGNED = PolicyReason("default", "No policy allows this without a person's signature.")
UNALLOWED = PolicyReason("default", "No policy allows this.")


@pytest.fixture
def decide(load, unit, mapped, facts):
    def decided(text, *units, agent="ci", max_quorum=5, entities=(), **fact):
        chosen = units or (unit(PUT),)
        return load(text, entities).decide(agent, mapped(*chosen), facts(**fact), max_quorum)

    return decided


@pytest.fixture
def authorise(load, unit, mapped, facts):
    def authorised(text, *units, agent="ci", cosigner=True, approvals=1, **fact):
        chosen = units or (unit(PUT),)
        return load(text).authorise(
            agent, mapped(*chosen), facts(cosigner=cosigner, approvals=approvals, **fact)
        )

    return authorised


def test_an_allow_names_the_policies_that_permit(decide):
    decision = decide(f'@id("a") @reason("Yes.") {ALL};')
    assert decision.effect is Effect.ALLOW
    assert decision.reasons == (PolicyReason("a", "Yes."),)
    assert (decision.quorum, decision.raised_by_template, decision.error) == (0, False, None)


def test_nothing_passes_without_a_policy(decide):
    decision = decide("")
    assert decision.effect is Effect.DENY
    assert decision.reasons == (UNALLOWED,)


def test_a_permit_for_cosigners_only_is_an_implicit_step_up(decide):
    decision = decide(SIGNED)
    assert (decision.effect, decision.quorum) == (Effect.STEP_UP, 1)
    assert decision.reasons == (UNSIGNED,)


def test_a_forbid_that_a_cosigner_lifts_is_an_explicit_step_up(decide, unit):
    text = (
        f'{ALL}; @id("d") @reason("No.") forbid (principal, action in Action::"destructive", resource)'
        " when { !context.cosigner };"
    )
    assert decide(text, unit(PUT)).effect is Effect.ALLOW
    decision = decide(text, unit(DELETE))
    assert decision.effect is Effect.STEP_UP
    assert decision.reasons == (PolicyReason("d", "No."),)


def test_nobody_is_asked_for_what_an_approval_cannot_unlock(decide):
    decision = decide(f'{SIGNED} @id("never") forbid (principal, action in Action::"/shop", resource);')
    assert decision.effect is Effect.DENY
    assert decision.reasons == (PolicyReason("never"),)


def test_a_cosigner_that_the_facts_claim_does_not_count_when_deciding(decide):
    assert decide(SIGNED, cosigner=True, approvals=5).effect is Effect.STEP_UP


def test_a_policy_that_wants_two_signatures_asks_for_two(decide):
    text = f"{ALL} when {{ context.cosigner && context.approvals >= 2 }};"
    assert decide(text).quorum == 2
    assert decide(text, max_quorum=1).effect is Effect.DENY
    assert decide(f"{ALL} when {{ context.approvals >= 6 }};").effect is Effect.DENY


def test_a_template_raises_an_allow_and_says_so(decide, unit):
    decision = decide(f'@id("a") {ALL};', unit(PUT, risk=Risk.STEP_UP))
    assert (decision.effect, decision.quorum, decision.raised_by_template) == (Effect.STEP_UP, 1, True)
    assert [reason.id for reason in decision.reasons] == ["template"]


def test_a_template_never_lowers_what_policy_holds(decide, unit):
    decision = decide(SIGNED, unit(PUT, risk=Risk.STEP_UP))
    assert (decision.effect, decision.raised_by_template) == (Effect.STEP_UP, False)


def test_a_raised_allow_that_no_quorum_allows_is_denied(decide, unit):
    text = f"{ALL} when {{ !context.cosigner }};"
    assert decide(text, unit(PUT)).effect is Effect.ALLOW
    decision = decide(text, unit(PUT, risk=Risk.STEP_UP))
    assert (decision.effect, decision.raised_by_template) == (Effect.DENY, True)
    assert decision.reasons == (UNALLOWED,)


def test_what_a_template_forbids_is_denied_whatever_policy_says(decide, authorise, unit):
    forbidden = unit(PUT, risk=Risk.FORBID)
    for decision in (
        decide(f"{ALL};", unit(), forbidden),
        authorise(f"{ALL};", unit(), forbidden, approvals=5),
    ):
        assert (decision.effect, decision.raised_by_template) == (Effect.DENY, True)
        assert [reason.id for reason in decision.reasons] == ["template"]


def test_a_templates_quorum_is_the_least_that_is_asked(decide, unit):
    assert decide(SIGNED, unit(PUT, quorum=3)).quorum == 3
    assert decide(f"{ALL};", unit(PUT, quorum=3)).effect is Effect.ALLOW
    assert decide(SIGNED, unit(PUT, quorum=6)).effect is Effect.DENY
    assert decide(SIGNED, unit(PUT, quorum=0)).quorum == 1


def test_the_strictest_unit_decides(decide, unit):
    text = f"""{ALL} when {{ context.cosigner || action == Action::"{SEARCH}" }};
    @id("two") forbid (principal, action in Action::"payment", resource) when {{ context.approvals < 2 }};
    @id("no") forbid (principal is Agent, action in Action::"destructive", resource);"""
    assert decide(text, unit(SEARCH)).effect is Effect.ALLOW
    both = decide(text, unit(SEARCH), unit(PUT), unit(REFUND))
    assert (both.effect, both.quorum) == (Effect.STEP_UP, 2)
    assert both.reasons == (UNSIGNED, PolicyReason("two"))
    assert decide(text, unit(SEARCH), unit(DELETE)).effect is Effect.DENY


def test_units_that_no_single_quorum_allows_are_denied(decide, unit):
    text = f"""{ALL} when {{ context.approvals == 1 && action == Action::"{PUT}" }};
    {ALL} when {{ context.approvals == 2 && action == Action::"{DELETE}" }};"""
    assert decide(text, unit(PUT)).quorum == 1
    assert decide(text, unit(DELETE)).quorum == 2
    assert decide(text, unit(PUT), unit(DELETE)).effect is Effect.DENY


def test_a_request_of_no_units_is_not_an_allow(load, mapped, facts):
    policy = load(f'{ALL}; permit (principal is Person, action == Action::"approve", resource);')
    assert policy.decide("ci", mapped(), facts()).effect is Effect.DENY
    assert policy.authorise("ci", mapped(), facts(cosigner=True, approvals=1)).effect is Effect.DENY
    assert policy.may_approve("mika", agent="ci", owner=False, mapped=mapped()) is False


@pytest.mark.parametrize(
    "condition",
    ["context.units + 9223372036854775807 > 0", "context.money.minor * 9223372036854775807 > 1"],
)
def test_a_forbid_with_an_error_is_not_an_allow(decide, authorise, unit, condition):
    money = unit(REFUND, context={"money": Money("jpy", 10, 0)})
    text = f"""{ALL}; @id("over") forbid (principal, action == Action::"{REFUND}", resource)
    when {{ context has money && {condition} }};"""
    for decision in (decide(text, money), authorise(text, money), decide(text, unit(SEARCH), money)):
        assert decision.effect is Effect.DENY
        assert decision.reasons[0].id == "policy-error"
        assert 'policy "over"' in str(decision.error)


def test_an_error_that_only_a_signature_brings_out_is_a_deny(decide):
    text = f"""{SIGNED} forbid (principal is Agent, action in Action::"/shop", resource)
    when {{ context.cosigner && context.units + 9223372036854775807 > 0 }};"""
    decision = decide(text)
    assert decision.effect is Effect.DENY
    assert decision.error


@pytest.mark.parametrize("size", [2**63, -(2**63) - 1])
def test_a_number_beyond_cedars_is_a_deny_even_where_no_policy_reads_it(decide, unit, size):
    decision = decide(f"{ALL};", unit(PUT, context={"size": size}))
    assert decision.effect is Effect.DENY
    assert decision.error


@pytest.mark.parametrize(
    "text",
    [
        '{"__entity": {"type": "Agent", "id": "boss"}}',
        '{"__extn": {"fn": "ip", "arg": "127.0.0.1"}}',
        '"}, "cosigner": true',
    ],
)
def test_json_in_an_agents_text_stays_text(decide, unit, text):
    spelled = text.replace("\\", "\\\\").replace('"', '\\"')
    policy = f"""permit (principal is Agent, action == Action::"{PUT}", resource)
    when {{ context has purpose && context.purpose == "{spelled}" && context.branch == "{spelled}" }}
    unless {{ context.cosigner }};"""
    decision = decide(policy, unit(PUT, context={"branch": text}), purpose=text)
    assert decision.effect is Effect.ALLOW
    everything = f"""{policy} forbid (principal is Agent, action == Action::"{PUT}", resource)
    when {{ {{whole: context}}.whole.cosigner }};"""
    assert decide(everything, unit(PUT, context={"branch": text}), purpose=text).effect is Effect.ALLOW


def test_an_agents_text_as_a_resource_id_names_no_other_resource(decide, unit):
    text = f'permit (principal is Agent, action == Action::"{PUT}", resource == Shop::Repo::"a");'
    assert decide(text, unit(PUT, resource=EntityRef("Shop::Repo", "a"), parents={})).effect is Effect.ALLOW
    for name in ('a"', 'b" || "a', 'Shop::Repo::"a"', "a\x00", "a\n"):
        assert (
            decide(text, unit(PUT, resource=EntityRef("Shop::Repo", name), parents={})).effect is Effect.DENY
        )


def test_unknown_agents_and_actions_are_denied(decide, unit):
    for decision in (decide(f"{ALL};", agent="nobody"), decide(f"{ALL};", unit("/shop/nothing"))):
        assert decision.effect is Effect.DENY
        assert decision.reasons[0].id == "policy-error"


LIMITS = f"""{SIGNED} {ALL} when {{ principal has limits && context has money
  && principal.limits.hasTag(context.money.currency)
  && context.money.minor >= 0 && context.money.minor <= principal.limits.getTag(context.money.currency) }};"""
LIMIT_ENTITIES = [
    {"uid": {"type": "Limits", "id": "l"}, "attrs": {}, "parents": [], "tags": {"jpy": 50_000}},
    {
        "uid": {"type": "Team", "id": "platform"},
        "attrs": {"limits": {"type": "Limits", "id": "l"}},
        "parents": [],
    },
]


@pytest.mark.parametrize(
    ("money", "agent", "effect"),
    [
        (Money("jpy", 50_000, 0), "ci", Effect.ALLOW),
        (Money("jpy", 50_001, 0), "ci", Effect.STEP_UP),
        (Money("jpy", -600, 0), "ci", Effect.STEP_UP),
        (Money("usd", 1, 2), "ci", Effect.STEP_UP),
        (Money("jpy", 1, 0), "loner", Effect.STEP_UP),
    ],
)
def test_limits_are_by_currency_and_by_team(load, unit, mapped, facts, money, agent, effect):
    text = LIMITS.replace('action in Action::"/shop"', f'action == Action::"{REFUND}"')
    policy = load(text, LIMIT_ENTITIES)
    assert policy.decide(agent, mapped(unit(REFUND, context={"money": money})), facts()).effect is effect


def test_at_the_spend_only_the_given_signatures_count(authorise):
    two = f"{ALL} when {{ context.cosigner && context.approvals >= 2 }};"
    assert authorise(two, approvals=2).effect is Effect.ALLOW
    assert authorise(two, approvals=2).quorum == 2
    refused = authorise(two, approvals=1)
    assert (refused.effect, refused.reasons) == (Effect.DENY, (UNALLOWED,))
    assert authorise(two, cosigner=False, approvals=2).effect is Effect.DENY


def test_at_the_spend_approvals_without_a_cosigner_count_for_nothing(authorise):
    two = f"{ALL} when {{ context.approvals >= 2 }};"
    assert authorise(two, approvals=2).effect is Effect.ALLOW
    assert authorise(two, cosigner=False, approvals=2).effect is Effect.DENY


def test_at_the_spend_the_templates_floor_of_now_holds(authorise, unit):
    raised = unit(PUT, risk=Risk.STEP_UP, quorum=2)
    assert authorise(f"{ALL};", raised, approvals=2).effect is Effect.ALLOW
    for decision in (authorise(f"{ALL};", raised, approvals=1), authorise(f"{ALL};", raised, cosigner=False)):
        assert (decision.effect, decision.raised_by_template) == (Effect.DENY, True)


def test_at_the_spend_every_unit_is_asked(authorise, unit):
    text = f'{ALL}; @id("no") forbid (principal is Agent, action == Action::"{DELETE}", resource);'
    assert authorise(text, unit(PUT)).effect is Effect.ALLOW
    refused = authorise(text, unit(PUT), unit(DELETE))
    assert (refused.effect, refused.reasons) == (Effect.DENY, (PolicyReason("no"),))


def test_what_decide_asks_for_is_what_authorise_accepts(load, unit, mapped, facts):
    policy = load(f"{ALL} when {{ context.approvals == 3 }};")
    asked = policy.decide("ci", mapped(unit()), facts())
    spent = policy.authorise("ci", mapped(unit()), facts(cosigner=True, approvals=asked.quorum))
    assert (asked.quorum, spent.effect) == (3, Effect.ALLOW)


APPROVE = 'permit (principal in Group::"approvers", action == Action::"approve", resource)'


def test_every_unit_must_be_approvable(load, unit, mapped):
    policy = load(f'{APPROVE} unless {{ resource.groups.contains("payment") }};')
    asked = {"agent": "ci", "owner": False}
    assert policy.may_approve("mika", mapped=mapped(unit()), **asked) is True
    assert policy.may_approve("noor", mapped=mapped(unit()), **asked) is False
    assert policy.may_approve("mika", mapped=mapped(unit(), unit(REFUND)), **asked) is False


def test_an_error_lets_nobody_approve(load, unit, mapped):
    fails = 'forbid (principal, action == Action::"approve", resource) when { 9223372036854775807 + 1 > 0 };'
    policy = load(f"{APPROVE}; {fails}")
    assert policy.may_approve("mika", agent="ci", owner=False, mapped=mapped(unit())) is False


def test_an_agent_can_never_approve_even_by_name(load, unit, mapped):
    policy = load('permit (principal is Person, action == Action::"approve", resource);')
    assert policy.may_approve("ci", agent="ci", owner=False, mapped=mapped(unit())) is False


def test_another_directory_takes_the_place_of_the_old_one(load, unit, mapped, facts):
    policy = load(
        f'{ALL}; forbid (principal in Team::"bad", action in Action::"/shop", resource); {APPROVE};'
    )
    other = policy.with_directory(
        [AgentFacts("ci", "bad"), AgentFacts("new")], [PersonFacts("noor", ("approvers",))]
    )
    one = mapped(unit())
    assert policy.decide("ci", one, facts()).effect is Effect.ALLOW
    assert policy.decide("new", one, facts()).effect is Effect.DENY
    assert other.decide("ci", one, facts()).effect is Effect.DENY
    assert other.decide("new", one, facts()).effect is Effect.ALLOW
    assert other.may_approve("noor", agent="new", owner=False, mapped=one) is True
    assert other.may_approve("mika", agent="new", owner=False, mapped=one) is False
    assert other.digest == policy.digest


def test_the_digest_cannot_be_kept_while_text_moves_between_files(load, schema_text):
    digests = {
        load("").digest,
        load(" ").digest,
        load("", " []").digest,
        load("", schema=schema_text + " ").digest,
        load("//x").digest,
    }
    assert len(digests) == 5
    assert load("//x").digest == load("//x").digest


def test_faults_of_both_files_are_told_at_once(load):
    with pytest.raises(ConfigErrors) as caught:
        load("permt (principal, action, resource);", '[{"uid": 3}]')
    places = [error.place for error in caught.value.errors]
    assert [place and place.file for place in places] == ["policy.cedar", "entities.json"]


def test_a_broken_schema_is_told(load):
    with pytest.raises(ConfigErrors, match="generated schema"):
        load("", schema="entiti")


class Findings:
    """A memory that lasts; `asked` is how often Cedar's validator was."""

    def __init__(self, monkeypatch):
        self.known: dict[str, object] = {}
        self.asked = 0
        self.recall, self.remember = self.known.get, self.known.__setitem__
        validate = cedarpy.validate_policies

        def counted(*given):
            self.asked += 1
            return validate(*given)

        monkeypatch.setattr(check, "validate_policies", counted)

    def load(self, text, schema, entities="[]"):
        agents = [AgentFacts("ci", team="platform")]
        return Policy.load(text, "policy.cedar", entities, "entities.json", schema, agents, [], self)


def test_what_was_found_to_fit_is_not_asked_again_and_decides_the_same(
    schema_text, unit, mapped, facts, monkeypatch
):
    findings = Findings(monkeypatch)
    first, second = (findings.load(SIGNED, schema_text) for _ in range(2))
    assert findings.asked == 1
    asked = ("ci", mapped(unit(PUT)), facts())
    assert second.decide(*asked) == first.decide(*asked)
    assert second.digest == first.digest


def test_a_change_of_the_policies_or_of_the_schema_is_asked_about(schema_text, monkeypatch):
    findings = Findings(monkeypatch)
    findings.load(SIGNED, schema_text)
    findings.load(SIGNED + " ", schema_text)
    findings.load(SIGNED, schema_text + " ")
    assert findings.asked == 3


def test_what_was_remembered_in_another_form_is_asked_about(schema_text, monkeypatch):
    findings = Findings(monkeypatch)
    findings.load(SIGNED, schema_text)
    (name,) = findings.known
    damages: tuple[object, ...] = (True, (), ({}, frozenset(), frozenset()), ({}, set(), set(), set()))
    for damaged in damages:
        findings.known[name] = damaged
        findings.load(SIGNED, schema_text)
    assert findings.asked == 5


@pytest.mark.parametrize("condition", ["context.cosinger", "context has cosinger", "principal in 1"])
def test_what_was_found_wrong_is_never_found_to_fit(schema_text, monkeypatch, condition):
    findings = Findings(monkeypatch)
    for _ in range(2):
        with pytest.raises(ConfigErrors):
            findings.load(
                f"forbid (principal is Agent, action, resource) when {{ {condition} }};", schema_text
            )
        with pytest.raises(ConfigErrors):
            findings.load(SIGNED, schema_text, "[3]")
    assert findings.known == {}


def test_decisions_are_values(decide):
    with pytest.raises(dataclasses.FrozenInstanceError):
        decide("").effect = Effect.ALLOW


# Beyond a consent, and on a grant. --------------------------------------------------------------------------

BEYOND = (PolicyReason("consent", "This is beyond what mika consented to for ci."),)
OPEN = "permit (principal, action, resource);"


def test_what_is_beyond_a_consent_is_asked_of_people(load, mapped, unit, facts):
    asked = load(OPEN).decide("ci", mapped(unit()), facts(), beyond=BEYOND)
    assert (asked.effect, asked.reasons, asked.quorum) == (Effect.STEP_UP, BEYOND, 1)
    assert not asked.raised_by_template


def test_what_is_beyond_a_consent_and_denied_stays_denied(load, mapped, unit, facts):
    assert load("").decide("ci", mapped(unit()), facts(), beyond=BEYOND).effect is Effect.DENY


def test_what_no_signature_unlocks_is_not_asked_because_of_a_consent(load, mapped, unit, facts):
    text = f"{OPEN} forbid (principal, action, resource) when {{ context.cosigner }};".replace(
        "(principal, action", "(principal is Agent, action"
    )
    assert load(text).decide("ci", mapped(unit()), facts(), beyond=BEYOND).effect is Effect.DENY


def test_a_grant_answers_for_a_consent_as_a_person_would(load, mapped, unit, facts):
    allowed = load(OPEN).decide("ci", mapped(unit()), facts(grant=True), beyond=BEYOND)
    assert allowed.effect is Effect.ALLOW


def test_a_grant_is_no_signature(load, mapped, unit, facts):
    text = "permit (principal is Agent, action, resource) when { context.cosigner };"
    assert load(text).decide("ci", mapped(unit()), facts(grant=True)).effect is Effect.STEP_UP
    assert load(text).authorise("ci", mapped(unit()), facts(grant=True)).effect is Effect.DENY


def test_a_policy_may_not_take_the_name_of_the_consent(load):
    with pytest.raises(ConfigErrors, match="own"):
        load(f'@id("consent") {OPEN}')


# Flags that stand for nobody. ------------------------------------------------------------------------------

TWO = """permit (principal is Agent, action, resource) when { context.cosigner };
@id("two") forbid (principal is Agent, action, resource)
unless { context.cosigner && (context.approvals >= 2 || context.break_glass) };"""


def test_broken_glass_lifts_a_quorum_only_where_a_policy_names_it(authorise, unit):
    silent = TWO.replace(" || context.break_glass", "")
    assert authorise(TWO, unit(), approvals=1).effect is Effect.DENY
    assert authorise(TWO, unit(), break_glass=True).effect is Effect.ALLOW
    assert authorise(silent, unit(), break_glass=True).effect is Effect.DENY


def test_broken_glass_lifts_nothing_that_a_template_forbids_or_wants_two_for(authorise, unit):
    assert authorise(TWO, unit(risk=Risk.FORBID), break_glass=True).effect is Effect.DENY
    wants_two = unit(quorum=2)
    assert authorise(TWO, wants_two, break_glass=True).effect is Effect.DENY
    assert authorise(TWO, wants_two, approvals=2, break_glass=True).effect is Effect.ALLOW


def test_a_delegate_passes_only_where_a_policy_names_it_and_never_a_templates_step_up(authorise, unit):
    vouched = {"cosigner": False, "approvals": 0, "delegate": True}
    accepts = "permit (principal is Agent, action, resource) when { context.cosigner || context.delegate };"
    assert authorise(accepts, unit(), **vouched).effect is Effect.ALLOW
    assert authorise(accepts, unit(risk=Risk.STEP_UP), **vouched).effect is Effect.DENY
    signed = "permit (principal is Agent, action, resource) when { context.cosigner };"
    counted = "permit (principal is Agent, action, resource) when { context.approvals >= 1 };"
    for policy in (signed, counted):
        assert authorise(policy, unit(), **vouched).effect is Effect.DENY


def test_who_may_approve_hears_whether_glass_is_broken(load, unit, mapped):
    policy = load(
        'permit (principal == Person::"noor", action == Action::"approve", resource) '
        "when { context.break_glass };"
    )
    asked = {"agent": "ci", "owner": False, "mapped": mapped(unit())}
    assert policy.may_approve("noor", **asked) is False
    broken = Signing(break_glass=True)
    assert policy.may_approve("noor", signing=broken, **asked) is True
    assert policy.may_approve("mika", signing=broken, **asked) is False


def test_a_program_may_what_a_policy_permits_it_and_for_every_unit(load, unit, mapped):
    policy = load(
        'permit (principal == Program::"fraud", action == Action::"delegate", resource) '
        'when { context.verb == "deny" } unless { resource.groups.contains("payment") };'
    )
    one = {"agent": "ci", "mapped": mapped(unit()), "signing": Signing()}
    assert policy.may_delegate("fraud", "deny", **one) is True
    assert policy.may_delegate("fraud", "delegate", **one) is False
    assert policy.may_delegate("other", "deny", **one) is False
    assert policy.may_delegate("fraud", "deny", **one | {"mapped": mapped(unit(), unit(REFUND))}) is False
    assert policy.may_delegate("fraud", "deny", **one | {"mapped": mapped()}) is False
    assert policy.may_delegate("fraud", "deny", **one | {"agent": "nobody"}) is False


def test_a_program_hears_how_risky_it_is_and_how_many_are_asked(load, unit, mapped):
    policy = load(
        'permit (principal, action == Action::"delegate", resource) '
        'when { resource.quorum == 1 && resource.intent_risk == "low" };'
    )
    one = {"agent": "ci", "mapped": mapped(unit())}
    assert policy.may_delegate("fraud", "delegate", signing=Signing(1, "low"), **one) is True
    assert policy.may_delegate("fraud", "delegate", signing=Signing(2, "low"), **one) is False
    assert policy.may_delegate("fraud", "delegate", signing=Signing(1, "high"), **one) is False


def test_a_permit_for_everybody_makes_no_person_or_agent_of_a_program(load, unit, mapped):
    policy = load("permit (principal, action, resource);")
    assert policy.may_approve("fraud", agent="ci", owner=False, mapped=mapped(unit())) is False


def test_an_error_lets_no_program_do_anything(load, unit, mapped):
    fails = 'forbid (principal, action == Action::"delegate", resource) when { 9223372036854775807 + 1 > 0 };'
    policy = load(f'permit (principal, action == Action::"delegate", resource); {fails}')
    assert policy.may_delegate("fraud", "deny", agent="ci", mapped=mapped(unit()), signing=Signing()) is False
