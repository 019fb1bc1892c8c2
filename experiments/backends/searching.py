"""What the examples of other people's optimizers share: their options, and a row for each search."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import simulator as sim
from simulator.batch.model import CostModel
from simulator.mappers import Mapper, search
from simulator.mapspaces import Mapspace


def make_parser(prog: str, doc: str | None, evaluations: int) -> argparse.ArgumentParser:
    """Return a parser with the layer, the machine, the dataflow, and how long and from where to search."""
    parser = argparse.ArgumentParser(prog=prog, description=(doc or "").splitlines()[0])
    parser.add_argument("--layer", default="alexnet:conv2", help="network:layer, or a YAML file")
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--dataflow", default=None, help="by default every legal mapping")
    parser.add_argument("--objective", default="energy", help="energy, cycles or edp")
    parser.add_argument("--evaluations", type=int, default=evaluations)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def mapspace_of(options: argparse.Namespace) -> Mapspace:
    return sim.mapspace(options.layer, options.arch, options.dataflow)


def row_of(
    name: str, mapper: Callable[[Mapspace, int], Mapper], space: Mapspace, options: argparse.Namespace
) -> dict[str, Any]:
    """Search with a mapper of one's own, and return what it found and the CPU time that took."""
    model = CostModel(space.problem, space.architecture)
    start = time.process_time()
    found = search(
        space, model, mapper(space, options.seed), options.objective, evaluations=options.evaluations
    )
    return {
        "mapper": name,
        "evaluations": found.evaluated,
        f"energy ({space.architecture.energy_unit})": found.energy,
        "cycles": found.cycles,
        "CPU (s)": round(time.process_time() - start, 2),
    }
