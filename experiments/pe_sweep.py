"""Energy, cycles, utilization and EDP against the number of PEs, square and oblong, under all dataflows.

    python experiments/pe_sweep.py                                 # 420 runs, 9 minutes of one core
    python experiments/pe_sweep.py --pes 168 --networks alexnet --dataflows row_stationary
    python experiments/pe_sweep.py --scale-buffer                  # the buffer grows with the PEs

AlexNet, VGG-16, ResNet-50 and MobileNet on the Eyeriss chip with another array; scratchpads, networks on
chip and the DRAM link stay as they are, so beyond some size a network or the link is what limits. Prices stay
too: a larger array or buffer costs as much per access as the chip's. Arrays are as square as a power of two
allows, "wide" (rows twice as long, half as many) or "tall" (the wide one on its side). The closed form's
cycles leave out what PEs wait for one another within a pass (up to 2 %); `--engine walk` has it. What is done
is kept in the store: the same command goes on where it was stopped.
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
from experiments.common import ORDERLY, print_table, run, save_drawn, sweep_parser, swept
from simulator.dataflows import DATAFLOWS
from simulator.plots import front_table, pareto, study_table, sweep_lines

# Rows and columns, as square as a power of two allows; 12 x 14 is the chip (JSSC'17 table IV).
SQUARE = {
    64: (8, 8), 128: (8, 16), 168: (12, 14), 256: (16, 16), 512: (16, 32), 1024: (32, 32), 2048: (32, 64),
    4096: (64, 64),
}  # fmt: skip
SHAPES = ("square", "wide", "tall")
SHOWN = ("PEs", "shape", "network", "dataflow", "utilization (%)", "cycles", "error")


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("pe_sweep", __doc__)
    parser.add_argument("--dataflows", nargs="+", default=list(ORDERLY), choices=list(DATAFLOWS))
    parser.add_argument(
        "--pes", nargs="+", type=int, default=[64, 168, 256, 1024, 4096], choices=list(SQUARE)
    )
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--scale-buffer", action="store_true", help="the buffer grows with the PEs")
    options = parser.parse_args(argv)
    return run(lambda: _sweep(options))


def settings(pes: int, shape: str, arch: str, scale_buffer: bool = False) -> dict[str, Any]:
    """The fields of an array of a shape and, if asked, of as much buffer for each PE as the machine has."""
    rows, columns = SQUARE[pes]
    if shape != "square":
        rows, columns = rows // 2, columns * 2
    if shape == "tall":
        rows, columns = columns, rows
    fields: dict[str, Any] = {"array.x": columns, "array.y": rows}
    if scale_buffer:
        machine = sim.load_architecture(arch)
        bits = machine.storage("GLB").capacity_bits or 0
        fields["GLB.capacity"] = f"{bits * pes // machine.mac_units} bits"
    return fields


def _sweep(options: argparse.Namespace) -> None:
    points = {
        (pes, shape): settings(pes, shape, options.arch, options.scale_buffer)
        for pes in sorted(set(options.pes))
        for shape in dict.fromkeys(options.shapes)
    }
    shapes = {(at["array.x"], at["array.y"]): shape for (_, shape), at in points.items()}
    with swept(options, list(points.values()), batch=options.batch, dataflow=options.dataflows) as study:
        rows = [{"shape": shapes[row["array.x"], row["array.y"]], **row} for row in study_table(study)]
    print_table("number of PEs", [{name: row[name] for name in SHOWN} for row in rows])
    energy = next(name for name in rows[0] if name.startswith("energy per MAC"))
    edp = next(name for name in rows[0] if name.startswith("EDP"))
    first = [row for row in rows if row["shape"] == options.shapes[0]]
    figure = sweep_lines(
        first, "PEs", [energy, "cycles", "utilization (%)", edp], "dataflow", "network",
        y_scale={"cycles": "log10", edp: "log10"},
    )  # fmt: skip
    save_drawn(figure, rows, "pe_sweep", options)
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        _front(own, edp, f"pe_sweep_front_{network}", options)
    if len(options.shapes) > 1:
        _oblong(rows, edp, options)


def _front(rows: list[dict[str, Any]], edp: str, name: str, options: argparse.Namespace) -> None:
    """The arrays and dataflows that none of as many PEs or fewer beats in EDP."""
    named = [row | {"point": f"{row['array.y']}x{row['array.x']} {row['dataflow']}"} for row in rows]
    if any(row[edp] for row in named):
        figure = pareto(named, "PEs", edp, "point", front="no less EDP with as few PEs")
        save_drawn(figure, front_table(named, "PEs", edp, "point"), name, options)


def _oblong(rows: list[dict[str, Any]], edp: str, options: argparse.Namespace) -> None:
    """Each shape's EDP over that of the first shape."""
    base, *others = options.shapes
    at = ("network", "dataflow", "PEs")
    known = {(*(row[name] for name in at), row["shape"]): row[edp] for row in rows}
    table = []
    for key in dict.fromkeys(key[:3] for key in known):
        row: dict[str, Any] = dict(zip(at, key, strict=True))
        for shape in others:
            own, reference = known[*key, shape], known[*key, base]
            row[f"EDP, {shape} (times {base})"] = own / reference if own and reference else None
        table.append(row)
    quantities = list(table[0])[3:]
    save_drawn(
        sweep_lines(table, "PEs", quantities, "dataflow", "network"), table, "pe_sweep_shapes", options
    )


if __name__ == "__main__":
    sys.exit(main())
