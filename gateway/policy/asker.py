"""Questions to Cedar, made of a request's units, the facts and the world; built for the hot path."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from cedarpy import Entities

from gateway.model import EntityRef, Mapped, Unit
from gateway.policy.approving import ENVELOPE, Signing, amount_of, envelope_entity, signing_context
from gateway.policy.facts import (
    GATEWAY_ATTRIBUTES,
    PASSING,
    CannotTell,
    Facts,
    check_address,
    context_json,
    gateway_values,
    template_values,
)
from gateway.policy.questions import MAX_REMEMBERED, Answer, Memory, Question, doubt
from gateway.policy.schemas import Schemas
from gateway.policy.slices import Slice, Slices
from gateway.policy.vocabulary import Vocabulary
from gateway.policy.world import Entity, World
from gateway.values import dataclass

_REMEMBERED = 4096
"""Agents, resources and shapes of requests are few; the cap is for those who make up new ones."""


@dataclass(frozen=True, slots=True)
class _Known:
    handle: Entities
    listed: Mapping[EntityRef, Entity]


class Asker:
    """Knows the world, and remembers what is the same for every request of an agent to an action."""

    def __init__(self, schemas: Schemas, vocabulary: Vocabulary, slices: Slices, world: World) -> None:
        self._schemas, self._vocabulary, self._slices, self._world = schemas, vocabulary, slices, world
        self._known: dict[tuple[Any, ...], _Known] = {}
        self._handles: dict[Any, Entities] = {}
        self._checked: set[Any] = set()
        self._answers: dict[Any, Answer] = {}

    def questions(self, agent: str, mapped: Mapped, facts: Facts) -> list[Question]:
        """One question for each unit; CannotTell for what has no place in the schema or the directory."""
        principal = EntityRef("Agent", agent)
        if principal not in self._world.entities:
            raise CannotTell(f'No agent "{agent}" is known.')
        check_address(facts.requester_ip)
        return [self._question(principal, unit, facts, len(mapped.units)) for unit in mapped.units]

    def _question(self, principal: EntityRef, unit: Unit, facts: Facts, units: int) -> Question:
        policies = self._slice(unit.action)
        own = template_values(unit)
        if policies.reads is None:
            values = gateway_values(unit, facts, units, GATEWAY_ATTRIBUTES) | own
        else:
            values = gateway_values(unit, facts, units, policies.reads)
            values |= {name: own[name] for name in policies.reads & own.keys()}
        passing = PASSING & values.keys()
        memory = None if passing else Memory(self._answers, _told_apart(principal, unit, policies))
        entities = self._entities(principal, unit, policies)  # also where the answer is known: it may not fit
        question = Question(principal, unit.action, unit.resource, policies, lambda: entities, values, memory)
        self._check_shape(question, unit, facts, units, own)
        return question

    def _slice(self, action: str) -> Slice:
        policies = self._slices.of(action)
        if policies is None:
            raise CannotTell(f'No action "{action}" is known.')
        return policies

    def _check_shape(
        self, question: Question, unit: Unit, facts: Facts, units: int, own: dict[str, Any]
    ) -> None:
        """Cedar compares each new shape of request with the schema, whole; then its shape is known to fit.

        The policies see only what they read, and without the schema, which would cost as much as deciding.
        """
        kinds = tuple((name, type(value)) for name, value in unit.context.items())
        shape = (unit.action, unit.resource.type, kinds)
        if shape in self._checked:
            return
        whole = gateway_values(unit, facts, units, GATEWAY_ATTRIBUTES) | own
        question.check(context_json(whole, cosigner=False, approvals=0), self._schemas.of(unit.action))
        _make_room(self._checked)
        self._checked.add(shape)

    def _entities(self, principal: EntityRef, unit: Unit, policies: Slice) -> Entities:
        """All that Cedar can reach from this request and from what its policies name."""
        key = _key(principal, unit)
        handle = self._handles.get(key)
        if handle is None:
            known = self._known_of(principal, unit.action, literals=policies.literals)
            handle = _with(known, self._world.reachable([unit.resource], unit.parents))
            _make_room(self._handles)
            self._handles[key] = handle
        return handle

    def may_approve(self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing) -> bool:
        """Cedar's answer to whether a person may approve every unit, within what the templates leave."""
        someone, signer = EntityRef("Person", person), EntityRef("Person", signing.signer or person)
        if not {someone, signer} <= self._world.entities.keys():
            return False
        narrowed = {unit.approval.approvers for unit in mapped.units} - {None}
        if not all(self._belongs(someone, approvers) for approvers in narrowed if approvers is not None):
            return False
        context = signing_context(someone, signing, owner=owner)
        return self._may(someone, "approve", agent, mapped, signing, context, signer)

    def may_delegate(self, program: str, verb: str, *, agent: str, mapped: Mapped, signing: Signing) -> bool:
        """Cedar's answer to whether a program may do this with a question, for every unit of it."""
        return self._may(EntityRef("Program", program), "delegate", agent, mapped, signing, {"verb": verb})

    def _may(
        self,
        who: EntityRef,
        action: str,
        agent: str,
        mapped: Mapped,
        signing: Signing,
        context: dict[str, Any],
        *named: EntityRef,
    ) -> bool:
        """`named` are those whom only the context names.

        Few policies look at which resource or amount is asked about: what all of them see alike of two
        questions is answered alike, and Cedar is asked once.
        """
        asker = EntityRef("Agent", agent)
        if asker not in self._world.entities:
            return False
        policies = self._slice(action)
        known = self._known_of(who, action, asker, *named, literals=policies.literals)
        asked = json.dumps(_only(context, policies.reads))
        reads = None if any(ref.type == ENVELOPE for ref in policies.literals) else policies.reads_resource

        def ask(envelope: Entity) -> Answer:
            seen = json.dumps(_only(envelope.attrs, reads))
            fits = len(seen) <= MAX_REMEMBERED
            memory = Memory(self._answers, (who, action, asker, named, seen)) if fits else None
            entities = partial(_with, known, {envelope.ref: envelope})
            return Question(who, action, envelope.ref, policies, entities, {}, memory).ask_with(asked)

        return all(
            ask(envelope).allowed for envelope in self._envelopes(known.listed[asker], mapped, signing)
        )

    def _known_of(
        self, who: EntityRef, action: str, *named: EntityRef, literals: Iterable[EntityRef]
    ) -> _Known:
        """All that Cedar can reach from these, from the action and from what its policies name."""
        key = (who, action, *named)
        known = self._known.get(key)
        if known is None:
            listed = self._world.reachable([who, EntityRef("Action", action), *named, *literals], {})
            known = _Known(_parse(listed.values()), listed)
            _make_room(self._known)
            self._known[key] = known
        return known

    def limits(self, agent: str) -> dict[str, int]:
        known = self._world.entities
        found = known.get(EntityRef("Agent", agent))
        attrs = found.attrs.get("limits") if found else None
        return dict(known[EntityRef("Limits", attrs["__entity"]["id"])].tags) if attrs else {}

    def groups(self) -> frozenset[str]:
        known = self._world.entities
        named = {ref for ref in known if ref.type == "Group"}
        above = {ref for entity in known.values() for ref in entity.parents if ref.type == "Group"}
        return frozenset(ref.id for ref in named | above)

    def belongs(self, person: str, group: str) -> bool:
        return EntityRef("Group", group) in self._world.above(EntityRef("Person", person))

    def _belongs(self, person: EntityRef, approvers: str) -> bool:
        """Whether a template's approvers, as it writes them, are this person or a group above."""
        return any(str(ref) == approvers for ref in self._world.above(person))

    def _envelopes(self, agent: Entity, mapped: Mapped, signing: Signing) -> list[Entity]:
        """The question as Cedar sees it, once for each unit; the amount is that of the whole request."""
        groups = [self._groups(unit) for unit in mapped.units]
        may_move = any("payment" in names for names in groups) or any(
            self._schemas.takes_money(unit.action) for unit in mapped.units
        )
        amount = amount_of(mapped, may_move=may_move)
        return [
            envelope_entity(agent, unit, names, amount, signing)
            for unit, names in zip(mapped.units, groups, strict=True)
        ]

    def _groups(self, unit: Unit) -> frozenset[str]:
        if unit.action not in self._vocabulary.groups:
            raise CannotTell(f'No action "{unit.action}" is known.')
        return self._vocabulary.groups[unit.action].union(unit.groups)


