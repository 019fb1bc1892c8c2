"""A study as tables: a row per run, per layer, or per level, tensor and action; and as files of these.

Every row begins with what it is of: network, batch, architecture, point, dataflow, objective, and the fields
that the study varies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from simulator.architecture import Array, Storage
from simulator.planning import PlannedLayer
from simulator.study.description import Description
from simulator.study.runs import DONE, Run

Row = dict[str, Any]

_ENERGY, _ACCESSES, _BITS = range(3)
TEXT, WHOLE, NUMBER = "text", "whole", "number"
_RUN = {
    "network": TEXT, "batch": WHOLE, "architecture": TEXT, "point": WHOLE, "dataflow": TEXT,
    "objective": TEXT,
}  # fmt: skip
_TOTALS = {
    "status": TEXT, "macs": WHOLE, "operations": WHOLE, "steps": WHOLE, "utilization": NUMBER,
    "cycles": WHOLE, "energy": NUMBER, "energy_unit": TEXT, "gap": NUMBER,
}  # fmt: skip
_ACTIONS = {
    "layer": TEXT, "level": TEXT, "tensor": TEXT, "action": TEXT, "count": WHOLE, "units": NUMBER,
    "unit": TEXT, "price": NUMBER, "energy": NUMBER, "energy_unit": TEXT, "bits": NUMBER,
    "executed_units": NUMBER,
}  # fmt: skip


def columns(description: Description, runs: Sequence[Run], table: str) -> dict[str, str]:
    """The columns of a table, each with what it holds: "text", "whole" or "number"."""
    known = levels(runs)
    energies = {f"{level}_energy": NUMBER for level in known}
    head = _RUN | setting_columns(description)
    match table:
        case "networks":
            more = {"edp": NUMBER, "seconds": NUMBER, "mac_units": WHOLE, "outermost_bytes": NUMBER}
            return head | _TOTALS | more | energies | {"error": TEXT}
        case "layers":
            stores = dict.fromkeys(x.name for run in _each_base(runs) for x in run.architecture.storages)
            more = {"active_pes": WHOLE, "outermost_bytes": NUMBER} | {f"{x}_accesses": WHOLE for x in stores}
            return head | {"layer": TEXT, "type": TEXT} | _TOTALS | more | energies | {"error": TEXT}
        case _:
            return head | _ACTIONS


def setting_columns(description: Description) -> dict[str, str]:
    """The fields that a study varies, of all points, but those that are columns anyway."""
    found: dict[str, set[type]] = {}
    for point in description.points:
        for name, value in point.settings.items():
            if name not in _RUN:
                found.setdefault(name, set()).add(type(value))
    kinds = {frozenset({int}): WHOLE, frozenset({float}): NUMBER, frozenset({int, float}): NUMBER}
    return {name: kinds.get(frozenset(types), TEXT) for name, types in found.items()}


def levels(runs: Sequence[Run]) -> list[str]:
    """Everything that has energy on any machine: levels and arrays in hierarchy order, then the MACs."""
    ranks: dict[str, int] = {}
    for run in _each_base(runs):
        parts: list[Storage | Array] = [*run.architecture.storages, *run.architecture.arrays]
        for part in parts:
            ranks.setdefault(part.name, part.rank)
    return [*sorted(ranks, key=lambda name: ranks[name]), "MAC"]


def _each_base(runs: Sequence[Run]) -> list[Run]:
    """A run on each machine of the study; no field changes the names of a machine's parts."""
    return list({run.point.base: run for run in runs}.values())


def identity(run: Run, settings: Iterable[str]) -> Row:
    """What a row is of."""
    at = run.point
    named = (run.network, run.batch, run.architecture.name, run.point_number, at.dataflow, at.objective)
    return dict(zip(_RUN, named, strict=True)) | {name: at.settings.get(name) for name in settings}


def network_rows(description: Description, runs: Sequence[Run]) -> Iterator[Row]:
    """One row per run: totals, energy by level, and for one that is not done why."""
    names, settings = columns(description, runs, "networks"), setting_columns(description)
    for run in runs:
        row = dict.fromkeys(names) | identity(run, settings)
        row |= {"status": run.status, "error": run.error, "energy_unit": run.architecture.energy_unit}
        row |= {"mac_units": run.architecture.mac_units}
        yield row | (_totals(run) if run.status == DONE else {})


