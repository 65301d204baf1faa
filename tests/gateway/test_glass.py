from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.glass import LONGEST, SHORTEST, clean_reason, enough, ever_enough
from gateway.model import Decision, Mapped
from gateway.policy import Facts
from gateway.rules import Rules
from gateway.settings import Settings
from tests.kit.things import a_mapped
from tests.kit.world import PlayedPolicy

FACTS = Facts(False, 0, "POST", "api.shop.test", "127.0.0.1", 1, None)


def rules(broken_by: int | None) -> Rules:
    settings: Any = Settings(*[cast("Any", None)] * 4)
    return Rules(settings, cast("Any", None), cast("Any", PlayedPolicy(broken_by=broken_by)), "digest")


@pytest.mark.parametrize(
    ("broken_by", "people", "is_enough"), [(1, 1, True), (2, 1, False), (None, 9, False)]
)
def test_policy_says_how_many_are_enough(broken_by: int | None, people: int, is_enough: bool) -> None:
    assert enough(rules(broken_by), "ci-bot", a_mapped(), FACTS, people) is is_enough


def test_what_policy_never_accepts_is_never_enough() -> None:
    assert ever_enough(rules(5), "ci-bot", a_mapped(), FACTS)
    assert not ever_enough(rules(6), "ci-bot", a_mapped(), FACTS)
    assert not ever_enough(rules(None), "ci-bot", a_mapped(), FACTS)


def test_cedar_hears_that_glass_is_broken_and_by_how_many() -> None:
    heard: list[Facts] = []

    class Listening(PlayedPolicy):
        def authorise(self, agent: str, mapped: Mapped, facts: Any) -> Decision:
            heard.append(facts)
            return super().authorise(agent, mapped, facts)

    policy = cast("Any", Listening(broken_by=1))
    enough(Rules(cast("Any", None), cast("Any", None), policy, "d"), "x", a_mapped(), FACTS, 2)
    assert [(each.cosigner, each.approvals, each.break_glass) for each in heard] == [(True, 2, True)]


@given(st.text())
def test_a_reason_can_be_seen_and_has_its_length(text: str) -> None:
    reason = clean_reason(text)
    assert reason is None or (SHORTEST <= len(reason) <= LONGEST and reason.isprintable() and reason.strip())


def test_a_reason_is_one_line() -> None:
    assert clean_reason("  The pager\n rang\u202e  twice ") == "The pager rang twice"
    assert clean_reason(" " * 50) is None
    assert clean_reason("x " * 9) == ("x " * 9).strip()
    assert clean_reason("short") is None
