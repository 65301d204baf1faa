"""What lies beyond an agent's consent is told in words, with the name of whoever gave it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from gateway.consents import beyond
from gateway.rules import Rules
from gateway.store.things import Agent, Consent
from tests.gateway.policy.conftest import FACTS, load_policy, make_mapped, make_unit

NOW = FACTS.now_epoch
READS = 'permit (principal == Agent::"ci", action in Action::"read", resource);'


def asked(consent: Consent | None, *actions: str) -> tuple[str | None, ...]:
    nothing = cast("Any", SimpleNamespace())
    rules = Rules(nothing, nothing, load_policy(""), "config")
    agent = Agent("ci", None, "mika", paused=False, created_at=0, consent=consent)
    mapped = make_mapped(*(make_unit(action) for action in actions))
    return tuple(reason.reason for reason in beyond(agent, mapped, FACTS, rules))


def a_consent(**changes: Any) -> Consent:
    return replace(Consent("read_only", READS, "every read", "mika", 0, None), **changes)


def test_without_a_consent_nothing_is_beyond_it() -> None:
    assert asked(None, "/shop/repo/delete") == ()
    nothing = cast("Any", SimpleNamespace())
    assert beyond(None, make_mapped(make_unit()), FACTS, nothing) == ()


def test_what_it_permits_is_within_it_and_all_else_is_beyond() -> None:
    assert asked(a_consent(), "/shop/search") == ()
    beyond_it = ("This is beyond what mika consented to for ci.",)
    assert asked(a_consent(), "/shop/repo/delete") == beyond_it
    assert asked(a_consent(), "/shop/search", "/shop/repo/delete") == beyond_it


def test_a_consent_that_was_withdrawn_or_is_over_permits_nothing() -> None:
    assert asked(a_consent(withdrawn_at=1), "/shop/search") == ("mika withdrew the consent for ci.",)
    assert asked(a_consent(expires_at=NOW + 1), "/shop/search") == ()
    assert asked(a_consent(expires_at=NOW), "/shop/search") == (
        "mika gave, for a time that is over, the consent for ci.",
    )


def test_a_consent_for_another_agent_permits_nothing() -> None:
    assert asked(a_consent(cedar=READS.replace('"ci"', '"loner"')), "/shop/search") != ()
