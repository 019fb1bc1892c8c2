"""Mappings scored a second by the batch cost model: random legal ragged ones, one core and two threads.

python experiments/benchmarks/batch.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.common import print_table, run
from simulator.batch.model import CostModel
from simulator.cost.model import cost
from simulator.encoding import Vectors
from simulator.errors import SimulatorError
from simulator.mapspaces import Mapspace
from simulator.problem import Problem

# Mappings a second with energy and cycles that one core of about 2 GHz should score.
AIM = 2_000_000
# Mappings that are scored one by one as well, and must come to the same.
_CHECKED = 200


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="batch", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layers", nargs="+", default=_layers(), help="network:layer")
    parser.add_argument("--mappings", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.layers, options.mappings, options.seed))


def _layers() -> list[str]:
    """AlexNet's conv2, and ResNet-50's 3x3 convolutions, one of each shape."""
    shapes: dict[object, str] = {}
    for layer in sim.load_network("resnet50").layers:
        if getattr(layer.layer, "kernel", None) == (3, 3) and layer.macs:
            problem = sim.load_layer(layer)
            shapes.setdefault((problem.dimensions, problem.tensors), f"resnet50:{layer.name}")
    return ["alexnet:conv2", *shapes.values()]


def _measure(layers: Sequence[str], mappings: int, seed: int) -> None:
    rows = [_rates(sim.load_layer(layer), layer, mappings, seed) for layer in layers]
    print_table(
        f"random mappings of eyeriss_v1, {mappings:,} a layer, in 1000 a second of one core (CPU time)", rows
    )
    slowest = min(row["energy, cycles"] for row in rows)
    print(f"slowest layer: {slowest:.0f} thousand a second; aim: {AIM // 1000}")


def _rates(problem: Problem, name: str, mappings: int, seed: int) -> dict[str, Any]:
    chip = sim.load_architecture("eyeriss_v1")
    model = CostModel(problem, chip)
    vectors = Mapspace(problem, chip).sample(mappings, seed)
    # The first run compiles or loads the kernels, and warms what they remember.
    for threads in (1, 2):
        model.evaluate(vectors, counts=True, threads=threads)
    loops = (vectors[:, model.encoding.first_bound : model.encoding.first_order] > 1).sum(axis=1).mean()
    one_by_one = _time(lambda: _check(model, vectors[:_CHECKED]), time.process_time)
    return {
        "layer": name,
        "loops": round(float(loops), 1),
        "energy, cycles": _thousands(mappings, _time(lambda: model.evaluate(vectors), time.process_time)),
        "counts too": _thousands(
            mappings, _time(lambda: model.evaluate(vectors, counts=True), time.process_time)
        ),
        "2 threads (wall time)": _thousands(
            mappings, _time(lambda: model.evaluate(vectors, threads=2), time.perf_counter)
        ),
        "one by one": _thousands(min(mappings, _CHECKED), one_by_one),
    }


def _check(model: CostModel, vectors: Vectors) -> None:
    """Score vectors one by one, and compare."""
    for vector, row in zip(vectors, model.evaluate(vectors), strict=True):
        one = cost(model.problem, model.architecture, model.encoding.decode(vector), "closed-form")
        if (row["energy"], row["cycles"], row["edp"]) != (one.energy, one.cycles.total, one.edp):
            raise SimulatorError(
                f"{model.problem.name}: {np.array2string(vector)} comes to another cost by itself"
            )


def _time(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of the fastest of three runs."""
    spent = []
    for _ in range(3):
        start = clock()
        work()
        spent.append(clock() - start)
    return min(spent)


def _thousands(mappings: int, seconds: float) -> float:
    return mappings / seconds / 1000


if __name__ == "__main__":
    sys.exit(main())
