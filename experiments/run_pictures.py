"""Every figure of one run: energy, roofline, memories, and of layers the PEs at work, the array, the front.

    python experiments/run_pictures.py                              # AlexNet on the Eyeriss chip, batch 4
    python experiments/run_pictures.py --network resnet50 --layers conv3_1b --style slide

Each figure has its numbers as CSV beside it. PEs at work over time and the array are of the layers named,
with the mappings of least energy that the dataflow allows, and so is the front of energy and cycles, of all
its mappings. 20 seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, parser, run, save_drawn
from simulator import plots
from simulator.results import NetworkResult
from simulator.terminal import progress


def main(argv: Sequence[str] | None = None) -> int:
    made = parser("run_pictures", __doc__, "run_pictures")
    made.add_argument("--network", default="alexnet", help="a name or file")
    made.add_argument("--arch", default="eyeriss_v1", help="a machine's name or file")
    made.add_argument("--dataflow", help="by default the machine's")
    made.add_argument("--batch", type=int, default=4)
    made.add_argument("--layers", nargs="+", default=["conv1", "conv3"])
    made.add_argument("--style", default="paper", choices=("paper", "slide"))
    options = made.parse_args(argv)
    return run(lambda: _draw(options))


def _draw(options: argparse.Namespace) -> None:
    network = sim.load_network(options.network, options.batch)
    for name in options.layers:
        network[name]  # a wrong name is an error at once
    make_folder(options.out)
    with progress(network.name) as report:
        result = sim.simulate(network, options.arch, options.dataflow, progress=report)
    with plots.styled(options.style):
        _whole(result, options)
        for name in options.layers:
            _layer(result, name, options)


def _whole(result: NetworkResult, options: argparse.Namespace) -> None:
    for by in ("level", "tensor", "action"):
        rows = plots.energy_table(result, by)
        save_drawn(plots.energy_bars(result, by), rows, f"energy_by_{by}", options)
    for level in (storage.name for storage in result.architecture.storages if storage.rank < 2):
        rows = plots.roofline_table(result, level)
        save_drawn(plots.roofline(result, level), rows, f"roofline_{level}", options)
    rows = [row for layer in result for row in plots.occupancy_table(layer, result.architecture)]
    save_drawn(plots.memory_occupancy(result), rows, "memory_occupancy", options)


def _layer(result: NetworkResult, name: str, options: argparse.Namespace) -> None:
    layer = result[name]
    save_drawn(plots.activity(layer), plots.activity_table(layer), f"activity_{name}", options)
    cost, machine = layer.cost, result.architecture
    rows = plots.places_table(cost.problem, machine, cost.mapping)
    save_drawn(plots.array_map(cost.problem, machine, cost.mapping), rows, f"array_{name}", options)
    found = sim.search(cost.problem, machine, layer.dataflow, ("energy", "cycles"))
    rows = plots.search_table(found, machine)
    energy, cycles = list(rows[0])[1:]
    save_drawn(plots.pareto(rows, energy, cycles, "mapping"), rows, f"front_{name}", options)


if __name__ == "__main__":
    sys.exit(main())
