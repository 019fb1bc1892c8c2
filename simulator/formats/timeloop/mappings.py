"""Timeloop's mappings, version 3 and 4: directives for each level and fan-out, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from simulator.architecture import Architecture
from simulator.errors import MappingError, SimulatorError, did_you_mean
from simulator.formats.timeloop.fields import (
    Notes,
    factors_of,
    list_of,
    mapping_of,
    names_of,
    note_fields,
    permutation_of,
    text_of,
    whole_of,
)
from simulator.formats.timeloop.problems import data_space_of, problem_notes, tensor_of
from simulator.formats.timeloop.slots import (
    Slot,
    arrange,
    kept_tensors,
    mapping_of_slots,
    ragged_bounds,
    remainders,
    slots_of,
)
from simulator.legality import check_mapping
from simulator.mapping import Loop
from simulator.mapping import Mapping as Nest
from simulator.problem import Problem
from workloads.files import PlainDumper

_LOOPS = ("target", "type", "factors", "permutation", "split")
_KEEPS = ("target", "type", "keep", "bypass", "keep_only", "bypass_only")
_BYPASS = ("bypass", "bypassing", "datatype", "dataspace")


def read_mapping_data(
    data: dict[str, Any],
    where: str,
    problem: Problem,
    architecture: Architecture,
    tensors: Mapping[str, str] | None = None,
) -> tuple[Nest, tuple[str, ...]]:
    """Return the mapping in a design's data, checked on the machine, and what was not read.

    As in Timeloop a level keeps what no directive lets bypass it, of what it can keep.

    Parameters
    ----------
    tensors
        Our tensor of each data-space, where names such as A do not tell.

    Raises
    ------
    MappingError
        For what is missing, unknown or contradictory, and a mapping that is illegal.
    """
    try:
        return _Directives(problem, architecture, dict(tensors or {}), where).read(data)
    except MappingError:
        raise
    except SimulatorError as problem_found:
        raise MappingError(str(problem_found)) from None


def write_mapping_data(
    problem: Problem,
    architecture: Architecture,
    mapping: Nest,
    version: int = 4,
    tensors: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a mapping as the data of Timeloop's file, and what the file does not say.

    Parameters
    ----------
    tensors
        Our tensor of each of Timeloop's data-spaces; by default Weights, Inputs and Outputs.

    Raises
    ------
    MappingError
        For an illegal mapping, and one that Timeloop cannot express: what it has no counterpart for.
    """
    checked = check_mapping(problem, architecture, mapping)
    slots = arrange(problem, architecture, checked, version)
    if version == 3:
        long = [name for name in problem.extents if len(name) != 1]
        if long:
            raise MappingError(f"dimension {long[0]!r}: those of version 3 have one letter")
    names = {tensor: space for space, tensor in (tensors or {}).items()}
    spaces = {t: names.get(t, data_space_of(t)) for t in problem.tensor_names}
    kept = kept_tensors(problem, checked)
    loops = [loop for slot in slots for loop in slot.loops]
    rests = dict(zip(map(id, loops), remainders(problem, loops), strict=True))
    directives: list[dict[str, Any]] = []
    for slot in slots:
        if slot.level is not None:
            keep = [spaces[t] for t in kept.get(slot.level, ())]
            bypass = [name for name in spaces.values() if name not in keep]
            kind = "bypass" if version == 3 else "dataspace"
            directives.append({"target": slot.target, "type": kind, "keep": keep, "bypass": bypass})
        directives.append(_loops(slot, list(problem.extents), rests, version))
    return {"mapping": directives}, problem_notes(problem)


def mapping_text(data: dict[str, Any]) -> str:
    """Return a mapping's data as YAML, a directive a line."""
    lines = [
        yaml.dump(entry, Dumper=PlainDumper, default_flow_style=True, sort_keys=False, width=10**6)
        for entry in data["mapping"]
    ]
    return "mapping:\n" + "".join(f"- {line}" for line in lines)


