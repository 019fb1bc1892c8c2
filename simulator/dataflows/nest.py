"""A dataflow's nest on a machine: its levels by name, and the loops of every slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.architecture import TENSORS, Architecture, Storage
from simulator.dataflows.declaration import (
    BUFFER,
    EACH,
    FIRST,
    LAST,
    MEMORY,
    PE,
    Dataflow,
    Keep,
    Orders,
    Spread,
    read_factor,
)
from simulator.encoding import Encoding
from simulator.errors import MappingError, did_you_mean
from simulator.mapspaces import Constraints
from simulator.problem import Problem

Bounds = dict[str, tuple[int, int]]
Axes = dict[str, dict[str, str | int]]
# Of a loop: its slot, dimension and factor, and whether it lies on an array's axis.
Place = tuple[str, str, str | int, bool]


@dataclass(frozen=True)
class Section:
    """A stretch of the nest: a level that keeps a tensor, then loops.

    Without a node its loops join those above. ``optional``: the tensor may bypass the level. ``factors``
    are those of the loops that begin here. ``inside``: it stands below the first array.
    """

    node: str | None
    tensor: str
    orders: Orders
    optional: bool
    factors: Mapping[str, str | int]
    inside: bool


@dataclass(frozen=True)
class Nest:
    """A dataflow's nest on a machine. ``axes`` are named ``PE.x``, outermost array first."""

    dataflow: Dataflow
    problem: Problem
    architecture: Architecture
    sections: tuple[Section, ...]
    axes: Axes

    def constraints(self, encoding: Encoding, bounds: Bounds, saturated: Sequence[str]) -> Constraints:
        """The nest as constraints, with these bounds; see `Constraints`."""
        arrays = self.architecture.arrays
        loops: dict[str, Orders] = {axis: (tuple(factors),) for axis, factors in self.axes.items()}
        axes = {array.name: tuple(axis.name for axis in array.axes)[::-1] for array in arrays}
        if self.dataflow.open:
            factors = self.dataflow.factors
            return Constraints(self.dataflow.name, {}, {}, loops, {}, bounds, tuple(saturated), factors)
        keeps = {str(node): False for node in encoding.nodes if not node.required}
        nodes: dict[str, list[str]] = {name: [] for name in self.regions}
        slots: dict[str, Orders] = {
            **dict.fromkeys(self.regions, ((),)),
            **{str(n): () for n in encoding.nodes},
        }
        for section, slot in zip(self.sections, self.slots, strict=True):
            if section.node is not None:
                nodes[self._region(section.node)].append(slot)
                slots[slot] = section.orders
                keeps.pop(slot, None)
                if not section.optional:
                    keeps[slot] = True
            else:
                slots[slot] = _joined(slots[slot], section.orders)
        slots = {slot: tuple(order for order in orders if order) for slot, orders in slots.items()}
        orders = {region: (tuple(kept),) for region, kept in nodes.items()}
        return Constraints(
            self.dataflow.name,
            keeps,
            orders,
            slots | loops,
            axes,
            bounds,
            tuple(saturated),
            self.dataflow.factors,
        )

    @property
    def regions(self) -> list[str]:
        """Names of the stretches between arrays: the outermost level's, then the arrays'."""
        return [self.architecture.outermost.name, *(array.name for array in self.architecture.arrays)]

    @property
    def slots(self) -> list[str]:
        """By section the slot its loops lie in."""
        found, now = list[str](), self.regions[0]
        for section in self.sections:
            if section.node is not None:
                now = section.node
            elif section.inside and not self._inside(now):
                now = self.regions[-1]
            found.append(now)
        return found

    def places(self) -> list[Place]:
        """The place of every loop, outermost first."""
        found: list[Place] = []
        seen: set[tuple[str, str]] = set()

        def add(sections: list[tuple[Section, str]]) -> None:
            for section, slot in sections:
                # Factors are found one after another, in the order in which they are named.
                for dimension in dict.fromkeys((*section.factors, *section.orders[0])):
                    if (slot, dimension) not in seen:
                        seen.add((slot, dimension))
                        found.append((slot, dimension, section.factors.get(dimension, "any"), False))

        pairs = list(zip(self.sections, self.slots, strict=True))
        for region in self.regions:
            for axis, factors in self.axes.items():
                if axis.rpartition(".")[0] == region:
                    found += [(axis, d, value, True) for d, value in factors.items()]
            add([(s, slot) for s, slot in pairs if self._region(slot) == region])
        return found

    def _region(self, slot: str) -> str:
        if slot in self.regions:
            return slot
        rank = self.architecture.rank_of(slot.rpartition(".")[0])
        return [self.regions[0], *(a.name for a in self.architecture.arrays if a.rank < rank)][-1]

    def _inside(self, slot: str) -> bool:
        return self._region(slot) != self.regions[0]


