"""A Timeloop design's constraints as a dataflow, and as constraints of a mapspace."""

from __future__ import annotations

import math
from itertools import permutations

from simulator.architecture import Architecture
from simulator.dataflows.declaration import Dataflow, Spread
from simulator.encoding import Encoding, Node
from simulator.formats.timeloop.constraints import Limits, Nest
from simulator.formats.timeloop.fields import Notes
from simulator.formats.timeloop.parts import FANOUT, Part
from simulator.mapspaces import Constraints
from simulator.problem import Problem

# More orders of loops than this are not listed one by one.
_MOST_ORDERS = 720
_Orders = tuple[tuple[str, ...], ...]


def axes_of(part: Part, nest: Nest, dimensions: tuple[str, ...]) -> dict[str, list[str]]:
    """Return which dimensions may lie on which axis: those before the split on X, the others on Y."""
    order = [*nest.permutation, *(d for d in dimensions if d not in nest.permutation)]
    if 1 in part.mesh:
        # With one axis there is no choice.
        return {"x" if part.mesh[1] == 1 else "y": order}
    split = len(order) if nest.split is None else nest.split
    return {"x": order[:split], "y": order[split:]}


def dataflow_of(limits: Limits, dimensions: tuple[str, ...], name: str, notes: Notes) -> Dataflow:
    """Return the constraints of the fan-outs as a dataflow, which leaves levels and loops open.

    What it cannot say, the factors and permutations of levels, goes to ``notes``.
    """
    axes: dict[str, dict[str, str | int]] = {}
    for part in limits.parts:
        if part.kind == FANOUT:
            nest = limits.loops.get(part.name, Nest())
            for axis, order in axes_of(part, nest, dimensions).items():
                allowed = {d: _factor(nest.bounds.get(d)) for d in order}
                axes[f"{part.name}.{axis}"] = {d: value for d, value in allowed.items() if value != 1}
        elif part.name in limits.loops:
            notes.append(
                f"{name}: {part.name}: temporal constraints: a dataflow that leaves loops open has none"
            )
    text = "The dimensions that Timeloop's constraints let lie on each axis; levels and loops are free."
    return Dataflow(name, text, (Spread(axes),) if axes else ())


def _factor(bounds: tuple[int, int] | None) -> str | int:
    if bounds is None or 0 in bounds:
        return "any"
    least, most = bounds
    return least if least == most else f"{least}..{most}"


def constraints_of(
    limits: Limits, problem: Problem, architecture: Architecture, name: str, notes: Notes
) -> Constraints:
    """Return all constraints of a design for a problem, as a `Mapspace` takes them.

    Levels stand in the order of the hierarchy, as in Timeloop. Factors are exact; a permutation fixes the
    order of the innermost loops. What cannot be kept to goes to ``notes``.
    """
    encoding = Encoding(problem, architecture)
    loops: dict[str, _Orders] = {}
    bounds: dict[str, tuple[int, int]] = {}
    for part in limits.parts:
        if part.kind == FANOUT:
            nest = limits.loops.get(part.name, Nest())
            for axis, order in axes_of(part, nest, encoding.dimensions).items():
                slot = f"{part.name}.{axis}"
                loops[slot] = (tuple(d for d in order if d in encoding.dimensions and not _closed(nest, d)),)
                bounds |= _bounds(nest, slot, loops[slot][0], problem)
    places, nodes, closed = _places(encoding)
    loops |= dict.fromkeys(closed, ())
    for place, slots in places.items():
        if len(slots) > 1:
            notes.append(f"{name}: {place}: may hold its tensors at different places, in Timeloop at one")
        level_nest = limits.loops.get(place)
        if level_nest is None:
            continue
        orders = _orders(level_nest, encoding.dimensions) if level_nest.permutation else None
        if level_nest.permutation and orders is None:
            notes.append(f"{name}: {place}: permutation: leaves too many orders, so it is not kept to")
        for slot in slots:
            if orders is not None:
                loops[slot] = orders
            bounds |= _bounds(level_nest, slot, encoding.dimensions, problem)
    return Constraints(name, nodes=nodes, loops=loops, bounds=bounds)


def _places(encoding: Encoding) -> tuple[dict[str, list[str]], dict[str, _Orders], list[str]]:
    """By level the slots of loops below it, by region the one order of its nodes, and slots without loops.

    A level holds its tensors at one place, so between nodes that are all there is nothing; nor is there
    between an array and the first level inside it.
    """
    machine = encoding.architecture
    ranks = {storage.name: place for place, storage in enumerate(machine.storages)}
    names = [machine.outermost.name, *(array.name for array in machine.arrays)]
    places: dict[str, list[str]] = {names[0]: [names[0]]}
    nodes: dict[str, _Orders] = {}
    closed: list[str] = []
    for name, region in zip(names, encoding.regions, strict=True):
        ordered = sorted(region.nodes, key=lambda node: ranks[str(node).rpartition(".")[0]])
        nodes[name] = (tuple(map(str, ordered)),)
        if name != names[0] and (not ordered or ordered[0].required):
            closed.append(name)
        levels: dict[str, list[Node]] = {}
        for node in ordered:
            levels.setdefault(str(node).rpartition(".")[0], []).append(node)
        for level, held in levels.items():
            slots = [str(node) for node in held]
            if all(node.required for node in held):
                closed += slots[:-1]
                slots = slots[-1:]
            places[level] = slots
    return places, nodes, closed


def _closed(nest: Nest, dimension: str) -> bool:
    return nest.bounds.get(dimension) == (1, 1)


def _orders(nest: Nest, dimensions: tuple[str, ...]) -> _Orders | None:
    """The allowed orders of loops, outermost first; None for too many."""
    looped = [d for d in dimensions if not _closed(nest, d)]
    inner = tuple(d for d in reversed(nest.permutation) if d in looped)
    free = [d for d in looped if d not in inner]
    if math.factorial(len(free)) > _MOST_ORDERS:
        return None
    return tuple((*outer, *inner) for outer in permutations(free))


def _bounds(
    nest: Nest, slot: str, dimensions: tuple[str, ...], problem: Problem
) -> dict[str, tuple[int, int]]:
    """The least and the most of each factor, 0 being the whole dimension."""
    found: dict[str, tuple[int, int]] = {}
    for dimension, (least, most) in nest.bounds.items():
        if dimension in dimensions:
            extent = problem.extents[dimension]
            found[f"{slot}.{dimension}"] = min(least or extent, extent), min(most or extent, extent)
    return found
