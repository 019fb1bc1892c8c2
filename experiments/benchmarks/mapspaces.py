"""CPU time to search row-stationary mapspaces to their end: every mapping of every layer made and scored.

python experiments/benchmarks/mapspaces.py
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
from simulator.batch.model import CostModel
from simulator.dataflows import mapspace
from simulator.mapspaces import Mapspace

# Milliseconds that a layer should take at most, on one core of about 2 GHz.
AIM = 50.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="mapspaces", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["alexnet", "vgg16"])
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.networks))


def _measure(networks: Sequence[str]) -> None:
    rows = [
        _times(f"{network}:{layer.name}")
        for network in networks
        for layer in sim.load_network(network).layers
        if layer.macs
    ]
    print_table(f"row stationary on eyeriss_v1, batch 1, one core; aim: {AIM:g} ms a layer", rows)


def _times(name: str) -> dict[str, Any]:
    problem, chip = sim.load_layer(name), sim.load_architecture("eyeriss_v1")
    space = mapspace("row_stationary", problem, chip)
    # The first search compiles or loads the kernels.
    _search(space, CostModel(problem, chip))
    start = time.process_time()
    mappings, best = _search(space, CostModel(problem, chip))
    spent = time.process_time() - start
    return {"layer": name, "mappings": mappings, "best energy (MACs)": best, "ms": round(1000 * spent, 1)}


def _search(space: Mapspace, model: CostModel) -> tuple[int, float]:
    """The number of mappings and the least energy of any."""
    mappings, best = 0, float("inf")
    for vectors in space.batches():
        mappings += len(vectors)
        best = min(best, float(model.evaluate(vectors)["energy"].min()))
    return mappings, best


if __name__ == "__main__":
    sys.exit(main())
