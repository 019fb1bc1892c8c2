"""A picture of each dataflow: its mapping of least EDP for a layer, drawn on a small array.

    python experiments/dataflow_pictures.py
    python experiments/dataflow_pictures.py --dataflows row_stationary --layer alexnet:conv1 --pes 14 12

The machine is the one named with its array made so small that every PE can be labelled. The pictures of
simulator/dataflows/README.md are made with the defaults.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, run
from simulator.dataflows import DATAFLOWS
from simulator.plots import mapping_on_array, save_figure

_DPI = 150  # for screens: a page's width is 1050 pixels


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dataflow_pictures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataflows", nargs="+", default=list(DATAFLOWS))
    parser.add_argument("--layer", default="vgg16:conv2_1")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--arch", default="eyeriss_v1")
    parser.add_argument("--pes", type=int, nargs=2, default=[4, 4], metavar=("X", "Y"))
    parser.add_argument("--evaluations", type=int, default=20_000)
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"))
    parser.add_argument("--out", type=Path, default=Path("experiments/figures"))
    options = parser.parse_args(argv)
    return run(lambda: _draw(options))


def _draw(options: argparse.Namespace) -> None:
    problem = sim.load_layer(options.layer, options.batch)
    across, down = options.pes
    machine = sim.load_architecture(options.arch).replace({"array.x": across, "array.y": down})
    folder = make_folder(options.out)
    for name in options.dataflows:
        found = sim.search(
            problem, machine, name, "edp", mapper="hill-climbing", evaluations=options.evaluations
        )
        title = (
            f"{name}: {options.layer}, batch {options.batch}, on {machine.name} with {across} x {down} PEs"
        )
        file = folder / f"dataflow_{name}.{options.format}"
        save_figure(mapping_on_array(problem, machine, found.mapping, title), file, _DPI)
        print(f"wrote {file}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
