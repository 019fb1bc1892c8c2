"""Figures 10 to 14 of ISCA'16, and what a free mapping adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.isca16.grid import FREE, KEPT, PAPER
from experiments.isca16.setting import SETTINGS
from experiments.isca16.tables import Row
from simulator.plots import grouped_bars, save_figure, stacked_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEVELS = {"DRAM": "dram", "buffer": "buffer", "array": "array", "RF": "register_file", "MAC": "mac"}
_TENSORS = {"weights": "weights", "inputs": "inputs", "sums": "outputs", "MAC": "mac"}
# Of the figures that show one batch: the paper's figure 10.
BATCH, PES = 16, 256
_PER_MAC = "energy per MAC\n(MACs)"


def draw(rows: Sequence[Row], layers: Sequence[Row], folder: Path) -> list[str]:
    """Draw every figure that the rows of `totals` and `row_stationary` have data for; return their names."""
    figures: dict[str, Figure] = {}
    if layers:
        figures["fig10_row_stationary"] = _row_stationary(layers)
    for kind in ("CONV", "FC"):
        # A fully connected layer of one image is all weights from DRAM, whatever the dataflow.
        those = [r for r in rows if r["layers"] == kind and not (kind == "FC" and r["batch"] == 1)]
        paper = [row for row in those if row["setting"] == PAPER]
        for pes in dict.fromkeys(row["PEs"] for row in paper):
            sized = [row for row in paper if row["PEs"] == pes]
            figures |= _per_dataflow(sized, kind, pes)
        if beside := [row for row in those if row["batch"] == BATCH]:
            figures[f"settings_{kind}"] = _settings(beside, kind)
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    return list(figures)


def _row_stationary(layers: Sequence[Row]) -> Figure:
    parts = {name: [row[part] / 1e9 for row in layers] for name, part in _LEVELS.items()}
    names = [row["layer"] for row in layers]
    title = f"AlexNet, row stationary, batch {BATCH}, {PES} PEs"
    return stacked_bars({"energy ($10^9$ MACs)": parts}, names, title)


def _per_dataflow(rows: Sequence[Row], kind: str, pes: int) -> dict[str, Figure]:
    """DRAM accesses, energy by level and tensor, and EDP of one number of PEs, a group for each batch."""
    labels = [row["dataflow"] for row in rows]
    groups = [f"batch {row['batch']}" for row in rows]
    title = f"AlexNet {kind}, {pes} PEs, as the paper counts"

    def stacked(panels: dict[str, dict[str, str]]) -> Figure:
        values = {
            quantity: {name: [row[part] for row in rows] for name, part in parts.items()}
            for quantity, parts in panels.items()
        }
        return stacked_bars(values, labels, title, groups=groups, missing="does not fit")

    edp = stacked({"EDP per MAC\n(MACs / active PEs)": {"EDP": "edp"}})
    # Output stationary A keeps most PEs idle where there is one pixel: hundreds of times the others.
    figures_edp = [row["edp"] for row in rows if row["edp"]]
    if max(figures_edp) > 30 * min(figures_edp):
        (ax, *_) = edp.axes
        ax.set_yscale("log")
        ax.set_ylim(min(figures_edp) / 2, 2 * max(figures_edp))
    accesses = {"DRAM accesses\nper MAC": {"reads": "dram_reads", "writes": "dram_writes"}}
    prefix = {"CONV": ("fig11", "fig12", "fig13"), "FC": ("fig14a", "fig14b", "fig14c")}[kind]
    return {
        f"{prefix[0]}_{kind}_dram_{pes}": stacked(accesses),
        f"{prefix[1]}_{kind}_energy_{pes}": stacked(
            {f"by level:\n{_PER_MAC}": _LEVELS, f"by tensor:\n{_PER_MAC}": _TENSORS}
        ),
        f"{prefix[2]}_{kind}_edp_{pes}": edp,
    }


def _settings(rows: Sequence[Row], kind: str) -> Figure:
    """Energy of every dataflow in the paper's setting, with tiles kept, and free."""
    panels = {}
    for pes in dict.fromkeys(row["PEs"] for row in rows):
        energies = {(r["dataflow"], r["setting"]): r["energy"] for r in rows if r["PEs"] == pes}
        panels[f"{pes} PEs:\n{_PER_MAC}"] = {
            name: [energies[label, setting] or 0.0 for label in SETTINGS]
            for name, setting in (("paper's setting", PAPER), ("tiles kept", KEPT), ("free mapping", FREE))
        }
    return grouped_bars(panels, list(SETTINGS), f"AlexNet {kind}, batch {BATCH}")
