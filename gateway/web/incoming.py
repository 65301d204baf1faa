"""Reads what a page sends: one JSON object with exactly the members that are asked for."""

import asyncio
import re
from collections.abc import Collection
from typing import Any

from aiohttp import web

from gateway.bodies import JsonNumber, parse_json
from gateway.desk.contract import DeskError, JsonObject
from gateway.errors import Refusal
from gateway.values import dataclass

BODY_SECONDS = 20.0
ENVELOPE_ID = re.compile("env_[0-9A-Za-z]{16,40}")
NUMBER = re.compile(r"[0-9]{1,18}")
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
"""Any reader of JSON has these exactly."""


@dataclass(frozen=True, slots=True)
class Body:
    """The members of a request's body, each read as what it has to be."""

    members: JsonObject

    def text(self, name: str, most: int) -> str:
        value = self.members[name]
        if type(value) is not str:
            raise bad(f"{name} has to be text.")
        if len(value) > most:
            raise bad(f"{name} may be at most {most} characters long.")
        return value

    def text_or_none(self, name: str, most: int) -> str | None:
        return None if self.members.get(name) is None else self.text(name, most)

    def ids(self, name: str, most: int) -> list[str]:
        """Ids of envelopes, by their form: whether there are such is another question."""
        value = self.members[name]
        if not isinstance(value, list) or not all(
            isinstance(v, str) and ENVELOPE_ID.fullmatch(v) for v in value
        ):
            raise bad(f"{name} has to be a list of ids of envelopes.")
        if not 0 < len(value) <= most:
            raise bad(f"{name} may hold 1 to {most} ids.")
        return value

    def object(self, name: str) -> JsonObject:
        value = self.members[name]
        if not isinstance(value, dict):
            raise bad(f"{name} has to be a JSON object.")
        return value

    def plain(self, name: str) -> JsonObject:
        """An object whose numbers are whole ones, as numbers: what a person is to sign has no others."""
        plain: JsonObject = _plain(self.object(name))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, JsonNumber):
        if not WHOLE.fullmatch(value):
            raise bad("A number has to be whole here, and of at most 15 digits.")
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(below) for name, below in value.items()}
    return [_plain(below) for below in value] if isinstance(value, list) else value


def bad(detail: str) -> DeskError:
    return DeskError(400, "bad_request", detail)


async def read_body(request: web.Request, *names: str, optional: Collection[str] = ()) -> Body:
    """Refuses a member that is missing or unknown: what is not understood is not acted on."""
    members = _parse(await _raw(request))
    if missing := [name for name in names if name not in members]:
        raise bad(f"{missing[0]} is missing from the body.")
    if members.keys() - set(names) - set(optional):
        raise bad("The body holds a member that this address does not know.")
    return Body(members)


def query(request: web.Request, *names: str) -> dict[str, str]:
    """The query's parameters: known ones, each at most once."""
    found = list(request.query.items())
    if len({name for name, _ in found} & set(names)) != len(found):
        raise bad(f"The address takes {', '.join(names)}, each once at most.")
    return dict(found)


def whole_number(text: str, name: str) -> int:
    if not NUMBER.fullmatch(text):
        raise bad(f"{name} has to be a whole number.")
    return int(text)


async def _raw(request: web.Request) -> bytes:
    """A client that stops sending in the middle does not keep a place for ever."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise DeskError(408, "too_slow", "The body did not arrive in time: try again.") from None


def _parse(raw: bytes) -> JsonObject:
    try:
        value = parse_json(raw)
    except Refusal as refusal:
        raise bad("The body has to be JSON that reads one way only.") from refusal
    if not isinstance(value, dict):
        raise bad("The body has to be a JSON object.")
    return value
