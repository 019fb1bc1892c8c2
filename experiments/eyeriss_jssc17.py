"""AlexNet's convolutions with the parameters the Eyeriss chip ran: our counts beside its measurements.

    python experiments/eyeriss_jssc17.py

Y.-H. Chen, T. Krishna, J. Emer, V. Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep
Convolutional Neural Networks", JSSC 52(1), 2017: mappings of table III, measurements of table V (batch 4,
200 MHz core, 60 MHz link). MB are 10^6 bytes of 16-bit words.

- Buffer accesses are what the paper counts: reads of inputs, partial sums drained, refilled and read out at
  the end; neither fills from DRAM nor filters.
- The chip compresses inputs and outputs in DRAM (run-length coding) from the second layer's inputs on; ours
  are uncompressed, so they lie above.
- CONV3 is counted with q, r, t = 3, 2, 2, CONV4's, which gives the measured accesses to the last digit. The
  4, 1, 4 printed for it gives 38 % more; it stands apart and is not in the total.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Scripts run from anywhere, without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import simulator as sim
from experiments.common import make_folder, print_table, run, write_csv
from simulator import dataflows
from simulator.plots import grouped_bars, save_figure

BATCH = 4
BYTES_PER_WORD = 2

# JSSC'17 table III. C and the filters of p and t are those of one of CONV2's, 4's and 5's two groups.
TABLE_III = {
    "conv1": {"m": 96, "n": 1, "e": 7, "p": 16, "q": 1, "r": 1, "t": 2},
    "conv2": {"m": 64, "n": 1, "e": 27, "p": 16, "q": 2, "r": 1, "t": 1},
    "conv3": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 4, "r": 1, "t": 4},
    "conv4": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2},
    "conv5": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2},
}
CONV3_AS_MEASURED = {"q": 3, "r": 2, "t": 2}


@dataclass(frozen=True)
class Measured:
    """A row of JSSC'17 table V."""

    active_pes: int
    buffer_mb: float
    dram_mb: float
    total_ms: float
    processing_ms: float


TABLE_V = {
    "conv1": Measured(154, 18.5, 5.0, 20.9, 16.5),
    "conv2": Measured(135, 77.6, 4.0, 41.9, 39.2),
    "conv3": Measured(156, 50.2, 3.0, 23.6, 21.8),
    "conv4": Measured(156, 37.4, 2.1, 18.4, 16.0),
    "conv5": Measured(156, 24.9, 1.3, 10.5, 10.0),
    "total": Measured(148, 208.5, 15.4, 115.3, 103.5),
}

# What the paper counts at the buffer: (tensor, action).
_PAPER_COUNTS = {("inputs", "read"), ("outputs", "drain"), ("outputs", "refill"), ("outputs", "send")}


@dataclass(frozen=True)
class Row:
    """A layer: ours beside the chip's."""

    layer: str
    qrt: str
    active_pes: int
    chip_active_pes: int
    buffer_mb: float
    chip_buffer_mb: float
    dram_mb: float
    chip_dram_mb: float
    latency_ms: float
    chip_total_ms: float
    chip_processing_ms: float


def compare(engine: str = "walk") -> list[Row]:
    """The five layers and their total; last, outside the total, CONV3 with the parameters printed for it."""
    rows = [
        _row(layer, parameters | (CONV3_AS_MEASURED if layer == "conv3" else {}), engine)
        for layer, parameters in TABLE_III.items()
    ]
    return [*rows, _total(rows), _row("conv3", TABLE_III["conv3"], engine)]


def _row(layer: str, parameters: dict[str, int], engine: str) -> Row:
    chip = sim.load_architecture("eyeriss_v1")
    problem = sim.load_layer(f"alexnet:{layer}", BATCH)
    mapping = dataflows.mapping("row_stationary", problem, chip, parameters)
    result = sim.evaluate(problem, chip, mapping, engine)
    assert chip.clock_mhz is not None
    buffer_words = sum(
        row["count"]
        for row in result.rows()
        if row["level"] == "GLB" and (row["tensor"], row["action"]) in _PAPER_COUNTS
    )
    measured = TABLE_V[layer]
    return Row(
        layer,
        ",".join(str(parameters[name]) for name in "qrt"),
        result.active_pes,
        measured.active_pes,
        buffer_words * BYTES_PER_WORD / 1e6,
        measured.buffer_mb,
        result.accesses("DRAM") * BYTES_PER_WORD / 1e6,
        measured.dram_mb,
        result.cycles / chip.clock_mhz / 1e3,
        measured.total_ms,
        measured.processing_ms,
    )


def _total(rows: Sequence[Row]) -> Row:
    """Sums; active PEs are the mean over the time, as the chip's 148 is over its processing time."""
    chip = TABLE_V["total"]
    latency = math.fsum(row.latency_ms for row in rows)
    active = sum(row.active_pes * row.latency_ms for row in rows) / latency
    return Row(
        "total",
        "",
        round(active),
        chip.active_pes,
        math.fsum(row.buffer_mb for row in rows),
        chip.buffer_mb,
        math.fsum(row.dram_mb for row in rows),
        chip.dram_mb,
        latency,
        chip.total_ms,
        chip.processing_ms,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="eyeriss_jssc17", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", default="walk", choices=("walk", "closed-form"))
    parser.add_argument("--out", type=Path, default=Path("runs/eyeriss_jssc17"))
    options = parser.parse_args(argv)
    return run(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    rows = compare(options.engine)
    folder = make_folder(options.out)
    print_table("AlexNet, batch 4: ours | Eyeriss, JSSC'17 table V", [_shown(row) for row in rows])
    print("buffer: input reads, partial sums drained, refilled and read out, as the paper counts")
    print("DRAM: ours without run-length coding, the chip's with it")
    print("last line: CONV3 with the parameters that table III prints; not in the total")
    write_csv(folder / "eyeriss_jssc17.csv", [asdict(row) for row in rows])
    layers = rows[: len(TABLE_III)]
    panels: dict[str, dict[str, list[float]]] = {
        "buffer accesses (MB)": {
            "ours": [row.buffer_mb for row in layers],
            "chip": [row.chip_buffer_mb for row in layers],
        },
        "latency (ms)": {
            "ours": [row.latency_ms for row in layers],
            "chip, total": [row.chip_total_ms for row in layers],
            "chip, processing": [row.chip_processing_ms for row in layers],
        },
    }
    figure = grouped_bars(
        panels, [row.layer for row in layers], "AlexNet, batch 4: ours and the Eyeriss chip"
    )
    save_figure(figure, folder / "eyeriss_jssc17.png")
    print(f"wrote {folder / 'eyeriss_jssc17.csv'} and .png")


def _shown(row: Row) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "q,r,t": row.qrt,
        "active PEs": f"{row.active_pes} | {row.chip_active_pes}",
        "buffer (MB)": f"{row.buffer_mb:.1f} | {row.chip_buffer_mb:.1f}",
        "DRAM (MB)": f"{row.dram_mb:.1f} | {row.chip_dram_mb:.1f}",
        "latency (ms)": f"{row.latency_ms:.1f}",
        "chip total (ms)": f"{row.chip_total_ms:.1f}",
        "chip processing (ms)": f"{row.chip_processing_ms:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
