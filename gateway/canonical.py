"""What an approval binds, as bytes: the canonical form of a request, its digest, and salted commitments."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import rfc8785

from gateway.bodies import Json, JsonNumber, leaf_text
from gateway.decoded import DecodedBody
from gateway.errors import SecondsigError
from gateway.formats.multipart import Part
from gateway.model import Bind, Request, Unit
from gateway.templates import covers

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to one connection: never bound, never shown, never sent on."""

UNBOUND = HOP_BY_HOP | {
    "content-length",
    "expect",
    "accept-encoding",
    "date",
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "x-correlation-id",
    "x-amzn-trace-id",
    "x-stripe-client-telemetry",
}
MAX_VOLATILE = 256
"""Bytes of a value that a template may leave free."""

SHORT_NAME = 12
"""Bytes of a name that is only compared with others of its kind."""

UNBOUND_PREFIXES = ("x-stainless-", "secondsig-")

CREDENTIALS = frozenset(
    {
        "authorization",
        "cookie",
        "api-key",
        "apikey",
        "x-api-key",
        "x-auth-token",
        "x-access-token",
        "x-amz-security-token",
        "x-goog-api-key",
        "x-vault-token",
        "private-token",
    }
)
"""Headers that prove who the agent is to the upstream: bound by a keyed hash, seen by nobody."""


EXACT = 2**53 - 1
"""The largest integer that every reader of JSON reads as itself."""

_write = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


class Uncanonical(SecondsigError):
    """A value has no canonical form, so nothing can be signed about it."""


