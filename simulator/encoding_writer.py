"""Writes a nest into the columns of its `Encoding`: each loop into a slot, each tensor held on its node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from simulator.encoding import VERSION, Encoding, Region, permutation_number
from simulator.errors import MappingError, did_you_mean
from simulator.mapping import Loop, Mapping, Store

_Vector = npt.NDArray[np.int64]


def write_mapping(encoding: Encoding, mapping: Mapping) -> _Vector:
    """Return the vector (length,) of a mapping, its columns not yet checked against their ranges.

    Raises
    ------
    MappingError
        For a nest the vector has no place for: which loop or level, and why.
    """
    vector = np.ones(encoding.length, np.int64)
    vector[0], vector[encoding.first_order :] = VERSION, 0
    parts = _split(encoding, mapping)
    arrays = len(encoding.architecture.arrays)
    for index, region in enumerate(encoding.regions):
        rest = _write_region(encoding, vector, index, region, parts[2 * index])
        if rest and (index == arrays or parts[2 * index + 1] or _stores(rest)):
            raise MappingError(
                f"'{rest[0]}': a vector has one loop of each dimension between two levels; merge them"
            )
        if index < arrays:
            # Nothing parts the loops of two regions where the array between them has none.
            parts[2 * index + 2] = rest + parts[2 * index + 2]
            _write_array(encoding, vector, index, parts[2 * index + 1])
    return vector


def _split(encoding: Encoding, mapping: Mapping) -> list[list[Store | Loop]]:
    """The mapping's nodes region by region and array by array, alternating; stores one tensor each."""
    parts: list[list[Store | Loop]] = [[] for _ in range(2 * len(encoding.regions) - 1)]
    part = 0
    for node in mapping.nodes[1:]:
        if isinstance(node, Store):
            part = _part_of_store(encoding, node, part)
            parts[part] += [replace(node, tensors=(t,)) for t in node.tensors]
        elif node.bound > 1:
            part = _part_of_loop(encoding, node, part)
            parts[part].append(node)
    return parts


def _part_of_store(encoding: Encoding, store: Store, above: int) -> int:
    """The part in which a level stands, an even number; ``above`` is that of the node before."""
    rank = encoding.architecture.rank_of(store.level)
    part = 2 * sum(array.rank < rank for array in encoding.architecture.arrays)
    if part < above:
        raise MappingError(f"{store.level} stands below an array that it is outside of")
    return part


def _part_of_loop(encoding: Encoding, loop: Loop, above: int) -> int:
    """The part in which a loop stands; ``above`` is that of the node before."""
    if loop.dimension not in encoding.dimensions:
        raise MappingError(
            f"'{loop}': {encoding.problem.name} has no dimension {loop.dimension!r}"
            f"{did_you_mean(loop.dimension, encoding.dimensions)}"
        )
    if not loop.spatial:
        # Directly after an array's loops, a temporal loop belongs to the region inside it.
        return above + above % 2
    arrays = [array.name for array in encoding.architecture.arrays]
    name = loop.array if loop.array is not None else _array_with(encoding, loop)
    if name not in arrays:
        raise MappingError(
            f"'{loop}': {encoding.architecture.name} has no array {name!r}{did_you_mean(str(name), arrays)}"
        )
    part = 2 * arrays.index(name) + 1
    if part < above:
        raise MappingError(
            f"'{loop}': a vector has no place for loops between the spatial loops of array {name}, "
            f"nor for arrays out of order"
        )
    return part


def _array_with(encoding: Encoding, loop: Loop) -> str | None:
    owners = [a.name for a in encoding.architecture.arrays if any(x.name == loop.axis for x in a.axes)]
    return owners[0] if len(owners) == 1 else None


def _write_region(
    encoding: Encoding, vector: _Vector, index: int, region: Region, part: list[Store | Loop]
) -> list[Store | Loop]:
    """Write a region; return what it has no place for."""
    kept = [(n.level, n.tensors[0]) for n in part if isinstance(n, Store)]
    names = [(node.level, node.tensor) for node in region.nodes]
    for level, tensor in kept:
        if (level, tensor) not in names:
            raise MappingError(f"{level} cannot keep {tensor} of {encoding.problem.name}")
        if kept.count((level, tensor)) > 1:
            raise MappingError(f"{level} keeps {tensor} twice")
    spare = [i for i, name in enumerate(names) if name not in kept]
    order: list[int] = []
    loops: list[list[Loop]] = [[]]
    rest: list[Store | Loop] = []
    for place, node in enumerate(part):
        if isinstance(node, Store):
            order.append(names.index((node.level, node.tensors[0])))
            loops.append([])
            continue
        if node.dimension in (loop.dimension for loop in loops[-1]):
            # A bypassed node parts two loops of one dimension.
            if not spare:
                rest = part[place:]
                break
            order.append(spare.pop())
            loops.append([])
        loops[-1].append(node)
    order += spare
    for i, name in enumerate(names):
        vector[encoding.first_keep + region.first_node + i] = name in kept
    vector[encoding.first_nodes + index] = permutation_number(order)
    for slot, inside in zip(region.slots, loops, strict=False):
        _write_loops(encoding, vector, slot, inside)
    return rest


def _write_array(encoding: Encoding, vector: _Vector, index: int, part: list[Store | Loop]) -> None:
    array = encoding.architecture.arrays[index]
    names = [axis.name for axis in array.axes]
    order: list[int] = []
    loops: dict[int, list[Loop]] = {}
    for node in part:
        assert isinstance(node, Loop)
        if node.axis not in names:
            raise MappingError(
                f"'{node}': {array.name} has no axis {node.axis!r}{did_you_mean(str(node.axis), names)}"
            )
        axis = names.index(str(node.axis))
        if axis in order[:-1]:
            # Loops of different dimensions may change places, those of one may not.
            between = [loop for other in order[order.index(axis) + 1 :] for loop in loops[other]]
            if node.dimension in (loop.dimension for loop in between):
                raise MappingError(f"'{node}': a vector has each axis of {array.name} at one place")
        if axis not in order:
            order.append(axis)
        if node.dimension in (loop.dimension for loop in loops.get(axis, [])):
            raise MappingError(f"'{node}': a vector has one loop of each dimension on an axis; merge them")
        loops.setdefault(axis, []).append(node)
    order += [axis for axis in range(len(names)) if axis not in order]
    vector[encoding.first_axes + index] = permutation_number(order)
    for axis, inside in loops.items():
        _write_loops(encoding, vector, encoding.first_axis_slots[index] + axis, inside)


def _write_loops(encoding: Encoding, vector: _Vector, slot: int, loops: list[Loop]) -> None:
    dims = [encoding.dimensions.index(loop.dimension) for loop in loops]
    for dimension, loop in zip(dims, loops, strict=True):
        vector[encoding.bound_column(slot, dimension)] = loop.bound
    rest = [d for d in range(len(encoding.dimensions)) if d not in dims]
    vector[encoding.first_order + slot] = permutation_number(dims + rest)


def _stores(nodes: list[Store | Loop]) -> bool:
    return any(isinstance(node, Store) for node in nodes)
