"""Keeps mitmproxy from doing what no request needs.

Its package of addons imports every one when any of them is wanted; we use two. The others bring a web
framework, a terminal interface and a third of a second. And a check for its developers compares each
message's fields with their annotations (`if __debug__`, so it is absent under python -O), which costs a
request seven hundredths of its time.
"""

import sys
from pathlib import Path
from types import ModuleType

import mitmproxy

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


def _nothing(_message: object) -> None:
    return None
