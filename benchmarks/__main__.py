"""Runs the benchmarks, one after the other, and prints their figures with the machine."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import allowed, author, match, notify, policies, start, tap

ALL = {
    "start": start.main,
    "match": match.main,
    "author": author.main,
    "policies": policies.main,
    "tap": tap.main,
    "notify": notify.main,
    "allowed": allowed.main,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="which (default: all)")
    chosen = parser.parse_args().names or list(ALL)
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"
    )
    for name in chosen:
        began = time.monotonic()
        print(f"\n## {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"secondsig-bench-{name}-") as folder:
            asyncio.run(ALL[name](Path(folder)))
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
