import pytest

from gateway.errors import ConfigErrors
from gateway.policy.schemas import Schemas
from gateway.policy.vocabulary import read_vocabulary


def test_groups_are_transitive_so_that_no_policy_about_a_far_group_is_missed():
    groups = 'entity A; action "top"; action "g" in ["top"];'
    text = groups + 'action "a" in ["g"] appliesTo {principal:[A],resource:[A]};'
    vocabulary = read_vocabulary(Schemas(text))
    assert vocabulary.groups["a"] == {"g", "top"}
    assert vocabulary.members("top") == {"a"}
    assert vocabulary.applying == {"a"}


def test_types_carry_their_namespace(schema_text):
    vocabulary = read_vocabulary(Schemas(schema_text))
    assert {"Agent", "Envelope", "Shop::Repo", "Shop::Host"} <= vocabulary.types
    assert not {"Repo", "Shop"} & vocabulary.types


def test_attributes_of_contexts_records_and_entities_are_known(schema_text):
    vocabulary = read_vocabulary(Schemas(schema_text))
    assert {"cosigner", "minor", "visibility", "path", "limits"} <= vocabulary.attributes
    assert "Shop" not in vocabulary.attributes


def test_attributes_and_actions_may_be_called_entity_or_action():
    entities = 'entity A, B { entity: String, "action"?: String };'
    text = entities + 'action "x", "y" appliesTo {principal:[A],resource:[B]};'
    vocabulary = read_vocabulary(Schemas(text))
    assert vocabulary.types == {"A", "B"}
    assert vocabulary.attributes >= {"entity", "action"}
    assert vocabulary.applying == {"x", "y"}


def test_a_broken_schema_is_an_error_that_names_it():
    with pytest.raises(ConfigErrors, match="the generated schema: Cedar refuses"):
        read_vocabulary(Schemas("entiti A;"))
