"""Keeps mitmproxy from loading all its addons: its package imports every one when any of them is wanted.

We use two. The others bring a web framework, a terminal interface and a third of a second with them.
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
