from gateway.policy.rules import parse_rules
from gateway.policy.schemas import Schemas
from gateway.policy.slices import Slices
from gateway.policy.source import Source
from gateway.policy.vocabulary import read_vocabulary

TEXT = """
@id("everywhere") forbid (principal, action, resource) when { false };
@id("payments") forbid (principal, action in Action::"payment", resource) when { context.account == "a" };
@id("search") permit (principal, action == Action::"/shop/search", resource) when { context == {} };
"""


def slices(schema_text):
    vocabulary = read_vocabulary(Schemas(schema_text))
    return Slices(parse_rules(Source("p", TEXT)), vocabulary)


def ids(found):
    return [reason.id for reason in found.reasons.values()]


def test_a_slice_holds_just_the_policies_that_can_apply(schema_text):
    made = slices(schema_text)
    assert ids(made.of("/shop/refund")) == ["everywhere", "payments"]
    assert ids(made.of("/shop/search")) == ["everywhere", "search"]
    assert len(made.of("/shop/refund").handle) == 2


def test_actions_with_the_same_policies_share_a_slice(schema_text):
    made = slices(schema_text)
    assert made.of("/shop/repo/delete") is made.of("/shop/repo/put_file")


def test_a_policy_that_reads_the_whole_context_gets_it(schema_text):
    made = slices(schema_text)
    assert made.of("/shop/search").reads is None
    assert made.of("/shop/refund").reads == {"account"}
    assert made.of("/shop/refund").reads_resource == set()


def test_groups_and_unknown_actions_have_no_slice(schema_text):
    made = slices(schema_text)
    assert made.of("payment") is None
    assert made.of("/shop/nothing") is None
