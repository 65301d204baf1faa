"""The JSON Schema (draft 2020-12) of templates and overlays, for editors."""

from typing import Any

from gateway.authoring.format import PARTS
from gateway.authoring.format_files import OVERLAY, TEMPLATE
from gateway.authoring.shapes import (
    Anything,
    Either,
    Flag,
    Key,
    Many,
    Names,
    Number,
    Of,
    Part,
    Scalar,
    Shape,
    Text,
    Word,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"


PLAIN: dict[type, dict[str, Any]] = {
    Flag: {"type": "boolean"},
    Scalar: {"type": ["string", "number", "boolean"]},
    Anything: {},
}


def template_schema() -> dict[str, Any]:
    """One schema for both kinds of file: what begins with `overlay` is an overlay."""
    return {
        "$schema": DIALECT,
        "title": "Secondsig template or overlay",
        "description": f"{TEMPLATE.says} Or, with the key overlay: {OVERLAY.says}",
        "type": "object",
        "if": {"required": [OVERLAY.keys[0].name]},
        "then": _reference(OVERLAY.name),
        "else": _reference(TEMPLATE.name),
        "$defs": {part.name: _part(part) for part in PARTS},
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _part(part: Part) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": part.title,
        "description": part.says,
        "type": "object",
        "properties": {key.name: _key(key) for key in part.keys},
        "additionalProperties": False,
    }
    needed = [key.name for key in part.keys if key.needed]
    return {**made, "required": needed} if needed else made


def _key(key: Key) -> dict[str, Any]:
    usual = f" Usually: {key.usual}." if key.usual else ""
    return {"description": key.says + usual, **_shape(key.shape)}


def _shape(shape: Shape) -> dict[str, Any]:
    match shape:
        case Text(pattern, like):
            made: dict[str, Any] = {"type": "string"}
            return made | ({"pattern": pattern} if pattern else {}) | ({"examples": [like]} if like else {})
        case Word(words):
            return {"type": "string", "enum": list(words)}
        case Number(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Of(part):
            return _reference(part)
        case Many(inner):
            return {"anyOf": [_shape(inner), {"type": "array", "items": _shape(inner)}]}
        case Names(inner, _):
            return {
                "anyOf": [
                    {"type": "object", "additionalProperties": _shape(inner)},
                    {"type": "string", "pattern": VARIABLE},
                ]
            }
        case Either(alternatives):
            return {"anyOf": [_shape(each) for each in alternatives]}
        case _:
            return dict(PLAIN[type(shape)])
