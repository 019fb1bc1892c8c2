"""Dataflows beside each other: energy per MAC, cycles, EDP; a group of bars for each network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.bars import bars_of, stacked_bars
from simulator.plots.energy import energy_table
from simulator.plots.runs import names_of, runs_of
from simulator.plots.style import check_known

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.results import NetworkResult

# Headings of what is not energy.
_CYCLES, _EDP = "cycles (times a full array's)", "EDP (times the least)"


def dataflow_table(
    results: Sequence[NetworkResult], quantity: str = "energy", by: str = "level"
) -> list[dict[str, Any]]:
    """Return what `dataflow_bars` draws: a row for each network, dataflow and part.

    ``quantity`` "energy" is energy per MAC in the machine's unit, by level, tensor or action; "cycles" those
    taken over those that the MACs take when all PEs work; "edp" energy times cycles over the least that a
    dataflow has for the network. Under a dataflow that others are compared with and a network has no result
    for (no mapping), the value is None.

    Raises
    ------
    SimulatorError
        As `energy_table`; for another ``quantity``; for two results of one network under one dataflow.
    """
    runs = runs_of(results)
    check_known(quantity, ("energy", "cycles", "edp"), "quantity")
    groups = names_of([(run.network, str(run.batch), run.architecture.name) for run in runs])
    found = {(group, run.dataflow): run for group, run in zip(groups, runs, strict=True)}
    if len(found) < len(runs):
        raise SimulatorError("two results of one network and machine under one dataflow; compare one of them")
    flows = list(dict.fromkeys(run.dataflow for run in runs))
    rows: list[dict[str, Any]] = []
    for group in dict.fromkeys(groups):
        least = min(run.edp for (other, _), run in found.items() if other == group)
        for flow in flows:
            run = found.get((group, flow))
            parts = _parts(run, quantity, by, least) if run else [_nothing(runs[0], quantity, by)]
            rows += [{"network": group, "dataflow": flow} | part for part in parts]
    return rows


def dataflow_bars(
    results: Sequence[NetworkResult], quantity: str = "energy", by: str = "level", ax: Axes | None = None
) -> Axes:
    """Draw a bar for each dataflow in a group for each network; the numbers are `dataflow_table`'s."""
    rows = dataflow_table(results, quantity, by)
    part, value = list(rows[0])[-2:]
    return bars_of(rows, "dataflow", part, value, group="network", missing="no mapping", ax=ax)


def dataflow_comparison(results: Sequence[NetworkResult], title: str = "") -> Figure:
    """Dataflows in four panels: energy per MAC by level and by tensor, cycles, and EDP.

    Raises
    ------
    SimulatorError
        As `dataflow_table`.
    """
    panels: dict[str, dict[str, list[float | None]]] = {}
    bars: dict[tuple[str, str], None] = {}
    for quantity, by in (("energy", "level"), ("energy", "tensor"), ("cycles", "level"), ("edp", "level")):
        rows = dataflow_table(results, quantity, by)
        part, value = list(rows[0])[-2:]
        bars = dict.fromkeys((row["network"], row["dataflow"]) for row in rows)
        what, _, unit = value.partition(" (")
        heading = f"{what}\nby {by} ({unit}" if quantity == "energy" else f"{what}\n({unit}"
        known = {(row["network"], row["dataflow"], row[part]): row[value] for row in rows}
        names = dict.fromkeys(row[part] for row in rows if row[value] is not None)
        panels[heading] = {name: [known.get((*bar, name)) for bar in bars] for name in names}
    groups, labels = ([bar[i] for bar in bars] for i in (0, 1))
    return stacked_bars(panels, labels, title, groups=groups, missing="no mapping")


def _parts(run: NetworkResult, quantity: str, by: str, least: float) -> list[dict[str, Any]]:
    """What is drawn of one run: its parts by name, each with its value."""
    if quantity == "energy":
        if not run.macs:
            raise SimulatorError(f"{run.network} has no MACs by which to divide its energy")
        unit = run.architecture.energy_unit
        rows = energy_table(run, by, "network")
        return [{by: row[by], _energy(unit): row[f"energy ({unit})"] / run.macs} for row in rows]
    if quantity == "cycles":
        done = sum(layer.done for layer in run)
        return [{"part": "", _CYCLES: run.cycles * run.architecture.mac_units / done}]
    return [{"part": "", _EDP: run.edp / least}]


def _nothing(run: NetworkResult, quantity: str, by: str) -> dict[str, Any]:
    if quantity == "energy":
        return {by: run.levels[0] if by == "level" else "MAC", _energy(run.architecture.energy_unit): None}
    return {"part": "", _CYCLES if quantity == "cycles" else _EDP: None}


def _energy(unit: str) -> str:
    return f"energy per MAC ({unit})"
