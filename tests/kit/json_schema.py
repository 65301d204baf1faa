"""As much of JSON Schema 2020-12 as our schema uses. A keyword that is not known here fails the test."""

import re
from collections.abc import Iterator
from typing import Any

NOTES = {"$schema", "$defs", "title", "description", "examples"}
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def wrong(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "$") -> Iterator[str]:
    """Each way in which the value does not fit."""
    for keyword, said in schema.items():
        if keyword not in NOTES | {"then", "else"}:
            yield from CHECKS[keyword](value, said, schema, root, where)


def _type(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    names = said if isinstance(said, list) else [said]
    if not any(_is(value, name) for name in names):
        yield f"{where}: {value!r} is not {said}"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _enum(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    if value not in said:
        yield f"{where}: {value!r} is none of {said}"


def _properties(value: Any, said: Any, _schema: Any, root: Any, where: str) -> Iterator[str]:
    for name, inner in said.items():
        if isinstance(value, dict) and name in value:
            yield from wrong(value[name], inner, root, f"{where}.{name}")


def _additional(value: Any, said: Any, schema: Any, root: Any, where: str) -> Iterator[str]:
    for name, item in value.items() if isinstance(value, dict) else ():
        if name in schema.get("properties", {}):
            continue
        if said is False:
            yield f"{where}: {name!r} is not known"
        else:
            yield from wrong(item, said, root, f"{where}.{name}")


def _required(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    yield from (
        f"{where}: {name!r} is missing" for name in said if isinstance(value, dict) and name not in value
    )


def _items(value: Any, said: Any, _schema: Any, root: Any, where: str) -> Iterator[str]:
    for index, item in enumerate(value) if isinstance(value, list) else ():
        yield from wrong(item, said, root, f"{where}[{index}]")


def _any_of(value: Any, said: Any, _schema: Any, root: Any, where: str) -> Iterator[str]:
    tries = [list(wrong(value, each, root, where)) for each in said]
    if all(tries):
        yield from min(tries, key=lambda found: (any(_other_kind(each, where) for each in found), len(found)))


def _other_kind(fault: str, where: str) -> bool:
    return fault.startswith(f"{where}: ") and " is not " in fault


def _pattern(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(said, value):
        yield f"{where}: {value!r} does not look like {said}"


def _minimum(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and value < said:
        yield f"{where}: {value} is too little"


def _maximum(value: Any, said: Any, _schema: Any, _root: Any, where: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and value > said:
        yield f"{where}: {value} is too much"


def _ref(value: Any, said: str, _schema: Any, root: Any, where: str) -> Iterator[str]:
    yield from wrong(value, root["$defs"][said.removeprefix("#/$defs/")], root, where)


def _if(value: Any, said: Any, schema: Any, root: Any, where: str) -> Iterator[str]:
    branch = "else" if list(wrong(value, said, root, where)) else "then"
    yield from wrong(value, schema[branch], root, where)


CHECKS = {
    "type": _type,
    "enum": _enum,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "anyOf": _any_of,
    "pattern": _pattern,
    "minimum": _minimum,
    "maximum": _maximum,
    "$ref": _ref,
    "if": _if,
}
