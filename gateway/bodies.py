"""Bodies, read in one way only: what two readers could read differently is refused (rules 16 and 17)."""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from gateway.errors import Reason, Refusal, ambiguous


class JsonNumber(str):
    """A number exactly as it was written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"JsonNumber({str(self)!r})"


type JsonLeaf = bool | JsonNumber | str | None
type Json = JsonLeaf | list[Json] | dict[str, Json]
type Pairs = tuple[tuple[str, str], ...]

MAX_DEPTH = 64
MAX_SHOWN = 40
MAX_PAIRS = 20_000
MAX_VALUES = 20_000


def parse_json(raw: bytes) -> Json:
    """The value, with numbers as written; refused if any other reader could see another value in it."""
    text = _utf8(raw, "JSON")
    if text.startswith("\ufeff"):
        raise ambiguous("The JSON body starts with a byte order mark; send it without one.")
    _check_count(text)
    try:
        value: Json = _DECODER.decode(text)
    except RecursionError as error:
        raise ambiguous(_TOO_DEEP) from error
    except ValueError as error:
        raise ambiguous(f"The JSON body cannot be read: {error}; send valid JSON.") from error
    _check(value)
    return value


_PIECE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|,|[\[{](?![ \t\n\r]*+[\]}])', re.DOTALL)
"""A string whole, or what one more value follows: a comma, or the start of what is not empty."""


def _check_count(text: str) -> None:
    """Before anything is built; stops at the limit, so that a refusal costs no more than an answer."""
    if text.count(",") + text.count("[") + text.count("{") < MAX_VALUES:
        return
    values, strings = 1, 0
    for piece in _PIECE.finditer(text):
        if text[piece.start()] == '"':
            strings += 1
        else:
            values += 1
        if values > MAX_VALUES or strings > 2 * MAX_VALUES:
            raise Refusal(
                Reason.BODY_TOO_LARGE,
                f"The JSON body holds more than {MAX_VALUES} values; send fewer at a time.",
            )


_TOO_DEEP = f"The JSON body is nested deeper than {MAX_DEPTH} levels; send a flatter one."


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len({key.casefold() for key in members}) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key.casefold() in seen:
                raise ambiguous(f"The JSON body names {_shown(key)} twice in one object; send each key once.")
            seen.add(key.casefold())
    return members


def _no_constant(name: str) -> Json:
    raise ambiguous(f"The JSON body holds {name}, which is not JSON; send a number or null.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_no_constant
)


def _check(value: Json) -> None:
    """Depth and text, without recursion, so that no input can exhaust the stack."""
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    _check_key(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not below:
            return
        level = below
    raise ambiguous(_TOO_DEEP)


_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def _check_key(key: str) -> None:
    _check_text(key)
    if _CONTROLS.search(key):
        raise ambiguous(f"The JSON key {_shown(key)} holds a control character, where some readers end it.")


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ambiguous("The JSON body holds half of a surrogate pair; send whole characters.") from error


_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_form(raw: bytes) -> Pairs:
    """The pairs of a form or a query string, in order; `;` is refused because some readers split at it."""
    if b";" in raw:
        raise ambiguous("A form or query holds a bare ';', which some servers read as '&'; write it as %3B.")
    if _BAD_PERCENT.search(raw):
        raise ambiguous("A form or query holds a '%' without two hexadecimal digits; write it as %25.")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ambiguous("The form starts with a byte order mark; send it without one.")
    if raw.count(b"&") >= MAX_PAIRS:
        raise ambiguous(f"A form or query has more than {MAX_PAIRS} pairs; send fewer at a time.")
    return tuple(_pair(part) for part in raw.split(b"&") if part)


def _pair(part: bytes) -> tuple[str, str]:
    key, _, value = part.partition(b"=")
    name = _form_text(key)
    if name != name.strip() or _CONTROLS.search(name):
        raise ambiguous(f"The form or query key {_shown(name)} has blanks or control characters around it.")
    return name, _form_text(value)


def _form_text(raw: bytes) -> str:
    return _utf8(unquote_to_bytes(raw.replace(b"+", b" ")), "form or query")


def _utf8(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ambiguous(f"The {what} is not valid UTF-8; send it as UTF-8.") from error


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def json_leaves(value: Json) -> Iterator[tuple[str, JsonLeaf]]:
    """Every leaf with its RFC 6901 pointer; an empty object or list is the leaf text `{}` or `[]`."""
    stack: list[tuple[str, Json]] = [("", value)]
    while stack:
        pointer, item = stack.pop()
        if isinstance(item, dict) and item:
            stack.extend((f"{pointer}/{_escape(key)}", below) for key, below in reversed(item.items()))
        elif isinstance(item, list) and item:
            stack.extend((f"{pointer}/{index}", item[index]) for index in reversed(range(len(item))))
        elif isinstance(item, (dict, list)):
            yield pointer, "{}" if isinstance(item, dict) else "[]"
        else:
            yield pointer, item


def leaf_text(leaf: JsonLeaf) -> str:
    """A leaf as text; what is shown, compared and committed to."""
    if leaf is None:
        return "null"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return str(leaf)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
