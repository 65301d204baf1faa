"""How long an author waits for `template explain` and `template lint` over the whole library."""

import subprocess
import time
from pathlib import Path

from benchmarks.figures import median, verdict
from tests.kit.process import clean_environment, secondsig

RUNS = 5
BOUND = 0.7
EXPLAIN = ("template", "explain", "--", "curl", "-X", "DELETE", "https://api.github.com/repos/acme/site")
LINT = ("template", "lint")


async def main(folder: Path) -> None:
    environment = clean_environment() | {
        "XDG_CACHE_HOME": str(folder / "cache"),
        "SECONDSIG_HOME": str(folder / "home"),
    }
    bare = [_timed((secondsig()[0], "-c", "pass"), environment) for _ in range(RUNS)]
    print(f"an empty Python: {median(bare):.3f} s")
    for name, words in (("explain", EXPLAIN), ("lint", LINT)):
        first = _timed(secondsig(*words), environment)
        print(f"template {name}, the first time: {first:.1f} s")
        later = [_timed(secondsig(*words), environment) for _ in range(RUNS)]
        print(verdict(f"template {name}, median s", median(later), BOUND))


def _timed(command: tuple[str, ...], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began
