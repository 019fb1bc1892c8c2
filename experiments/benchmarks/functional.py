"""CPU time to execute AlexNet's convolutions with values, batch 1, each under its row-stationary mapping.

python experiments/benchmarks/functional.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import simulator as sim
from experiments.common import print_table, run

LAYERS = [f"alexnet:conv{number}" for number in range(1, 6)]
# CPU seconds that the five convolutions should take at most together, on one core of about 2 GHz.
AIM = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="functional", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layers", nargs="+", default=LAYERS, help="network:layer")
    options = parser.parse_args(argv)
    return run(lambda: _measure(options.layers))


def _measure(layers: Sequence[str]) -> None:
    # The first run of a kernel compiles or loads it.
    _time("lenet5_caffe:conv1")
    rows = [_time(layer) for layer in layers]
    spent = round(sum(row["CPU s"] for row in rows), 2)
    rows.append({"layer": "total", "MACs": sum(row["MACs"] for row in rows), "CPU s": spent})
    aim = AIM if list(layers) == LAYERS else None
    print_table(
        "functional engine, row stationary on eyeriss_v1, batch 1; counts equal to the closed form's",
        [row | {"aim (CPU s)": aim if row["layer"] == "total" else None} for row in rows],
    )


def _time(layer: str) -> dict[str, Any]:
    chip = sim.load_architecture("eyeriss_v1")
    name, inner = layer.split(":", 1)
    network = sim.load_network(name)
    # The search is not what is measured.
    found = sim.simulate(network, chip, "row_stationary", engine="closed-form")
    mapping = found[inner].cost.mapping
    start = time.process_time()
    result = sim.evaluate(network[inner], chip, mapping, engine="functional")
    return {"layer": layer, "MACs": result.macs, "CPU s": round(time.process_time() - start, 2)}


if __name__ == "__main__":
    sys.exit(main())
