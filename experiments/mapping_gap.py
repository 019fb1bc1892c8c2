"""How far each mapper stays above the proven optimum, over the time that it takes.

    python experiments/mapping_gap.py                       # AlexNet conv2 and conv3, three seeds each
    python experiments/mapping_gap.py --layers resnet50:conv3_1b --mappers random cmaes --seconds 60
    python experiments/mapping_gap.py --dataflow row_stationary --arch eyeriss_v1

The optimum comes first, with its proof, then every mapper looks for it in the same mapspace (all legal
mappings with perfect factors, or a dataflow's) for so many seconds. A line is the median over the seeds of
the best found so far, as a share above the optimum; where half of the runs have no legal mapping yet, there
is none. Times are this computer's, compiling left out. Mappers of libraries need the extra `mappers`.
2 minutes.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, parser, print_table, run, save_drawn
from simulator.mappers import MAPPERS, OPTIMAL, Found, Standing
from simulator.plots import sweep_lines
from simulator.terminal import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = "above the optimum (%)"
MAPPERS_SHOWN = ("random", "hill-climbing", "exhaustive")
# Times at which the best so far is read, each that many times the one before.
FIRST, FACTOR = 0.01, 2**0.25


def main(argv: Sequence[str] | None = None) -> int:
    made = parser("mapping_gap", __doc__, "mapping_gap")
    made.add_argument("--layers", nargs="+", default=["alexnet:conv2", "alexnet:conv3"])
    made.add_argument("--arch", default="scratchpads_168", help="a machine's name or file")
    made.add_argument("--dataflow", help="by default every legal mapping")
    made.add_argument("--objective", default="energy", choices=("energy", "cycles", "edp"))
    made.add_argument("--mappers", nargs="+", default=list(MAPPERS_SHOWN), choices=list(MAPPERS))
    made.add_argument("--seconds", type=float, default=5.0, help="of each search")
    made.add_argument("--evaluations", type=int, help="mappings that a search scores at most")
    made.add_argument("--seeds", type=int, default=3)
    options = made.parse_args(argv)
    return run(lambda: _measure(options))


def _measure(options: argparse.Namespace) -> None:
    if not 0 < options.seconds < 1e6 or options.seeds < 1:
        raise sim.SimulatorError("--seconds must be above 0 and --seeds at least 1")
    make_folder(options.out)
    rows: list[dict[str, Any]] = []
    for layer in options.layers:
        best = _search(layer, options, OPTIMAL, seconds=None)
        if not best.optimal:
            raise sim.SimulatorError(f"{layer}: the optimum is not proven, {best.gap:.2%} are left open")
        for mapper in options.mappers:
            _search(layer, options, mapper, evaluations=64, seconds=None)  # compiles
            runs = []
            with progress(f"{layer}: {mapper}") as report:
                for seed in range(options.seeds):
                    runs.append(_standings(layer, options, mapper, seed))
                    if report:
                        report(f"{layer}: {mapper}", seed + 1, options.seeds)
            rows += _gaps(layer, mapper, runs, best.value, options.seconds)
    last = {(row["layer"], row["mapper"]): row for row in rows}
    print_table(f"above the least {options.objective}", list(last.values()))
    save_drawn(draw(rows), rows, "mapping_gap", options)


def draw(rows: Sequence[dict[str, Any]]) -> Figure:
    """Gaps over time; linear up to one percent, so that the optimum itself is on the axis."""
    return sweep_lines(rows, "seconds", [GAP], "mapper", "layer", x_scale="log10", y_scale={GAP: "symlog"})


def _search(layer: str, options: argparse.Namespace, mapper: str, **limits: Any) -> Found:
    seconds = limits.pop("seconds", options.seconds)
    factors = "perfect" if options.dataflow is None else None
    return sim.search(
        layer, options.arch, options.dataflow, options.objective, mapper, factors=factors, time_limit=seconds,
        **limits,
    )  # fmt: skip


def _standings(layer: str, options: argparse.Namespace, mapper: str, seed: int) -> list[tuple[float, float]]:
    """When a search stood where: seconds, and the objective of the best so far."""
    found: list[tuple[float, float]] = []

    def note(standing: Standing) -> None:
        value = {"energy": standing.energy, "cycles": float(standing.cycles)}.get(
            options.objective, standing.energy * standing.cycles
        )
        found.append((standing.seconds, value if math.isfinite(standing.energy) else math.inf))

    end = _search(layer, options, mapper, seed=seed, evaluations=options.evaluations, progress=note)
    return [*found, (end.seconds, end.value)]


def _gaps(
    layer: str, mapper: str, runs: Sequence[Sequence[tuple[float, float]]], best: float, seconds: float
) -> list[dict[str, Any]]:
    """The median gap of the runs at each time, in percent."""
    rows = []
    steps = math.ceil(math.log(max(seconds / FIRST, 1.0), FACTOR) - 1e-9)
    for step in range(steps + 1):
        time = min(FIRST * FACTOR**step, seconds)
        stood = [min((value for at, value in one if at <= time), default=math.inf) for one in runs]
        value = statistics.median(stood)
        gap = 100 * (value / best - 1) if math.isfinite(value) else None
        rows.append({"layer": layer, "mapper": mapper, "seconds": time, GAP: gap})
    return rows


if __name__ == "__main__":
    sys.exit(main())
