"""What people may sign as Cedar for one agent, and what such a text allows."""

import pytest

from gateway.model import EntityRef
from gateway.policy import NoFragment, names_its_actions
from gateway.policy.fragments import MAX_FRAGMENT
from tests.gateway.policy.conftest import ORG, make_facts, make_mapped, make_unit

PUT = "/shop/repo/put_file"
FOR_CI = 'permit (principal == Agent::"ci", action == Action::"/shop/repo/put_file", resource);'
TWO_GROUPS = (
    'permit (principal == Agent::"ci", action in [Action::"read", Action::"content"], '
    'resource == Shop::Repo::"a") when { context.units == 1 };'
)
READS = 'permit (principal == Agent::"ci", action in Action::"read", resource);'


@pytest.fixture
def policy(load):
    return load("")


def permitted(policy, text, *units, agent="ci", **facts):
    return policy.permits(text, agent, make_mapped(*(units or (make_unit(),))), make_facts(**facts))


def test_a_fragment_permits_what_it_says_to_whom_it_says(policy):
    assert permitted(policy, FOR_CI)
    assert not permitted(policy, FOR_CI, agent="loner")
    assert not permitted(policy, FOR_CI, make_unit("/shop/repo/delete"))


def test_a_second_unit_slipped_in_beside_a_permitted_one_is_not_covered(policy):
    assert not permitted(policy, FOR_CI, make_unit(), make_unit("/shop/repo/delete"))


def test_a_request_that_means_nothing_is_permitted_by_no_fragment(policy):
    assert policy.permits(FOR_CI, "ci", make_mapped(), make_facts()) is False


def test_an_agent_that_nobody_knows_is_permitted_nothing(policy):
    text = FOR_CI.replace('"ci"', '"ghost"')
    assert policy.fragment(text).agent == "ghost"
    assert not permitted(policy, text, agent="ghost")


def test_a_fragment_reads_the_context_of_the_request(policy):
    text = FOR_CI.replace(";", ' when { context.branch == "main" && context.now.epoch < 1800000000 };')
    assert permitted(policy, text)
    assert not permitted(policy, text, make_unit(context={"branch": "release"}))
    assert not permitted(policy, text, now_epoch=1_900_000_000)


def test_a_fragment_knows_what_a_resource_is_in(policy):
    text = f'permit (principal == Agent::"ci", action, resource in {ORG});'
    assert permitted(policy, text)
    elsewhere = make_unit(resource=EntityRef("Shop::Repo", "other/site"))
    assert not permitted(policy, text, elsewhere)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (FOR_CI + FOR_CI.replace('"ci"', '"loner"'), "more than one agent"),
        (FOR_CI.replace('principal == Agent::"ci"', "principal"), "name one agent"),
        (FOR_CI.replace("principal ==", "principal in"), "name one agent"),
        (FOR_CI.replace("principal == Agent", "principal is Agent in Team"), "name one agent"),
        (FOR_CI.replace("permit", "forbid"), "may only permit"),
        (FOR_CI.replace(";", " when { context.cosigner };"), "context.cosigner"),
        (FOR_CI.replace(";", ' when { context["grant"] };'), "context.grant"),
        (FOR_CI.replace(";", " unless { context has approvals };"), "context.approvals"),
        (FOR_CI.replace(";", " when { context.delegate || context.break_glass };"), "context.break_glass"),
        (FOR_CI.replace(";", " when { context == context };"), "as a whole"),
        (FOR_CI.replace("put_file", "put_fiel"), "/shop/repo/put_file"),
        (FOR_CI.replace(";", " when { context.brunch == 1 };"), "branch"),
        ("permit (principal", "stops before it is complete"),
        ("", "no policy"),
        ("// nothing\n", "no policy"),
        ('@id("default") ' + FOR_CI, "the gateway's own"),
        (FOR_CI.replace('"ci"', "?principal").replace("Agent::", ""), "slot"),
        (FOR_CI + " " * MAX_FRAGMENT, "more than"),
    ],
)
def test_a_text_that_is_more_than_permits_for_one_agent_is_refused(policy, text, why):
    with pytest.raises(NoFragment, match=why):
        policy.fragment(text)
    assert permitted(policy, text) is False


def test_a_fragment_is_told_in_words(policy):
    texts = [
        (FOR_CI, "/shop/repo/put_file on anything"),
        (READS, "every read on anything"),
        ('permit (principal == Agent::"ci", action, resource);', "everything on anything"),
        (
            TWO_GROUPS,
            'every read or every content on exactly Shop::Repo::"a", under the conditions written in it',
        ),
        (
            f'permit (principal == Agent::"ci", action, resource in {ORG});',
            f"everything on {ORG} and all in it",
        ),
        (
            'permit (principal == Agent::"ci", action, resource is Shop::Repo);',
            "everything on any Shop::Repo",
        ),
        (
            f'permit (principal == Agent::"ci", action, resource is Shop::Repo in {ORG});',
            "everything on any Shop::Repo in one place",
        ),
    ]
    for text, words in texts:
        assert policy.fragment(text).says == (words,)


def test_the_actions_that_a_fragment_speaks_of_are_told_and_approving_is_never_one(policy):
    assert policy.fragment(READS).actions == {"/shop/search", "/shop/unmatched/read"}
    everything = policy.fragment('permit (principal == Agent::"ci", action, resource);')
    assert "approve" not in everything.actions
    assert not names_its_actions(everything)
    assert names_its_actions(policy.fragment(READS))


def test_what_was_read_before_is_not_read_again_and_room_is_made(policy, monkeypatch):
    monkeypatch.setattr("gateway.policy.policy._MOST_FRAGMENTS", 1)
    first = policy.fragment(FOR_CI)
    assert policy.fragment(FOR_CI) is first
    policy.fragment(READS)
    assert policy.fragment(FOR_CI) is not first


@pytest.mark.parametrize(("opens", "closes"), ["()", "[]"])
def test_a_fragment_that_would_end_the_gateway_is_refused(policy, opens, closes):
    deep = opens * 1900 + closes * 1900
    with pytest.raises(NoFragment, match="nests too deeply"):
        policy.fragment(f'permit (principal == Agent::"ci", action, resource) when {{ {deep} }};')
