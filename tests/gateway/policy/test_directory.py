import json

import pytest

from gateway.model import EntityRef
from gateway.policy.directory import action_entities, build_world
from gateway.policy.entities import read_entities
from gateway.policy.facts import AgentFacts, PersonFacts
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source
from gateway.policy.vocabulary import read_vocabulary

CI = EntityRef("Agent", "ci")


def entity(kind, name, limits=None, parents=(), tags=None):
    attrs = {"limits": {"type": "Limits", "id": limits}} if limits else {}
    return {
        "uid": {"type": kind, "id": name},
        "attrs": attrs,
        "parents": [{"type": "Team", "id": parent} for parent in parents],
        "tags": tags or {},
    }


@pytest.fixture
def build(schema_text):
    schemas = Schemas(schema_text)
    vocabulary = read_vocabulary(schemas)

    def made(items=(), agents=(), people=()):
        file = read_entities(Source("entities.json", json.dumps(list(items))), schemas, vocabulary)
        return build_world(file, action_entities(vocabulary), agents, people)

    return made


def limits_of(world, agent=CI):
    limits = world.entities[agent].attrs.get("limits")
    return limits and dict(world.entities[EntityRef("Limits", limits["__entity"]["id"])].tags)


def test_people_are_in_their_groups_and_agents_in_their_team(build):
    world = build((), [AgentFacts("ci", "t"), AgentFacts("free")], [PersonFacts("mika", ("g", "h"))])
    assert world.entities[CI].parents == {EntityRef("Team", "t")}
    assert world.entities[EntityRef("Agent", "free")].parents == frozenset()
    assert world.entities[EntityRef("Person", "mika")].parents == {
        EntityRef("Group", "g"),
        EntityRef("Group", "h"),
    }


def test_actions_are_in_their_groups(build):
    parents = build().entities[EntityRef("Action", "/shop/refund")].parents
    assert EntityRef("Action", "payment") in parents


def test_an_entity_of_file_and_directory_has_the_parents_of_both(build):
    world = build([entity("Agent", "ci", parents=["file"])], [AgentFacts("ci", "directory")])
    assert world.entities[CI].parents == {EntityRef("Team", "file"), EntityRef("Team", "directory")}


def test_an_agents_own_limits_stand_over_its_teams(build):
    items = [
        entity("Limits", "team", tags={"jpy": 50_000, "usd": 500}),
        entity("Limits", "own", tags={"jpy": 10}),
        entity("Team", "t", limits="team"),
        entity("Agent", "ci", limits="own"),
    ]
    world = build(items, [AgentFacts("ci", "t"), AgentFacts("other", "t"), AgentFacts("free")])
    assert limits_of(world) == {"jpy": 10, "usd": 500}
    assert limits_of(world, EntityRef("Agent", "other")) == {"jpy": 50_000, "usd": 500}
    assert limits_of(world, EntityRef("Agent", "free")) is None


def test_the_nearer_team_stands_over_the_one_above_it(build):
    items = [
        entity("Limits", "near", tags={"jpy": 7}),
        entity("Limits", "far", tags={"jpy": 1, "usd": 2}),
        entity("Team", "near", limits="near", parents=["far"]),
        entity("Team", "far", limits="far"),
    ]
    assert limits_of(build(items, [AgentFacts("ci", "near")])) == {"jpy": 7, "usd": 2}


def test_of_two_teams_the_lower_limit_holds(build):
    items = [
        entity("Limits", "a", tags={"jpy": 7, "eur": 1}),
        entity("Limits", "b", tags={"jpy": 5}),
        entity("Team", "a", limits="a"),
        entity("Team", "b", limits="b"),
        entity("Agent", "ci", parents=["a"]),
    ]
    assert limits_of(build(items, [AgentFacts("ci", "b")])) == {"jpy": 5, "eur": 1}


def test_a_made_up_name_cannot_take_the_place_of_resolved_limits(build):
    items = [
        entity("Limits", "Limits of ci", tags={"jpy": 10**9}),
        entity("Limits", "own", tags={"jpy": 1}),
        entity("Agent", "ci", limits="own"),
    ]
    world = build(items)
    assert limits_of(world) == {"jpy": 1}
    assert world.entities[EntityRef("Limits", "Limits of ci")].tags == {"jpy": 10**9}


def test_limits_of_the_pages_stand_over_those_of_the_file(build):
    items = [
        entity("Limits", "own", tags={"jpy": 1, "eur": 2}),
        entity("Limits", "teams", tags={"jpy": 3, "usd": 4, "chf": 5}),
        entity("Team", "t", "teams"),
        entity("Agent", "ci", "own"),
    ]
    told = AgentFacts("ci", "t", limits={"eur": 20}, team_limits={"usd": 40, "jpy": 30})
    assert limits_of(build(items, [told])) == {"jpy": 1, "eur": 20, "usd": 40, "chf": 5}


def test_limits_of_the_pages_need_no_file(build):
    assert limits_of(build((), [AgentFacts("ci", limits={"jpy": 1})])) == {"jpy": 1}
    assert limits_of(build((), [AgentFacts("ci", "t", team_limits={"jpy": 2})])) == {"jpy": 2}
