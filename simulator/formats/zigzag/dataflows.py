"""ZigZag's mappings as dataflows: what may lie on each dimension of the array; levels and loops are free."""

from __future__ import annotations

import os
from collections.abc import Mapping

from simulator.dataflows.declaration import Dataflow, Spread
from simulator.errors import SimulatorError, did_you_mean
from simulator.formats.zigzag.equations import POOLINGS, Equation
from simulator.formats.zigzag.files import Notes, read_data
from simulator.formats.zigzag.forms import MAPPING, MappedForm, Unrollings, split
from simulator.formats.zigzag.layers import BATCH, roles_of

DEFAULT = "default"
# What ZigZag's own workloads call the dimensions of convolutions and products.
NAMES = {"B": "N", "G": "G", "K": "M", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S", "D": "P"}
LINKS = {"O": "O", "W": "I2", "I": "I1"}
OURS = ("N", "G", "M", "C", "P", "Q", "R", "S")


def dataflow(
    path: str | os.PathLike[str],
    entry: str | None = None,
    layer: Equation | None = None,
    axes: Mapping[str, int] | None = None,
) -> tuple[Dataflow, tuple[str, ...]]:
    """Return an entry of a mapping's file as a dataflow, and what of it has no counterpart.

    Unrollings are the most that may lie on an axis.

    Parameters
    ----------
    entry
        By its name; by default that of the layer, of its operator, or ``default``.
    layer
        Whose dimensions the mapping names, where these are not B, G, K, C, OY, OX, FY, FX.
    axes
        The array's dimensions with their sizes. Those that the mapping leaves out may take anything, others
        than these are left out.

    Raises
    ------
    SimulatorError
        For what is wrong in the file, an unknown entry, and dimensions that nothing says what they are.
    """
    where, notes = os.fspath(path), Notes()
    data = read_data(path, SimulatorError, notes)
    if not isinstance(data, list):
        raise SimulatorError(f"{where}: must be a list of mappings with name and spatial_mapping")
    entries = {form.name: form for form in MAPPING.read({"entries": data}, where).entries}
    form = _entry(entries, entry, layer, where)
    others = [name for name in entries if name != form.name]
    if others:
        notes.append(f"{where}: {', '.join(others)[:200]}: are mappings of other layers; name one to read it")
    at = f"{where}: {form.name}"
    if form.temporal_ordering:
        notes.append(f"{at}: temporal_ordering: no counterpart in a dataflow, which leaves loops open")
    moved = {a: b for a, b in form.memory_operand_links.items() if LINKS[a] != b}
    if moved:
        said = ", ".join(f"{a} in {b}" for a, b in moved.items())
        notes.append(f"{at}: memory_operand_links: {said}: here I is in I1, W in I2, O in O")
    allowed = _allowed(form, layer, at)
    if axes is not None:
        foreign = [axis for axis in allowed if axis not in axes]
        if foreign:
            notes.append(f"{at}: {', '.join(foreign)}: the array has no such dimension")
        rest: dict[str, str | int] = dict.fromkeys(OURS, "any")
        allowed = {axis: allowed.get(axis, rest) for axis in axes}
    return _flow(form.name, allowed), tuple(notes)


def of_accelerator(name: str, dataflows: Unrollings, where: str) -> Dataflow:
    """Return the field ``dataflows`` of an accelerator as a dataflow; SimulatorError as `dataflow`."""
    allowed = {
        axis: _unrolled(unrollings, None, f"{where}: dataflows.{axis}")
        for axis, unrollings in dataflows.items()
    }
    return _flow(name, allowed)


def _flow(name: str, allowed: dict[str, dict[str, str | int]]) -> Dataflow:
    text = "What ZigZag's mapping lets lie on each dimension of the array; levels and loops are free."
    return Dataflow(name, text, (Spread(allowed),) if allowed else ())


def _entry(
    entries: dict[str, MappedForm], name: str | None, layer: Equation | None, where: str
) -> MappedForm:
    """As ZigZag takes it: by the layer's name, by its operator, or the default."""
    if name is not None and name not in entries:
        raise SimulatorError(f"{where}: no mapping is called {name[:60]!r}{did_you_mean(name[:60], entries)}")
    candidates = [name] if name is not None else [*([layer.name, layer.operator] if layer else []), DEFAULT]
    found = next((entries[one] for one in candidates if one in entries), None)
    if found is None:
        raise SimulatorError(f"{where}: has no mapping 'default'{did_you_mean(DEFAULT, entries)}")
    return found


def _allowed(form: MappedForm, layer: Equation | None, at: str) -> dict[str, dict[str, str | int]]:
    """By axis the dimensions and how much of each: as it says itself, else any of those hinted at."""
    allowed = {
        axis: _unrolled(unrollings, layer, f"{at}: spatial_mapping.{axis}")
        for axis, unrollings in form.spatial_mapping.items()
    }
    for axis, names in form.spatial_mapping_hint.items():
        if axis not in allowed:
            here = f"{at}: spatial_mapping_hint.{axis}"
            allowed[axis] = {_dimension(name, layer, here): "any" for name in names}
    return allowed


def _unrolled(unrollings: list[str], layer: Equation | None, at: str) -> dict[str, str | int]:
    most: dict[str, int] = {}
    for entry in unrollings:
        name, factor = split(entry)
        dimension = _dimension(name.upper(), layer, at)
        most[dimension] = most.get(dimension, 1) * int(factor)
    return {dimension: f"1..{factor}" for dimension, factor in most.items() if factor > 1}


def _dimension(name: str, layer: Equation | None, at: str) -> str:
    """Our dimension: what the layer has it for, or its usual name."""
    known = NAMES if layer is None else _named(layer)
    if name not in known:
        hint = "" if layer else "; if it is a workload's own, name the layer, as --layer workload.yaml:Layer0"
        raise SimulatorError(f"{at}: no dimension {name[:40]!r}{did_you_mean(name[:40], known)}{hint}")
    return known[name]


def _named(layer: Equation) -> dict[str, str]:
    """Our dimension of each of a layer's: those that its problem has."""
    if layer.adds:
        return {name: NAMES.get(name, name) for name in layer.extents}
    roles = roles_of(layer)
    if roles is None:
        return {name: name for name in layer.extents}
    rows = "G" if layer.operator in POOLINGS else "N" if roles.windows else "Q" if roles.batched else "P"
    found = dict.fromkeys(roles.groups, "G") | dict.fromkeys(roles.filters, "M")
    found |= dict.fromkeys(roles.channels, "C") | dict.fromkeys(roles.positions, rows)
    for (out, taps), (ours, our_taps) in zip(reversed(roles.windows), (("Q", "S"), ("P", "R")), strict=False):
        found |= {out: ours, taps: our_taps}
    return found | ({BATCH: "N"} if BATCH in roles.positions else {})
