"""What an approval binds, as bytes: the canonical form of a request, its digest, and salted commitments."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

import rfc8785

from gateway.bodies import DecodedBody, JsonNumber, json_leaves
from gateway.errors import SecondsigError
from gateway.model import Bind, Request, Unit

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


class Uncanonical(SecondsigError):
    """A value has no canonical form, so nothing can be signed about it."""


def jcs(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """RFC 8785 bytes of strings, small integers, booleans, nulls, lists and objects."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Uncanonical(f"this value cannot be written down in one way: {error}") from error


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_digest(body: bytes) -> str:
    """RFC 9530's Content-Digest of the raw body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def commitment(salt: bytes, value: str) -> str:
    """Names a value without giving it away: whoever has the salt can check it, nobody else can guess it."""
    return sha256(salt + value.encode())


def keyed(key: bytes, data: bytes) -> str:
    return hmac.new(key, data, hashlib.sha256).hexdigest()


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
    volatile = frozenset(_fold(selector) for selector in bind.volatile)
    return jcs(
        {
            "agent": request.caller.agent,
            "scheme": request.scheme,
            "host": request.host,
            "port": request.port,
            "method": request.method,
            "target": _bound_target(request.target, volatile),
            "headers": _bound_headers(request, volatile),
            "body": _bound_body(request.body, bind, body, volatile),
            "credential": _credential(request, key, volatile),
        }
    )


def request_digest(salt: bytes, bound: bytes) -> str:
    """The digest that payload, cosigner and evidence name; salted, since a request can be guessed."""
    return sha256(salt + bound)


def _fold(selector: str) -> str:
    source, _, name = selector.partition(":")
    return f"{source}:{name.lower()}" if source == "header" else selector


def _bound_headers(request: Request, volatile: frozenset[str]) -> list[list[str]]:
    """Sorted by name, the order of one name's values kept: order between names means nothing in HTTP."""
    bound = [
        [name.lower(), value]
        for name, value in request.headers
        if is_bound(name) and name.lower() not in CREDENTIALS and f"header:{name.lower()}" not in volatile
    ]
    return sorted(bound, key=lambda pair: pair[0])


def _credential(request: Request, key: bytes, volatile: frozenset[str]) -> str:
    held = [
        [name.lower(), value]
        for name, value in request.headers
        if name.lower() in CREDENTIALS and f"header:{name.lower()}" not in volatile
    ]
    return keyed(key, b"credential\0" + jcs(sorted(held)))


def _bound_target(target: str, volatile: frozenset[str]) -> str:
    """The raw target, without the query members a template calls volatile."""
    keys = {s.partition(":")[2] for s in volatile if s.startswith(("query:", "arg:"))}
    path, mark, query = target.partition("?")
    if not keys or not mark:
        return target
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) not in keys]
    return path + mark + "&".join(kept)


def _bound_body(raw: bytes, bind: Bind, body: DecodedBody, volatile: frozenset[str]) -> Any:
    loose = {s for s in volatile if s.startswith(("json:", "form:", "arg:"))}
    if (bind.body == "exact" and not loose) or body.kind in {"none", "text", "opaque"}:
        return {"digest": content_digest(raw), "bytes": len(raw)}
    if body.kind == "form":
        return {"form": [list(p) for p in body.form if not loose & {f"form:{p[0]}", f"arg:{p[0]}"}]}
    leaves = [leaf for leaf in json_leaves(body.json) if not loose & {f"json:{leaf[0]}"}]
    return {
        "json": [
            [pointer, _kind(value), _text(value)] for pointer, value in sorted(leaves, key=lambda x: x[0])
        ]
    }


def _kind(value: object) -> str:
    if isinstance(value, JsonNumber):
        return "number"
    return {bool: "bool", type(None): "null"}.get(type(value), "string")


def _text(value: object) -> str:
    return str(value)
