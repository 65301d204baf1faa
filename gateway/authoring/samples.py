"""Made-up values that fit: for a parameter of a path, and for a body."""

import re
from typing import Any

from gateway.authoring.operations import ANYTHING, Schema
from gateway.templates.language import Language, TooLarge, overlap
from gateway.templates.regex import BadPattern, parse_pattern

MAX_DEPTH = 4
_CAPTURE = re.compile(r"\{([^{}/]*)\}")
_NUMBERED = re.compile(r"(^|[_-])(id|ids|number|num|index|n|year|count)$|Id$|ID$")
_FORMATS = {
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "email": "kim@example.com",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "hostname": "www.example.com",
    "ipv4": "192.0.2.1",
    "byte": "aGk=",
}


def captures(path: str) -> list[str]:
    """The names between braces, in order."""
    return [found.lstrip("+*/?").rstrip("*+") for found in _CAPTURE.findall(path)]


def fill(path: str, values: dict[str, str]) -> str:
    return _CAPTURE.sub(lambda found: values.get(captures(found[0])[0], "x"), path)


def pattern_language(pattern: str) -> Language | None:
    """As this project reads patterns; None where one says what only other engines can read."""
    inner = pattern.removeprefix("^").removesuffix("$")
    try:
        return parse_pattern(inner.replace("\\/", "/"), fold=False)
    except (BadPattern, TooLarge):
        return None


def text_for(name: str, schema: Schema) -> str:
    """A value for a path or a query."""
    value = value_for(name, schema)
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def value_for(name: str, schema: Schema) -> str | int | float | bool:
    """A single value of the schema's type."""
    if schema.values:
        return schema.values[0]
    if schema.type in {"integer", "number"}:
        return max(42, int(schema.least or 0))
    if schema.type == "boolean":
        return True
    return _text(name, schema)


def _text(name: str, schema: Schema) -> str:
    if schema.format in _FORMATS:
        return _FORMATS[schema.format]
    if schema.pattern:
        made = _from_pattern(schema.pattern)
        if made:
            return made
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
    # Digits fit where a template wants a number and where it wants any text.
    made = "42" if schema == ANYTHING and _NUMBERED.search(name) else f"{plain}-1"
    made = made.ljust(min(schema.shortest, 200), "1")
    return made[: schema.longest] if schema.longest else made


def _from_pattern(pattern: str) -> str:
    language = pattern_language(pattern)
    if language is None:
        return ""
    try:
        found = overlap(language, language) or ""
    except TooLarge:
        return ""
    return found if found.isprintable() and "/" not in found else ""


def body_for(schema: Schema, depth: int = 0, name: str = "value") -> Any:
    """JSON with what the schema requires and nothing else."""
    if schema.type == "array":
        return [] if schema.items is None or depth > MAX_DEPTH else [body_for(schema.items, depth + 1, name)]
    if schema.type == "object" or schema.members:
        if depth > MAX_DEPTH:
            return {}
        return {
            member: body_for(schema.members.get(member, ANYTHING), depth + 1, member)
            for member in sorted(schema.required)
        }
    return value_for(name, schema)