def nest_on(dataflow: Dataflow, problem: Problem, architecture: Architecture) -> Nest:
    """Return a dataflow's nest for a problem on a machine.

    Raises
    ------
    MappingError
        For an array, dimension, level or axis that the machine or the problem lacks (with the nearest), a
        tensor that has no level where the dataflow keeps it, or a dimension without a loop.
    """
    reader = _Reader(dataflow, problem, architecture)
    spreads = [(i, part) for i, part in enumerate(dataflow.nest) if isinstance(part, Spread)]
    if spreads and not reader.axes:
        raise MappingError(f"{dataflow.name} needs an array of PEs; {architecture.name} has none")
    sections = [
        s for i, part in enumerate(dataflow.nest) if isinstance(part, Keep) for s in reader.keep(i, part)
    ]
    # Where levels and loops are named and no array is, nothing lies on the axes.
    axes: Axes = {} if dataflow.open else {axis: {} for axis in reader.axes}
    if spreads:
        axes = reader.spread(*spreads[0])
    nest = Nest(dataflow, problem, architecture, tuple(sections), axes)
    if not dataflow.open:
        reader.check(nest)
    return nest


class _Reader:
    def __init__(self, dataflow: Dataflow, problem: Problem, architecture: Architecture) -> None:
        self.dataflow, self.problem, self.architecture = dataflow, problem, architecture

    @property
    def axes(self) -> list[str]:
        """Names of all axes, as ``PE.x``."""
        return [f"{array.name}.{axis.name}" for array in self.architecture.arrays for axis in array.axes]

    def keep(self, index: int, part: Keep) -> list[Section]:
        """The sections of a part: one a tensor, with the loops in the last."""
        where = f"nest[{index}]"
        orders = part.orders
        for dimension in orders[0]:
            self._dimension(f"{where}.loops", dimension)
        arrays = [i for i, other in enumerate(self.dataflow.nest) if isinstance(other, Spread)]
        inside = bool(arrays) and index > arrays[0]
        if part.level == MEMORY:
            return [Section(None, "", orders, False, part.factors, False)]
        found = [self._section(where, part, tensor, inside) for tensor in part.keeps]
        found = [section for section in found if section is not None]
        loops = Section(None, "", orders, False, part.factors, inside)
        if found and found[-1].node is not None:
            last = found[-1]
            loops = Section(last.node, last.tensor, orders, last.optional, part.factors, inside)
        return [*(section for section in found[:-1] if section.node is not None), loops]

    def _section(self, where: str, part: Keep, tensor: str, inside: bool) -> Section:
        level = self._level(where, part, tensor)
        absent = Section(None, tensor, ((),), False, {}, inside)
        if level is None or tensor not in self.problem.tensor_names:
            return absent
        required = tensor in level.required
        if part.bypass == "always" and not required:
            return absent
        if self._below_array(level) != inside:
            side = "below" if self._below_array(level) else "above"
            raise self._wrong(f"{where}: {level.name} stands {side} the array of {self.architecture.name}")
        optional = part.bypass == "allowed" and not required
        return Section(f"{level.name}.{tensor}", tensor, ((),), optional, {}, inside)

    def _level(self, where: str, part: Keep, tensor: str) -> Storage | None:
        """The level a part names for a tensor; None where the machine has none to keep it."""
        if tensor not in TENSORS:
            raise self._wrong(f"{where}.keeps: no tensor is called {tensor!r}{did_you_mean(tensor, TENSORS)}")
        storages = self.architecture.storages[1:]
        names = [storage.name for storage in storages]
        # A level that is called so goes before the role.
        if part.level not in (BUFFER, PE) or part.level in names:
            if part.level == self.architecture.outermost.name:
                raise self._wrong(f"{where}.level: {part.level} is the outermost level; call it {MEMORY}")
            if part.level not in names:
                hint = did_you_mean(part.level, [*names, MEMORY, BUFFER, PE])
                raise self._wrong(
                    f"{where}.level: {self.architecture.name} has no level {part.level!r}{hint}"
                )
            level = storages[names.index(part.level)]
            if tensor not in level.keeps:
                raise self._wrong(f"{where}.keeps: {level.name} keeps {', '.join(level.keeps)}, not {tensor}")
            return level
        if part.level == PE:
            innermost = self.architecture.arrays[-1].rank if self.architecture.arrays else 0
            levels = [s for s in storages if s.rank > innermost and tensor in s.keeps]
        else:
            levels = [s for s in storages if not self._below_array(s) and tensor in s.keeps]
        if not levels and part.level == PE and part.bypass == "never" and tensor in self.problem.tensor_names:
            raise MappingError(
                f"{self.dataflow.name} keeps {tensor} in the PE; {self.architecture.name} has no level there "
                f"for them"
            )
        return levels[-1] if levels else None

    def _below_array(self, storage: Storage) -> bool:
        arrays = self.architecture.arrays
        return bool(arrays) and storage.rank > arrays[0].rank

    def spread(self, index: int, part: Spread) -> Axes:
        """By axis its dimensions and their factors."""
        axes = self.axes
        where = f"nest[{index}].array"
        names = {EACH, FIRST, LAST, *axes, *(axis.rpartition(".")[2] for axis in axes)}
        for name, factors in part.axes.items():
            if name not in names:
                hint = did_you_mean(name, names)
                raise self._wrong(f"{where}: {self.architecture.name} has no axis {name!r}{hint}")
            for dimension in factors:
                self._dimension(f"{where}.{name}", dimension)
        return {axis: self._on_axis(where, part, axis) for axis in axes}

    def _on_axis(self, where: str, part: Spread, axis: str) -> dict[str, str | int]:
        """Dimensions of an axis with their factors: of several that of the entry that names it closest."""
        ends = [end for end, at in ((FIRST, 0), (LAST, -1)) if self.axes[at] == axis]
        closeness = {EACH: 0} | dict.fromkeys(ends, 1) | {axis.rpartition(".")[2]: 2, axis: 2}
        found: dict[str, str | int] = {}
        named: dict[str, str] = {}
        for name, factors in part.axes.items():
            for dimension, value in factors.items() if name in closeness else ():
                other = named.get(dimension, name)
                if closeness[name] == closeness[other] and found.get(dimension, value) != value:
                    raise self._wrong(
                        f"{where}: {axis} takes {dimension}: {found[dimension]} from {other} and "
                        f"{dimension}: {value} from {name}; give one of them"
                    )
                if closeness[name] >= closeness[other]:
                    found[dimension], named[dimension] = value, name
        return found

    def check(self, nest: Nest) -> None:
        """Refuse a nest that leaves a dimension or a required level out, or has levels in a wrong order."""
        loops = {dimension for _, dimension, _, _ in nest.places()}
        missing = [d for d, extent in self.problem.dimensions if extent > 1 and d not in loops]
        if missing:
            raise self._wrong(f"no loop of the dimensions {', '.join(missing)} of {self.problem.name}")
        self._check_joined(nest)
        named = [section.node for section in nest.sections if section.node is not None]
        for tensor in self.problem.tensor_names:
            order = [node.rpartition(".")[0] for node in named if node.endswith(f".{tensor}")]
            if len(set(order)) < len(order):
                twice = next(level for level in order if order.count(level) > 1)
                raise self._wrong(f"{twice} keeps {tensor} twice on {self.architecture.name}")
            if order != sorted(order, key=self.architecture.rank_of):
                raise self._wrong(f"{tensor}: the levels {', '.join(order)} stand in the wrong order")
            for storage in self.architecture.storages[1:]:
                if tensor in storage.required and f"{storage.name}.{tensor}" not in named:
                    raise MappingError(
                        f"{self.dataflow.name} keeps no {tensor} in {storage.name}, where "
                        f"{self.architecture.name} requires them; name that level and tensor in the nest"
                    )

    def _check_joined(self, nest: Nest) -> None:
        """Refuse numbers for a loop that has no place of its own, as the machine lacks its level."""
        seen: set[tuple[str, str]] = set()
        for section, slot in zip(nest.sections, nest.slots, strict=True):
            for dimension in section.orders[0]:
                value = section.factors.get(dimension, "any")
                if (slot, dimension) in seen and not read_factor(value).word:
                    raise self._wrong(
                        f"{self.architecture.name} lacks the level above the loop of {dimension} with the "
                        f"factor {value}, so that it joins the one in {slot}; leave the factor out"
                    )
            seen |= {(slot, dimension) for dimension in section.orders[0]}

    def _dimension(self, where: str, dimension: str) -> None:
        if dimension not in self.problem.extents:
            known = self.problem.extents
            raise self._wrong(
                f"{where}: {self.problem.name} has no dimension {dimension!r}{did_you_mean(dimension, known)}"
            )

    def _wrong(self, what: str) -> MappingError:
        return MappingError(f"{self.dataflow.name}: {what}")


def _joined(above: Orders, orders: Orders) -> Orders:
    """Orders followed by others, every dimension once."""
    return tuple((*a, *(d for d in b if d not in a)) for a in above or ((),) for b in orders)
