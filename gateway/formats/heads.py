"""Header lines as MIME parts and inner requests carry them."""

import re
from collections.abc import Iterable

from gateway.errors import ambiguous
from gateway.formats.refusals import read_utf8, shown, too_many

MAX_LINES = 100
MAX_LINE = 8_192
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

type Headers = tuple[tuple[str, str], ...]


def split_head(raw: bytes, newline: bytes, what: str) -> tuple[list[str], bytes]:
    """The lines before the first empty one, and all bytes after it; no line holds a control character."""
    if raw.startswith(newline):
        return [], raw[len(newline) :]
    head, end, body = raw.partition(newline * 2)
    if not end:
        raise ambiguous(f"The head of {what} does not end with an empty line; send one after it.")
    lines = read_utf8(head, f"head of {what}").split(newline.decode())
    if len(lines) > MAX_LINES:
        raise too_many(f"header lines in {what}", MAX_LINES)
    for line in lines:
        if len(line) > MAX_LINE or _CONTROLS.search(line):
            raise ambiguous(
                f"The head of {what} holds a control character or a line over {MAX_LINE} characters."
            )
    return lines, body


def read_headers(lines: Iterable[str], what: str) -> Headers:
    """Each header once, none of them folded."""
    found: dict[str, tuple[str, str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise ambiguous(
                f"The header line {shown(line)} of {what} is not <name>: <value>; send it on one line."
            )
        if name.lower() in found:
            raise ambiguous(f"The header {shown(name)} stands twice in {what}; send it once.")
        found[name.lower()] = name, value.strip(" \t")
    return tuple(found.values())


def header(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)
