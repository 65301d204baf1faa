"""`make test`: lint, types, every test (several at a time: they often wait), then what no test covered.

Tests that look at the whole from outside count no lines: that would slow each process that they start.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "--dist", "loadfile", "--no-loadscope-reorder")
STEPS: tuple[dict[str, Sequence[str]], ...] = (
    {"lint": (PYTHON, "-m", "ruff", "check", ".")},
    {"format": (PYTHON, "-m", "ruff", "format", "--check", ".")},
    {"clean": (PYTHON, "-m", "coverage", "erase")},
    {"types": (PYTHON, "-m", "mypy"), "compile": (PYTHON, "-m", "tools.compiled")},
    {"whole": (*PYTEST, "-n", "3", "-m", "whole")},
    {"tests": (PYTHON, "-m", "coverage", "run", "-m", *PYTEST[2:], "-n", "4", "-m", "not whole")},
    {"combine": (PYTHON, "-m", "coverage", "combine", "-q")},
    {"coverage": (PYTHON, "-m", "coverage", "report")},
)
"""One after the other; what stands together uses one core each and runs at once."""


def main() -> int:
    """The exit code of the first step that failed; the tests' own closing line comes last but the report."""
    failed = 0
    for together in STEPS:
        names = ", ".join(together)
        began = time.monotonic()
        print(f"== {names}", flush=True)
        running = [subprocess.Popen(command) for command in together.values()]
        codes = [process.wait() for process in running]
        code = next(filter(None, codes), 0)
        print(
            f"== {names}: {'ok' if code == 0 else f'failed ({code})'}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        failed = failed or code
    return failed


if __name__ == "__main__":
    sys.exit(main())
