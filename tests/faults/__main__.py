"""`make faults`: kills of the gateway, with a progress line; 1 if anything was wrong.

    python -m tests.faults --rounds 200              a few requests at a time, killed at any moment
    python -m tests.faults --open 50 --rounds 100    with 50 questions open, while they are decided
    python -m tests.faults --contend 1000            1,000 questions, 10,000 decisions, 8 processes, no kills

Of the second, every question has its end before the verdict: agents come back for what was approved, and what
nobody decided runs out.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.contending import Contest
from tests.faults.killing import kill_rounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--open", type=int, help="questions that are open before anything dies")
    parser.add_argument("--contend", type=int, help="questions that eight processes decide at once")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()

    def told(done: int) -> None:
        print(f"\r{done} of {given.rounds} kills", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="secondsig-faults-") as folder:
        if given.contend:
            wrong, said = asyncio.run(Contest(Path(folder), given.seed).run(given.contend))
        else:
            wrong, said = asyncio.run(kill_rounds(Path(folder), given.rounds, given.seed, told, given.open))
    print(f"\nseed {given.seed}: {said}")
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
