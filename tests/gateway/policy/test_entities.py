import json

import pytest

from gateway.errors import ConfigErrors
from gateway.model import EntityRef
from gateway.policy.entities import read_entities
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source
from gateway.policy.vocabulary import read_vocabulary


@pytest.fixture
def read(schema_text):
    schemas = Schemas(schema_text)
    vocabulary = read_vocabulary(schemas)
    return lambda text: read_entities(Source("entities.json", text), schemas, vocabulary)


def item(uid, **members):
    kind, name = uid.split("/")
    return {"uid": {"type": kind, "id": name}, "attrs": {}, "parents": []} | members


def faults(read, *items):
    with pytest.raises(ConfigErrors) as caught:
        read(json.dumps(list(items), indent=0))
    return [str(error) for error in caught.value.errors]


def test_references_are_written_out_and_team_limits_kept_apart(read):
    limits = {"type": "Limits", "id": "l"}
    found = read(
        json.dumps(
            [
                item("Limits/l", tags={"jpy": 5}),
                item("Agent/ci", attrs={"limits": limits}, parents=[{"type": "Team", "id": "t"}]),
                item(
                    "Team/t", attrs={"limits": {"__entity": limits}}, parents=[{"type": "Team", "id": "top"}]
                ),
                {"uid": {"type": "Team", "id": "top"}},
            ]
        )
    )
    agent = found.entities[EntityRef("Agent", "ci")]
    assert agent.attrs == {"limits": {"__entity": limits}}
    assert agent.parents == {EntityRef("Team", "t")}, "the team above is the team's own"
    assert found.entities[EntityRef("Limits", "l")].tags == {"jpy": 5}
    assert found.entities[EntityRef("Team", "t")].attrs == {}
    assert found.team_limits == {EntityRef("Team", "t"): EntityRef("Limits", "l")}
    assert all(ref.type != "Action" for ref in found.entities)


@pytest.mark.parametrize(
    ("entity", "line", "words"),
    [
        (item("Agnt/x"), 3, 'No entity type "Agnt" exists. Did you mean "Agent"?'),
        (item("Agent/x", parents=[{"type": "Tem", "id": "t"}]), 9, 'Did you mean "Team"?'),
        (
            item("Agent/x", attrs={"limts": 1}),
            8,
            'no attribute "limts" of this shape. Did you mean "limits"?',
        ),
        (item("Shop::Repo/x", attrs={"visibility": 1}), 8, 'no attribute "visibility" of this shape.'),
        (item("Agent/x", parents=[{"type": "Agent", "id": "y"}]), 9, 'cannot be in Agent::"y"'),
        (item("Limits/x", tags={"jpy": "a"}), 10, 'tag "jpy" is not of the type'),
        (item("Limits/x", tags={"jpy": 1.5}), 10, "no fractions"),
        (item("Limits/x", tags={"jpy": 2**63}), 10, "too large"),
        (item("Limits/x", tags={"jpy": None}), 10, "no null"),
        (
            item("Agent/x", attrs={"limits": {"type": "Limits", "id": "no"}}),
            8,
            'Limits::"no" is not in this file',
        ),
        (item("Agent/x", attrs={"limits": 3}), 8, '"limits" must be'),
        (item("Team/x", attrs={"limits": {"type": "Team", "id": "x"}}), 8, '"limits" must be'),
        (item("Action/read"), 3, "made by the gateway"),
        (item("Envelope/e"), 3, "made by the gateway"),
        (item("Agent/x", parnts=[]), 9, 'has no "parnts". Did you mean "parents"?'),
        (item("Agent/x", attrs=[]), 7, '"attrs" must be an object'),
        (item("Agent/x", tags=[]), 9, '"tags" must be an object'),
        (item("Agent/x", parents={}), 8, '"parents" must be a list'),
        (item("Agent/x", parents=["Team"]), 9, "A parent is"),
        ({"attrs": {}}, 2, 'needs "uid"'),
        ({"uid": 'Agent::"x"'}, 3, 'needs "uid"'),
        ([1], 2, "An entity is an object"),
    ],
)
def test_what_does_not_fit_is_an_error_with_its_line(read, entity, line, words):
    (fault,) = faults(read, entity)
    assert words in fault
    assert int(fault.split(":")[1]) == line


def test_an_entity_that_lacks_what_the_schema_requires_is_named(schema_text):
    schemas = Schemas("entity A { x: Long }; " + schema_text)
    vocabulary = read_vocabulary(schemas)
    with pytest.raises(ConfigErrors, match='A::"a" does not fit the schema'):
        read_entities(Source("entities.json", json.dumps([item("A/a")])), schemas, vocabulary)


def test_an_entity_that_stands_twice_is_an_error(read):
    (fault,) = faults(read, item("Team/t"), item("Team/t", parents=[{"type": "Team", "id": "u"}]))
    assert 'Team::"t" stands in this file twice' in fault


def test_parents_that_lead_back_are_an_error(read):
    circle = [
        item("Team/a", parents=[{"type": "Team", "id": "b"}]),
        item("Team/b", parents=[{"type": "Team", "id": "a"}]),
    ]
    assert "lead back to themselves" in faults(read, *circle)[0]


def test_text_that_no_file_can_hold_is_an_error(read):
    assert "entities.json:" in faults(read, item("Team/\ud800"))[0]


@pytest.mark.parametrize("text", ["{}", "3", "null"])
def test_anything_but_a_list_is_an_error(read, text):
    with pytest.raises(ConfigErrors, match="must be a list"):
        read(text)


def test_all_faults_are_found_at_once(read):
    assert len(faults(read, item("Agnt/x"), item("Tem/y"))) == 2
