"""Where the energy goes: per layer by level, tensor and action, and of the networks side by side.

    python experiments/energy_breakdown.py                          # four networks, row stationary
    python experiments/energy_breakdown.py --networks model.onnx --dataflow weight_stationary --batch 1

Of each network two figures and their numbers, which are every count, price and energy of every layer, level,
tensor and action. What is done is kept in the store. 4 runs, 15 seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import print_table, run, save_drawn, sweep_parser, swept
from simulator.plots import energy_bars, energy_breakdown, energy_table


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("energy_breakdown", __doc__)
    parser.add_argument("--dataflow", default="row_stationary", help="a name or file")
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args(argv)
    return run(lambda: _break_down(options))


def _break_down(options: argparse.Namespace) -> None:
    with swept(options, batch=options.batch, dataflow=options.dataflow) as study:
        results = [run.result() for run in study.runs if run.status == "done"]
    for result in results:
        machine = result.architecture
        stem = f"{result.network}_{machine.name}_batch{result.batch}"
        levels = {level: sum(layer.level_energy(level) for layer in result) for level in result.levels}
        print_table(
            f"{result.network}, batch {result.batch}, on {machine.name}: share of the energy",
            [{"level": level, f"energy ({machine.energy_unit})": energy,
              "share (%)": 100 * energy / result.energy} for level, energy in levels.items()],
        )  # fmt: skip
        save_drawn(energy_breakdown(result), list(result.rows()), stem, options)
        rows = energy_table(result, "action")
        save_drawn(energy_bars(result, "action"), rows, f"{stem}_actions", options)
    if not results:
        raise sim.SimulatorError(f"no network can be mapped by {options.dataflow}")
    if len(results) > 1:
        rows = energy_table(results, per="network")
        save_drawn(energy_bars(results, per="network"), rows, "networks", options)


if __name__ == "__main__":
    sys.exit(main())
