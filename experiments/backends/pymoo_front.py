"""The front of energy and cycles by pymoo's NSGA-II: a mapper that is asked and told by hand.

python experiments/backends/pymoo_front.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.backends.searching import make_parser, mapspace_of
from experiments.common import print_table, run
from simulator.batch.model import CostModel
from simulator.mappers import MAPPERS
from simulator.mapspaces import Mapspace


def main(argv: Sequence[str] | None = None) -> int:
    options = make_parser("pymoo_front", __doc__, 20_000).parse_args(argv)
    return run(lambda: _show(options))


def _show(options: argparse.Namespace) -> None:
    space = mapspace_of(options)
    unit = space.architecture.energy_unit
    rows = [
        {f"energy ({unit})": energy, "cycles": int(cycles)}
        for energy, cycles in find_front(space, options.evaluations, options.seed)
    ]
    print_table(f"{options.layer} on {options.arch}: none has less of both", rows)


def find_front(space: Mapspace, evaluations: int, seed: int) -> npt.NDArray[np.float64]:
    """Return energy and cycles (k, 2) of the mappings that no other beats in both, energies ascending."""
    mapper, model = MAPPERS["pymoo-nsga2"](space, seed), CostModel(space.problem, space.architecture)
    front, seen = np.empty((0, 2)), 0
    while seen < evaluations:
        vectors = mapper.ask(evaluations - seen)
        scores = model.evaluate(vectors)
        costs = np.column_stack((scores["energy"], scores["cycles"]))
        mapper.tell(vectors, np.where(scores["valid"][:, None], costs, np.inf))
        front = _unbeaten(np.concatenate((front, costs[scores["valid"]])))
        seen += len(vectors)
    return front


def _unbeaten(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    fewest = np.minimum.accumulate(points[:, 1])
    return points[np.diff(fewest, prepend=np.inf) < 0]


if __name__ == "__main__":
    sys.exit(main())
