"""VGG-16's convolutions on the Eyeriss chip, mapped by us: our totals beside its measurements.

    python experiments/eyeriss_vgg16.py

Y.-H. Chen, T. Krishna, J. Emer, V. Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep
Convolutional Neural Networks", JSSC 52(1), 2017, table VI: batch 3, 200 MHz core, 60 MHz link. MB are 10^6
bytes. The parameters the chip ran were never published: here the best row-stationary mappings are found,
once for energy and once for cycles. So this says what the chip could do, not what its authors ran.

- The chip moved 11,036 MB through its buffer. A 64-bit bus at 200 MHz takes 1.6 GB/s: were half of it
  partial sums on their way up, that alone takes 3.4 of the 3.8 s (an inference: where the chip's time went
  is not known to us). Our mappings move a sixth to a quarter as much, partial sums on their way up take 0.4
  to 0.7 s, and computation sets the pace of most layers.
- "pace" is what is busy longest in a layer. For the least energy that is the 16-bit bus of inputs in conv1_2
  and conv2_1 (1 and 2 % longer than computation) and in conv5 (half as long again), computation elsewhere.
  For the fewest cycles it is the link to DRAM in conv1_1 (42 ms beside 37; what nothing hides is counted
  again as the link's time), computation elsewhere.
- Filters go past the buffer where that saves energy. Then they wait for DRAM and are the link's time.
- DRAM accesses and the time of its link are without run-length coding: no densities of VGG-16 are at hand.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, write_csv
from experiments.eyeriss_jssc17 import Latency, buffer_mb, latency
from simulator.plots import save_figure, stacked_bars
from workloads import Convolution, Network

BATCH = 3
OBJECTIVES = {"energy": "least energy", "cycles": "fewest cycles"}
# JSSC'17 table VI, all thirteen convolutions.
CHIP = {"buffer_mb": 11036.0, "dram_mb": 321.1, "processing_ms": 3755.2, "total_ms": 4309.5}

Row = dict[str, Any]


def convolutions(batch: int = BATCH) -> Network:
    """VGG-16 up to its last convolution."""
    whole = sim.load_network("vgg16", batch)
    last = max(i for i, (layer, _) in enumerate(whole.nodes) if isinstance(layer, Convolution))
    return Network("vgg16 convolutions", whole.nodes[: last + 1], batch)


def simulate(objective: str, engine: str = "walk", network: Network | None = None) -> list[Row]:
    """A row per convolution and one of their total, with the mappings that are best by the objective."""
    chip = sim.load_architecture("eyeriss_v1")
    network = network or convolutions()
    result = sim.simulate(network, chip, "row_stationary", objective, engine)
    rows: list[Row] = [
        {
            "objective": objective,
            "layer": layer.name,
            "active_pes": layer.active_pes,
            "pace": ", ".join({part.cost.cycles.limit: None for part in layer.parts}),
            "energy": layer.energy,
            "buffer_mb": buffer_mb(layer),
            "dram_mb": layer.traffic_bytes("DRAM") / 1e6,
            **_times(latency(layer, chip)),
        }
        for layer in result
        if layer.type == "Convolution"
    ]
    total: Row = {"objective": objective, "layer": "total", "active_pes": None, "pace": None}
    sums = {name: math.fsum(row[name] for row in rows) for name in rows[0] if name not in total}
    return [*rows, total | sums]


def _times(spent: Latency) -> dict[str, float]:
    return {**asdict(spent), "processing_ms": spent.processing_ms, "total_ms": spent.total_ms}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="eyeriss_vgg16", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", default="walk", choices=("walk", "closed-form"))
    parser.add_argument("--objectives", nargs="+", default=list(OBJECTIVES), choices=list(OBJECTIVES))
    parser.add_argument("--out", type=Path, default=Path("runs/eyeriss_vgg16"))
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    folder = make_folder(options.out)
    rows: list[Row] = []
    panels: dict[str, dict[str, list[float | None]]] = {}
    for objective in options.objectives:
        found = simulate(objective, options.engine)
        rows += found
        print_table(
            f"VGG-16, batch {BATCH}, {OBJECTIVES[objective]}: latency in ms", [_shown(r) for r in found]
        )
        panels[f"latency (ms)\n{OBJECTIVES[objective]}"] = {
            name.removesuffix("_ms"): [row[name] for row in found[:-1]] for name in asdict(Latency())
        }
    totals = [row for row in rows if row["layer"] == "total"]
    print_table("All thirteen: ours | Eyeriss, JSSC'17 table VI", [_beside_chip(row) for row in totals])
    print("DRAM: ours without run-length coding, the chip's with it")
    write_csv(folder / "eyeriss_vgg16.csv", rows)
    layers = [row["layer"].removeprefix("conv") for row in rows if row["objective"] == rows[0]["objective"]]
    figure = stacked_bars(panels, layers[:-1], f"VGG-16's convolutions, batch {BATCH}, on the Eyeriss chip")
    save_figure(figure, folder / "eyeriss_vgg16.png")
    print(f"wrote {folder / 'eyeriss_vgg16.csv'} and .png")


def _shown(row: Row) -> dict[str, str]:
    spent = {name: f"{row[f'{name}_ms']:.1f}" for name in ("computation", "networks", "filters", "ramp")}
    return {
        "layer": row["layer"],
        "PEs": str(row["active_pes"] or ""),
        "pace": row["pace"] or "",
        "buffer (MB)": f"{row['buffer_mb']:.1f}",
        "DRAM (MB)": f"{row['dram_mb']:.1f}",
        **spent,
        "processing": f"{row['processing_ms']:.1f}",
        "link": f"{row['link_ms']:.1f}",
        "total": f"{row['total_ms']:.1f}",
    }


def _beside_chip(row: Row) -> dict[str, str]:
    names = {"buffer_mb": "buffer (MB)", "dram_mb": "DRAM (MB)", "processing_ms": "processing (ms)"}
    names["total_ms"] = "total (ms)"
    shown = {heading: f"{row[name]:.0f} | {CHIP[name]:.0f}" for name, heading in names.items()}
    frames = " | ".join(f"{BATCH / ms * 1e3:.1f}" for ms in (row["total_ms"], CHIP["total_ms"]))
    return {"": OBJECTIVES[row["objective"]], **shown, "frames/s": frames}


if __name__ == "__main__":
    sys.exit(main())
