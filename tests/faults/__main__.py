"""`make faults`: two hundred kills, with a progress line; 1 if anything was wrong."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.killing import kill_rounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()

    def told(done: int) -> None:
        print(f"\r{done} of {given.rounds} kills", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="secondsig-faults-") as folder:
        wrong, said = asyncio.run(kill_rounds(Path(folder), given.rounds, given.seed, told))
    print(f"\nseed {given.seed}: {said}")
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
