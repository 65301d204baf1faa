import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, ConfigErrors, Refusal
from gateway.model import EntityRef
from gateway.templates.cedar_schema import HEAD
from gateway.templates.params import Param
from gateway.templates.resources import Resources, parse_id, read_resources
from tests.gateway.templates.making import yaml

TYPES = """
Top: "{top}"
Org: {id: "{owner}", at: ["/orgs/{owner}"], in: [Host]}
Repo:
  id: ["{owner}/{repo}", "#{n}"]
  in: [Org, Top]
  at: ["/repos/{owner}/{repo}", "/repositories/{n}"]
  attributes: {visibility: string, stars: int}
"""
PARAMS = {"owner": Param("owner", fold=True)}


def resources(text: str = TYPES) -> Resources:
    return Resources("Shop", read_resources(yaml(text), PARAMS))


def test_parents_are_built_for_each_request() -> None:
    bound = resources().bind("Repo", {"host": "h", "owner": "acme", "repo": "x", "top": "t"})
    assert bound is not None
    repo, org = EntityRef("Shop::Repo", "acme/x"), EntityRef("Shop::Org", "acme")
    top, host = EntityRef("Shop::Top", "t"), EntityRef("Shop::Host", "h")
    assert bound.entity == repo
    assert bound.parents == {repo: (org, top), org: (host,), top: (), host: ()}
    assert bound.complete


def test_a_parent_that_cannot_be_named_is_told() -> None:
    bound = resources().bind("Repo", {"host": "h", "n": "42"})
    assert bound is not None
    assert bound.entity == EntityRef("Shop::Repo", "#42")
    assert not bound.complete


def test_an_id_takes_the_first_alternative_that_is_bound() -> None:
    made = resources()
    assert made.bind("Repo", {"host": "h", "n": 7, "owner": "a", "repo": "b"}).entity.id == "a/b"  # type: ignore[union-attr]  # it is bound
    assert made.bind("Repo", {"host": "h", "owner": "a"}) is None
    assert made.bind("Top", {"host": "h", "top": ""}) is None
    assert made.bind("Top", {"host": "h", "top": ("a",)}) is None
    assert made.bind("Top", {"host": "h", "top": True}).entity.id == "true"  # type: ignore[union-attr]  # it is bound


PARTS = st.text(alphabet="ab/", min_size=1, max_size=4)


@given(PARTS, PARTS, PARTS, PARTS)
def test_two_bindings_never_give_one_id(a: str, b: str, c: str, d: str) -> None:
    pattern = parse_id(yaml('"{x}/{y}"'))
    try:
        first, second = pattern.render({"x": a, "y": b}), pattern.render({"x": c, "y": d})
    except Refusal:
        return
    assert (first == second) is ((a, b) == (c, d))


def test_an_id_too_long_to_show_is_refused() -> None:
    with pytest.raises(Refusal):
        parse_id(yaml('"{x}"')).render({"x": "a" * 3000})


def test_the_deepest_at_names_the_resource() -> None:
    made = resources()
    assert made.deepest(["repos", "ACME", "x", "hooks", "1"]) == ("Repo", {"owner": "acme", "repo": "x"})
    assert made.deepest(["repositories", "42"]) == ("Repo", {"n": "42"})
    assert made.deepest(["orgs", "acme", "members"]) == ("Org", {"owner": "acme"})
    assert made.deepest(["repos", "acme"]) is None
    assert made.deepest([""]) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{repo: '{x}'}", "cannot name a resource"),
        ("{Host: '{x}'}", "cannot name a resource"),
        ("{Team: '{x}'}", "a type of the gateway's own"),
        ("{Ctx1: '{x}'}", "a type of the gateway's own"),
        ("{Repo: 'x'}", "must hold names"),
        ("{Repo: '{x'}", "must hold names"),
        ("{Repo: '{x}{y}'}", "a sign between two names"),
        ("{Repo: {in: [Org]}}", 'needs "id"'),
        ("{Repo: {id: '{x}', in: [Orgg]}, Org: '{y}'}", 'Did you mean "Org"?'),
        ("{A: {id: '{x}', in: [B]}, B: {id: '{x}', in: [A]}}", "among its own parents"),
        ("{A: {id: '{x}', in: [A]}}", "among its own parents"),
        ("{A: {id: '{x}', at: ['/{y}']}}", "does not capture"),
        ("{A: {id: '{x}', at: ['/{x*}']}}", "cannot hold"),
        ("{A: {id: '{x}', attributes: {a: float}}}", "cannot be 'float'"),
        ("{A: {id: '{x}', att: {}}}", "Did you mean"),
    ],
)
def test_wrong_resources_are_errors(text: str, says: str) -> None:
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        resources(text)
    assert says in str(caught.value)


def test_no_resource_takes_the_name_of_a_type_that_policies_know() -> None:
    """Cedar refuses such a schema whole, so every policy would be invalid."""
    taken = set(re.findall(r"(?:entity|type) (\w+)", HEAD))
    assert taken
    for name in taken:
        with pytest.raises(ConfigError, match="gateway's own"):
            read_resources(yaml(f"{{{name}: '{{x}}'}}"), {})
