"""Energy per layer under row stationary, by level and by tensor: a figure and a CSV for each network.

python experiments/energy_breakdown.py
python experiments/energy_breakdown.py --networks resnet50 --format pdf
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, write_csv
from simulator.plots import energy_breakdown, save_figure
from simulator.terminal import progress


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="energy_breakdown", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["alexnet", "vgg16"])
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--engine", default="closed-form", choices=("closed-form", "walk"))
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"))
    parser.add_argument("--out", type=Path, default=Path("runs/energy_breakdown"))
    options = parser.parse_args(argv)
    return run(lambda: _break_down(options))


def _break_down(options: argparse.Namespace) -> None:
    networks = [sim.load_network(name, options.batch) for name in options.networks]
    machine = sim.load_architecture(options.arch)
    folder = make_folder(options.out)
    for network in networks:
        with progress(network.name) as report:
            result = sim.simulate(network, machine, "row_stationary", engine=options.engine, progress=report)
        total = result.energy
        levels = {level: sum(layer.level_energy(level) for layer in result) for level in result.levels}
        print_table(
            f"{network.name}, batch {network.batch}, on {machine.name}: share of the energy",
            [{"level": level, f"energy ({machine.energy_unit})": energy, "share (%)": 100 * energy / total}
             for level, energy in levels.items()],
        )  # fmt: skip
        stem = f"{network.name}_{machine.name}_batch{network.batch}"
        write_csv(folder / f"{stem}.csv", list(result.rows()))
        save_figure(energy_breakdown(result), folder / f"{stem}.{options.format}")
        print(f"wrote {folder / stem}.csv and .{options.format}")


if __name__ == "__main__":
    sys.exit(main())
