"""Energy, latency and utilization against the number of PEs, under two dataflows.

    python experiments/pe_sweep.py                      # AlexNet and VGG-16, 64 to 1024 PEs
    python experiments/pe_sweep.py --scale-buffer --engine walk

The machine is the Eyeriss chip with another array; scratchpads, networks on chip and the DRAM link stay as
they are, so beyond some size a network or the link is what limits. Prices stay too: a larger array or buffer
costs as much per access as the chip's. The closed form's cycles leave out what PEs wait for one another
within a pass (up to 2 %); `--engine walk` has it.
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
from simulator.dataflows import DATAFLOWS as KNOWN
from simulator.errors import MappingError
from simulator.plots import save_figure, sweep_lines
from simulator.terminal import progress

# Rows x columns, as square as a power of two allows; 12 x 14 is the chip (JSSC'17 table IV).
ARRAYS = {64: (8, 8), 128: (8, 16), 168: (12, 14), 256: (16, 16), 512: (16, 32), 1024: (32, 32)}
CHIP_PES = 168
DATAFLOWS = ("row_stationary", "weight_stationary")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pe_sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["alexnet", "vgg16"])
    parser.add_argument("--dataflows", nargs="+", default=list(DATAFLOWS), choices=list(KNOWN))
    parser.add_argument("--pes", nargs="+", type=int, default=list(ARRAYS), choices=list(ARRAYS))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--objective", default="energy", choices=("energy", "cycles", "edp"))
    parser.add_argument("--engine", default="closed-form", choices=("closed-form", "walk"))
    parser.add_argument("--scale-buffer", action="store_true", help="the buffer grows with the PEs")
    parser.add_argument("--out", type=Path, default=Path("runs/pe_sweep"))
    options = parser.parse_args(argv)
    return run(lambda: _sweep(options))


def machine(pes: int, scale_buffer: bool = False) -> Architecture:
    """The chip with another array and, if asked, as much buffer for each PE as the chip has."""
    chip = sim.load_architecture("eyeriss_v1")
    rows, columns = ARRAYS[pes]
    changes: dict[str, object] = {"PE.y.size": rows, "PE.x.size": columns}
    if scale_buffer:
        buffer = chip.storage("GLB")
        sizes = [part.capacity_bits * pes // CHIP_PES for part in buffer.partitions]
        changes |= {f"GLB.partitions.{i}.capacity": f"{size} bits" for i, size in enumerate(sizes)}
        changes["GLB.capacity"] = f"{sum(sizes)} bits"
    return chip.replace(changes)


def point(network: str, dataflow: str, pes: int, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the table; a mapspace that is empty shows in it, with the reason."""
    rows, columns = ARRAYS[pes]
    row: dict[str, Any] = {
        "network": network, "batch": options.batch, "dataflow": dataflow, "PEs": pes,
        "array": f"{rows}x{columns}",
    }  # fmt: skip
    label = f"{network}, {dataflow}, {pes} PEs"
    try:
        with progress(label) as report:
            result = sim.simulate(
                network,
                machine(pes, options.scale_buffer),
                dataflow,
                options.objective,
                options.engine,
                options.batch,
                progress=report and (lambda doing, *amounts: report(f"{label}: {doing}", *amounts)),
            )
    except MappingError as error:
        empty = dict.fromkeys(("energy (MACs)", "cycles", "latency (ms)", "utilization"))
        return row | empty | {"no mapping": str(error)}
    assert result.seconds is not None  # the chip states a clock
    return row | {
        "energy (MACs)": result.energy,
        "cycles": result.cycles,
        "latency (ms)": result.seconds * 1e3,
        "utilization": result.utilization,
        "no mapping": "",
    }


def _sweep(options: argparse.Namespace) -> None:
    # A wrong name is an error at once, not an hour into the sweep.
    networks = [sim.load_network(name, options.batch).name for name in options.networks]
    folder = make_folder(options.out)
    rows: list[dict[str, Any]] = []
    for network in networks:
        for dataflow in options.dataflows:
            for pes in sorted(set(options.pes)):
                rows.append(point(network, dataflow, pes, options))
                write_csv(folder / "pe_sweep.csv", rows)
    stalls = "" if options.engine == "walk" else ", cycles without the stalls that a walk finds"
    print_table(f"number of PEs ({options.engine}{stalls})", rows)
    print(f"wrote {folder / 'pe_sweep.csv'}")
    if any(row["energy (MACs)"] is not None for row in rows):
        _draw(rows, folder / "pe_sweep.png")
        print(f"wrote {folder / 'pe_sweep.png'}")


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    quantities = {
        "energy ($10^9$ MACs)": ("energy (MACs)", 1e-9),
        "latency (ms)": ("latency (ms)", 1.0),
        "utilization (%)": ("utilization", 100.0),
    }
    lines: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for label, (column, factor) in quantities.items():
        for row in rows:
            panel = lines.setdefault((label, f"{row['network']}, batch {row['batch']}"), {})
            if row[column] is not None:
                panel.setdefault(row["dataflow"], []).append((row["PEs"], row[column] * factor))
    save_figure(sweep_lines(lines, "number of PEs"), path)


if __name__ == "__main__":
    sys.exit(main())
