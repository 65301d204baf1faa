from gateway.model import EntityRef
from gateway.policy.world import Entity, World, uid

A, B, C, D = (EntityRef("T", name) for name in "abcd")


def test_a_request_reaches_its_parents_and_what_attributes_refer_to():
    b = Entity(B, attrs={"x": [{"y": {"__entity": uid(C)}}, 1]}, tags={"t": {"__entity": uid(D)}})
    found = World({B: b}).reachable([A], {A: (B,)})
    assert found == {A: Entity(A, frozenset({B})), B: b, C: Entity(C), D: Entity(D)}


def test_parents_of_the_file_and_of_the_request_are_united():
    world = World({A: Entity(A, frozenset({B}), {"x": 1})})
    assert world.reachable([A], {A: (C,)})[A] == Entity(A, frozenset({B, C}), {"x": 1})


def test_a_circle_of_parents_ends():
    world = World({A: Entity(A, frozenset({B})), B: Entity(B, frozenset({A}))})
    assert world.above(A) == {A, B}
    assert set(world.reachable([A], {})) == {A, B}


def test_a_string_that_spells_a_reference_is_none():
    entity = Entity(A, attrs={"x": '{"__entity": {"type": "T", "id": "b"}}'})
    assert list(entity.neighbours()) == []
