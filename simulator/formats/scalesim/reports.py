"""SCALE-Sim's report CSVs of a network on a systolic machine, as far as its columns mean the same here.

Cells without a counterpart are empty: when an interface's first and last word go, and DRAM's inputs of a
layer whose windows may overlap, of which the product has each word once for each window. DRAM's mean
bandwidths are over all of a layer's cycles, not from its first word to its last.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.architecture import Architecture
from simulator.cost.model import Cost, cost
from simulator.counting.lowering import MAC
from simulator.errors import SimulatorError, did_you_mean
from simulator.files import write_atomically
from simulator.formats.scalesim.systolic import INTERFACE, SRAMS, STAY, product, systolic_mapping
from simulator.lowering import lower_layer

if TYPE_CHECKING:
    from simulator.loading import Machine, NetworkSource


@dataclass(frozen=True)
class Run:
    """A problem's product: its cost, and that where interfaces are as wide as is needed."""

    cost: Cost
    free: Cost
    overlapping: bool

    @property
    def after_prefetch(self) -> int:
        """Cycles but for those in which the memories are first filled."""
        spent, free = self.cost.cycles, self.free.cycles
        return spent.total - math.ceil(spent.first_fill - free.first_fill)


_DETAILS = [
    f"{memory} {tensor} {what}"
    for memory in ("SRAM", "DRAM")
    for tensor, words in (("IFMAP", "Reads"), ("Filter", "Reads"), ("OFMAP", "Writes"))
    for what in ("Start Cycle", "Stop Cycle", words)
]
_COMPUTE = [
    "Total Cycles (incl. prefetch)", "Total Cycles", "Stall Cycles",
    "Overall Util %", "Mapping Efficiency %", "Compute Util %",
]  # fmt: skip
REPORTS = {
    "compute": ("COMPUTE_REPORT.csv", _COMPUTE),
    "bandwidth": (
        "BANDWIDTH_REPORT.csv",
        [
            f"Avg {tensor} {memory} BW"
            for memory in ("SRAM", "DRAM")
            for tensor in ("IFMAP", "FILTER", "OFMAP")
        ],
    ),
    "access": ("DETAILED_ACCESS_REPORT.csv", _DETAILS),
}
"""By the name of a report its file's and its columns, after the layer's number."""


def write_reports(
    network: NetworkSource, machine: Machine, folder: str | os.PathLike[str]
) -> tuple[Path, ...]:
    """Write all reports into a folder that exists, and return their paths.

    Raises
    ------
    SimulatorError, WorkloadError
        For a network or machine that cannot be read, and as `report`.
    """
    runs = _runs(network, machine)
    paths = []
    for name, (file, _) in REPORTS.items():
        paths.append(Path(folder) / file)
        write_atomically(paths[-1], _text(name, runs))
    return tuple(paths)


def report(network: NetworkSource, machine: Machine, name: str = "compute") -> str:
    """Return one of `REPORTS` as text: a row for each problem of the network's layers.

    Raises
    ------
    SimulatorError, WorkloadError
        For an unknown report, a machine that is no systolic array, a layer that is no matrix product.
    """
    if name not in REPORTS:
        raise SimulatorError(f"unknown report {name!r}{did_you_mean(name, REPORTS)}")
    return _text(name, _runs(network, machine))


def _runs(network: NetworkSource, machine: Machine) -> list[Run]:
    """Every problem of the network, in order."""
    from simulator.loading import load_architecture, load_network

    arch = load_architecture(machine)
    free = _without_interface(arch)
    found: list[Run] = []
    for layer in load_network(network):
        for problem, times in lower_layer(layer):
            matrices = product(problem)
            mapping = systolic_mapping(matrices, arch)
            spent = cost(matrices, arch, mapping, "closed-form")
            least = spent if free is arch else cost(matrices, free, mapping, "closed-form")
            overlapping = matrices.extents["C"] != problem.extents["C"]
            found += [Run(spent, least, overlapping)] * times
    if not found:
        raise SimulatorError("the network has no layers of multiply-accumulates")
    return found


def _without_interface(machine: Architecture) -> Architecture:
    data = machine.to_dict()
    hierarchy = [entry for entry in data["hierarchy"] if entry.get("array") != INTERFACE]
    if len(hierarchy) == len(data["hierarchy"]):
        return machine
    return Architecture.from_dict(data | {"hierarchy": hierarchy}, machine.name)


def _text(name: str, runs: Sequence[Run]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    # SCALE-Sim ends each line with a comma.
    writer.writerow(["LayerID", *REPORTS[name][1], ""])
    for number, run in enumerate(runs):
        writer.writerow([number, *_ROWS[name](run), ""])
    return out.getvalue()


def _compute(run: Run) -> list[Any]:
    total, cycles, free = run.cost.cycles.total, run.after_prefetch, run.free.cycles.total
    share = run.cost.counts.macs * 100 / run.cost.mac_units
    return [total, cycles, cycles - free, share / cycles, run.cost.utilization * 100, share / free]


def _bandwidth(run: Run) -> list[Any]:
    return ["" if words is None else words / run.after_prefetch for words in _words(run)]


def _access(run: Run) -> list[Any]:
    return [cell for words in _words(run) for cell in ("", "", words)]


_ROWS: dict[str, Callable[[Run], list[Any]]] = {
    "compute": _compute,
    "bandwidth": _bandwidth,
    "access": _access,
}


def _words(run: Run) -> list[int | None]:
    """Words into and out of the array, then those of DRAM: inputs, weights, outputs each."""
    found: list[int | None] = []
    for at_array in (True, False):
        for tensor in SRAMS:
            rows = [row for row in run.cost.counts.rows if row.tensor == tensor]
            row = next(row for row in rows if row.child in (STAY, MAC)) if at_array else rows[0]
            words = row.drains if tensor == "outputs" else row.parent_reads - row.forwardable
            unknown = run.overlapping and tensor == "inputs" and not at_array
            found.append(None if unknown else words)
    return found
