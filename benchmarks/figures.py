"""How figures are taken and printed."""

import os
import time
from collections.abc import Sequence
from pathlib import Path


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def verdict(name: str, value: float, bound: float, *, least: bool = False) -> str:
    met = value >= bound if least else value <= bound
    return f"{name}: {value:.2f} ({'at least' if least else 'at most'} {bound}): {'met' if met else 'MISSED'}"


def speed() -> float:
    """Seconds for ten million additions: 0.7 where nobody else uses the machine that the bounds are for."""
    began, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - began


def stolen() -> tuple[int, int]:
    """Ticks that other machines took from this one, and all ticks that somebody wanted, since it began."""
    user, nice, system, _idle, _waiting, interrupts, soft, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split()[1:9]
    )
    return steal, user + nice + system + interrupts + soft + steal
