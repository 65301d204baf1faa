"""Multipart bodies, in the one framing that every reader cuts at the same places."""

import re
from collections.abc import Mapping

from gateway.errors import ambiguous
from gateway.formats.heads import Headers, header, read_headers, split_head
from gateway.formats.refusals import is_bare, shown, too_many
from gateway.values import dataclass

MAX_PARTS = 1_000
_WORD = r"[A-Za-z0-9!#$&'*+.^_`|~-]+"
_TYPE = re.compile(rf"({_WORD}/{_WORD})[ \t]*((?:;.*)?)", re.DOTALL)
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*({_WORD})=(?:({_WORD})|\"([^\"\\;]*)\")[ \t]*")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_./:=?-]{1,70}")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_DISPOSITION = re.compile(rf"({_WORD})[ \t]*((?:;.*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """`content_type` is the media type alone, in lower case; text/plain where the part names none."""

    name: str | None
    filename: str | None
    content_type: str
    headers: Headers
    body: bytes


def parse_multipart(body: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts in order; a multipart/mixed without any carriage return may be framed by line feeds."""
    kind, boundary = _multipart(content_type)
    is_form = kind == "multipart/form-data"
    newline = b"\n" if kind == "multipart/mixed" and b"\r" not in body else b"\r\n"
    return tuple(_part(raw, newline, is_form=is_form) for raw in _cut(body, b"--" + boundary, newline))


def _multipart(content_type: str) -> tuple[str, bytes]:
    kind, parameters = _media_type(content_type, "body")
    if not kind.startswith("multipart/") or parameters.keys() - {"charset"} != {"boundary"}:
        raise ambiguous("The body's Content-Type must be multipart with a boundary and nothing else.")
    boundary = parameters["boundary"]
    if not _BOUNDARY.fullmatch(boundary) or not any(sign.isalnum() for sign in boundary):
        raise ambiguous("The multipart boundary must be up to 70 letters, digits and plain signs.")
    return kind, boundary.encode()


def _cut(body: bytes, delimiter: bytes, newline: bytes) -> list[bytes]:
    """What lies between the delimiters; they stand nowhere else, for some readers find them anywhere."""
    if body.count(delimiter) > MAX_PARTS + 1:
        raise too_many("parts", MAX_PARTS)
    before, *parts = body.split(delimiter)
    if before or not parts or parts.pop() not in {b"--", b"--" + newline}:
        raise ambiguous("The multipart body must begin with its boundary and end with the closing one.")
    for part in parts:
        if not part.startswith(newline) or not part.endswith(newline) or len(part) < 2 * len(newline):
            raise ambiguous("A multipart boundary must stand on a line of its own, ended by CR LF.")
    return [part[len(newline) : -len(newline)] for part in parts]


def _part(raw: bytes, newline: bytes, *, is_form: bool) -> Part:
    lines, body = split_head(raw, newline, "a part")
    headers = read_headers(lines, "a part")
    _check_encodings(headers, body)
    content_type = _content_type(headers)
    name, filename = _names(header(headers, "content-disposition"), is_form=is_form)
    if name == "_charset_" and body.lower() not in {b"utf-8", b"utf8"}:
        raise ambiguous("The form claims another charset than UTF-8; send it as UTF-8.")
    return Part(name, filename, content_type, headers, body)


def _check_encodings(headers: Headers, body: bytes) -> None:
    transfer = header(headers, "content-transfer-encoding")
    if transfer is not None and transfer.lower() not in {"7bit", "8bit", "binary"}:
        raise ambiguous(
            "A part has a Content-Transfer-Encoding, which not every server undoes; send it as it is."
        )
    if header(headers, "content-encoding") is not None:
        raise ambiguous("A part has a Content-Encoding, which not every server undoes; send it plain.")
    if header(headers, "content-length") not in {None, str(len(body))}:
        raise ambiguous("A part has a Content-Length that does not fit it; leave the header out.")


def _content_type(headers: Headers) -> str:
    value = header(headers, "content-type")
    if value is None:
        return "text/plain"
    kind, _ = _media_type(value, "part")
    if kind.startswith("multipart/"):
        raise ambiguous("A part is itself multipart; send its parts side by side.")
    return kind


def _media_type(value: str, what: str) -> tuple[str, Mapping[str, str]]:
    match = _TYPE.fullmatch(value.strip(" \t"))
    if not match:
        raise ambiguous(f"The Content-Type {shown(value)} of the {what} cannot be read.")
    parameters = _parameters(match[2], value)
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise ambiguous(f"The {what} claims another charset than UTF-8; send it as UTF-8.")
    return match[1].lower(), parameters


def _parameters(text: str, whole: str) -> dict[str, str]:
    """Each parameter once, with no escapes; readers part at a quoted `;` or backslash."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if not match or "*" in match[1] or match[1].lower() in found:
            raise ambiguous(
                f"The parameters of {shown(whole)} can be read in two ways; send each once and plainly."
            )
        found[match[1].lower()] = match[2] if match[3] is None else match[3]
        at = match.end()
    return found


def _names(disposition: str | None, *, is_form: bool) -> tuple[str | None, str | None]:
    match = _DISPOSITION.fullmatch(disposition or "attachment")
    if not match or (is_form and match[1].lower() != "form-data"):
        raise ambiguous("Each part of a form needs one Content-Disposition: form-data with a name.")
    parameters = _parameters(match[2], disposition or "")
    if parameters.keys() - {"name", "filename"} or (is_form and not parameters.get("name")):
        raise ambiguous("Each part of a form needs a name, may have a filename, and nothing else.")
    for value in parameters.values():
        if not is_bare(value) or _PERCENT.search(value):
            raise ambiguous(
                f"The name {shown(value)} of a part holds what some servers drop or decode; rename it."
            )
    return parameters.get("name"), parameters.get("filename")
