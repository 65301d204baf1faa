"""Policy's part of an explanation: which policies, what would change them, what the agent gets."""

from dataclasses import replace

import pytest

from gateway.authoring.explaining import Explanation, explain
from gateway.policy import PersonFacts
from tests.gateway.authoring.conftest import MIKA, Explain, MakeScene, asked

PAY = """https://api.shop.test/pay --json '{"amount": 600, "currency": "jpy"}'"""


def said(explanation: Explanation, name: str) -> str:
    return "\n".join(line for step in explanation.steps if step.name == name for line in step.says)


def test_the_policy_is_named_with_its_line_and_reason(explained: Explain) -> None:
    policy = said(explained(PAY), "policy")
    assert "without a signature: step up: people are asked" in policy
    assert "payments-need-a-person (" in policy
    assert "policy.cedar:3): A person signs payments." in policy


def test_the_facts_that_would_change_it_are_named(explained: Explain) -> None:
    policy = said(explained(PAY), "policy")
    assert "Once one person signs (cosigner true, approvals 1): allow" in policy
    assert "writes (" in policy


def test_a_held_request_says_how_long_and_who_may_sign(explained: Explain) -> None:
    outcome = said(explained(PAY), "outcome")
    assert "held, for up to 120 s, until one person signs (may sign: Mika)" in outcome


def test_a_rejected_one_says_to_come_back(explained: Explain) -> None:
    told = explained("-X POST https://api.shop.test/later")
    assert "403 requires_step_up at once" in said(told, "outcome")
    assert 'Group::"approvers"' in said(told, "outcome")
    assert "template: The template asks for a person's signature" in said(told, "policy")


def test_one_that_the_gateway_keeps_says_who_sends_it(explained: Explain) -> None:
    told = explained("-X POST https://api.shop.test/kept")
    assert "202 at once, while people are asked for up to 60 s" in said(told, "outcome")
    assert "the gateway sends it, once" in said(told, "outcome")


def test_nobody_who_may_sign_is_told_before_anybody_waits(explained: Explain) -> None:
    told = explained(PAY, people=(PersonFacts("Noor", ()),))
    assert told.outcome == "no_approver_reachable"
    assert "1 must sign, and 0 may" in said(told, "outcome")


def test_a_read_passes_without_a_signature(explained: Explain) -> None:
    told = explained("https://api.shop.test/repos/acme/site")
    assert told.outcome == "allow"
    assert "No signature is needed." in said(told, "policy")
    assert "goes on as it came" in said(told, "outcome")


@pytest.mark.parametrize(
    ("command", "team", "words"),
    [
        ("-X POST https://api.shop.test/never", "platform", "the template forbids it"),
        (PAY, "banned", "denied with cosigner true and up to 5 approvals as well"),
    ],
)
def test_what_no_signature_changes_says_so(explained: Explain, command: str, team: str, words: str) -> None:
    told = explained(command, team=team)
    assert told.outcome == "deny"
    assert words in said(told, "policy")
    assert "403 policy_denied" in said(told, "outcome")


def test_a_paused_agent_gets_nothing(explained: Explain) -> None:
    assert explained(PAY, paused=True).outcome == "agent_paused"


@pytest.mark.parametrize(
    ("mode", "words"), [("watch", "decided, recorded and let pass"), ("off", "not even read")]
)
def test_a_service_that_is_only_watched_lets_it_pass(explained: Explain, mode: str, words: str) -> None:
    told = explained(PAY, templates=f"{{shop: {{mode: {mode}}}}}")
    assert told.outcome == "watch"
    assert words in said(told, "outcome")


def test_a_body_that_nobody_could_read_is_too_large(explained: Explain) -> None:
    told = explained(PAY, limits="{step_up_body: 10}")
    assert told.outcome == "body_too_large"


def test_what_policy_cannot_tell_is_denied_and_says_why(a_scene: MakeScene) -> None:
    pay = asked(PAY)
    nowhere = replace(pay.request, caller=replace(pay.request.caller, peer="nowhere"))
    told = explain(replace(pay, request=nowhere), a_scene())
    assert told.outcome == "deny"
    assert "is not an IP address" in said(told, "policy")


def test_the_owner_may_sign_only_where_the_settings_say_so(explained: Explain) -> None:
    assert explained(PAY, people=(MIKA,), owner="Mika").outcome == "no_approver_reachable"
    allowed = explained(PAY, people=(MIKA,), owner="Mika", approvals="{ttl: 60s, owner_may_approve: true}")
    assert allowed.outcome == "step_up"