def _key(principal: EntityRef, unit: Unit) -> tuple[Any, ...]:
    return principal, unit.action, unit.resource, tuple(unit.parents.items())


def _only(attributes: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if names is None or name in names}


def _told_apart(principal: EntityRef, unit: Unit, policies: Slice) -> tuple[Any, ...]:
    """All that these policies can tell apart, but for the context."""
    if policies.ignores_resource:
        return principal, unit.action, unit.resource.type
    return _key(principal, unit)


def _as_text(entities: Iterable[Entity]) -> str:
    return json.dumps([entity.as_json() for entity in entities])


def _with(known: _Known, more: Mapping[EntityRef, Entity]) -> Entities:
    """What stands in both differs only where a request adds parents, or a policy names a question."""
    listed = known.listed
    if any(ref in listed and listed[ref] != entity for ref, entity in more.items()):
        return _parse({**listed, **more}.values())
    added = [entity for ref, entity in more.items() if ref not in listed]
    try:
        return known.handle.with_added_json_str(_as_text(added)) if added else known.handle
    except BaseException as error:
        raise doubt(error) from error


def _parse(entities: Iterable[Entity]) -> Entities:
    try:
        return Entities.from_json_str(_as_text(entities))
    except BaseException as error:
        raise doubt(error) from error


def _make_room(memory: dict[Any, Any] | set[Any]) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
