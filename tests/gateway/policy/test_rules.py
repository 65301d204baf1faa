import pytest

from gateway.errors import ConfigErrors
from gateway.model import EntityRef
from gateway.policy.rules import asked_for, parse_rules
from gateway.policy.source import Source


def rules(text):
    return parse_rules(Source("policy.cedar", text))


def one(text):
    (rule,) = rules(text)
    return rule


@pytest.mark.parametrize(
    ("head", "applies"),
    [
        ("action", True),
        ('action == Action::"a"', True),
        ('action == Action::"g"', False),
        ('action in Action::"g"', True),
        ('action in Action::"a"', True),
        ('action in Action::"b"', False),
        ('action in [Action::"b", Action::"g"]', True),
        ('action in [Action::"b"]', False),
        ("action in []", False),
    ],
)
def test_a_head_leaves_out_only_what_it_cannot_match(head, applies):
    rule = one(f"forbid (principal, {head}, resource);")
    assert rule.may_apply("a", frozenset({"g"})) is applies


@pytest.mark.parametrize("head", ['action == Other::Action::"b"', 'action in [Other::Action::"b"]'])
def test_a_head_of_an_unknown_shape_is_never_sliced_away(head):
    assert one(f"forbid (principal, {head}, resource);").may_apply("a", frozenset())


def test_a_policy_without_id_is_named_by_its_position():
    text = (
        '@id("x") @reason("why") permit (principal, action, resource); forbid (principal, action, resource);'
    )
    first, second = rules(text)
    assert (first.reason.id, first.reason.reason) == ("x", "why")
    assert (second.reason.id, second.reason.reason) == ("policy1", None)


def test_two_policies_of_one_id_cannot_be_told_apart_in_the_log():
    text = '@id("x") permit (principal, action, resource);\n@id("x") forbid (principal, action, resource);'
    with pytest.raises(ConfigErrors, match=r'policy.cedar:2:1: Two policies have the id "x"'):
        rules(text)


def test_an_id_that_equals_anothers_position_is_refused():
    text = 'permit (principal, action, resource); @id("policy0") permit (principal, action, resource);'
    with pytest.raises(ConfigErrors, match="Two policies"):
        rules(text)


@pytest.mark.parametrize("name", ["default", "template", "policy-error"])
def test_a_policy_cannot_speak_in_the_gateways_name(name):
    with pytest.raises(ConfigErrors, match="gateway's own"):
        rules(f'@id("{name}") permit (principal, action, resource);')


def test_a_slot_that_would_never_decide_is_refused():
    with pytest.raises(ConfigErrors, match=r"policy.cedar:1:23: The slot \?principal"):
        rules("forbid (principal in  ?principal, action, resource);")


def test_what_is_beyond_reading_is_refused_and_not_half_read():
    chain = " || ".join(f'context.host == "{index}"' for index in range(2000))
    with pytest.raises(ConfigErrors, match="nests too deeply"):
        rules(f"forbid (principal, action, resource) when {{ {chain} }};")


@pytest.mark.parametrize(
    ("condition", "reads"),
    [
        ("true", set()),
        ("!context.cosigner && context.units > 1", {"cosigner", "units"}),
        ('context["a b"] == 1', {"a b"}),
        ("context has money.minor && context.money.minor > 1", {"money"}),
        ('context has "x"', {"x"}),
        ("[context.units].contains(1)", {"units"}),
        ("{context: context.units}.context == 1", {"units"}),
        ("context == {}", None),
        ("{a: context}.a.cosigner", None),
        ("(if true then context else context).cosigner", None),
    ],
)
def test_every_attribute_that_a_policy_reads_is_known(condition, reads):
    rule = one(f"forbid (principal, action, resource) when {{ {condition} }};")
    assert rule.reads == reads
    of_resource = condition.replace("context", "resource")
    rule = one(f"forbid (principal, action, resource) when {{ {of_resource} }};")
    assert (rule.reads_resource, rule.reads) == (reads, set())


def test_the_entities_that_a_policy_names_are_known():
    condition = 'resource == S::R::"r" && principal is A in T::"u"'
    text = f'forbid (principal in Team::"t", action, resource) when {{ {condition} }};'
    assert one(text).literals == {EntityRef("Team", "t"), EntityRef("S::R", "r"), EntityRef("T", "u")}


def test_has_is_followed_along_its_path():
    rule = one('permit (principal, action, resource) when { context has a.b && context has "c" };')
    assert [token.text for token in asked_for(rule.tokens)] == ["a", "b", '"c"']
