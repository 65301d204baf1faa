"""Values that are made up must fit what they are made for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.operations import ANYTHING, Schema
from gateway.authoring.samples import body_for, captures, fill, pattern_language, text_for, value_for


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (Schema(values=("open", "closed")), "open"),
        (Schema(type="integer"), "42"),
        (Schema(type="integer", least=100), "100"),
        (Schema(type="boolean"), "true"),
        (Schema(type="string", format="uuid"), "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        (Schema(type="string"), "owner-1"),
        (Schema(type="string", longest=3), "own"),
        (Schema(type="string", shortest=9), "owner-111"),
        (Schema(type="string", pattern="(?<=never)"), "owner-1"),
        (Schema(type="string", pattern="^a/b$"), "owner-1"),
    ],
)
def test_a_value_fits_its_schema(schema: Schema, wanted: str) -> None:
    assert text_for("owner", schema) == wanted


@pytest.mark.parametrize("pattern", ["^[a-z]{3}$", "^ch_[0-9]+$", "^(sha|md5):[0-9a-f]{4}$"])
def test_a_value_fits_its_pattern(pattern: str) -> None:
    assert re.fullmatch(pattern, text_for("x", Schema(type="string", pattern=pattern)))


def test_an_identifier_of_which_nothing_is_known_is_a_number_which_fits_both() -> None:
    assert [text_for(name, ANYTHING) for name in ("issue_number", "chargeId", "owner")] == [
        "42",
        "42",
        "owner-1",
    ]


def test_captures_are_filled_where_they_stand() -> None:
    path = "/a/{owner}/{base}...{head}/{+rest}/{name}:cancel"
    assert captures(path) == ["owner", "base", "head", "rest", "name"]
    values = {name: name.upper() for name in captures(path)}
    assert fill(path, values) == "/a/OWNER/BASE...HEAD/REST/NAME:cancel"
    assert fill("/{x}", {}) == "/x"


def test_a_body_has_what_is_required_and_nothing_else() -> None:
    tag = Schema(type="object", members={"id": Schema(type="integer")}, required=frozenset({"id"}))
    members = {"name": Schema(type="string"), "tags": Schema(type="array", items=tag), "more": Schema()}
    schema = Schema(type="object", members=members, required=frozenset({"name", "tags", "unheard"}))
    assert body_for(schema) == {"name": "name-1", "tags": [{"id": 42}], "unheard": "unheard-1"}
    assert body_for(Schema(type="array")) == []
    assert body_for(schema, depth=9) == {}


@given(st.text(max_size=20), st.text(max_size=12), st.integers(0, 5000), st.none() | st.integers(0, 9))
def test_no_schema_is_too_odd_for_a_value(
    name: str, pattern: str, shortest: int, longest: int | None
) -> None:
    schema = Schema(type="string", pattern=pattern, shortest=shortest, longest=longest)
    assert isinstance(value_for(name, schema), str)
    pattern_language(pattern)
