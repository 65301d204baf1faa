"""AgentKeys' thresholds as they ship: each trigger at its edge, through the template and init's files."""

import json
from collections.abc import Mapping
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

import gateway
from gateway.model import Caller, Decision, Effect, Mapped, Money, Request
from gateway.policy import AgentFacts, Facts, PersonFacts, Policy
from gateway.templates import Library
from gateway.templates.compiled import Compiled
from tests.kit.entities import entity, limited

STARTER = Path(gateway.__file__).parent / "starter"
TEMPLATE = Path(gateway.__file__).parent.parent / "templates_yaml" / "agentkeys.yaml"
HOST = "keys.corp.example"
LIBRARY = Library.load([TEMPLATE], {"agentkeys": {"hosts": [HOST]}})
FACTS = Facts(False, 0, "POST", HOST, "127.0.0.1", 0, None)
AGENTS = (
    AgentFacts("toy", team="vendor"),
    AgentFacts("mika", team="family"),
    AgentFacts("roomy", team="vendor"),
    AgentFacts("tight", team="vendor"),
    AgentFacts("stranger", team="elsewhere"),
    AgentFacts("loner"),
)
PASSES, ASKS, DENIED = Effect.ALLOW, Effect.STEP_UP, Effect.DENY


def load(added: list[dict[str, Any]]) -> Policy:
    shipped = json.loads((STARTER / "agentkeys.json").read_text(encoding="utf-8"))
    return Policy.load(
        (STARTER / "agentkeys.cedar").read_text(encoding="utf-8"),
        "agentkeys.cedar",
        json.dumps(shipped + added),
        "agentkeys.json",
        LIBRARY.cedar_schema(),
        AGENTS,
        [PersonFacts("Noor", ("approvers",)), PersonFacts("Ida", ("administrators",))],
    )


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(
        [
            *limited("roomy", cny=100_000),
            *limited("tight", cny=10_000, jpy=100),
            entity("Keys::Cap", "root", attrs={"scope_count": 100}),
            entity("Keys::Cap", "ten", attrs={"scope_count": 10}),
            entity("Keys::Cap", "none", attrs={"scope_count": 0}),
            entity("Keys::Cap", "vast", attrs={"scope_count": 2**62}),
        ]
    )


def mapped(agent: str, method: str, target: str, body: str) -> Mapped:
    caller = Caller(agent, "tok_1", None, "127.0.0.1")
    headers = (("Content-Type", "application/json"),)
    return LIBRARY.map(Request(caller, method, "https", HOST, 443, target, headers, body.encode()))


def decided(policy: Policy, agent: str, method: str, target: str, body: str) -> Decision:
    return policy.decide(agent, mapped(agent, method, target, body), FACTS)


def asks_because(decision: Decision, trigger: str) -> bool:
    """A person is asked, one is enough, and the trigger is what the page, the refusal and the row name."""
    ids = [reason.id for reason in decision.reasons]
    return (decision.effect, decision.quorum, ids) == (ASKS, 1, [trigger])


def paid(policy: Policy, agent: str, body: str) -> Decision:
    return decided(policy, agent, "POST", "/v1/actors/toy/payments", body)


PAYMENTS = [
    ("toy", '{"amount": 500, "currency": "CNY"}', PASSES),
    ("toy", '{"amount": 500.00, "currency": "cny"}', PASSES),
    ("toy", '{"amount": 500.01, "currency": "CNY"}', ASKS),
    ("toy", '{"amount": 501, "currency": "CNY"}', ASKS),
    ("toy", '{"amount": 500, "currency": "JPY"}', PASSES),
    ("toy", '{"amount": 501, "currency": "JPY"}', ASKS),
    ("toy", '{"amount": 0, "currency": "CNY"}', PASSES),
    ("toy", '{"amount": 1, "currency": "USD"}', ASKS),
    ("toy", '{"amount": 1, "currency": "ZZZ"}', ASKS),
    ("toy", '{"amount": 1}', ASKS),
    ("toy", '{"currency": "JPY"}', ASKS),
    ("toy", "{}", ASKS),
    ("toy", '{"amount": 92233720368547758.07, "currency": "CNY"}', ASKS),
    ("toy", '{"amount": 9223372036854775807, "currency": "JPY"}', ASKS),
    ("mika", '{"amount": 500, "currency": "CNY"}', PASSES),
    ("mika", '{"amount": 501, "currency": "CNY"}', ASKS),
    ("roomy", '{"amount": 1000, "currency": "CNY"}', PASSES),
    ("roomy", '{"amount": 1001, "currency": "CNY"}', ASKS),
    ("roomy", '{"amount": 500, "currency": "JPY"}', PASSES),
    ("roomy", '{"amount": 501, "currency": "JPY"}', ASKS),
    ("tight", '{"amount": 100, "currency": "CNY"}', PASSES),
    ("tight", '{"amount": 101, "currency": "CNY"}', ASKS),
    ("tight", '{"amount": 150, "currency": "JPY"}', ASKS),
    ("stranger", '{"amount": 1, "currency": "CNY"}', ASKS),
    ("loner", '{"amount": 1, "currency": "CNY"}', ASKS),
]


