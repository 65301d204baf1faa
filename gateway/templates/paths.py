"""The path of a request, split and decoded once; what servers could read in two ways is refused."""

import re
from urllib.parse import unquote_to_bytes

from gateway.errors import Refusal, ambiguous

_PLAIN = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,=:@/]*")
_ALLOWED = re.compile(r"/(?:[!\x22$&-:<-\[\]-~]|%[0-9A-Fa-f]{2})*")
_TWICE = re.compile(r"%[0-9A-Fa-f]{2}")
_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def split_target(target: str) -> tuple[str, str | None]:
    """Path and raw query; None where there is no '?'."""
    path, mark, query = target.partition("?")
    return path, query if mark else None


def parse_path(path: str) -> list[str]:
    """The decoded segments; a trailing slash is an empty last one."""
    if _PLAIN.fullmatch(path):
        segments = path[1:].split("/")
    elif _ALLOWED.fullmatch(path):
        segments = [_decode(segment) for segment in path[1:].split("/")]
    else:
        raise ambiguous("The path holds a character that servers read in different ways; percent-encode it.")
    for segment in segments[:-1]:
        if not segment:
            raise ambiguous("The path has an empty segment ('//'), which servers read in different ways.")
    for segment in segments:
        if segment and not segment.strip(". "):
            raise _dots()
    return segments


def _decode(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        decoded = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ambiguous("The path is not valid UTF-8 once it is decoded.") from error
    if _HARMFUL.search(decoded):
        raise ambiguous("The path holds an encoded control character or backslash.")
    if _TWICE.search(decoded):
        raise ambiguous("The path is percent-encoded twice, and servers differ in how often they decode it.")
    if "/" in decoded and any(not piece.strip(". ") for piece in decoded.split("/")):
        raise _dots()
    return decoded


def _dots() -> Refusal:
    return ambiguous("The path has a dot segment or an empty one; send the path that you mean.")
