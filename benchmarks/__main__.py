"""Runs the benchmarks, one after the other, and prints their figures with the machine."""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import allowed, author, match, notify, pages, policies, start, tap
from benchmarks.figures import speed, stolen

ALL = {
    "start": start.main,
    "match": match.main,
    "author": author.main,
    "policies": policies.main,
    "tap": tap.main,
    "pages": pages.main,
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
        print(f"\n## {name}", flush=True)
        before, (taken, wanted), began = speed(), stolen(), time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"secondsig-bench-{name}-") as folder:
            asyncio.run(ALL[name](Path(folder)))
        seconds, (taken_then, wanted_then) = time.monotonic() - began, stolen()
        share = (taken_then - taken) / max(1, wanted_then - wanted)
        print(
            f"({seconds:.0f} s; of the processor's time {share:.0%} stolen by other machines; "
            f"ten million additions took {before:.1f} s before and {speed():.1f} s after)",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
