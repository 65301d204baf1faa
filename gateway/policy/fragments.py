"""Pieces of Cedar that people sign for one agent: permits alone, checked against the schema, told in words.

A fragment is evaluated alone. It never reads who signed, for then it could take its own word for a person's.
"""

import json
from collections.abc import Mapping
from typing import Any

from cedarpy import policies_to_json_str

from gateway.errors import ConfigErrors, SecondsigError
from gateway.model import EntityRef
from gateway.policy.check import check_policies
from gateway.policy.rules import Rule
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source
from gateway.policy.vocabulary import Vocabulary
from gateway.values import dataclass

FILE = "fragment"
MAX_FRAGMENT = 4000
SIGNED = frozenset({"cosigner", "approvals", "grant", "delegate", "break_glass"})
"""What only people and the gateway set, and a policy of theirs may not ask for."""


class NoFragment(SecondsigError):
    """This text may not be signed for an agent; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """`actions` are those of the schema that it may speak of; `says` has a line for each of its policies."""

    agent: str
    rules: tuple[Rule, ...]
    actions: frozenset[str]
    says: tuple[str, ...]


def read_fragment(text: str, schemas: Schemas, vocabulary: Vocabulary) -> Fragment:
    """Raises NoFragment for what does not fit the schema, and for what is more than permits for one agent."""
    if len(text) > MAX_FRAGMENT:
        raise NoFragment(f"It has more than {MAX_FRAGMENT} characters: write it shorter.")
    try:
        rules = check_policies(Source(FILE, text), schemas, vocabulary)
    except ConfigErrors as errors:
        raise NoFragment(str(errors)) from errors
    if not rules:
        raise NoFragment('It holds no policy: write permit (principal == Agent::"NAME", …);')
    parsed = [_parsed(rule) for rule in rules]
    agents = {_agent(each) for each in parsed}
    if len(agents) > 1:
        raise NoFragment("It speaks of more than one agent: sign one for each.")
    for rule in rules:
        _check_reads(rule)
    return Fragment(
        agent=agents.pop(),
        rules=rules,
        actions=frozenset(
            name
            for name in vocabulary.applying
            if name != "approve" and any(rule.may_apply(name, vocabulary.groups[name]) for rule in rules)
        ),
        says=tuple(_words(each) for each in parsed),
    )


def names_its_actions(fragment: Fragment) -> bool:
    """Whether each of its heads names actions or groups; without, it is for everything there will ever be."""
    return all(rule.head.get("op") in {"==", "in"} for rule in fragment.rules)


def _parsed(rule: Rule) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(policies_to_json_str(rule.text))["staticPolicies"]["policy0"]
    return found


def _agent(parsed: Mapping[str, Any]) -> str:
    match parsed:
        case {"effect": "forbid"}:
            raise NoFragment("It may only permit: what is to be forbidden belongs into the policy file.")
        case {"principal": {"op": "==", "entity": {"type": "Agent", "id": str(name)}}}:
            return name
        case _:
            raise NoFragment('Its heads have to name one agent: principal == Agent::"NAME".')


def _check_reads(rule: Rule) -> None:
    if rule.reads is None:
        raise NoFragment("It uses the context as a whole: name the attributes that it reads.")
    if signed := sorted(rule.reads & SIGNED):
        raise NoFragment(f"It may not read context.{signed[0]}: it decides what needs no signature.")


def _words(parsed: Mapping[str, Any]) -> str:
    conditions = [each["kind"] for each in parsed["conditions"]]
    only = ", under the conditions written in it" if conditions else ""
    return f"{_actions(parsed['action'])} on {_resource(parsed['resource'])}{only}"


def _actions(head: Mapping[str, Any]) -> str:
    match head:
        case {"op": "==", "entity": {"id": str(name)}}:
            return name
        case {"op": "in", "entity": {"id": str(name)}}:
            return f"every {name}"
        case {"op": "in", "entities": [*entities]}:
            return " or ".join(f"every {each['id']}" for each in entities)
        case _:
            return "everything"


def _resource(head: Mapping[str, Any]) -> str:
    match head:
        case {"op": "==", "entity": {"type": str(kind), "id": str(name)}}:
            return f"exactly {EntityRef(kind, name)}"
        case {"op": "in", "entity": {"type": str(kind), "id": str(name)}}:
            return f"{EntityRef(kind, name)} and all in it"
        case {"op": "is", "entity_type": str(kind), **rest}:
            return f"any {kind}{' in one place' if 'in' in rest else ''}"
        case _:
            return "anything"
