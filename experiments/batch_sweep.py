"""Energy, traffic and cycles of an image, and utilization, against the batch.

    python experiments/batch_sweep.py                               # 1 to 64 images
    python experiments/batch_sweep.py --networks mobilenet_v1 --dataflows row_stationary --batches 1 16

Weights that stay for several images are fetched once for them, which fully connected layers live on. Figures
of an image are those of the batch over its size. What is done is kept in the store: the same command goes on
where it was stopped. 56 runs, 2 minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.common import print_table, run, save_drawn, sweep_parser, swept
from simulator.plots import study_table, sweep_lines


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("batch_sweep", __doc__)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--dataflows", nargs="+", default=["row_stationary", "weight_stationary"])
    options = parser.parse_args(argv)
    return run(lambda: _sweep(options))


def _sweep(options: argparse.Namespace) -> None:
    batches = sorted(set(options.batches))
    with swept(options, batch=batches, dataflow=options.dataflows) as study:
        rows = [row | _per_image(row) for row in study_table(study)]
    images = list(_per_image(rows[0]))
    shown = ("network", "dataflow", "batch", *images, "utilization (%)", "error")
    print_table("batch", [{name: row[name] for name in shown} for row in rows])
    figure = sweep_lines(rows, "batch", [*images, "utilization (%)"], "dataflow", "network")
    save_drawn(figure, rows, "batch_sweep", options)


def _per_image(row: dict[str, Any]) -> dict[str, float | None]:
    energy = next(name for name in row if name.startswith("energy ("))
    whole = {
        energy.replace("energy", "energy of an image"): row[energy],
        "traffic of an image (MB)": row["outermost traffic (MB)"],
        "cycles of an image": row["cycles"],
    }
    return {name: None if total is None else total / row["batch"] for name, total in whole.items()}


if __name__ == "__main__":
    sys.exit(main())
