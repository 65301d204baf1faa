"""Bodies, read in one way only: what two readers could read differently is refused (rules 16 and 17)."""

import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

import brotli  # type: ignore[import-untyped]
import zstandard

from gateway.errors import Reason, Refusal, ambiguous
from gateway.model import Request


class JsonNumber(str):
    """A number exactly as it was written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"JsonNumber({str(self)!r})"


type JsonLeaf = bool | JsonNumber | str | None
type Json = JsonLeaf | list[Json] | dict[str, Json]
type Pairs = tuple[tuple[str, str], ...]
type Kind = Literal["none", "json", "form", "text", "opaque"]

MAX_DEPTH = 64
MAX_ENCODINGS = 3
MAX_SHOWN = 40
MAX_PAIRS = 20_000
DECODED_LIMIT = 32 * 1024 * 1024
"""No body may grow beyond this when its content encoding is undone."""


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """A body as its upstream reads it; of `json`, `form` and `text` only the one that `kind` names is set."""

    kind: Kind
    json: Json = None
    form: Pairs = ()
    text: str | None = None


def parse_json(raw: bytes) -> Json:
    """The value, with numbers as written; refused if any other reader could see another value in it."""
    text = _utf8(raw, "JSON")
    if text.startswith("\ufeff"):
        raise ambiguous("The JSON body starts with a byte order mark; send it without one.")
    try:
        value: Json = _DECODER.decode(text)
    except RecursionError as error:
        raise ambiguous(_TOO_DEEP) from error
    except ValueError as error:
        raise ambiguous(f"The JSON body cannot be read: {error}; send valid JSON.") from error
    _check(value)
    return value


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
                    _check_text(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_text(item)
        if not below:
            return
        level = below
    raise ambiguous(_TOO_DEEP)


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ambiguous("The JSON body holds half of a surrogate pair; send whole characters.") from error


_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def parse_form(raw: bytes) -> Pairs:
    """The pairs of a form or a query string, in order; `;` is refused because some readers split at it."""
    if b";" in raw:
        raise ambiguous("A form or query holds a bare ';', which some servers read as '&'; write it as %3B.")
    if _BAD_PERCENT.search(raw):
        raise ambiguous("A form or query holds a '%' without two hexadecimal digits; write it as %25.")
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


def decompress(raw: bytes, encodings: tuple[str, ...], limit: int) -> bytes:
    """Undo content encodings, the last applied first; broken, cut or over-long data is refused."""
    names = [name.strip().lower() for value in encodings for name in value.split(",") if name.strip()]
    if len(names) > MAX_ENCODINGS:
        raise ambiguous(f"The body is encoded more than {MAX_ENCODINGS} times; send it plain.")
    for name in reversed(names):
        undo = _ENCODINGS.get(name)
        if undo is None:
            raise ambiguous(f"The content encoding {_shown(name)} is not known here; send the body plain.")
        raw = undo(raw, limit)
    return raw


def _identity(raw: bytes, limit: int) -> bytes:
    return raw if len(raw) <= limit else _too_large(limit)


def _too_large(limit: int) -> bytes:
    raise Refusal(Reason.BODY_TOO_LARGE, f"The body grows beyond {limit} bytes when it is decompressed.")


def _broken(name: str, error: Exception | None = None) -> Refusal:
    refusal = ambiguous(f"The body is not one whole {name} stream; send it again, or plain.")
    refusal.__cause__ = error
    return refusal


def _zlib(name: str, window: int) -> Callable[[bytes, int], bytes]:
    def undo(raw: bytes, limit: int) -> bytes:
        stream = zlib.decompressobj(window)
        try:
            plain = stream.decompress(raw, limit + 1)
        except zlib.error as error:
            raise _broken(name, error) from error
        if len(plain) > limit:
            return _too_large(limit)
        if not stream.eof or stream.unused_data:
            raise _broken(name)
        return plain

    return undo


def _brotli(raw: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    plain = bytearray()
    try:
        plain += stream.process(raw, output_buffer_limit=limit + 1)
        while not stream.is_finished() and not stream.can_accept_more_data() and len(plain) <= limit:
            plain += stream.process(b"", output_buffer_limit=limit + 1)
    except brotli.error as error:
        raise _broken("brotli", error) from error
    if len(plain) > limit:
        return _too_large(limit)
    if not stream.is_finished():
        raise _broken("brotli")
    return bytes(plain)


def _zstd(raw: bytes, limit: int) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj()
    plain = bytearray()
    view = memoryview(raw)
    try:
        # Small pieces bound what one step can add before the limit is checked.
        for start in range(0, len(raw), 256):
            if stream.eof:
                raise _broken("zstd")
            plain += stream.decompress(view[start : start + 256])
            if len(plain) > limit:
                return _too_large(limit)
    except zstandard.ZstdError as error:
        raise _broken("zstd", error) from error
    if not stream.eof or stream.unused_data:
        raise _broken("zstd")
    return bytes(plain)


_ENCODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": _identity,
    "gzip": _zlib("gzip", 16 + zlib.MAX_WBITS),
    "x-gzip": _zlib("gzip", 16 + zlib.MAX_WBITS),
    "deflate": _zlib("deflate", zlib.MAX_WBITS),
    "br": _brotli,
    "zstd": _zstd,
}

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)


def decode(request: Request, kind: Kind) -> DecodedBody:
    """The body as that kind of reader sees it; refused where it could be seen in two ways."""
    if not request.body or kind == "none":
        return DecodedBody("none")
    if kind == "opaque":
        return DecodedBody("opaque")
    _check_charset(request)
    plain = decompress(request.body, request.header("content-encoding"), DECODED_LIMIT)
    if kind == "json":
        return DecodedBody("json", json=parse_json(plain))
    if kind == "form":
        return DecodedBody("form", form=parse_form(plain))
    return DecodedBody("text", text=_utf8(plain, "text body"))


def _check_charset(request: Request) -> None:
    for value in request.header("content-type"):
        for charset in _CHARSET.findall(value):
            if charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
                raise ambiguous(f"The body claims the charset {_shown(charset)}; send it as UTF-8.")