def jcs(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """RFC 8785 bytes of strings, small integers, booleans, nulls, lists and objects."""
    try:
        if _plain(value):
            return _write(value).encode()
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Uncanonical(f"this value cannot be written down in one way: {error}") from error


def _plain(value: Any) -> bool:
    """Python's own encoder writes it as the standard does: no fractions, and names that all sort alike."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-EXACT <= value <= EXACT)
    if kind is dict:
        return all(type(name) is str and name.isascii() and _plain(below) for name, below in value.items())
    return (kind is list or kind is tuple) and all(map(_plain, value))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_digest(body: bytes) -> str:
    """RFC 9530's Content-Digest of the raw body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def commitment(salt: bytes, value: str) -> str:
    """Names a value without giving it away: whoever has the salt can check it, nobody else can guess it."""
    return sha256(salt + value.encode())


def keyed(key: bytes, data: bytes) -> str:
    return hmac.digest(key, data, "sha256").hex()


def is_bound(header: str) -> bool:
    name = header.lower()
    return name not in UNBOUND and not name.startswith(UNBOUND_PREFIXES)


def merge_binds(units: tuple[Unit, ...]) -> Bind:
    """One binding for several units: what any of them binds is bound."""
    loose = set.intersection(*(set(unit.bind.volatile) for unit in units))
    decoded = all(unit.bind.body == "decoded" for unit in units)
    return Bind("decoded" if decoded else "exact", tuple(sorted(loose)), units[0].bind.credential)


def bound_request(request: Request, bind: Bind, body: DecodedBody, key: bytes) -> bytes:
    """Everything of the request that an approval binds; two requests that differ in it never share one."""
    return jcs(
        {
            "agent": request.caller.agent,
            "scheme": request.scheme,
            "host": request.host,
            "port": request.port,
            "method": request.method,
            "target": _bound_target(request.target, bind.volatile),
            "headers": _bound_headers(request, bind.volatile, body),
            "body": _bound_body(request.body, bind, body),
            "credential": _credential(request, key, bind.volatile),
        }
    )


def request_digest(salt: bytes, bound: bytes) -> str:
    """The digest that payload, cosigner and evidence name; salted, since a request can be guessed."""
    return sha256(salt + bound)


def covered(leaf: str, selectors: Iterable[str]) -> bool:
    """Whether any of the selectors names this leaf, or something that it is a part of."""
    return any(covers(selector, leaf) for selector in selectors)


def is_free(leaf: str, value: str, volatile: Iterable[str]) -> bool:
    """Whether this value may change after the approval: only short ones, not a second request."""
    is_part = leaf.startswith("multipart:")
    return not is_part and len(value.encode()) <= MAX_VOLATILE and covered(leaf, volatile)


def sends_approved(request: Request, bind: Bind) -> bool:
    """Whether a retry may differ in bytes that mean nothing: then what was approved is sent, not its own."""
    types = request.header("content-type")
    return bind.body == "decoded" or any(value.strip().lower().startswith("multipart/") for value in types)


def _bound_headers(request: Request, volatile: Sequence[str], body: DecodedBody) -> list[list[str]]:
    """Sorted by name, the order of one name's values kept: order between names means nothing in HTTP.

    Of a multipart body's type the boundary is left out: clients make up another for every attempt.
    """
    parted = body.kind == "multipart"
    bound = [
        [name.lower(), _media_type(value) if parted and name.lower() == "content-type" else value]
        for name, value in request.headers
        if is_bound(name)
        and name.lower() not in CREDENTIALS
        and not is_free(f"header:{name.lower()}", value, volatile)
    ]
    return sorted(bound, key=lambda pair: pair[0])


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _credential(request: Request, key: bytes, volatile: Sequence[str]) -> str:
    return keyed(key, b"credential\0" + jcs(_credentials(request, volatile)))


def credential_name(request: Request, key: bytes, volatile: Sequence[str]) -> str:
    """A short name for what the request proves itself to the upstream with; tells nothing without the key."""
    whole = hashlib.blake2b(b"credential\0", digest_size=SHORT_NAME, key=key)
    for pair in _credentials(request, volatile):
        for text in pair:
            raw = text.encode(errors="surrogatepass")
            whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def short_name(text: str, key: bytes) -> str:
    """Short, however long the text is, and telling nothing of it without the key. Never of secrets."""
    raw = b"name\0" + text.encode(errors="surrogatepass")
    return hashlib.blake2b(raw, digest_size=SHORT_NAME, key=key).hexdigest()


def _credentials(request: Request, volatile: Sequence[str]) -> list[list[str]]:
    """The headers that are bound by their hash alone, in an order of their own."""
    return sorted(
        [name.lower(), value]
        for name, value in request.headers
        if name.lower() in CREDENTIALS and not is_free(f"header:{name.lower()}", "", volatile)
    )


def _bound_target(target: str, volatile: Sequence[str]) -> str:
    """The raw target, without the query members that a template calls volatile."""
    path, mark, query = target.partition("?")
    if not volatile or not mark:
        return target
    pairs = [(part, *part.partition("=")[::2]) for part in query.split("&")]
    kept = [
        part for part, name, value in pairs if not is_free(f"query:{unquote_plus(name)}", value, volatile)
    ]
    return path + mark + "&".join(kept)


def _bound_body(raw: bytes, bind: Bind, body: DecodedBody) -> Any:
    """The very bytes, unless it has parts, or the template binds what it says or lets some of it change."""
    if body.kind == "multipart":
        return {"parts": [_bound_part(part) for part in body.parts]}
    loose = [selector for selector in bind.volatile if selector.startswith(("json:", "form:", "arg:"))]
    if (bind.body == "exact" and not loose) or body.kind not in {"json", "form"}:
        return {"digest": content_digest(raw), "bytes": len(raw)}
    if body.kind == "form":
        return {"form": [list(pair) for pair in body.form if not is_free(f"form:{pair[0]}", pair[1], loose)]}
    return {"json": _tagged(body.json, "", loose)}


def _bound_part(part: Part) -> Any:
    """A part whole, its headers as they stand: only the lines between parts are free."""
    headers = [[name.lower(), value] for name, value in part.headers]
    return {"headers": headers, "digest": content_digest(part.body), "bytes": len(part.body)}


def _tagged(value: Json, pointer: str, loose: Sequence[str]) -> Any:
    """The tree with each value's kind beside it, numbers as written: no two trees look the same."""
    if isinstance(value, dict):
        return {
            "object": {key: _tagged(below, f"{pointer}/{_step(key)}", loose) for key, below in value.items()}
        }
    if isinstance(value, list):
        return {"list": [_tagged(below, f"{pointer}/{index}", loose) for index, below in enumerate(value)]}
    if is_free(f"json:{pointer}", leaf_text(value), loose):
        return {"volatile": True}
    return {"number": str(value)} if isinstance(value, JsonNumber) else value


def _step(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
