"""What makes some servers carry out another request than the one that was sent: all of it is refused."""

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from gateway.decoded import check_plain
from gateway.errors import Refusal, ambiguous
from gateway.model import Request
from gateway.templates.view import View

HEADERS = frozenset(
    {
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-original-method",
        "x-original-url",
        "x-rewrite-url",
    }
)
"""Headers by which some servers take a request for another one."""

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/"
_NAME = "_method"


def _spelled(escape: bytes) -> bytes:
    """A pattern for the name with any of its letters escaped; for use without regard to case."""
    return b"".join(
        b"(?:%c|%s(?:%02x|%02x))" % (letter, escape, letter, ord(chr(letter).upper()))
        for letter in _NAME.encode()
    )


# PHP writes '.' in a name as '_', Rack drops brackets and blanks before it, and some servers split at ';'.
_PAIR = re.compile(
    rb"(?:^|[&;])(?:[+\s\[\]]|%20|%09|%0[ad]|%5[bd])*(?:(?:\.|%2e)method|"
    + _spelled(b"%")
    + rb")(?:[=&;\[\]+\s]|%5[bd]|%20|%00|$)",
    re.IGNORECASE,
)
_MEMBER = re.compile(_spelled(rb"\\u00"), re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE)
_PART = re.compile(rb"\bname[\s*0-9]*=\s*(?:[\w-]*'[\w-]*')?[\s\[\"']*(?:[_.]method|=\?)", re.IGNORECASE)
"""A part's name, in any of its spellings; `=?` starts one that only mail readers decode."""


def check_header(name: str) -> None:
    if name.lower().replace("_", "-") in HEADERS:
        raise ambiguous(
            f"The header {name} makes some servers carry out another request; send that one itself."
        )


def check_override(view: View) -> None:
    """`_method` in query or body, as the request's own content type has it, whatever the template reads."""
    if view.query_text and _PAIR.search(view.query_text.encode("utf-8", "replace")):
        raise _override()
    if not view.request.body:
        return
    types = [value.lower() for value in view.request.header("content-type")]
    kind = view.rule.kind(view.request)
    form, multipart = (any(name in value for value in types) for name in (_FORM, _MULTIPART))
    if form or multipart or kind in {"form", "json"}:
        check_plain(view.request)
    if (
        ((form or kind == "form") and _PAIR.search(view.request.body))
        or (multipart and _names_part(view.request.body))
        or (kind == "json" and _names_member(view))
    ):
        raise _override()


def _names_part(body: bytes) -> bool:
    headers = (unquote_to_bytes(found[1]).replace(b"\\", b"") for found in _DISPOSITION.finditer(body))
    return any(_PART.search(header) for header in headers)


def _names_member(view: View) -> bool:
    """Parsed only where the name is somewhere in the text."""
    if not _MEMBER.search(view.request.body):
        return False
    value = view.body.json
    return isinstance(value, dict) and any(key.casefold() == _NAME for key in value)


def _override() -> Refusal:
    return ambiguous(
        "A parameter named _method makes some servers carry out another method; send that one itself."
    )


def check_bodyless(request: Request, is_read: Callable[[], bool]) -> None:
    """A server that ignores the body of a GET takes it for the next request on the connection."""
    if request.method in {"GET", "HEAD", "OPTIONS", "TRACE"} and request.body and not is_read():
        raise ambiguous(
            f"A {request.method} request carries a body, which some servers take for a second request;"
            " send it without one."
        )
