"""CPU time until the command or the library is there: imports, nothing compiled.

python experiments/benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments.common import print_table, run
from simulator.errors import SimulatorError

# What is started: its name, Python's arguments, and the CPU seconds it should take at most.
STARTS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("import simulator", ("-c", "import simulator"), 0.7),
    ("simulator --help", ("-m", "simulator", "--help"), 0.3),
    ("numba and the decorators of kernels", ("-c", "import simulator.jit"), 0.7),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="startup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="of which the median is printed (7)")
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.runs))


def _measure(runs: int) -> None:
    if runs < 1:
        raise SimulatorError(f"--runs must be 1 or more, not {runs}")
    rows = [
        {
            "start": name,
            "CPU s": statistics.median(_cpu_seconds(arguments) for _ in range(runs)),
            "aim (CPU s)": aim,
        }
        for name, arguments, aim in STARTS
    ]
    print_table(f"start-up, median of {runs} runs", rows)


def _cpu_seconds(arguments: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SimulatorError(f"{' '.join(arguments)} failed: {done.stderr.strip().splitlines()[-1]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
