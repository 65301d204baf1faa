"""What an agent was meant for: whatever lies beyond it is asked of people, and never forbidden by it."""

from typing import TYPE_CHECKING

from gateway.model import Mapped, PolicyReason

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.policy import Facts
    from gateway.rules import Rules
    from gateway.store.things import Agent


def beyond(agent: "Agent | None", mapped: Mapped, facts: "Facts", rules: "Rules") -> tuple[PolicyReason, ...]:
    """Why people are to be asked although policy may allow it; nothing for an agent without a consent.

    A consent that was withdrawn or is over permits nothing, and so does one that fits the schema no more.
    """
    if agent is None or agent.consent is None:
        return ()
    consent = agent.consent
    if not consent.holds(facts.now_epoch):
        how = "withdrew" if consent.withdrawn_at is not None else "gave, for a time that is over,"
        return (PolicyReason("consent", f"{consent.person} {how} the consent for {agent.name}."),)
    if rules.policy.permits(consent.cedar, agent.name, mapped, facts):
        return ()
    return (PolicyReason("consent", f"This is beyond what {consent.person} consented to for {agent.name}."),)
