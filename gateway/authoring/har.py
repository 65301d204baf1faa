"""Reads the requests of a HAR file, as browsers and proxies save them."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

from gateway.authoring.asked import MAX_BYTES, Asked, make_request, read_url
from gateway.authoring.loose import mapping, sequence, words
from gateway.errors import UsageError
from gateway.model import Caller, Request

MAX_ENTRIES = 100_000


def read_har(raw: bytes, caller: Caller, where: str = "the HAR file") -> list[Asked]:
    """Every request of the file, in its order. Entries that no gateway carries (data:, ws:) are left out."""
    entries = sequence(mapping(mapping(_document(raw)).get("log")).get("entries"))
    if not entries:
        raise UsageError("This is no HAR file, or one without requests: log.entries is missing or empty.")
    if len(entries) > MAX_ENTRIES:
        raise UsageError(f"The HAR file has more than {MAX_ENTRIES} requests.")
    return list(_requests(entries, caller, where))


def _document(raw: bytes) -> Any:
    if len(raw) > MAX_BYTES:
        raise UsageError(f"The HAR file is larger than {MAX_BYTES // 2**20} MiB.")
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UsageError("The HAR file is not JSON.") from None


def _requests(entries: list[Any], caller: Caller, where: str) -> Iterator[Asked]:
    for number, entry in enumerate(entries, 1):
        recorded = mapping(mapping(entry).get("request"))
        url, method = words(recorded.get("url")), words(recorded.get("method"))
        if url.partition("://")[0].lower() not in {"http", "https"}:
            continue
        try:
            request, notes = _request(recorded, method, url, caller)
        except UsageError as error:
            raise UsageError(f"Request {number} of the HAR file: {error}") from None
        yield Asked(request, f"{where}, request {number}", notes)


def _request(
    recorded: dict[str, Any], method: str, url: str, caller: Caller
) -> tuple[Request, tuple[str, ...]]:
    origin, target = read_url(url)
    pairs = [mapping(item) for item in sequence(recorded.get("headers"))]
    headers = [(words(pair.get("name")), words(pair.get("value"))) for pair in pairs]
    post = mapping(recorded.get("postData"))
    body, notes = _body(post), []
    coded = [name for name, _ in headers if name.lower() == "content-encoding"]
    if body and coded:
        # A HAR file holds bodies as text, already decoded.
        headers = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
        notes.append("The recording holds the body decoded, so its Content-Encoding is left out.")
    kind = words(post.get("mimeType"))
    if body and kind and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    if not body and _missing(recorded):
        notes.append("The recording does not hold the body that was sent, so it is explained without one.")
    return make_request(caller, method, origin, target, headers, body), tuple(notes)


def _missing(recorded: dict[str, Any]) -> bool:
    size = recorded.get("bodySize")
    return isinstance(size, int) and size > 0


def _body(post: dict[str, Any]) -> bytes:
    text = words(post.get("text"))
    if words(post.get("encoding")) == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise UsageError("its body is not base64, as it says.") from None
    if text:
        return text.encode("utf-8", "replace")
    pairs = [mapping(item) for item in sequence(post.get("params"))]
    form = [(words(pair.get("name")), words(pair.get("value"))) for pair in pairs]
    return "&".join(f"{_plus(name)}={_plus(value)}" for name, value in form).encode()


def _plus(text: str) -> str:
    return quote_plus(text, errors="replace")
