"""Requests within a request: the application/http parts of a multipart/mixed batch."""

import re
from collections.abc import Sequence

from gateway.errors import ambiguous
from gateway.formats.heads import Headers, header, read_headers, split_head
from gateway.formats.multipart import Part
from gateway.formats.refusals import shown
from gateway.values import dataclass

_LINE = re.compile(r"([A-Z]{1,20}) ([\x21-\x7e]+)(?: HTTP/1\.[01])?")
_TARGET = re.compile(r"/(?!/)[^#\\]*")
_ABSOLUTE = re.compile(r"https://([^/?#]+)(/.*)", re.IGNORECASE)
_REFUSED = ("transfer-encoding", "content-encoding", "upgrade", "expect", "trailer")


@dataclass(frozen=True, slots=True)
class InnerRequest:
    """`target` is in origin form, whatever form it was sent in."""

    method: str
    target: str
    headers: Headers
    body: bytes


def parse_http_batch(parts: Sequence[Part], host: str | None = None) -> tuple[InnerRequest, ...]:
    """The inner requests in order, never none; `host` is the outer one's, which none of them may leave."""
    if not parts:
        raise ambiguous("The batch holds no request; send at least one.")
    return tuple(_inner(part, host) for part in parts)


def _inner(part: Part, host: str | None) -> InnerRequest:
    if part.content_type != "application/http":
        raise ambiguous("Each part of a batch must be application/http.")
    newline = b"\r\n" if b"\r" in part.body else b"\n"
    lines, body = split_head(part.body, newline, "an inner request")
    line = _LINE.fullmatch(lines[0]) if lines else None
    if not line:
        raise ambiguous("An inner request must begin with <METHOD> <path> HTTP/1.1.")
    headers = read_headers(lines[1:], "an inner request")
    _check_headers(headers, host)
    return InnerRequest(line[1], _target(line[2], host), headers, _body(headers, body))


def _target(written: str, host: str | None) -> str:
    absolute = _ABSOLUTE.fullmatch(written)
    if absolute:
        _check_host(absolute[1], host)
        written = absolute[2]
    if not _TARGET.fullmatch(written):
        raise ambiguous(
            f"The inner request's target {shown(written)} is not a path of the outer request's host."
        )
    return written


def _check_host(named: str, host: str | None) -> None:
    if host is None or named.lower() not in {host, f"{host}:443"}:
        raise ambiguous(f"An inner request names the host {shown(named)}; send it to that host on its own.")


def _check_headers(headers: Headers, host: str | None) -> None:
    for name in _REFUSED:
        if header(headers, name) is not None:
            raise ambiguous(
                f"An inner request has the header {name}, which has no place there; leave it out."
            )
    named = header(headers, "host")
    if named is not None:
        _check_host(named, host)
    if (header(headers, "content-type") or "").lower().lstrip().startswith("multipart/"):
        raise ambiguous("An inner request is itself multipart; send it on its own.")


def _body(headers: Headers, body: bytes) -> bytes:
    """Line ends alone are no body: some clients end a request with them."""
    length = header(headers, "content-length")
    if length is None:
        return body if body.strip(b"\r\n") else b""
    if length != str(len(body)):
        raise ambiguous("An inner request has a Content-Length that does not fit it; leave the header out.")
    return body
