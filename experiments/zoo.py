"""Simulate every network of the zoo on a machine, and tell how long each takes.

    python experiments/zoo.py                                  # every network on eyeriss_v1, walked
    python experiments/zoo.py --networks alexnet vgg16 --engine closed-form

Times are CPU seconds, from the network's name to its result: every distinct layer's search and
its count. The first network also compiles the kernels, where no run before has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, write_csv
from simulator.architecture import Architecture
from simulator.errors import MappingError
from simulator.terminal import progress
from workloads import zoo


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="zoo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(zoo.names()), help="by default all")
    parser.add_argument("--arch", default="eyeriss_v1", help="a machine's name or file")
    parser.add_argument("--dataflow", help="by default the machine's")
    parser.add_argument("--objective", default="energy", choices=("energy", "cycles", "edp"))
    parser.add_argument("--engine", default="walk", choices=("walk", "closed-form"))
    parser.add_argument("--evaluations", type=int, help="the most mappings of a layer that are scored")
    parser.add_argument("--out", type=Path, default=Path("runs/zoo"))
    options = parser.parse_args(argv)
    return run(lambda: _simulate(options))


def _simulate(options: argparse.Namespace) -> None:
    # A wrong name is an error at once, not an hour into the run.
    networks = [sim.load_network(name).name for name in options.networks]
    machine = sim.load_architecture(options.arch)
    folder = make_folder(options.out)
    rows: list[dict[str, Any]] = []
    for network in networks:
        rows.append(row := timed(network, machine, options))
        print(f"{row['network']}: {row['seconds']} s {row['no mapping']}", flush=True)
        write_csv(folder / "zoo.csv", rows)
    print_table(f"{len(rows)} networks on {machine.name}, batch 1 ({options.engine})", rows)
    seconds = [row["seconds"] for row in rows]
    print(f"{sum(seconds):.0f} s in all, {max(seconds):.0f} s the longest")
    print(f"wrote {folder / 'zoo.csv'}")
    if failed := [row["network"] for row in rows if row["no mapping"]]:
        raise sim.SimulatorError(f"no mapping for layers of {', '.join(failed)}")


def timed(name: str, machine: Architecture, options: argparse.Namespace) -> dict[str, Any]:
    """Simulate a network: what came out and the seconds it took, or why a layer has no mapping."""
    start = time.process_time()
    network = sim.load_network(name)
    row: dict[str, Any] = {"network": name, "layers": len(network), "GMACs": network.macs / 1e9}
    figures: tuple[Any, ...] = (None,) * 5
    reason = ""
    try:
        with progress(name) as report:
            result = sim.simulate(
                network, machine, options.dataflow, options.objective, options.engine,
                evaluations=options.evaluations,
                progress=report and (lambda doing, *amounts: report(f"{name}: {doing}", *amounts)),
            )  # fmt: skip
        parts = {replace(part.cost.problem, name="") for layer in result for part in layer.parts}
        figures = len(result.layers), len(parts), result.energy, result.cycles, result.utilization
    except MappingError as error:
        reason = str(error)
    names = ("on the array", "distinct", f"energy ({machine.energy_unit})", "cycles", "utilization")
    seconds = round(time.process_time() - start, 1)
    return row | dict(zip(names, figures, strict=True)) | {"seconds": seconds, "no mapping": reason}


if __name__ == "__main__":
    sys.exit(main())
