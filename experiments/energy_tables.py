"""How much of a result is the energy table's: a network on a machine under each table that comes along.

    python experiments/energy_tables.py                             # AlexNet on the Eyeriss chip
    python experiments/energy_tables.py --tables isca16 mine.yaml ert.yaml
    python experiments/energy_tables.py --pes 64 168 1024 --tables cacti_45nm cacti_45nm_hp

Each table prices the machine, each layer is mapped at its best for these prices. Above, where the energy of
the first dataflow goes; leakage is that of all instances, busy or idle, over the time of a layer. Below,
the other dataflows against the first: where tables disagree about their order, the conclusion is the
table's. With --pes the array has so many places instead, as square as their number allows, and the figure
shows the energy of a MAC against them. Tables that need a package (hwcomponents) are left out by default.
28 runs, 1 minute of one core.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matplotlib.figure import Figure

import simulator as sim
from experiments.common import print_table, run, save_drawn, sweep_parser, swept
from simulator.energies.tables import registered_tables
from simulator.plots import COLUMN_INCHES, bars_of, lines_of
from simulator.study.study import Study

TABLES = tuple(name for name in registered_tables() if not name.startswith("hwcomponents"))
DATAFLOWS = ("row_stationary", "weight_stationary", "output_stationary_b", "no_local_reuse")
SHARE, TIMES = "share of energy (%)", "energy (times the first)"


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("energy_tables", __doc__)
    parser.set_defaults(networks=["alexnet"])
    parser.add_argument("--tables", nargs="+", default=list(TABLES), help="names or files")
    parser.add_argument("--dataflows", nargs="+", default=list(DATAFLOWS), help="names or files")
    parser.add_argument("--pes", nargs="+", type=int, help="sizes of the array, in place of dataflows")
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args(argv)
    return run(lambda: _against_pes(options) if options.pes else _dataflows(options))


def spent(study: Study) -> dict[tuple[Any, ...], dict[str, float]]:
    """Energy of each run by part, ``leakage`` among them: runs by table, dataflow and number of MAC units."""
    found: dict[tuple[Any, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for done in study.runs:
        if done.status == "done":
            result = done.result()
            sums = found[done.point.settings["energy_table"], result.dataflow, result.architecture.mac_units]
            for layer in result:
                for row in layer.rows():
                    sums["leakage" if row["action"] == "leak" else _part(row["level"])] += row["energy"]
    return found


def _part(level: str) -> str:
    return "scratchpads" if level.endswith("_spad") else level


def _dataflows(options: argparse.Namespace) -> None:
    with swept(
        options, {"energy_table": options.tables}, batch=options.batch, dataflow=options.dataflows
    ) as study:
        runs = spent(study)
    first = options.dataflows[0]
    shares, times = [], []
    for (table, dataflow, _), parts in runs.items():
        whole = sum(parts.values())
        if dataflow == first:
            shares += [{"table": table, "part": p, SHARE: 100 * e / whole} for p, e in parts.items()]
        base = [sum(of.values()) for (t, d, _), of in runs.items() if (t, d) == (table, first)]
        if not base:
            raise sim.SimulatorError(f"{first} maps no network under {table}, so nothing is against it")
        times.append({"table": table, "dataflow": dataflow, TIMES: whole / base[0]})
    print_table(f"energy of {first}", shares)
    print_table("dataflows", times)
    figure = Figure(figsize=(2 * COLUMN_INCHES, 1.7 * COLUMN_INCHES), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    bars_of(shares, "table", "part", SHARE, ax=upper)
    bars_of(times, "table", "dataflow", TIMES, stacked=False, ax=lower)
    save_drawn(figure, [*shares, *times], "energy_tables", options)


def _against_pes(options: argparse.Namespace) -> None:
    units = {sim.load_architecture(options.arch, table).energy_unit for table in options.tables}
    if len(options.networks) > 1 or len(units) > 1:
        raise sim.SimulatorError("--pes goes with one network, and with tables of one unit")
    per_mac = f"energy per MAC ({units.pop()})"
    points = []
    for table in options.tables:
        for pes in sorted(set(options.pes)):
            rows = max(n for n in range(1, math.isqrt(pes) + 1) if pes % n == 0)
            points.append({"energy_table": table, "array.x": pes // rows, "array.y": rows})
    with swept(options, points, batch=options.batch, dataflow=options.dataflows[0]) as study:
        operations = max((done.result().macs for done in study.runs if done.status == "done"), default=0)
        runs = spent(study)
    if not runs:
        raise sim.SimulatorError(f"{options.dataflows[0]} maps the network on none of the arrays")
    drawn = []
    for (table, _, pes), parts in runs.items():
        for what, energy in (("all", sum(parts.values())), ("leakage", parts.get("leakage", 0.0))):
            drawn.append({"PEs": pes, "table": f"{table}, {what}", per_mac: energy / operations})
    print_table("number of PEs", drawn)
    save_drawn(lines_of(drawn, "PEs", per_mac, "table"), drawn, "energy_tables_pes", options)


if __name__ == "__main__":
    sys.exit(main())
