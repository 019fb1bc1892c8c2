"""SciPy's optimizers beside random draws and hill climbing: the same number of mappings for each.

python experiments/backends/scipy_search.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.backends.searching import make_parser, mapspace_of, row_of
from experiments.common import print_table, run
from simulator.mappers import MAPPERS, check_mapper

NAMES = ("random", "hill-climbing", "scipy-de", "scipy-annealing")


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser("scipy_search", __doc__, 20_000)
    parser.add_argument("--mappers", nargs="+", default=NAMES, help="any of `simulator search --mapper`")
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    space = mapspace_of(options)
    rows = [row_of(name, MAPPERS[check_mapper(name)], space, options) for name in options.mappers]
    print_table(f"{options.layer} on {options.arch}, least {options.objective}", rows)


if __name__ == "__main__":
    sys.exit(main())