@pytest.mark.parametrize(("agent", "body", "expected"), PAYMENTS)
def test_a_payment_passes_up_to_its_agents_limit_and_asks_beyond(
    policy: Policy, agent: str, body: str, expected: Effect
) -> None:
    decision = paid(policy, agent, body)
    if expected is PASSES:
        assert decision.effect is PASSES
    else:
        assert asks_because(decision, "agentkeys-payment-over-limit")


def test_a_negative_amount_asks_also_under_a_template_that_lets_one_through(policy: Policy) -> None:
    """The template that ships refuses less than nothing; this is what holds under one that does not."""
    (unit,) = mapped("toy", "POST", "/v1/actors/toy/payments", '{"amount": 1, "currency": "CNY"}').units
    negative = replace(unit, context={**unit.context, "money": Money("cny", -60_000, 2)})
    decision = policy.decide("toy", Mapped((negative,), "agentkeys", "1", "d"), FACTS)
    assert asks_because(decision, "agentkeys-payment-over-limit")


def test_the_limit_is_the_asking_agents_not_the_one_of_the_actor_it_names(policy: Policy) -> None:
    decision = decided(
        policy, "tight", "POST", "/v1/actors/roomy/payments", '{"amount": 600, "currency": "CNY"}'
    )
    assert asks_because(decision, "agentkeys-payment-over-limit")


CREDENTIALS = [("github", ASKS), ("GitHub", ASKS), ("weather", PASSES), ("nobody-listed-it", ASKS)]


@pytest.mark.parametrize(("service", "expected"), CREDENTIALS)
def test_only_a_service_listed_as_harmless_gets_credentials_unasked(
    policy: Policy, service: str, expected: Effect
) -> None:
    decision = decided(policy, "toy", "PUT", f"/v1/credentials/{service}", '{"value": "x"}')
    if expected is PASSES:
        assert decision.effect is PASSES
    else:
        assert asks_because(decision, "agentkeys-sensitive-credential")


MEMORIES = [
    ("toy", "family", ASKS),
    ("toy", "Family", ASKS),
    ("toy", "work", PASSES),
    ("toy", "nobody-listed-it", ASKS),
    ("mika", "family", PASSES),
    ("mika", "work", PASSES),
    ("mika", "nobody-listed-it", ASKS),
    ("loner", "family", ASKS),
]


@pytest.mark.parametrize(("agent", "namespace", "expected"), MEMORIES)
def test_the_familys_memory_is_written_unasked_only_from_within(
    policy: Policy, agent: str, namespace: str, expected: Effect
) -> None:
    decision = decided(policy, agent, "PUT", f"/v1/memory/{namespace}/birthday", "{}")
    if expected is PASSES:
        assert decision.effect is PASSES
    else:
        assert asks_because(decision, "agentkeys-family-memory")


CAPABILITIES = [
    ("root", 1, PASSES),
    ("root", 89, PASSES),
    ("root", 90, ASKS),
    ("root", 100, ASKS),
    ("root", 101, ASKS),
    ("root", 0, ASKS),
    ("ten", 8, PASSES),
    ("ten", 9, ASKS),
    ("none", 1, ASKS),
    ("nobody-listed-it", 1, ASKS),
]


@pytest.mark.parametrize(("parent", "scopes", "expected"), CAPABILITIES)
def test_a_child_near_its_parents_scope_asks(
    policy: Policy, parent: str, scopes: int, expected: Effect
) -> None:
    body = json.dumps({"scopes": [f"s{number}" for number in range(scopes)]})
    decision = decided(policy, "toy", "POST", f"/v1/caps/{parent}/children", body)
    if expected is PASSES:
        assert decision.effect is PASSES
    else:
        assert asks_because(decision, "agentkeys-scope-near-parent")


def test_a_child_that_states_no_scopes_asks(policy: Policy) -> None:
    decision = decided(policy, "toy", "POST", "/v1/caps/root/children", "{}")
    assert asks_because(decision, "agentkeys-scope-near-parent")


def test_a_parent_too_large_to_count_with_is_a_deny_and_never_a_pass(policy: Policy) -> None:
    decision = decided(policy, "toy", "POST", "/v1/caps/vast/children", '{"scopes": ["a"]}')
    assert decision.effect is DENIED
    assert decision.error is not None


OVER: Mapping[str, tuple[str, str, str]] = {
    "payment": ("POST", "/v1/actors/toy/payments", '{"amount": 600, "currency": "CNY"}'),
    "credential": ("PUT", "/v1/credentials/github", '{"value": "x"}'),
    "memory": ("PUT", "/v1/memory/family/a", "{}"),
    "capability": ("POST", "/v1/caps/ten/children", json.dumps({"scopes": [str(n) for n in range(9)]})),
}


