"""Fields of a body that tell a person what a request is about, and those that nobody should read."""

import json
import re
from collections.abc import Mapping, Sequence

from gateway.authoring.naming import snake
from gateway.authoring.operations import Operation, Schema
from gateway.authoring.samples import value_for
from gateway.authoring.words import hides
from gateway.templates.values import CEDAR_WORDS, RESERVED
from gateway.values import dataclass

_TELLING = (
    "name title subject full_name display_name slug key ref branch path to channel target recipient "
    "destination role permission visibility private state status event environment enabled url amount reason "
    "type message description"
)
TELLING = tuple(_TELLING.split())
"""The most telling first."""
MOST = 3
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Telling:
    """A context field: `key` is the body's, `written` the template's line, `example` a value that fits."""

    name: str
    key: str
    written: str
    example: str | int | float | bool


def telling(operation: Operation, taken: Sequence[str]) -> tuple[Telling, ...]:
    """At most three, the most telling first."""
    prefix = _prefix(operation)
    members = operation.body.schema.members if operation.body is not None else {}
    if prefix is None or operation.method in {"GET", "HEAD", "OPTIONS", "TRACE"}:
        return ()
    found: list[Telling] = []
    for key in sorted(
        (key for key in members if snake(key) in TELLING), key=lambda key: TELLING.index(snake(key))
    ):
        made = _field(prefix, key, members, taken)
        if made is not None and made.name not in {each.name for each in found}:
            found.append(made)
    return tuple(found[:MOST])


def hidden(operation: Operation) -> tuple[tuple[str, str], ...]:
    """`secret` or `redact`, and the selector, for the fields whose names say so; to the second level."""
    prefix = _prefix(operation)
    if prefix is None or operation.body is None or operation.method in {"GET", "HEAD", "OPTIONS", "TRACE"}:
        return ()
    found: list[tuple[str, str]] = []
    for key, schema in operation.body.schema.members.items():
        if not _PLAIN.fullmatch(key):
            continue
        what = hides(key) if not schema.members else None
        if what is not None and schema.type in {"string", ""}:
            found.append((what, prefix + key))
        for inner, below in schema.members.items():
            what = hides(inner)
            if (
                what is not None
                and _PLAIN.fullmatch(inner)
                and below.type in {"string", ""}
                and not below.members
            ):
                found.append((what, f"{prefix}{key}" + (f"/{inner}" if prefix == "json:/" else f"[{inner}]")))
    return tuple(found[:20])


def _prefix(operation: Operation) -> str | None:
    content_type = operation.body.content_type if operation.body is not None else ""
    if "json" in content_type:
        return "json:/"
    return "form:" if "x-www-form-urlencoded" in content_type else None


def _field(prefix: str, key: str, schemas: Mapping[str, Schema], taken: Sequence[str]) -> Telling | None:
    schema, name = schemas[key], snake(key)
    if not _PLAIN.fullmatch(key) or name in taken or name in RESERVED or name in CEDAR_WORDS or hides(key):
        return None
    if schema.type not in {"string", "integer", "boolean"}:
        return None
    source = json.dumps(prefix + key)
    if name == "amount" and schema.type == "integer" and "currency" in schemas:
        written = f"money: {{type: money, amount: {source}, currency: {json.dumps(prefix + 'currency')}}}"
        return Telling("money", key, written, 100) if "money" not in taken else None
    kind = {"integer": "type: int, ", "boolean": "type: bool, "}.get(schema.type, "")
    return Telling(name, key, f"{name}: {{{kind}from: {source}}}", value_for(name, schema))
