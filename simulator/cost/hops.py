"""Hops: how far a boundary's words go over an array's network.

A hop is a word on the wire between two places. Without a topology every place is fed by itself: words times
the number of places between their child and the corner where the network enters. Buses, trees and meshes
take a word once over every wire on its way to all that need it (`counting.wires`); sums come back the same
way, and add up where wires meet, if the axis reduces. The way down of partial sums read back is not counted.
"""

from __future__ import annotations

from simulator.architecture import Architecture, Array
from simulator.counting.forms import Form, column
from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    READS,
    Boundary,
    Nest,
    Query,
    total,
)
from simulator.counting.wires import Wires
from simulator.errors import ArchitectureError, ProblemError


def hops(
    nest: Nest,
    architecture: Architecture,
    boundary: Boundary,
    array: Array,
    inner: Array | None,
    linked: bool,
) -> Form:
    """Return the hops of a boundary's words on one array; ``inner`` is the next array they go on to.

    What neighbours pass on (``linked``) takes no other wires.

    Raises
    ------
    ArchitectureError
        Where words that are fed place by place go on to another array.
    ProblemError
        If counts could pass 2**63.
    """
    topology = array.topology(boundary.tensor)
    if topology == "unicast":
        if inner is not None:
            raise ArchitectureError(
                f"{architecture.name}: array {array.name}: hop has no price where {boundary.tensor} pass on "
                f"to {inner.name} without a level between; keep them at a level there, or state a topology"
            )
        return _distance(nest, boundary, array)
    if nest.problem.macs * array.size >= 2**63:
        raise ProblemError(f"{nest.problem.name}: words times distance could pass 2**63; price no hops")
    wires = wires_of(architecture, array, boundary.tensor, linked)
    name = DRAINS if boundary.output else READS
    if topology == "bus" and not linked:
        return _buses(nest, boundary, wires, name)
    return column(Query(boundary, splits=total(nest, boundary).splits, wires=wires), name)


def wires_of(architecture: Architecture, array: Array, tensor: str, linked: bool) -> Wires:
    """Return the network of an array for a tensor that has a topology other than unicast."""
    outside = tuple(a.name for a in architecture.arrays if a.rank < array.rank)
    axes = tuple((axis.name, axis.size) for axis in reversed(array.axes))
    return Wires(array.name, array.topology(tensor), axes, array.fan_out, outside, linked)


def _distance(nest: Nest, boundary: Boundary, array: Array) -> Form:
    """Words times the number of places between their child and the corner where the network enters."""
    query = total(nest, boundary)
    name = CONTRIBUTED if boundary.output else FILLS
    distance = Form()
    places: dict[str, int] = {}
    for index in reversed(range(boundary.parent_above, boundary.child_above)):
        loop = nest.mapping.loops[index]
        if loop.spatial and loop.array == array.name:
            step = places.get(str(loop.axis), 1)
            weighted = Query(boundary, query.zero_above, query.split_above, query.splits, weight=index)
            distance = distance + Form(((weighted, name, step),))
            places[str(loop.axis)] = step * loop.bound
    return distance


def _buses(nest: Nest, boundary: Boundary, wires: Wires, name: int) -> Form:
    """Wires of buses: those of each axis once for every place on the axes before it that has a receiver."""
    loops = nest.mapping.loops
    apart = {i for i, loop in enumerate(loops) if loop.array in wires.outside}
    found = Form()
    for axis, size in wires.axes:
        query = Query(boundary, splits=total(nest, boundary).splits | apart)
        found = found + Form(((query, name, size - 1),))
        apart |= {i for i, loop in enumerate(loops) if (loop.array, loop.axis) == (wires.array, axis)}
    return found
