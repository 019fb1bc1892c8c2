"""What a Timeloop design says about its mappings: data-spaces kept and bypassed, factors and permutations.

Version 4 has it at each node, and in ``constraints``; version 3 in ``architecture_constraints`` and
``mapspace_constraints``. What is kept and bypassed becomes part of the machine, the fan-outs' dimensions a
dataflow, and all of it constraints of a mapspace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.architecture_file import TENSORS
from simulator.errors import SimulatorError, did_you_mean
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
from simulator.formats.timeloop.kinds import CONSTRAINTS
from simulator.formats.timeloop.parts import FANOUT, STORAGE, Part
from simulator.formats.timeloop.problems import tensor_of

_TEMPORAL = ("type", "target", "name", "factors", "permutation")
# Neighbours pass nothing on in the machines that are read, so no_link_transfer holds anyway.
_SPATIAL = (*_TEMPORAL, "split", "no_reuse", "no_link_transfer")
_DATASPACE = ("type", "target", "name", "keep", "bypass", "keep_only", "bypass_only")


@dataclass(frozen=True)
class Nest:
    """What the loops at one place may be: ``bounds`` (least and most, 0 for any), innermost dimensions."""

    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    split: int | None = None


@dataclass
class Limits:
    """The constraints of a design, by the names of its parts.

    ``loops`` are those of levels (temporal) and of fan-outs (spatial), ``unshared`` the tensors that a
    fan-out neither multicasts nor adds up.
    """

    parts: list[Part]
    keep: dict[str, set[str]] = field(default_factory=dict)
    bypass: dict[str, set[str]] = field(default_factory=dict)
    loops: dict[str, Nest] = field(default_factory=dict)
    unshared: dict[str, set[str]] = field(default_factory=dict)

    @property
    def levels(self) -> list[str]:
        """The names of the storage levels, outermost first."""
        return [part.name for part in self.parts if part.kind == STORAGE]

    def kept(self, level: str) -> tuple[str, ...]:
        """The tensors that a level must keep."""
        return tuple(tensor for tensor in TENSORS if tensor in self.keep.get(level, ()))

    def keepable(self, level: str) -> tuple[str, ...]:
        """The tensors that a level may keep: of levels side by side one keeps a tensor."""
        group = next(part.group for part in self.parts if part.name == level)
        beside = [part.name for part in self.parts if group is not None and part.group == group]
        taken = {tensor for name in beside if name != level for tensor in self.keep.get(name, ())}
        gone = self.bypass.get(level, set()) | (taken - self.keep.get(level, set()))
        return tuple(tensor for tensor in TENSORS if tensor not in gone)


def read_limits(
    data: dict[str, Any], parts: list[Part], where: str, notes: Notes, tensors: dict[str, str] | None
) -> Limits:
    """Return the constraints of a design; what has no counterpart goes to ``notes``.

    Raises
    ------
    SimulatorError
        For unknown levels and data-spaces, with the nearest, and contradictions.
    """
    limits = Limits(parts)
    reader = _Reader(limits, notes, tensors)
    for part in parts:
        for kind, fields in part.constraints.items():
            reader.read(part.name, kind, fields, f"{where}: {part.name}: constraints.{kind}")
    for name in CONSTRAINTS:
        at = f"{where}: {name}"
        entries = data.get(name)
        entries = entries.get("targets") if isinstance(entries, dict) else entries
        for index, entry in enumerate(list_of(entries, at)):
            fields = mapping_of(entry, f"{at}[{index}]")
            target = text_of(fields.get("target", fields.get("name")), f"{at}[{index}].target")
            reader.read(target, text_of(fields.get("type"), f"{at}[{index}].type"), fields, f"{at}[{index}]")
    return limits


class _Reader:
    def __init__(self, limits: Limits, notes: Notes, tensors: dict[str, str] | None) -> None:
        self.limits, self.notes, self.tensors = limits, notes, tensors

    def read(self, target: str, kind: str, data: object, at: str) -> None:
        fields = mapping_of(data, at)
        if kind in ("dataspace", "datatype", "bypass", "bypassing"):
            note_fields(fields, _DATASPACE, at, self.notes)
            self._dataspace(self._level(target, at), fields, at)
        elif kind == "spatial":
            note_fields(fields, _SPATIAL, at, self.notes)
            self._nest(self.fanout(target, at), fields, at)
        elif kind == "temporal":
            note_fields(fields, _TEMPORAL, at, self.notes)
            self._nest(self._level(target, at), fields, at)
        else:
            self.notes.append(f"{at}: {kind[:60]}: no counterpart here")

    def fanout(self, target: str, at: str) -> str:
        """A fan-out by its own name, by its component's, or by that of the level above it (version 3)."""
        fans = [part.name for part in self.limits.parts if part.kind == FANOUT]
        for name in (target, f"inter_{target}_spatial"):
            if name in fans:
                return name
        names = [part.name for part in self.limits.parts]
        if target in names and names.index(target) + 1 < len(names):
            below = self.limits.parts[names.index(target) + 1]
            if below.kind == FANOUT:
                return below.name
        raise SimulatorError(f"{at}: no fan-out is called {target[:60]!r}{did_you_mean(target[:60], fans)}")

    def _level(self, target: str, at: str) -> str:
        known = self.limits.levels
        if target not in known:
            raise SimulatorError(
                f"{at}: no level is called {target[:60]!r}{did_you_mean(target[:60], known)}"
            )
        return target

    def _dataspace(self, level: str, fields: dict[str, Any], at: str) -> None:
        keep, bypass = (self._tensors(fields.get(name), f"{at}.{name}") for name in ("keep", "bypass"))
        if fields.get("keep_only") is not None:
            keep = self._tensors(fields["keep_only"], f"{at}.keep_only")
            bypass = set(TENSORS) - keep
        if fields.get("bypass_only") is not None:
            bypass = self._tensors(fields["bypass_only"], f"{at}.bypass_only")
            keep = set(TENSORS) - bypass
        self.limits.keep.setdefault(level, set()).update(keep)
        self.limits.bypass.setdefault(level, set()).update(bypass)
        both = self.limits.keep[level] & self.limits.bypass[level]
        if both:
            raise SimulatorError(f"{at}: {', '.join(sorted(both))} must be kept and bypassed")

    def _tensors(self, data: object, at: str) -> set[str]:
        found: set[str] = set()
        for name in names_of(data, at):
            if name == "*":
                return set(TENSORS)
            tensor = (self.tensors or {}).get(name) or tensor_of(name)
            if tensor not in TENSORS:
                raise SimulatorError(
                    f"{at}: which tensor the data-space {name[:60]!r} is, its problem says; give that file"
                )
            found.add(tensor)
        return found

    def _nest(self, place: str, fields: dict[str, Any], at: str) -> None:
        bounds: dict[str, tuple[int, int]] = {}
        for name, relation, bound, rest in factors_of(fields.get("factors"), f"{at}.factors"):
            if rest is not None:
                raise SimulatorError(f"{at}.factors: {name}: constraints have no remainders")
            # A bound of 0 is the whole dimension.
            bounds[name] = {"=": (bound, bound), "<=": (1, bound), ">=": (bound, 0)}[relation]
        split = fields.get("split")
        alone = self._tensors(fields.get("no_reuse"), f"{at}.no_reuse")
        if alone and place not in self.limits.levels:
            self.limits.unshared[place] = alone
        if place in self.limits.loops:
            raise SimulatorError(f"{at}: {place} has such a constraint already")
        self.limits.loops[place] = Nest(
            bounds,
            tuple(permutation_of(fields.get("permutation"), f"{at}.permutation")),
            None if split is None else whole_of(split, f"{at}.split", least=0),
        )
