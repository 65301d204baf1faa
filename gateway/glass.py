"""When glass may be broken: how many people policy wants then, and what counts as a reason."""

from dataclasses import replace

from gateway.model import Effect, Mapped
from gateway.policy import Facts
from gateway.rules import Rules

SHORTEST, LONGEST = 10, 280
"""Characters of a reason."""


def enough(rules: Rules, agent: str, mapped: Mapped, facts: Facts, people: int) -> bool:
    """Whether policy accepts broken glass from so many people; what is forbidden stays so."""
    asked = replace(facts, cosigner=True, approvals=people, break_glass=True)
    return rules.policy.authorise(agent, mapped, asked).effect is Effect.ALLOW


def ever_enough(rules: Rules, agent: str, mapped: Mapped, facts: Facts) -> bool:
    """Whether any number of people that may be asked for would be enough."""
    numbers = range(1, rules.settings.approvals.max_quorum + 1)
    return any(enough(rules, agent, mapped, facts, people) for people in numbers)


def clean_reason(text: str) -> str | None:
    """One line of visible text, as it is signed; None where that is no reason."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable()).strip()
    return line if SHORTEST <= len(line) <= LONGEST else None