@pytest.mark.parametrize("what", OVER)
def test_one_signature_is_what_each_of_them_waits_for(policy: Policy, what: str) -> None:
    asked = mapped("toy", *OVER[what])
    signed = replace(FACTS, cosigner=True, approvals=1)
    assert policy.authorise("toy", asked, FACTS).effect is DENIED
    assert policy.authorise("toy", asked, signed).effect is PASSES
    assert policy.may_approve("Noor", agent="toy", owner=False, mapped=asked) is True
    assert policy.may_approve("Ida", agent="toy", owner=False, mapped=asked) is False


def test_what_the_template_does_not_know_still_waits_for_a_person(policy: Policy) -> None:
    assert decided(policy, "toy", "DELETE", "/v1/credentials/weather", "").effect is ASKS
    assert decided(policy, "toy", "POST", "/v1/actors/toy/refunds", '{"amount": 1}').effect is ASKS
    assert decided(policy, "toy", "GET", "/v1/memory/family/a", "").effect is PASSES


def written(name: str) -> list[str]:
    return (STARTER / name).read_text(encoding="utf-8").splitlines()


def test_nothing_of_the_starter_is_taken_away_but_three_actions_from_their_groups() -> None:
    """Whoever mends the starter mends this one too: Stripe's payments wait here as they do there."""
    changes = list(unified_diff(written("policy.cedar"), written("agentkeys.cedar"), lineterm="", n=0))[2:]
    gone = [line for line in changes if line.startswith("-")]
    assert gone == [
        "-// What agents may do. Cedar asks these policies about every request:",
        *["-when { !context.cosigner };"] * 3,
    ]
    exempt = [line for line in changes if line.startswith("+unless { action ==")]
    assert exempt == [
        f'+unless {{ action == Action::"/agentkeys/{action}" }};'
        for action in ("payment/mint", "cred/put", "cap/mint")
    ]


def test_every_policy_of_it_speaks_to_people() -> None:
    lines = written("agentkeys.cedar")

    def begin(words: tuple[str, ...]) -> int:
        return sum(line.startswith(words) for line in lines)

    assert begin(("@id(",)) == begin(("@reason(",)) == begin(("permit", "forbid"))


def test_of_a_vendor_and_an_agent_the_agents_own_limit_holds_for_its_currency_alone(policy: Policy) -> None:
    """Loosened for CNY, and the vendor's default still holds for JPY."""
    assert paid(policy, "roomy", '{"amount": 600, "currency": "CNY"}').effect is PASSES
    assert paid(policy, "roomy", '{"amount": 600, "currency": "JPY"}').effect is ASKS


def test_another_vendor_has_its_own_default() -> None:
    shop = [
        entity("Limits", "shop", tags={"cny": 5_000}),
        entity("Team", "elsewhere", attrs={"limits": {"type": "Limits", "id": "shop"}}),
    ]
    other = load(shop)
    assert paid(other, "stranger", '{"amount": 50, "currency": "CNY"}').effect is PASSES
    assert paid(other, "stranger", '{"amount": 51, "currency": "CNY"}').effect is ASKS
    assert paid(other, "toy", '{"amount": 51, "currency": "CNY"}').effect is PASSES


def test_the_payments_of_another_service_wait_for_a_person_however_small() -> None:
    both = Library.load([TEMPLATE, TEMPLATE.parent / "stripe.yaml"], {"agentkeys": {"hosts": [HOST]}})
    shipped = Policy.load(
        (STARTER / "agentkeys.cedar").read_text(encoding="utf-8"),
        "agentkeys.cedar",
        (STARTER / "agentkeys.json").read_text(encoding="utf-8"),
        "agentkeys.json",
        both.cedar_schema(),
        AGENTS,
        [],
    )
    caller = Caller("toy", "tok_1", None, "127.0.0.1")
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    body = b"amount=1&currency=jpy"
    asked = both.map(
        Request(caller, "POST", "https", "api.stripe.com", 443, "/v1/payment_intents", form, body)
    )
    decision = shipped.decide("toy", asked, replace(FACTS, host="api.stripe.com"))
    assert decision.effect is ASKS
    assert "payment-needs-a-person" in [reason.id for reason in decision.reasons]


@pytest.mark.whole
def test_it_fits_every_template_that_ships() -> None:
    shipped = sorted(TEMPLATE.parent.glob("*.yaml"))
    schema = Library.load(shipped, compiled=Compiled.usual()).cedar_schema()
    text = (STARTER / "agentkeys.cedar").read_text(encoding="utf-8")
    assert Policy.load(text, "agentkeys.cedar", "[]", "agentkeys.json", schema, [], []).digest
