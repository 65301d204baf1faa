"""How long `--help` and the start of the gateway take, as whole processes."""

import subprocess
import time
from pathlib import Path

from benchmarks.figures import median, verdict
from gateway.installation import install
from gateway.loading import shipped_templates
from tests.kit.process import Gateway, clean_environment, secondsig

RUNS = 5
FIVE = ("playground", "aws", "github", "slack", "stripe")


async def main(folder: Path) -> None:
    helps, bare, starts = [], [], []
    for number in range(RUNS):
        helps.append(_timed(secondsig("--help")))
        bare.append(_timed((secondsig()[0], "-c", "pass")))
        gateway = Gateway(install(folder / str(number), proxy="127.0.0.1:0", pages="localhost:0"))
        starts.append(await gateway.start())
        await gateway.stop()
    five = await _with(FIVE, folder / "five")
    library = await _with(tuple(shipped_templates()), folder / "library")
    print(f"an empty Python: {median(bare):.3f} s")
    print(verdict("--help, median s", median(helps), 0.5))
    print(verdict("serve until it answers, first start, median s", median(starts), 1.5))
    print(verdict("serve with five services of the library, later starts, median s", median(five), 1.5))
    print(verdict("serve with every template that ships, later starts, median s", median(library), 1.5))


async def _with(services: tuple[str, ...], folder: Path) -> list[float]:
    """The first start reads every template; it is not counted, and said."""
    config = install(folder, proxy="127.0.0.1:0", pages="localhost:0")
    every = "".join(f"  {name}:\n" for name in services)
    config.write_text(config.read_text(encoding="utf-8").replace("  playground:\n", every), encoding="utf-8")
    took = []
    for _ in range(RUNS + 1):
        gateway = Gateway(config)
        took.append(await gateway.start())
        await gateway.stop()
    print(f"serve with {len(services)} services, the first time: {took[0]:.1f} s")
    return took[1:]


def _timed(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=clean_environment())
    return time.perf_counter() - began
