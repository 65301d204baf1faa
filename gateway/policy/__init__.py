"""What the operator's Cedar policies say of a request, and of who may approve it."""

from gateway.policy.facts import AgentFacts, Facts, PersonFacts
from gateway.policy.fragments import Fragment, NoFragment, names_its_actions
from gateway.policy.policy import Policy

__all__ = ["AgentFacts", "Facts", "Fragment", "NoFragment", "PersonFacts", "Policy", "names_its_actions"]
