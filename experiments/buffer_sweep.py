"""Energy, traffic, cycles and EDP against the size of a buffer.

    python experiments/buffer_sweep.py                              # the chip's buffer, 27 to 432 KiB
    python experiments/buffer_sweep.py --level filter_spad --sizes 112B 224B 448B 896B
    python experiments/buffer_sweep.py --arch scratchpads_168 --networks resnet50

The level's partitions keep their shares of it; everything else stays, prices too: a larger buffer costs as
much per access. So the energy shows what the room is worth, before what it costs. What is done is kept in the
store: the same command goes on where it was stopped. 40 runs, 1 to 2 minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.common import print_table, run, save_drawn, sweep_parser, swept
from simulator.plots import study_table, sweep_lines
from simulator.units import parse_bits

SHOWN = ("network", "dataflow", "outermost traffic (MB)", "cycles", "utilization (%)", "error")


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("buffer_sweep", __doc__)
    parser.add_argument("--level", default="GLB", help="the storage level")
    sizes = ["27KiB", "54KiB", "108KiB", "216KiB", "432KiB"]
    parser.add_argument("--sizes", nargs="+", default=sizes, help="of an instance, with their units")
    parser.add_argument("--dataflows", nargs="+", default=["row_stationary", "weight_stationary"])
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args(argv)
    return run(lambda: _sweep(options))


def _sweep(options: argparse.Namespace) -> None:
    sizes = sorted({parse_bits(text) for text in options.sizes})
    field, column = f"{options.level}.capacity", f"{options.level} (KiB)"
    settings = {field: [f"{bits} bits" for bits in sizes]}
    with swept(options, settings, batch=options.batch, dataflow=options.dataflows) as study:
        rows = [{column: parse_bits(row[field]) / 2**13, **row} for row in study_table(study)]
    print_table(f"size of {options.level}", [{name: row[name] for name in (column, *SHOWN)} for row in rows])
    energy = next(name for name in rows[0] if name.startswith("energy per MAC"))
    edp = next(name for name in rows[0] if name.startswith("EDP"))
    figure = sweep_lines(
        rows, column, [energy, "outermost traffic (MB)", "cycles", edp], "dataflow", "network"
    )
    save_drawn(figure, rows, "buffer_sweep", options)


if __name__ == "__main__":
    sys.exit(main())
