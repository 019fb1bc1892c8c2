"""Machines beside each other: energy per MAC by where it is spent, cycles, utilization, for each network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.plots.bars import stacked_bars
from simulator.plots.runs import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.architecture import Architecture
    from simulator.results import NetworkResult

# Levels have other names on every machine; what tells memories apart is how many MAC units work out of one.
_OUTERMOST, _NETWORKS = "outermost memory", "networks"
_OF_ALL, _OF_SOME, _OF_ONE = "memories of all MACs", "memories of some MACs", "memories of one MAC"
PLACES = (_OUTERMOST, _OF_ALL, _OF_SOME, _OF_ONE, _NETWORKS, "MAC", "leakage")
_TAKEN, _LEAST, _UTILIZATION = "cycles", "if all MAC units worked", "utilization (%)"


def machine_table(
    results: Sequence[NetworkResult], machines: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return what `machine_comparison` draws: a row for each network and machine.

    Energy is per MAC in the ``energy unit``, all of it and of each of `PLACES`; cycles are those taken, and
    those of the same work if every MAC unit worked in each. Of a machine that has no result for a network all
    is None.

    Raises
    ------
    SimulatorError
        For no result, two of one network and machine, and a network without MACs.
    """
    if not results:
        raise SimulatorError("no results to draw")
    groups = names_of([(run.network, str(run.batch)) for run in results])
    found = {(group, run.architecture.name): run for group, run in zip(groups, results, strict=True)}
    if len(found) < len(results):
        raise SimulatorError("two results of one network on one machine; compare one of them")
    names = list(dict.fromkeys(machines or [run.architecture.name for run in results]))
    blank = dict.fromkeys(_row(results[0]))
    return [
        {"network": group, "architecture": name} | (_row(run) if run else blank)
        for group in dict.fromkeys(groups)
        for name in names
        for run in (found.get((group, name)),)
    ]


def machine_comparison(
    results: Sequence[NetworkResult], machines: Sequence[str] | None = None, title: str = ""
) -> Figure:
    """Machines in three panels: energy per MAC by where it is spent, cycles, and utilization.

    Energies in different units have a panel each. ``machines`` are those to show; one without a result for a
    network is marked there. The numbers are `machine_table`'s, and so are the errors.
    """
    rows = machine_table(results, machines)
    panels: dict[str, dict[str, list[float | None]]] = {}
    for unit in dict.fromkeys(row["energy unit"] for row in rows if row["energy unit"]):
        own = [row if row["energy unit"] == unit else dict.fromkeys(row) for row in rows]
        panels[f"energy per MAC\n({unit})"] = {place: [row[place] for row in own] for place in PLACES}
    panels["cycles"] = {name: [row[name] for row in rows] for name in (_TAKEN, _LEAST)}
    panels["utilization\n(%)"] = {"": [row[_UTILIZATION] for row in rows]}
    networks = [row["network"] for row in rows]
    return stacked_bars(
        panels, [row["architecture"] for row in rows], title,
        groups=networks if len(set(networks)) > 1 else None, points=("cycles",),
    )  # fmt: skip


def _row(run: NetworkResult) -> dict[str, Any]:
    if not run.macs:
        raise SimulatorError(f"{run.network} has no MACs by which to divide its energy")
    machine = run.architecture
    spent = dict.fromkeys(PLACES, 0.0)
    for row in run.rows():
        spent["leakage" if row["action"] == "leak" else _place(machine, row["level"])] += row["energy"]
    return {
        "dataflow": run.dataflow,
        "energy unit": machine.energy_unit,
        "energy per MAC": run.energy / run.macs,
        **{place: energy / run.macs for place, energy in spent.items()},
        _TAKEN: run.cycles,
        _LEAST: sum(layer.done for layer in run) / machine.mac_units,
        _UTILIZATION: 100 * run.utilization,
        "time (ms)": None if run.seconds is None else run.seconds * 1e3,
    }


def _place(machine: Architecture, level: str) -> str:
    """Where a part of the machine is, in words that fit all machines."""
    if level == machine.outermost.name:
        return _OUTERMOST
    rank = next((storage.rank for storage in machine.storages if storage.name == level), None)
    if rank is None:
        return _NETWORKS if any(array.name == level for array in machine.arrays) else "MAC"
    if not any(array.rank < rank for array in machine.arrays):
        return _OF_ALL
    return _OF_SOME if any(array.rank > rank for array in machine.arrays) else _OF_ONE
