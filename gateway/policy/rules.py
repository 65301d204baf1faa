"""The operator's policies, each with what its head admits, what it reads and how it speaks to people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cedarpy import policies_to_json_str

from gateway.errors import ConfigError, ConfigErrors
from gateway.model import EntityRef, PolicyReason
from gateway.policy.source import Source
from gateway.policy.tokens import Token, Tokens, statements, text_of, tokens_of
from gateway.values import dataclass

# Reasons that are the gateway's own; a policy of that name would put words in its mouth.
RESERVED_IDS = frozenset({"default", "template", "policy-error", "judge", "consent"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy. `reads` names the context attributes that it looks at; None means all of them.

    `reads_resource` those of the resource, as long as no policy reaches it by its name.
    """

    tokens: Tokens
    text: str
    head: Mapping[str, Any]
    reason: PolicyReason
    reads: frozenset[str] | None
    reads_resource: frozenset[str] | None
    literals: frozenset[EntityRef]

    def may_apply(self, action: str, groups: frozenset[str]) -> bool:
        """False only where the head certainly leaves the action out; a head of another shape applies."""
        match self.head:
            case {"op": "==", "entity": {"type": "Action", "id": name}}:
                return bool(name == action)
            case {"op": "in", "entity": {"type": "Action", "id": name}}:
                return name == action or name in groups
            case {"op": "in", "entities": [*entities]} if all(each["type"] == "Action" for each in entities):
                return any(each["id"] == action or each["id"] in groups for each in entities)
            case _:
                return True


def parse_rules(source: Source) -> tuple[Rule, ...]:
    """The policies of a file that Cedar can parse, in its order."""
    pieces = statements(tokens_of(source))
    _refuse_slots(source, pieces)
    parsed = _as_json(source, policies_to_json_str(source.text))
    rules = tuple(
        _rule(source, piece, parsed.get(f"policy{index}"), index) for index, piece in enumerate(pieces)
    )
    if len(rules) != len(parsed):
        raise ConfigErrors((ConfigError("The policies cannot be told apart.", source.place(0)),))
    _refuse_bad_ids(source, rules)
    return rules


def _refuse_slots(source: Source, pieces: list[Tokens]) -> None:
    """A template with a slot decides nothing until it is linked, and nothing here links it."""
    slots = (token for piece in pieces for token in piece if token.is_slot)
    errors = tuple(
        source.error(f"The slot {slot.text} is not supported.", slot.start, "Name the entity itself.")
        for slot in slots
    )
    if errors:
        raise ConfigErrors(errors)


def _as_json(source: Source, text: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(text)["staticPolicies"]
    except RecursionError as error:
        hint = 'Write a long chain of || as ["a", "b"].contains(…).'
        too_deep = ConfigError("A policy nests too deeply to be read.", source.place(0), hint)
        raise ConfigErrors((too_deep,)) from error
    return parsed


def _rule(source: Source, piece: Tokens, parsed: Mapping[str, Any] | None, index: int) -> Rule:
    """The piece must mean alone what it means in the file, or the slices would decide otherwise."""
    text = text_of(source, piece)
    if parsed is None or _as_json(source, policies_to_json_str(text)) != {"policy0": parsed}:
        raise ConfigErrors((source.error("This policy cannot be told apart.", piece[0].start),))
    notes = parsed.get("annotations") or {}
    return Rule(
        tokens=piece,
        text=text,
        head=parsed["action"],
        reason=PolicyReason(notes.get("id") or f"policy{index}", notes.get("reason") or None),
        reads=_reads("context", parsed["conditions"]),
        reads_resource=_reads("resource", parsed["conditions"]),
        literals=frozenset(_literals(parsed)),
    )


def _refuse_bad_ids(source: Source, rules: tuple[Rule, ...]) -> None:
    seen: set[str] = set()
    errors = []
    for rule in rules:
        name = rule.reason.id
        start = rule.tokens[0].start
        if name in RESERVED_IDS:
            errors.append(
                source.error(f'The id "{name}" is the gateway\'s own.', start, "Choose another @id.")
            )
        if name in seen:
            errors.append(
                source.error(f'Two policies have the id "{name}".', start, "Give each its own @id.")
            )
        seen.add(name)
    if errors:
        raise ConfigErrors(tuple(errors))


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every JSON object of a parsed policy, at any depth."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _reads(variable: str, conditions: Any) -> frozenset[str] | None:
    """The attributes of a variable that are named; None where it is used as a whole."""
    named: list[str] = []
    uses = 0
    for node in _nodes(conditions):
        uses += node.get("Var") == variable
        match node:
            case {".": {"left": {"Var": str(of)}, "attr": str(name)}} | {
                "has": {"left": {"Var": str(of)}, "attr": str(name)}
            } if of == variable:
                named.append(name)
            case _:
                pass
    return frozenset(named) if len(named) == uses else None


def asked_for(tokens: Tokens) -> Iterator[Token]:
    """The words that a policy asks for with `has`, which Cedar does not check for misspellings."""
    for at, token in enumerate(tokens):
        if token.text == "has":
            after = at + 1
            yield tokens[after]
            while tokens[after + 1].text == ".":
                after += 2
                yield tokens[after]


def _literals(parsed: Mapping[str, Any]) -> Iterator[EntityRef]:
    """The entities a policy names, whose parents and attributes it may look at."""
    for node in _nodes(parsed):
        match node:
            case {"type": str(kind), "id": str(name)} if len(node) == 2:  # noqa: PLR2004 - a uid, whole
                yield EntityRef(kind, name)
            case _:
                pass
