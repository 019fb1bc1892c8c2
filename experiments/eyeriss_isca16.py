"""Six dataflows at equal storage area on AlexNet: the comparison of the Eyeriss ISCA'16 paper.

    python experiments/eyeriss_isca16.py            # 256, 512 and 1024 PEs: 6 to 9 min on two cores
    python experiments/eyeriss_isca16.py --quick    # 256 PEs, batch 16, short searches of free mappings

Y.-H. Chen, J. Emer, V. Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional
Neural Networks", ISCA 2016, figures 10 to 14. Energy per MAC in units of one MAC, in up to five settings:

- published: the optimum of the authors' model, for 256 PEs (experiments/isca16/published.py);
- published mapping: our counts at that optimum's parameters;
- paper's setting: our optimum with the paper's buffer contents, PEs in a row and accounting, inputs fetched
  anew for each tile of filters, as its equations have it;
- tiles kept: the same, but what stays in the buffer is not fetched again;
- free: any mapping of the dataflow on a square array of PEs, fills, sends and drains costing an access each.

Delay is 1 / active PEs as in the paper, and EDP that of the mapping with the least energy: row stationary's
energy is so flat that mappings within 1 % of it differ by a fifth in active PEs. A fully connected layer of
one image is one tile of inputs, which "paper's setting" cannot have fetched anew: there output stationary
comes out up to 6 % below the published energy, and A below weight stationary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.common import make_folder, print_table, run, write_csv
from experiments.isca16 import figures, grid, tables
from experiments.isca16.machines import ARRAYS
from simulator.terminal import progress


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="eyeriss_isca16", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pes", nargs="+", type=int, default=list(ARRAYS), choices=list(ARRAYS))
    parser.add_argument("--quick", action="store_true", help="256 PEs, batch 16, short free searches")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("runs/eyeriss_isca16"))
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    if options.quick:
        points = grid.points([figures.PES], [figures.BATCH], [figures.BATCH], grid.QUICK)
    else:
        points = grid.points(sorted(set(options.pes)), grid.CONV_BATCHES, grid.FC_BATCHES, grid.THOROUGH)
    folder = make_folder(options.out)
    scores: list[grid.Score] = []
    done, total = 0, sum(point.macs for point in points)
    with progress("ISCA'16") as report:
        for point, found in zip(points, grid.scores(points, options.jobs), strict=True):
            scores += found
            done += point.macs
            if report:
                doing = f"{point.pes} PEs, {point.layer.name}, batch {point.batch}, {point.label}"
                report(doing, done, total)
    sizes = list(dict.fromkeys(point.pes for point in points))
    totals, layers = tables.totals(scores), tables.row_stationary(scores, figures.PES, figures.BATCH)
    _show(scores, totals, layers, sizes)
    write_csv(folder / "layers.csv", [score.row() for score in scores])
    write_csv(folder / "totals.csv", totals)
    write_csv(folder / "storage.csv", tables.storage(sizes))
    drawn = figures.draw(totals, layers, folder)
    print(f"wrote layers.csv, totals.csv, storage.csv and {', '.join(drawn)} (.png) to {folder}")


def _show(
    scores: Sequence[grid.Score], totals: list[tables.Row], layers: list[tables.Row], sizes: Sequence[int]
) -> None:
    print_table("storage at equal area", tables.storage(sizes))
    for pes in sizes:
        for kind, name in (("CONV", "convolutions"), ("FC", "fully connected layers")):
            print_table(
                f"AlexNet's {name}, {pes} PEs: energy per MAC (MACs)", tables.compared(totals, kind, pes)
            )
    if layers:
        where = f"{figures.PES} PEs, batch {figures.BATCH}, paper's setting"
        print_table(f"row stationary, {where}: energy (MACs)", layers)
        print(f"convolutions: {100 * tables.conv_share(layers):.1f} % of it")
    for note in tables.notes(totals):
        print(note)
    part = [score for score in scores if not score.complete]
    if part:
        print(f"free: {len(part)} of {len(scores)} mapspaces were searched in part, then by hill climbing")


if __name__ == "__main__":
    sys.exit(main())