def _totals(run: Run) -> Row:
    """What a run came to."""
    plan, machine = run.studied.plan, run.architecture
    layers = [_layer(run, layer) for layer in plan.layers]
    taken = [part for layer in plan.layers for part in _taken(run, layer)]
    steps, cycles = (sum(layer[column] for layer in layers) for column in ("steps", "cycles"))
    energy, done = math.fsum(layer["energy"] for layer in layers), sum(_done(taken))
    return _levels(run, taken) | {
        "macs": sum(layer["macs"] for layer in layers),
        "operations": sum(x.operations for x in plan.layers) + sum(x.operations for x in plan.skipped),
        "steps": steps,
        "utilization": done / (steps * machine.mac_units) if layers else 0.0,
        "cycles": cycles,
        "energy": energy,
        "gap": max((layer["gap"] for layer in layers), default=0.0),
        "edp": energy * cycles,
        "seconds": None if machine.clock_mhz is None else cycles / (machine.clock_mhz * 1e6),
    }


def layer_rows(description: Description, runs: Sequence[Run]) -> Iterator[Row]:
    """One row per run and layer, also for layers that have no mapping, with the reason."""
    names, settings = columns(description, runs, "layers"), setting_columns(description)
    for run in runs:
        who = dict.fromkeys(names) | identity(run, settings) | {"energy_unit": run.architecture.energy_unit}
        for layer in run.studied.plan.layers:
            row = who | {"layer": layer.name, "type": layer.type, "status": DONE, "error": ""}
            bad = next((a for _, work, _ in layer.problems if (a := run.answers[work]).status != DONE), None)
            if bad is None:
                row |= _layer(run, layer) | _levels(run, _taken(run, layer), accesses=True)
            else:
                row |= {"status": bad.status, "error": bad.error}
            yield row


_Taken = list[tuple[dict[str, Any], int]]


def _taken(run: Run, layer: PlannedLayer) -> _Taken:
    """The figures of a layer's parts, each with how often the layer runs it."""
    return [(run.answers[work].figures[run.picks[work]], times) for _, work, times in layer.problems]


def _done(taken: _Taken) -> Iterator[int]:
    """What the MAC units did of each part."""
    return (times * int(figures["macs"]) for figures, times in taken)


def _layer(run: Run, layer: PlannedLayer) -> Row:
    """What a layer came to, by its parts."""
    taken = _taken(run, layer)
    steps, done = sum(times * int(figures["steps"]) for figures, times in taken), sum(_done(taken))
    return {
        "macs": done if layer.has_macs else 0,
        "operations": layer.operations,
        "steps": steps,
        "utilization": done / (steps * run.architecture.mac_units),
        "cycles": sum(times * int(figures["cycles"]) for figures, times in taken),
        "energy": math.fsum(times * figures["energy"] for figures, times in taken),
        "active_pes": max(figures["active_pes"] for figures, _ in taken),
        # Stores of earlier versions do not say.
        "gap": max(figures.get("gap", 1.0) for figures, _ in taken),
    }


def _levels(run: Run, taken: _Taken, accesses: bool = False) -> Row:
    """Energy of each level and bytes of the outermost one, perhaps also the words accessed at each."""
    machine = run.architecture
    names = [*(x.name for x in machine.storages), *(x.name for x in machine.arrays), "MAC"]
    found: dict[str, tuple[list[float], ...]] = {name: ([], [], []) for name in names}
    for figures, times in taken:
        for level, amounts in figures["levels"].items():
            for amount, into in zip(amounts, found[level], strict=True):
                into.append(times * amount)
    row: Row = {f"{name}_energy": math.fsum(found[name][_ENERGY]) for name in names}
    row["outermost_bytes"] = math.fsum(found[machine.outermost.name][_BITS]) / 8
    if accesses:
        row |= {f"{x.name}_accesses": sum(found[x.name][_ACCESSES]) for x in machine.storages}
    return row


def action_rows(description: Description, runs: Sequence[Run]) -> Iterator[Row]:
    """One row per run, layer, level, tensor and action, of the runs that are done: what all others sum."""
    settings = setting_columns(description)
    for run in runs:
        if run.status != DONE:
            continue
        who, parts = identity(run, settings), run.parts()
        for layer in run.studied.plan.layers:
            for _, work, times in layer.problems:
                for action in parts[work]["actions"]:
                    yield who | {"layer": layer.name} | _action(action, times, run.architecture.energy_unit)


def _action(action: dict[str, Any], times: int, energy_unit: str) -> Row:
    executed = action["executed_units"]
    return {
        "level": action["level"],
        "tensor": action["tensor"],
        "action": action["action"],
        "count": times * action["count"],
        "units": times * action["units"],
        "unit": action["unit"],
        "price": action["price"],
        "energy": times * action["energy"],
        "energy_unit": energy_unit,
        "bits": times * action["bits"],
        "executed_units": None if executed is None else times * executed,
    }
