from gateway.authoring.subjects import child
from tests.gateway.authoring.lint_shop import subject


def test_keys_are_found_where_they_stand() -> None:
    made = subject("{id: a, match: {path: /a}, summary: A}\n{id: b, match: {path: /b}, summary: B}")
    first, second = made.actions
    assert [first.id, second.id] == ["a", "b"]
    assert str(made.place(first, "summary")) == "shop.yaml:7:41"
    assert made.place(second, "title") == second.place


def test_declared_names_are_those_of_the_file() -> None:
    made = subject("{id: a, match: {path: /a}, summary: A}", "params: {x: {fold: lower}}\n")
    assert [name for name, _ in made.declared("params")] == ["x"]
    assert list(made.declared("vars")) == []


def test_a_key_of_nothing_is_nothing() -> None:
    assert child(None, "a") is None
