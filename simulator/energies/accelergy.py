"""Accelergy's energy and area reference tables (ERT and ART, versions 0.3 and 0.4)."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from simulator.errors import SimulatorError
from simulator.files import read_yaml

VERSIONS = ("0.3", "0.4")
_INSTANCES = re.compile(r"\[[0-9]+\.\.[0-9]+\]|\[[0-9]+\]")


@dataclass(frozen=True)
class Component:
    """A component: energies in pJ by action, that of a random access where arguments tell several apart.

    ``cycle_s`` is the clock period that the actions were estimated for, where they state one.
    """

    name: str
    actions: dict[str, float]
    cycle_s: float | None = None


def read_ert(path: str | os.PathLike[str]) -> dict[str, Component]:
    """Return the components of an ERT file by their last name: ``system.PE[0..167].mac`` is ``mac``.

    Of an action with several arguments (the bits that change), the dearest counts: a random access.

    Raises
    ------
    SimulatorError
        For a file that is no ERT of a known version, with the component and action that is wrong.
    """
    where = os.fspath(path)
    components: dict[str, Component] = {}
    for index, table in enumerate(_tables(where, "ERT")):
        place = f"{where}: ERT.tables[{index}]"
        name = _name(table, place)
        actions: dict[str, float] = {}
        cycle_s = None
        entries = table.get("actions")
        if not isinstance(entries, list):
            raise SimulatorError(f"{place} {name}: the field 'actions' must be a list")
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                raise SimulatorError(f"{place} {name}: an action must be a mapping with name and energy")
            energy = _number(entry.get("energy"), f"{place} {name}: action {entry['name'][:80]!r}: energy")
            actions[entry["name"]] = max(energy, actions.get(entry["name"], 0.0))
            arguments = entry.get("arguments")
            if isinstance(arguments, dict) and "global_cycle_seconds" in arguments:
                cycle_s = _number(arguments["global_cycle_seconds"], f"{place} {name}: global_cycle_seconds")
        if name in components:
            raise _twice(name, place)
        components[name] = Component(name, actions, cycle_s)
    return components


def read_art(path: str | os.PathLike[str]) -> dict[str, float]:
    """Return the area in um2 of each component of an ART file, by its last name. Raises as `read_ert`."""
    where = os.fspath(path)
    areas: dict[str, float] = {}
    for index, table in enumerate(_tables(where, "ART")):
        place = f"{where}: ART.tables[{index}]"
        name = _name(table, place)
        if name in areas:
            raise _twice(name, place)
        areas[name] = _number(table.get("area"), f"{place} {name}: area")
    return areas


def _tables(where: str, kind: str) -> list[dict[str, object]]:
    data = read_yaml(where)
    content = data.get(kind) if isinstance(data, dict) else None
    if not isinstance(content, dict):
        found = ", ".join(str(key)[:40] for key in data) if isinstance(data, dict) else type(data).__name__
        raise SimulatorError(f"{where}: no {kind} of Accelergy: wants the field {kind!r}, has {found}")
    version = str(content.get("version"))
    if version not in VERSIONS:
        raise SimulatorError(f"{where}: {kind} of version {version[:20]}; known: {', '.join(VERSIONS)}")
    tables = content.get("tables")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SimulatorError(f"{where}: {kind}.tables must be a list of components")
    return tables


def _name(table: dict[str, object], place: str) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise SimulatorError(f"{place}: a component must have a name")
    return _INSTANCES.sub("", name).rsplit(".", 1)[-1]


def _twice(name: str, place: str) -> SimulatorError:
    return SimulatorError(f"{place}: a second component is called {name!r}; their last names must differ")


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise SimulatorError(f"{place} must be a number of at least 0, got {value!r:.60}")
    return float(value)
