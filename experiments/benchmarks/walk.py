"""CPU time to walk every nest of a network on one core, and to find the mappings before that.

python experiments/benchmarks/walk.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.common import print_table, run

# CPU seconds that the walk of batch 1 should take at most, on one core of about 2 GHz.
AIMS = {"alexnet": 2.0, "vgg16": 30.0}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="walk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(AIMS))
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.networks))


def _measure(networks: Sequence[str]) -> None:
    # The first run of a kernel compiles or loads it.
    _times("lenet5_caffe")
    print_table("row stationary on eyeriss_v1, batch 1", [_times(name) for name in networks])


def _times(name: str) -> dict[str, Any]:
    network, chip = sim.load_network(name), sim.load_architecture("eyeriss_v1")
    start = time.process_time()
    found = sim.simulate(network, chip, "row_stationary", engine="closed-form")
    searched = time.process_time()
    mappings = {layer.name: layer.cost.mapping for layer in found}
    # With the mappings given nothing is searched: this walks, and checks against the closed form.
    walked = sim.simulate(network, chip, "row_stationary", engine="walk", mappings=mappings)
    end = time.process_time()
    return {
        "network": name,
        "steps": walked.steps,
        "search (CPU s)": round(searched - start, 2),
        "walk (CPU s)": round(end - searched, 2),
        "aim for the walk (CPU s)": AIMS.get(name),
    }


if __name__ == "__main__":
    sys.exit(main())
