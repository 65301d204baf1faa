"""Compiles the shipped templates once for the tests: otherwise each worker would compile all of them."""

import os
import sys
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".pytest_cache" / "d" / "compiled"


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(CACHE)
    from gateway.loading import shipped_templates
    from gateway.templates import Compiled, Library

    Library.load(list(shipped_templates().values()), compiled=Compiled.usual())
    return 0


if __name__ == "__main__":
    sys.exit(main())
