"""How long `--help` and the start of the gateway take, as whole processes."""

import subprocess
import time
from pathlib import Path

from benchmarks.figures import median, verdict
from gateway.installation import install
from tests.kit.process import Gateway, clean_environment, secondsig

RUNS = 5


async def main(folder: Path) -> None:
    helps, bare, starts = [], [], []
    for number in range(RUNS):
        helps.append(_timed(secondsig("--help")))
        bare.append(_timed((secondsig()[0], "-c", "pass")))
        gateway = Gateway(install(folder / str(number), proxy="127.0.0.1:0", pages="localhost:0"))
        starts.append(await gateway.start())
        await gateway.stop()
    print(f"an empty Python: {median(bare):.3f} s")
    print(verdict("--help, median s", median(helps), 0.5))
    print(verdict("serve until it answers, first start, median s", median(starts), 1.5))


def _timed(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=clean_environment())
    return time.perf_counter() - began
