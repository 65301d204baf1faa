"""What the operator's Cedar policies say of a request, and of who may approve it."""

from gateway.policy.approving import Signing
from gateway.policy.facts import AgentFacts, Facts, PersonFacts
from gateway.policy.policy import Policy

__all__ = ["AgentFacts", "Facts", "PersonFacts", "Policy", "Signing"]
