"""What the operator's Cedar policies say of a request, and of who may approve it."""

from gateway.policy.approving import Signing
from gateway.policy.facts import AgentFacts, Facts, FirstRequest, PersonFacts, Remembered
from gateway.policy.fragments import Fragment, NoFragment, names_its_actions
from gateway.policy.policy import Policy

__all__ = [
    "AgentFacts",
    "Facts",
    "FirstRequest",
    "Fragment",
    "NoFragment",
    "PersonFacts",
    "Policy",
    "Remembered",
    "Signing",
    "names_its_actions",
]
