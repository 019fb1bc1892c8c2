"""SCALE-Sim's cycles of a layer on a systolic array: https://github.com/scalesim-project/SCALE-Sim

Version 3.0 fails on NumPy 2.4: the extra keeps to an older one.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from experiments.benchmarks.search_peers.process import Result, ask, installed

DISTRIBUTION = "scalesim"
ACCOUNTING = "one cycle less than ours; stall-free, without its traces of every access"
_HEADINGS = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
)
# Sizes of a layout that it asks for and, with layouts off, does not use.
_LAYOUT = 20


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def cycles(name: str, array: dict[str, Any], layer: dict[str, int], limit_seconds: float | None) -> Result:
    """Return the cycles of a convolution (``cycles`` of the answer).

    ``array`` has rows, columns, kilobytes and dataflow; ``layer`` height, width, rows, columns (taps),
    channels, filters and stride.

    Raises
    ------
    PeerError
        As `process.ask`.
    """
    return ask("scalesim", DISTRIBUTION, "solve", name, {"array": array, "layer": layer}, limit_seconds)


def start(task: dict[str, Any]) -> None:
    """Import what a task needs."""
    import scalesim.scale_sim  # noqa: F401


def solve(task: dict[str, Any]) -> dict[str, Any]:
    """The cycles of a task, here in this process."""
    from scalesim.scale_sim import scalesim

    Path("array.cfg").write_text(config(task["array"]), encoding="utf-8")
    sizes = [task["layer"][key] for key in ("height", "width", "rows", "columns", "channels", "filters")]
    row = ", ".join(["layer", *map(str, [*sizes, task["layer"]["stride"]])])
    Path("layers.csv").write_text(f"{_HEADINGS}\n{row},\n", encoding="utf-8")
    Path("layout.csv").write_text("unused,\nlayer," + "1," * _LAYOUT + "\n", encoding="utf-8")
    run = scalesim(
        save_disk_space=True, verbose=False, config="array.cfg", topology="layers.csv", layout="layout.csv"
    )
    run.run_scale(top_path=".")
    (report,) = Path(".").rglob("COMPUTE_REPORT.csv")
    with report.open(encoding="utf-8") as file:
        (found,) = csv.DictReader(file, skipinitialspace=True)
    return {"cycles": int(float(found["Total Cycles"]))}


def config(array: dict[str, Any]) -> str:
    """A configuration of SCALE-Sim 3.0, which wants every section; no stalls, sparsity and layouts."""
    sram = array["kilobytes"]
    banks = "".join(
        f"{name}CustomLayout: False\n{name}SRAMBankBandwidth: 10\n"
        f"{name}SRAMBankNum: 10\n{name}SRAMBankPort: 2\n"
        for name in ("Ifmap", "Filter")
    )
    return f"""[general]
run_name = array
[architecture_presets]
ArrayHeight: {array["rows"]}
ArrayWidth: {array["columns"]}
IfmapSramSzkB: {sram}
FilterSramSzkB: {sram}
OfmapSramSzkB: {sram}
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 10
Dataflow: {array["dataflow"]}
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
{banks}[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""
