"""Keeps mitmproxy from doing what no request needs.

Its package of addons imports every one when any of them is wanted; we use two. The others bring a web
framework, a terminal interface and a third of a second. A check for its developers compares each
message's fields with their annotations (`if __debug__`, so it is absent under python -O), which costs a
request seven hundredths of its time. And each of the twenty times that a request's headers are asked for one
that is usually absent, it raises and catches an error, through four calls for each header that is there.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import mitmproxy

if TYPE_CHECKING:
    from mitmproxy.http import Headers

PACKAGE = "mitmproxy.addons"


def keep_addons_out() -> None:
    """Puts the bare package in place, so that each addon module is imported only by its own name."""
    if PACKAGE in sys.modules:
        return
    package = ModuleType(PACKAGE)
    package.__path__ = [str(Path(mitmproxy.__file__ or "").parent / "addons")]
    sys.modules[PACKAGE] = package


def spare_annotations() -> None:
    """Messages are made without comparing each field with its annotation."""
    from mitmproxy import http

    http.MessageData.__post_init__ = _nothing  # type: ignore[method-assign]  # the one method put in its place


def quicken_lookups() -> None:
    """A header is looked up in one pass; what is found, or missed, is the same."""
    from mitmproxy.http import Headers

    Headers.get_all = _get_all  # type: ignore[assignment,method-assign]  # the three only read
    Headers.get = _get  # type: ignore[assignment,method-assign]
    Headers.__contains__ = _contains  # type: ignore[assignment,method-assign]


def _get_all(headers: "Headers", name: str | bytes) -> list[str]:
    wanted = _key(name)
    return [
        value.decode("utf-8", "surrogateescape") for key, value in headers.fields if key.lower() == wanted
    ]


def _get(headers: "Headers", name: str | bytes, default: Any = None) -> Any:
    found = _get_all(headers, name)
    return ", ".join(found) if found else default


def _contains(headers: "Headers", name: object) -> bool:
    wanted = _key(name)
    return any(key.lower() == wanted for key, _ in headers.fields)


def _key(name: object) -> bytes:
    if isinstance(name, str):
        return name.encode("utf-8", "surrogateescape").lower()
    if isinstance(name, bytes):
        return name.lower()
    raise TypeError(f"A header's name is a text or bytes, and this is {type(name).__name__}.")


def _nothing(_message: object) -> None:
    return None
