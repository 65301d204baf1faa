"""What the operator's Cedar policies say of a request, and of who may approve it."""

from gateway.policy.facts import AgentFacts, Facts, FirstRequest, PersonFacts, Remembered
from gateway.policy.policy import Policy

__all__ = ["AgentFacts", "Facts", "FirstRequest", "PersonFacts", "Policy", "Remembered"]
