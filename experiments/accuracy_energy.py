"""Accuracy on ImageNet against the energy of an image on a machine.

    python experiments/accuracy_energy.py                       # top-1, eyeriss_v1; 3 minutes
    python experiments/accuracy_energy.py --top 5 --arch eyeriss_v1 --networks alexnet vgg16 resnet50

Accuracy is 100 % less the error that the zoo knows of a network, as its paper or framework printed it, and
trained as each was: mostly of one crop, but ResNets (the paper's) of ten, VGG of whole images and the pre-
activation ResNets of crops of 320 x 320, more work than the image that is simulated. Energy is of one image
at the network's own size, every layer at the best mapping found in the dataflow, activations and
normalizations fused. Only the closed form counts: it gives the energy that the walk gives.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, write_csv
from simulator.architecture import Architecture
from simulator.plots import named_points, save_figure, unbeaten
from simulator.terminal import progress
from workloads import Network, zoo

DATASET = "ImageNet"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="accuracy_energy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", help="by default all whose error is published")
    parser.add_argument("--arch", default="eyeriss_v1", help="a machine's name or file")
    parser.add_argument("--top", type=int, default=1, choices=(1, 5), help="which accuracy")
    parser.add_argument("--evaluations", type=int, help="the most mappings of a layer that are scored")
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"))
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy_energy"))
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    machine = sim.load_architecture(options.arch)
    networks = _networks(options.networks, options.top)
    folder = make_folder(options.out)
    name = f"accuracy_energy_top{options.top}_{machine.name}"
    rows: list[dict[str, Any]] = []
    for network in networks:
        rows.append(row(network, machine, options.evaluations))
        write_csv(folder / f"{name}.csv", rows)
    unit = _unit(machine)
    points = {row["network"]: (row[unit], row[f"top-{options.top} (%)"]) for row in rows}
    front = unbeaten(points)
    marked = [row | {"front": "yes" if row["network"] in front else ""} for row in rows]
    write_csv(folder / f"{name}.csv", marked)
    print_table(f"{len(rows)} networks on {machine.name}, batch 1", marked)
    figure = named_points(
        points,
        f"energy of an image on {machine.name} ({machine.energy_unit}{'s' * (machine.energy_unit == 'MAC')})",
        f"top-{options.top} accuracy on {DATASET} (%)",
        "no other is as accurate with less energy",
    )
    save_figure(figure, folder / f"{name}.{options.format}")
    print(f"wrote {folder / name}.csv and .{options.format}")


def row(network: Network, machine: Architecture, evaluations: int | None = None) -> dict[str, Any]:
    """What is known of a network, and its energy on a machine."""
    with progress(network.name) as report:
        result = sim.simulate(
            network, machine, engine="closed-form", evaluations=evaluations,
            progress=report and (lambda doing, *amounts: report(f"{network.name}: {doing}", *amounts)),
        )  # fmt: skip
    known = network.metadata
    errors = {"top-1 (%)": known.top1_error, "top-5 (%)": known.top5_error}
    accuracies = {top: None if error is None else round(100 - error, 6) for top, error in errors.items()}
    return {
        "network": network.name,
        "year": known.year,
        **accuracies,
        "GMACs": network.macs / 1e9,
        "weights (M)": network.weights / 1e6,
        _unit(machine): result.energy,
    }


def _unit(machine: Architecture) -> str:
    return f"energy ({machine.energy_unit})"


def _networks(names: Sequence[str] | None, top: int) -> list[Network]:
    """The networks asked for, else all with that error; SimulatorError for one asked for that has none."""
    found = []
    for name in names or zoo.names():
        network = sim.load_network(name)
        known = network.metadata
        error = known.top1_error if top == 1 else known.top5_error
        if known.dataset == DATASET and error is not None:
            found.append(network)
        elif names:
            raise sim.SimulatorError(f"{name}: no top-{top} error on {DATASET} is published")
    return found


if __name__ == "__main__":
    sys.exit(main())
