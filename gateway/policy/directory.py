"""The world that Cedar sees: the operator's entities, the enrolled people, the agents with their limits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.model import EntityRef
from gateway.policy.entities import FileEntities
from gateway.policy.facts import AgentFacts, PersonFacts
from gateway.policy.vocabulary import Vocabulary
from gateway.policy.world import Entity, World, uid

_RESOLVED = "Limits of "


def action_entities(vocabulary: Vocabulary) -> dict[EntityRef, Entity]:
    """Every action with its groups; they are the same whoever is enrolled."""
    refs = {name: EntityRef("Action", name) for name in vocabulary.groups}
    return {
        refs[name]: Entity(refs[name], frozenset(refs[group] for group in groups))
        for name, groups in vocabulary.groups.items()
    }


def build_world(
    file: FileEntities,
    actions: Mapping[EntityRef, Entity],
    agents: Sequence[AgentFacts],
    people: Sequence[PersonFacts],
) -> World:
    """An entity of the file and the directory keeps the file's attributes and has the parents of both."""
    entities = {**actions, **file.entities}
    for ref, parents in (*_agents(agents), *_people(people)):
        entities[ref] = (entities.get(ref) or Entity(ref)).under(parents)
    told = {EntityRef("Agent", agent.name): agent for agent in agents}
    for agent in [entity for entity in entities.values() if entity.ref.type == "Agent"]:
        entities.update(_with_limits(agent, file, entities, told.get(agent.ref)))
    return World(entities)


type _Placed = Iterable[tuple[EntityRef, list[EntityRef]]]


def _agents(agents: Sequence[AgentFacts]) -> _Placed:
    for agent in agents:
        yield EntityRef("Agent", agent.name), [EntityRef("Team", agent.team)] if agent.team else []


def _people(people: Sequence[PersonFacts]) -> _Placed:
    for person in people:
        yield EntityRef("Person", person.name), [EntityRef("Group", group) for group in person.groups]


type Tags = Mapping[str, Any]


def _with_limits(
    agent: Entity, file: FileEntities, entities: Mapping[EntityRef, Entity], told: AgentFacts | None
) -> dict[EntityRef, Entity]:
    """An agent whose limits are one entity: its own tags over its teams', and the pages' over the file's."""
    own = agent.attrs.get("limits")
    set_for_team = told.team_limits if told else {}
    set_for_agent = told.limits if told else {}
    inherited = {**(_inherited(agent.parents, file, entities) or {}), **set_for_team}
    if own is None and not inherited and not set_for_agent:
        return {}
    own_tags = entities[EntityRef("Limits", own["__entity"]["id"])].tags if own else {}
    own_tags = {**own_tags, **set_for_agent}
    resolved = EntityRef("Limits", _RESOLVED + agent.ref.id)
    while resolved in entities:
        resolved = EntityRef("Limits", resolved.id + "'")
    attrs = {**agent.attrs, "limits": {"__entity": uid(resolved)}}
    return {
        agent.ref: Entity(agent.ref, agent.parents, attrs, agent.tags),
        resolved: Entity(resolved, tags={**inherited, **own_tags}),
    }


def _inherited(
    parents: Iterable[EntityRef], file: FileEntities, entities: Mapping[EntityRef, Entity]
) -> Tags | None:
    """The limits of some teams; where two of them limit the same thing, the lower limit."""
    known = [found for team in parents if (found := _team(team, file, entities)) is not None]
    if not known:
        return None
    names = {name for tags in known for name in tags}
    return {name: min(tags[name] for tags in known if name in tags) for name in names}


def _team(team: EntityRef, file: FileEntities, entities: Mapping[EntityRef, Entity]) -> Tags | None:
    """A team's own limits over those of the teams above it."""
    above = _inherited(entities[team].parents, file, entities) if team in entities else None
    own = file.team_limits.get(team)
    if own is None:
        return above
    return {**(above or {}), **entities[own].tags}
