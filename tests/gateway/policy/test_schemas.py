import json

import pytest
from cedarpy import Entities, Schema

from gateway.policy import schemas as module
from gateway.policy.schemas import Schemas
from tests.gateway.templates.making import shop

PUT, READ = "/shop/a/put", "/shop/b/get"


@pytest.fixture
def text() -> str:
    return shop(
        "- {id: a/put, match: {method: PUT, path: /a}, summary: X, context: {n: {from: 'json:/n'}}}\n"
        "- {id: b/get, match: {method: GET, path: /b}, summary: X, context: {q: {from: 'query:q'}}}"
    ).cedar_schema()


def actions(schema: Schema) -> set[str]:
    return {each["uid"]["id"] for each in json.loads(str(Entities.from_json_str("[]", schema)))}


def test_a_part_holds_its_action_all_groups_and_no_other_action(text: str) -> None:
    schemas = Schemas(text)
    every, part, types = (actions(each) for each in (schemas.whole, schemas.of(PUT), schemas.types))
    assert {PUT, READ, "approve", "payment"} <= every
    assert part - types == {PUT}
    assert READ not in part
    assert {"payment", "/shop"} <= types


def test_a_part_is_parsed_once_and_the_memory_of_them_is_bounded(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    schemas = Schemas(text)
    first = schemas.of(PUT)
    assert schemas.of(PUT) is first
    schemas.of(READ)
    schemas.of("approve")
    assert schemas.of(PUT) is not first


def test_a_schema_in_another_form_is_used_whole(text: str) -> None:
    written = text.replace(" appliesTo {", " appliesTo\n{")
    schemas = Schemas(written)
    assert actions(schemas.of(PUT)) == actions(schemas.whole)


def test_an_action_that_no_schema_has_is_in_no_part(text: str) -> None:
    assert "/shop/made/up" not in actions(Schemas(text).of("/shop/made/up"))


def test_a_broken_schema_is_an_error_in_part_and_whole() -> None:
    schemas = Schemas("entiti A;")
    with pytest.raises(ValueError, match="entiti"):
        schemas.of(PUT)
    with pytest.raises(ValueError, match="entiti"):
        _ = schemas.whole
