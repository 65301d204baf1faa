import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigErrors
from gateway.policy.check import check_policies
from gateway.policy.rules import Rule
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source
from gateway.policy.vocabulary import read_vocabulary

HEAD = '@id("x")\npermit (principal, action == Action::"/shop/refund", resource)\n'


@pytest.fixture
def check(schema_text):
    schemas = Schemas(schema_text)
    vocabulary = read_vocabulary(schemas)
    return lambda text: check_policies(Source("policy.cedar", text), schemas, vocabulary)


def faults(check, text):
    with pytest.raises(ConfigErrors) as caught:
        check(text)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("condition", "column", "hint"),
    [
        ("!context.cosinger", 17, 'Did you mean "cosigner"?'),
        ("context has money && context.money.minr > 1", 43, 'Did you mean "minor"?'),
        ("principal has limit", 22, 'Did you mean "limits"?'),
        ("context has mony", 20, 'Did you mean "money"?'),
        ('principal.limts.hasTag("jpy")', 18, 'Did you mean "limits"?'),
        ('resource == Shop::Acount::"a"', 26, 'Did you mean "Shop::Account"?'),
        ("principal is Agnt", 21, 'Did you mean "Agent"?'),
        ('action == Action::"/shop/refnd"', 26, 'Did you mean "/shop/refund"?'),
        ("context.money.minor > 1", 16, "ask for it first"),
        ('context.branch == "main"', 16, "Others have it"),
    ],
)
def test_a_misspelt_word_is_an_error_with_its_place_and_a_suggestion(check, condition, column, hint):
    (fault,) = faults(check, f"{HEAD}when {{ {condition} }};")
    assert fault.startswith(f"policy.cedar:3:{column}: ")
    assert hint in fault


def test_a_forbid_of_an_unknown_group_is_an_error_and_not_a_hole(check):
    (fault,) = faults(check, 'forbid (principal, action in Action::"destuctive", resource);')
    assert fault.startswith("policy.cedar:1:38: Unrecognized action")
    assert 'Did you mean "destructive"?' in fault


def test_a_type_error_without_a_word_to_point_at_names_the_policy(check):
    (fault,) = faults(check, f"{HEAD}when {{ context.cosigner == 1 }};")
    assert fault.startswith("policy.cedar:")
    assert "Bool and Long" in fault


def test_a_policy_that_can_never_apply_is_an_error(check):
    (fault,) = faults(check, 'forbid (principal is Person, action == Action::"/shop/refund", resource);')
    assert "can never apply" in fault


def test_a_group_without_actions_is_no_error_since_its_service_may_be_off(check):
    (rule,) = check(
        'forbid (principal is Agent, action in Action::"publish", resource) when { !context.cosigner };'
    )
    assert rule.reason.id == "policy0"


def test_a_policy_about_requests_is_told_to_say_so(check):
    (fault,) = faults(check, "permit (principal, action, resource) when { context.cosigner };")
    assert 'Write "principal is Agent"' in fault


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("permt (principal, action, resource);", "1:1", 'Did you mean "permit"?'),
        ("permit (principal, action, resorce);", "1:28", 'Did you mean "resource"?'),
        ("permit (principal, action, resource)\nwen { true };", "2:1", 'Did you mean "when"?'),
        ("permit (principal, action, resource) when { 1 + };", "1:49", '"}" cannot stand here'),
        ("permit (principal, action, resource) when { $ };", "1:45", '"$" cannot stand here'),
        ("permit (principal, action, resource)", "1:36", "stops before it is complete"),
        ("permit (principal, action, resource)\n\nforbid (principal, action, resource);", "3:1", '"forbid"'),
        ("permit (principal, action, resource) when { context.a.contians(1) };", "1:55", '"contains"'),
        ('@id("a") @id("b") permit (principal, action, resource);', "1:2", "uplicate annotation"),
        ("permit (principal, action, resource) when { 99999999999999999999 > 1 };", "1:1", "too large"),
        ('permit (principal, action, resource) when { "\\q" == "" };', "1:1", "escape"),
        ('permit (principal, action, resource) when { "', "1:45", "never ends"),
    ],
)
def test_what_cannot_be_parsed_is_placed(check, text, place, words):
    (fault,) = faults(check, text)
    assert fault.startswith(f"policy.cedar:{place}: ")
    assert words in fault


def test_all_faults_are_found_at_once_in_the_files_order(check):
    text = "permt (principal, action, resource);\npermit (principal, action, resorce);"
    assert [fault.split(":")[1] for fault in faults(check, text)] == ["1", "2"]
    unfit = HEAD + "when { context.a };\n" + HEAD.replace('"x"', '"y"') + "when { context.b || context.c };"
    assert [fault.split(":")[1] for fault in faults(check, unfit)] == ["3", "6", "6"]


def test_a_file_of_nothing_permits_nothing_and_is_no_error(check):
    assert check("// nothing\n") == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 120), insert=st.sampled_from(['"', ";", "}", "@", "permit", "\r", "//", "é", "?x"]))
def test_no_text_makes_any_other_error_than_a_config_error(schema_text, cut, insert):
    schemas = Schemas(schema_text)
    vocabulary = read_vocabulary(schemas)  # the same for every example
    whole = HEAD + 'when { context.host like "a;*" && !context.cosigner }; // end;'
    text = whole[:cut] + insert + whole[cut:]
    outcome: tuple[Rule, ...] | ConfigErrors
    try:
        outcome = check_policies(Source("p", text), schemas, vocabulary)
    except ConfigErrors as found:
        outcome = found
    if isinstance(outcome, ConfigErrors):
        assert outcome.errors
        assert all(error.place for error in outcome.errors)
    else:
        assert all(rule.text in text for rule in outcome)
