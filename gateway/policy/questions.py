"""One question to Cedar, and what counts as an answer: anything unexpected is CannotTell, which is deny."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cedarpy import Decision, Entities, PolicySet, Schema, is_authorized

from gateway.model import EntityRef, PolicyReason
from gateway.policy.facts import CannotTell, context_json
from gateway.policy.slices import Slice
from gateway.policy.world import uid
from gateway.values import dataclass

_NO_POLICIES = PolicySet.from_str("")


@dataclass(frozen=True, slots=True)
class Answer:
    """`reasons` are the policies that permit, or that forbid; none where no policy applies."""

    allowed: bool
    reasons: tuple[PolicyReason, ...]


MAX_ANSWERS = 4096
MAX_REMEMBERED = 1024
"""Characters of a context; longer ones are an agent's own and seldom come again."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The answers of one world; the key tells apart all that policies look at, but for the context."""

    answers: dict[Any, Answer]
    key: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Everything but the part of the context that differs from one asking to the next.

    `entities` are made when the answer is not remembered.
    """

    principal: EntityRef
    action: str
    resource: EntityRef
    policies: Slice
    entities: Callable[[], Entities]
    values: Mapping[str, Any]
    memory: Memory | None = None

    def ask(self, *, cosigner: bool, approvals: int) -> Answer:
        return self.ask_with(context_json(self.values, cosigner=cosigner, approvals=approvals))

    def ask_with(self, context: str) -> Answer:
        """Cedar is a function: what was asked in the same words of the same policies has the same answer."""
        if self.memory is None or len(context) > MAX_REMEMBERED:
            return self._decide(context)
        known = self.memory.answers.get((*self.memory.key, context))
        if known is None:
            known = self._decide(context)
            if len(self.memory.answers) >= MAX_ANSWERS:
                self.memory.answers.clear()
            self.memory.answers[*self.memory.key, context] = known
        return known

    def _decide(self, context: str) -> Answer:
        """An error in any policy is CannotTell: Cedar skips a forbid that fails and would answer Allow."""
        try:
            result = is_authorized(self._request(context), self.policies.handle, self.entities())
            decision, errors = result.decision, result.diagnostics.errors
            decided = sorted(result.diagnostics.reasons, key=_position)
            reasons = tuple(self.policies.reasons[policy] for policy in decided)
        except BaseException as error:
            raise doubt(error) from error
        if errors:
            raise CannotTell(self._named(errors[0]))
        if decision is Decision.NoDecision:
            raise CannotTell("Cedar gave no decision.")
        return Answer(decision is Decision.Allow, reasons)

    def check(self, context: str, schema: Schema) -> None:
        """CannotTell unless the schema knows the action, the kind of resource and each attribute's type."""
        try:
            result = is_authorized(self._request(context), _NO_POLICIES, "[]", schema)
            errors = result.diagnostics.errors
        except BaseException as error:
            raise doubt(error) from error
        if errors:
            raise CannotTell(f"The request does not fit the schema: {errors[0]}.")

    def _request(self, context: str) -> dict[str, Any]:
        return {
            "principal": uid(self.principal),
            "action": {"type": "Action", "id": self.action},
            "resource": uid(self.resource),
            "context": context,
        }

    def _named(self, fault: str) -> str:
        """The policy by the name its author gave it, not by its place in a slice."""
        match = re.search(r"policy `(policy\d+)`", fault)
        reason = self.policies.reasons.get(match[1]) if match else None
        return fault.replace(f"`{match[1]}`", f'"{reason.id}"', 1) if match and reason else fault


def _position(policy: str) -> int:
    """Where in its slice a policy stands, and so in the file's order."""
    return int(policy.removeprefix("policy"))


def doubt(error: BaseException) -> CannotTell:
    """Whatever Cedar raises, a panic of its engine included, as CannotTell; a stop signal is raised on."""
    if isinstance(error, Exception) or type(error).__module__ == "pyo3_runtime":
        return CannotTell(f"Cedar failed: {error}")
    raise error
