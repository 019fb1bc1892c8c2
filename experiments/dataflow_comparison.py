"""All dataflows beside each other on one machine: energy by level and by tensor, cycles, EDP.

    python experiments/dataflow_comparison.py                       # four networks, seven dataflows
    python experiments/dataflow_comparison.py --dataflows row_stationary flexible --time-limit 30
    python experiments/dataflow_comparison.py --arch eyeriss_isca16_256 --objective edp

Every dataflow runs on the same machine, each layer at the best mapping that it allows; ISCA'16's comparison
at equal area, each on a machine of its own, is `eyeriss_isca16.py`. Where a dataflow cannot map a layer of a
network, its bar is marked. What is done is kept in the store. 28 runs, 1 minute of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import ORDERLY, print_table, run, save_drawn, sweep_parser, swept
from simulator.plots import dataflow_comparison, dataflow_table, study_table

SHOWN = ("network", "dataflow", "outermost traffic (MB)", "cycles", "utilization (%)", "error")


def main(argv: Sequence[str] | None = None) -> int:
    parser = sweep_parser("dataflow_comparison", __doc__)
    parser.add_argument("--dataflows", nargs="+", default=list(ORDERLY), help="names or files")
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    with swept(options, batch=options.batch, dataflow=options.dataflows) as study:
        results = [run.result() for run in study.runs if run.status == "done"]
        table = [{name: row[name] for name in SHOWN} for row in study_table(study)]
    if not results:
        raise sim.SimulatorError("no dataflow maps all layers of any network")
    print_table("dataflows", table)
    title = f"batch {options.batch}, on {results[0].architecture.name}, least {options.objective}"
    rows = [
        row | {"quantity": f"{quantity} by {by}"}
        for quantity, by in (("energy", "level"), ("energy", "tensor"), ("cycles", ""), ("edp", ""))
        for row in dataflow_table(results, quantity, by or "level")
    ]
    save_drawn(dataflow_comparison(results, title), rows, "dataflow_comparison", options)


if __name__ == "__main__":
    sys.exit(main())