def _loops(slot: Slot, dimensions: list[str], rests: dict[int, int], version: int) -> dict[str, Any]:
    # Timeloop's order is innermost first; its loops along X are the inner ones.
    outward = slot.loops[::-1]
    along_x = [loop for loop in outward if slot.along_x(loop)]
    inward = [loop.dimension for loop in (*along_x, *(loop for loop in outward if loop not in along_x))]
    order = [*inward, *(d for d in dimensions if d not in inward)]
    bounds = {loop.dimension: _factor(loop, rests[id(loop)]) for loop in slot.loops}
    factors = [f"{d}={bounds.get(d, '1')}" for d in dimensions]
    entry: dict[str, Any] = {"target": slot.target, "type": "spatial" if slot.axes else "temporal"}
    if version == 3:
        entry |= {"factors": " ".join(factors), "permutation": "".join(order)}
    else:
        entry |= {"factors": factors, "permutation": order}
    return entry | ({"split": len(along_x)} if slot.axes else {})


def _factor(loop: Loop, rest: int) -> str:
    return str(loop.bound) if rest == loop.bound else f"{loop.bound},{rest}"


class _Directives:
    def __init__(
        self, problem: Problem, architecture: Architecture, tensors: dict[str, str], where: str
    ) -> None:
        self.problem, self.architecture, self.tensors, self.where = problem, architecture, tensors, where
        self.notes: Notes = []
        self.keep: dict[str, set[str]] = {}
        self.bypass: dict[str, set[str]] = {}
        # Factors with remainders by the identity of the loop, which is made of them at the end.
        self.factors: dict[int, dict[str, tuple[int, int]]] = {}
        self.orders: dict[int, tuple[list[str], int]] = {}

    def read(self, data: dict[str, Any]) -> tuple[Nest, tuple[str, ...]]:
        at = f"{self.where}: mapping"
        entries = data.get("mapping")
        if isinstance(entries, dict):
            raise MappingError(f"{at}: must be a list of directives; a tree of loops is not read")
        found = [self._fields(entry, f"{at}[{index}]") for index, entry in enumerate(list_of(entries, at))]
        slots = self._slots(found)
        for index, fields in enumerate(found):
            self._directive(fields, slots, f"{at}[{index}]")
        self._fill(slots)
        mapping = mapping_of_slots(slots, self._kept())
        return check_mapping(self.problem, self.architecture, mapping), tuple(self.notes)

    def _slots(self, found: list[dict[str, Any]]) -> list[Slot]:
        """Slots whose fan-outs have the targets' names: in version 4 their own, in 3 the level's above."""
        written = 3 if any(isinstance(fields.get("factors"), str) for fields in found) else 4
        spatial = {fields["target"] for fields in found if fields["type"] == "spatial"}
        forms = [slots_of(self.architecture, version) for version in (written, 7 - written)]
        return next((s for s in forms if spatial <= {x.target for x in s if x.axes}), forms[0])

    def _fields(self, entry: object, at: str) -> dict[str, Any]:
        fields = mapping_of(entry, at)
        for name in ("target", "type"):
            text_of(fields.get(name), f"{at}.{name}")
        return fields

    def _directive(self, fields: dict[str, Any], slots: list[Slot], at: str) -> None:
        target, kind = fields["target"], fields["type"]
        if kind in ("temporal", "spatial"):
            self._loops(self._slot(slots, target, kind, at), fields, at)
            note_fields(fields, _LOOPS, at, self.notes)
        elif kind in _BYPASS:
            note_fields(fields, _KEEPS, at, self.notes)
            self._slot(slots, target, "temporal", at)
            keep, bypass = (self._tensors(fields.get(name), f"{at}.{name}") for name in ("keep", "bypass"))
            everything = set(self.problem.tensor_names)
            if fields.get("keep_only") is not None:
                keep = self._tensors(fields["keep_only"], f"{at}.keep_only")
                bypass = everything - keep
            if fields.get("bypass_only") is not None:
                bypass = self._tensors(fields["bypass_only"], f"{at}.bypass_only")
                keep = everything - bypass
            self.keep.setdefault(target, set()).update(keep)
            self.bypass.setdefault(target, set()).update(bypass)
            both = self.keep[target] & self.bypass[target]
            if both:
                raise MappingError(f"{at}: {target} keeps and bypasses {', '.join(sorted(both))}")
        else:
            raise MappingError(f"{at}: directives of type {kind[:60]!r} have no counterpart here")

    def _slot(self, slots: list[Slot], target: str, kind: str, at: str) -> int:
        known = {slot.target: i for i, slot in enumerate(slots) if bool(slot.axes) == (kind == "spatial")}
        if target not in known:
            what = "fan-out is called or stands below" if kind == "spatial" else "level is called"
            raise MappingError(f"{at}: no {what} {target[:60]!r}{did_you_mean(target[:60], known)}")
        return known[target]

    def _tensors(self, data: object, at: str) -> set[str]:
        known = self.problem.tensor_names
        found = set()
        for name in names_of(data, at):
            if name == "*":
                return set(known)
            tensor = self.tensors.get(name) or (name if name in known else tensor_of(name))
            if tensor not in known:
                spaces = self.tensors or {data_space_of(t): t for t in known}
                raise MappingError(f"{at}: no data-space {name[:60]!r}{did_you_mean(name[:60], spaces)}")
            found.add(tensor)
        return found

    def _loops(self, index: int, fields: dict[str, Any], at: str) -> None:
        if any(name.isdecimal() for name in fields):
            raise MappingError(f"{at}: a remainder inside braces needs quotes, as factors: 'P=14,13'")
        if index in self.factors:
            raise MappingError(f"{at}: {fields['target']} has such a directive already")
        extents = self.problem.extents
        bounds: dict[str, tuple[int, int]] = {}
        for name, relation, bound, rest in factors_of(fields.get("factors"), f"{at}.factors"):
            if name not in extents:
                raise MappingError(f"{at}.factors: no dimension {name[:60]!r}{did_you_mean(name, extents)}")
            if relation != "=":
                raise MappingError(f"{at}.factors: {name}: a mapping has equal factors, as {name}=3")
            bound = bound or extents[name]
            bounds[name] = bound, bound if rest is None else max(1, rest)
        order = permutation_of(fields.get("permutation"), f"{at}.permutation", extents)
        looped = [d for d in extents if bounds.get(d, (1, 1))[0] > 1]
        free = [d for d in looped if d not in order]
        # Of loops on a fan-out only the axis counts.
        if fields["type"] == "temporal" and free and len(looped) > 1:
            self.notes.append(f"{at}: permutation: leaves {', '.join(free)} open; they stand outermost")
        order += [d for d in extents if d not in order]
        split = whole_of(fields.get("split", len(order)), f"{at}.split", least=0)
        self.factors[index], self.orders[index] = bounds, (order, split)

    def _fill(self, slots: list[Slot]) -> None:
        """Put the loops into their slots, with ragged bounds as they run."""
        bounds: dict[tuple[int, str], int] = {}
        for dimension, extent in self.problem.dimensions:
            places = [i for i in range(len(slots)) if dimension in self.factors.get(i, {})]
            factors = [self.factors[i][dimension] for i in places]
            found = ragged_bounds(dimension, extent, factors, f"{self.where}: mapping")
            bounds |= {(i, dimension): bound for i, bound in zip(places, found, strict=True)}
        for index, slot in enumerate(slots):
            order, split = self.orders.get(index, ([], 0))
            for place, dimension in reversed(list(enumerate(order))):
                bound = bounds.get((index, dimension), 1)
                if bound > 1:
                    slot.loops.append(self._loop(slot, dimension, bound, "X" if place < split else "Y"))
            slot.settle()

    def _loop(self, slot: Slot, dimension: str, bound: int, along: str) -> Loop:
        if not slot.axes:
            return Loop(dimension, bound)
        if along not in slot.axes:
            raise MappingError(
                f"{self.where}: mapping: {slot.target}: {dimension} lies along {along}, which has one place; "
                f"split says how many dimensions lie along X"
            )
        array, axis = slot.axes[along]
        return Loop(dimension, bound, axis, array)

    def _kept(self) -> dict[str, tuple[str, ...]]:
        kept: dict[str, tuple[str, ...]] = {}
        for storage in self.architecture.storages:
            said = self.keep.get(storage.name, set())
            gone = self.bypass.get(storage.name, set())
            able: Iterable[str] = said | (set(storage.keeps) - gone)
            kept[storage.name] = tuple(t for t in self.problem.tensor_names if t in able)
        return kept
