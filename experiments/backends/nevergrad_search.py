"""Any optimizer of nevergrad as a mapper: those of its registry that are named, each beside the other.

python experiments/backends/nevergrad_search.py --optimizers DE TwoPointsDE DiscreteOnePlusOne
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import nevergrad as ng

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.backends.searching import make_parser, mapspace_of, row_of
from experiments.common import print_table, run
from simulator.errors import did_you_mean
from simulator.mappers.adapters.genes import GeneMapper
from simulator.mappers.adapters.nevergrad_mappers import registered
from simulator.mapspaces import Mapspace


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser("nevergrad_search", __doc__, 5_000)
    parser.add_argument(
        "--optimizers", nargs="+", default=["DE", "DiscreteOnePlusOne"], help="of nevergrad's registry"
    )
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    space = mapspace_of(options)
    rows = [row_of(name, partial(mapper, name), space, options) for name in options.optimizers]
    print_table(f"{options.layer} on {options.arch}, least {options.objective}", rows)


def mapper(name: str, space: Mapspace, seed: int) -> GeneMapper:
    """Return the mapper of an optimizer in nevergrad's registry."""
    if name not in ng.optimizers.registry:
        known = did_you_mean(name, ng.optimizers.registry)
        raise sim.SimulatorError(f"nevergrad has no optimizer {name!r}{known}")
    return GeneMapper(name, space, seed, partial(registered, name))


if __name__ == "__main__":
    sys.exit(main())
