"""All machines beside each other, priced by one table: energy per MAC by place, cycles, utilization.

    python experiments/machines.py                                  # four networks, all machines
    python experiments/machines.py --networks resnet50 --arch eyeriss_v1 tpu_v1 mine.yaml
    python experiments/machines.py --energy isca16 --objective edp --batch 16

Each machine runs its own dataflow, each layer at its best mapping. Energies are those of one table, which
knows the machines' memories by their sizes alone: what a chip's designers did about the rest is not in them.
Where a machine has no mapping for a layer of a network it is marked, and the reason is told. What is done is
kept in the store. 76 runs, 2 minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, save_drawn, sweep_parser, write_csv
from simulator.architecture import registered_architectures
from simulator.plots import machine_table
from simulator.terminal import sweep_progress

SHOWN = ("network", "architecture", "dataflow", "energy per MAC", "cycles", "time (ms)", "utilization (%)")


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("machines", __doc__, tuple(registered_architectures()))
    parser.add_argument("--energy", default="cacti_45nm", help="an energy table's name or file")
    parser.add_argument("--dataflow", help="one for all, by name or file; by default each machine's own")
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    store = options.store or make_folder(options.out) / "machines.sqlite"
    rows = []
    for name in options.networks:
        network = sim.load_network(name, options.batch)
        with sweep_progress(network.name) as report:
            found = sim.compare_architectures(
                network, options.arch, options.dataflow, energy=options.energy,
                objective=options.objective, engine=options.engine, time_limit=options.time_limit,
                store=store, workers=options.workers,
                progress=lambda standing, tell=report: tell(standing, ""),
            )  # fmt: skip
        for machine, reason in found.failures.items():
            print(f"no result: {network.name} on {machine}: {reason}", file=sys.stderr)
        own = machine_table(list(found.results.values()), [*found.results, *found.failures])
        save_drawn(found.plot(), own, f"machines_{network.name}", options)
        rows += own
    title = f"batch {options.batch}, least {options.objective}, priced by {options.energy}"
    print_table(title, [{name: row[name] for name in SHOWN} for row in rows])
    write_csv(options.out / "machines.csv", rows)


if __name__ == "__main__":
    sys.exit(main())
