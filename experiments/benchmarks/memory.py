"""Peak memory of simulating a network in a process of its own (resident set; Linux and macOS).

python experiments/benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.benchmarks.peak import peak_bytes
from experiments.common import print_table, run
from simulator.errors import SimulatorError

# Resident megabytes (10^6 bytes) that VGG-16 should take at most.
AIM_MB = 600.0
_PROGRAM = """
import sys, simulator as sim
print(sim.simulate(sys.argv[1], "eyeriss_v1", batch=int(sys.argv[2])))
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="vgg16")
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.network, options.batch))


def _measure(network: str, batch: int) -> None:
    before = time.monotonic()
    command = [sys.executable, "-c", _PROGRAM, network, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SimulatorError(f"simulating {network} failed: {done.stderr.strip().splitlines()[-1]}")
    row = {
        "network": network,
        "batch": batch,
        "peak (MB)": round(peak_bytes(resource.RUSAGE_CHILDREN) / 1e6),
        "aim (MB)": AIM_MB if network == "vgg16" else None,
        "wall time (s)": round(time.monotonic() - before, 1),
    }
    print_table("simulate on eyeriss_v1, walked", [row])


if __name__ == "__main__":
    sys.exit(main())
