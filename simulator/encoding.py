"""One fixed-length vector of integers for every mapping of a problem on a machine.

The vector depends on the problem and the architecture only. Its nest has *slots* for loops and *nodes*
for what levels hold, outermost first. The storage levels between two arrays form a *region*; a node is
one tensor at one level of it (so tensors of a level may be held at different places: uneven mappings),
and the nodes of a region stand in any order that keeps each tensor's hierarchy:

    outermost  T0  node  T1  node  T2 ...   array.x array.y   T5  node  T6  node ...  MAC

Columns: the version; a bound for every slot and dimension (1: no loop); the order of loops in every slot;
the order of nodes in every region; which nodes keep their tensor (the others are bypassed); the order of
the axes of every array. An order is the lexicographic number of a permutation, outermost first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.errors import MappingError
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem

VERSION = 1
Vectors = npt.NDArray[np.int32]
# 12! is the last factorial below 2**31.
MOST_ORDERED = 12


@dataclass(frozen=True)
class Slot:
    """A place for loops: one per dimension, temporal, or spatial along ``axis`` of ``array``."""

    name: str
    array: str | None = None
    axis: str | None = None


@dataclass(frozen=True)
class Node:
    """A tensor at a level; ``required`` where no mapping may let it bypass the level."""

    level: str
    tensor: str
    required: bool

    def __str__(self) -> str:
        return f"{self.level}.{self.tensor}"


@dataclass(frozen=True)
class Region:
    """Nodes between two arrays; its temporal slots are ``first_slot`` and one below each node."""

    first_slot: int
    first_node: int
    nodes: tuple[Node, ...]

    @property
    def slots(self) -> range:
        return range(self.first_slot, self.first_slot + len(self.nodes) + 1)


@dataclass(frozen=True)
class Encoding:
    """The slots, nodes and columns of a problem on a machine.

    Raises
    ------
    MappingError
        For tensors the machine does not know, or more dimensions or nodes than can be ordered.
    """

    problem: Problem
    architecture: Architecture

    def __post_init__(self) -> None:
        unknown = [t for t in self.problem.tensor_names if t not in self.architecture.outermost.keeps]
        if unknown:
            keeps = ", ".join(self.architecture.outermost.keeps)
            raise MappingError(
                f"{self.problem.name}: machines know the tensors {keeps}; rename {unknown[0]!r}"
            )
        if len(self.dimensions) > MOST_ORDERED:
            raise MappingError(
                f"{self.problem.name} has {len(self.dimensions)} dimensions; at most {MOST_ORDERED} fit"
            )
        for name, extent in self.problem.dimensions:
            if extent >= 2**31:
                raise MappingError(
                    f"{self.problem.name}: {name} = {extent} is too long; vectors hold bounds below 2**31"
                )
        for region in self.regions:
            if len(region.nodes) > MOST_ORDERED:
                named = ", ".join(map(str, region.nodes))
                raise MappingError(
                    f"{self.architecture.name} has {len(region.nodes)} places to hold tensors without an "
                    f"array between them ({named}); vectors hold at most {MOST_ORDERED}"
                )

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.problem.dimensions)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Regions outermost first; the first lies below the outermost level, which keeps everything."""
        ranks = [array.rank for array in self.architecture.arrays]
        found: list[Region] = []
        slot, node = 0, 0
        for low, high in zip([-1, *ranks], [*ranks, math.inf], strict=True):
            levels = [s for s in self.architecture.storages[1:] if low < s.rank < high]
            nodes = tuple(
                Node(s.name, t, t in s.required)
                for s in levels
                for t in s.keeps
                if t in self.problem.tensor_names
            )
            found.append(Region(slot, node, nodes))
            axes = len(self.architecture.arrays[len(found) - 1].axes) if high != math.inf else 0
            slot, node = slot + len(nodes) + 1 + axes, node + len(nodes)
        return tuple(found)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Slots in nest order, an array's axes in the machine's order."""
        slots: list[Slot] = []
        temporal = 0
        for index, region in enumerate(self.regions):
            for _ in region.slots:
                slots.append(Slot(f"T{temporal}"))
                temporal += 1
            if index < len(self.architecture.arrays):
                array = self.architecture.arrays[index]
                slots += [Slot(f"{array.name}.{axis.name}", array.name, axis.name) for axis in array.axes]
        return tuple(slots)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for region in self.regions for node in region.nodes)

    @cached_property
    def first_axis_slots(self) -> tuple[int, ...]:
        """For each array the slot of its first axis."""
        return tuple(region.slots.stop for region in self.regions[:-1])

    # Where each kind of column begins.
    @property
    def first_bound(self) -> int:
        return 1

    @property
    def first_order(self) -> int:
        return 1 + len(self.slots) * len(self.dimensions)

    @property
    def first_nodes(self) -> int:
        return self.first_order + len(self.slots)

    @property
    def first_keep(self) -> int:
        return self.first_nodes + len(self.regions)

    @property
    def first_axes(self) -> int:
        return self.first_keep + len(self.nodes)

    @property
    def length(self) -> int:
        """Number of columns."""
        return self.first_axes + len(self.architecture.arrays)

    def bound_column(self, slot: int, dimension: int) -> int:
        """The column of a loop's bound."""
        return 1 + slot * len(self.dimensions) + dimension

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: ``T0.P``, ``PE.x.P``, ``T0.order``, ``GLB.inputs``, ``PE.order``, ..."""
        return (
            "version",
            *(f"{slot.name}.{d}" for slot in self.slots for d in self.dimensions),
            *(f"{slot.name}.order" for slot in self.slots),
            *(f"region{i}.order" for i in range(len(self.regions))),
            *map(str, self.nodes),
            *(f"{array.name}.order" for array in self.architecture.arrays),
        )

    @cached_property
    def ranges(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The lowest and the highest value of every column; a bound is at most its dimension's extent."""
        extents = [extent for _, extent in self.problem.dimensions]
        low = [VERSION, *([1] * len(self.slots) * len(extents))]
        high = [VERSION, *(extents * len(self.slots))]
        orders = [math.factorial(len(extents)) - 1] * len(self.slots)
        orders += [math.factorial(len(region.nodes)) - 1 for region in self.regions]
        low += [0] * len(orders) + [int(node.required) for node in self.nodes]
        high += orders + [1] * len(self.nodes)
        axes = [math.factorial(len(array.axes)) - 1 for array in self.architecture.arrays]
        return np.array(low + [0] * len(axes)), np.array(high + axes)

    def decode(self, vector: npt.ArrayLike) -> Mapping:
        """Return the mapping of a vector; stores of one level that nothing parts become one.

        Only the ranges of the columns are looked at: the mapping may be illegal.

        Raises
        ------
        MappingError
            For a wrong length, type, version or range: which column, and what would be right.
        """
        values = [int(v) for v in self.check(vector)]
        nodes: list[Store | Loop] = [Store(self.architecture.outermost.name, self.problem.tensor_names)]
        for index, region in enumerate(self.regions):
            order = permutation(values[self.first_nodes + index], len(region.nodes))
            for place, slot in enumerate(region.slots):
                if place and values[self.first_keep + region.first_node + order[place - 1]]:
                    node = region.nodes[order[place - 1]]
                    _hold(nodes, node)
                nodes += self._loops(values, slot)
            if index < len(self.architecture.arrays):
                axes = len(self.architecture.arrays[index].axes)
                for axis in permutation(values[self.first_axes + index], axes):
                    nodes += self._loops(values, region.slots.stop + axis)
        return Mapping(tuple(nodes))

    def encode(self, mapping: Mapping) -> Vectors:
        """Return the vector (length,) of a mapping; bypassed nodes stand last in their region.

        Raises
        ------
        MappingError
            For a nest the vector has no place for: which loop or level, and why.
        """
        # The writer knows the encoding, so it cannot be imported from where that is defined.
        from simulator.encoding_writer import write_mapping

        return self.check(write_mapping(self, mapping))

    def check(self, vector: npt.ArrayLike) -> Vectors:
        """Return a vector as int32 of shape (length,), its columns within their ranges.

        Raises
        ------
        MappingError
            For a wrong length, type, version or range: which column, and what would be right.
        """
        values: npt.NDArray[np.integer] = self.check_shape([vector])[0]
        low, high = self.ranges
        if values[0] != VERSION:
            raise MappingError(f"a vector of version {values[0]}; this encoding has version {VERSION}")
        for column in np.flatnonzero((values < low) | (values > high))[:1]:
            raise MappingError(
                f"column {column} ({self.columns[column]}) is {values[column]}; it goes from "
                f"{low[column]} to {high[column]}"
            )
        return np.asarray(values, np.int32)

    def check_shape(self, vectors: npt.ArrayLike | Sequence[npt.ArrayLike]) -> npt.NDArray[np.integer]:
        """Return vectors as an integer array (B, length).

        Raises
        ------
        MappingError
            For a wrong shape, or numbers that are not integers.
        """
        try:
            array = np.asarray(vectors)
        except ValueError:
            raise MappingError(f"vectors must all have {self.length} columns") from None
        if array.ndim != 2 or array.shape[1] != self.length:
            raise MappingError(
                f"{self.problem.name} on {self.architecture.name} has vectors of {self.length} integers, "
                f"not an array of shape {array.shape}"
            )
        if not np.issubdtype(array.dtype, np.integer):
            raise MappingError(f"vectors are of integers, not {array.dtype}")
        return array

    def _loops(self, values: Sequence[int], slot: int) -> list[Loop]:
        place = self.slots[slot]
        order = permutation(values[self.first_order + slot], len(self.dimensions))
        bounds = [(d, values[self.bound_column(slot, d)]) for d in order]
        return [Loop(self.dimensions[d], b, place.axis, place.array) for d, b in bounds if b > 1]


def permutation(number: int, size: int) -> list[int]:
    """The permutation of range(size) with a lexicographic number."""
    rest = list(range(size))
    out = []
    for left in range(size - 1, -1, -1):
        index, number = divmod(number, math.factorial(left))
        out.append(rest.pop(index))
    return out


def permutation_number(order: Sequence[int]) -> int:
    """The lexicographic number of a permutation of range(len(order))."""
    rest = sorted(order)
    number = 0
    for value in order:
        number = number * len(rest) + rest.index(value)
        rest.remove(value)
    return number


def _hold(nodes: list[Store | Loop], node: Node) -> None:
    last = nodes[-1]
    if isinstance(last, Store) and last.level == node.level:
        nodes[-1] = replace(last, tensors=(*last.tensors, node.tensor))
    else:
        nodes.append(Store(node.level, (node.tensor,)))
