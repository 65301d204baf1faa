"""The policies that can apply to one action, parsed once: a decision's cost follows them, not the total."""

from collections.abc import Sequence

from cedarpy import PolicySet

from gateway.model import EntityRef, PolicyReason
from gateway.policy.rules import Rule
from gateway.policy.vocabulary import Vocabulary
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """`reads` are the context attributes that some policy looks at, `reads_resource` those of the resource.

    None means all of them.
    """

    handle: PolicySet
    reasons: dict[str, PolicyReason]
    reads: frozenset[str] | None
    reads_resource: frozenset[str] | None
    literals: frozenset[EntityRef]
    ignores_resource: bool = False
    """The answer is the same for all resources of a type; no policy names one that a request could change."""


class Slices:
    """A slice for each action, made when it is first asked for; actions with the same policies share one."""

    def __init__(self, rules: Sequence[Rule], vocabulary: Vocabulary) -> None:
        self._rules, self._vocabulary = rules, vocabulary
        self._by_action: dict[str, Slice] = {}
        self._by_rules: dict[tuple[int, ...], Slice] = {}

    def of(self, action: str) -> Slice | None:
        """None for an action that the schema does not know or that is only a group."""
        if action not in self._by_action and action in self._vocabulary.applying:
            self._by_action[action] = self._make(action)
        return self._by_action.get(action)

    def _make(self, action: str) -> Slice:
        groups = self._vocabulary.groups[action]
        applying = tuple(at for at, rule in enumerate(self._rules) if rule.may_apply(action, groups))
        if applying not in self._by_rules:
            self._by_rules[applying] = _slice([self._rules[at] for at in applying])
        return self._by_rules[applying]


def _slice(rules: list[Rule]) -> Slice:
    """Cedar names policies by their position in the text it parses."""
    literals = frozenset[EntityRef]().union(*(rule.literals for rule in rules))
    reads_resource = _all_of([rule.reads_resource for rule in rules])
    # In a condition or in a head; only what services have is named with "::".
    names_resource = any("::" in ref.type for ref in literals)
    return Slice(
        handle=PolicySet.from_str("\n".join(rule.text for rule in rules)),
        reasons={f"policy{index}": rule.reason for index, rule in enumerate(rules)},
        reads=_all_of([rule.reads for rule in rules]),
        reads_resource=reads_resource,
        literals=literals,
        ignores_resource=reads_resource == frozenset() and not names_resource,
    )


def _all_of(reads: list[frozenset[str] | None]) -> frozenset[str] | None:
    named = [names for names in reads if names is not None]
    return frozenset().union(*named) if len(named) == len(reads) else None
