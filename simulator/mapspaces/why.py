"""Why a vector is no mapping of a mapspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, product

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import ONLY, Layout
from simulator.batch.state import read_row
from simulator.encoding import Encoding, Vectors, permutation, permutation_number
from simulator.errors import MappingError
from simulator.jit import lean_kernel
from simulator.legality import check_mapping
from simulator.mapspaces.restriction import BALANCED, Restriction
from simulator.mapspaces.settling import (
    AXIS_ORDER,
    BOUNDS,
    FACTORS,
    KEEP,
    LOOP_ORDER,
    NODE_ORDER,
    NOTHING,
    SATURATED,
    check_scratch,
    find_outside,
    find_unsaturated,
    is_listed,
    list_axes,
)

_MOST_NAMED = 4


def why_not(
    encoding: Encoding, layout: Layout, restriction: Restriction, vector: npt.ArrayLike
) -> str | None:
    """Return why a vector is no mapping of a restriction, one sentence; None if it is one.

    What counts is the mapping: orders are compared by the loops there are, and it is enough that the loops
    fit the slots between kept nodes in one way, with the nodes in one of the listed orders.
    """
    try:
        given = encoding.check(vector)[None].copy()
        check_mapping(encoding.problem, encoding.architecture, encoding.decode(given[0]))
    except MappingError as error:
        return str(error)
    list_axes(layout, restriction, given, ONLY)
    checks, why = check_scratch(layout), None
    for placed in chain(given, _placements(encoding, layout, restriction, given[0])):
        broke, column = _find(layout, restriction, placed[None].copy(), checks)
        if broke == NOTHING:
            return None
        why = why or _reason(encoding, restriction, broke, column, placed)
        # What is kept and the factors are the same wherever loops stand.
        if broke in (KEEP, FACTORS):
            break
    return why


@lean_kernel
def _find(layout, restriction, vectors, checks):
    """What a legal row (1, length) breaks of a restriction, and the column."""
    count = read_row(checks.state, layout.orders, vectors, ONLY)
    broke, column = find_outside(layout, restriction, vectors, ONLY, checks.state, count)
    if broke == NOTHING:
        column = find_unsaturated(layout, restriction, vectors, ONLY, checks)
        broke = SATURATED if column else NOTHING
    return broke, column


def _reason(encoding: Encoding, restriction: Restriction, broke: int, column: int, vector: Vectors) -> str:
    name, value = encoding.columns[column], int(vector[column])
    if broke == KEEP:
        return f"{name} must be {'bypassed' if value else 'kept'} in this mapspace"
    if broke == BOUNDS:
        slot, d = divmod(column - encoding.first_bound, len(encoding.dimensions))
        least, most = restriction.least[slot, d], restriction.most[slot, d]
        return f"{name} has a bound of {value}, the mapspace allows {_between(int(least), int(most))}"
    if broke == FACTORS:
        rule = "smallest for its outer iterations" if restriction.factors[0] == BALANCED else "divisor"
        return f"{name} has a bound of {value}, which is no {rule} of what the loops inside it leave"
    if broke == SATURATED:
        return f"{name} must be as large as the rest lets it: {value} is not, a larger bound has room"
    return _order_reason(encoding, restriction, broke, column, value)


def _between(least: int, most: int) -> str:
    return f"only {least}" if least == most else f"{least} to {most}"


def _order_reason(encoding: Encoding, restriction: Restriction, broke: int, column: int, value: int) -> str:
    """Names the order and those that are allowed."""
    index = column - encoding.first_order
    if broke == LOOP_ORDER:
        names: Sequence[str] = encoding.dimensions
        what = f"the loops of {encoding.slots[index].name}"
    elif broke == NODE_ORDER:
        names = [str(node) for node in encoding.regions[column - encoding.first_nodes].nodes]
        what = "the levels"
    else:
        assert broke == AXIS_ORDER
        array = encoding.architecture.arrays[column - encoding.first_axes]
        index -= len(encoding.nodes)
        names = [axis.name for axis in array.axes]
        what = f"the axes of {array.name}"
    choices = restriction.choices[restriction.choices_start[index] : restriction.choices_start[index + 1]]
    orders = [", ".join(names[i] for i in permutation(int(n), len(names))) for n in (value, *choices)]
    shown = " or ".join(f"({order})" for order in orders[1 : 1 + _MOST_NAMED])
    more = f" or {len(choices) - _MOST_NAMED} more" if len(choices) > _MOST_NAMED else ""
    return f"{what} stand in the order ({orders[0]}), the mapspace allows {shown}{more}"


_Loops = list[tuple[int, int]]


def _placements(
    encoding: Encoding, layout: Layout, restriction: Restriction, vector: Vectors
) -> Iterator[Vectors]:
    """Other vectors of the same mapping: nodes in a listed order, loops anywhere between those kept."""
    columns = slice(encoding.first_nodes, encoding.first_keep)
    slots = [_loops(encoding, vector, slot) for slot in range(len(encoding.slots))]
    loops, ends = [], []
    for gap in _gaps(encoding, vector, vector[columns].tolist()):
        loops += [loop for slot in gap for loop in slots[slot]]
        ends.append(len(loops))
    for numbers in product(
        *(_orders(encoding, restriction, vector, g) for g in range(len(encoding.regions)))
    ):
        gaps = _gaps(encoding, vector, numbers)
        places = [(slot, end, slot == gap[-1]) for gap, end in zip(gaps, ends, strict=True) for slot in gap]
        for parts in _partings(layout, restriction, loops, places):
            placed = vector.copy()
            placed[columns] = numbers
            for slot, inside in parts:
                _write_loops(encoding, placed, slot, inside)
            yield placed


def _orders(encoding: Encoding, restriction: Restriction, vector: Vectors, g: int) -> list[int]:
    """Listed orders of a region with its kept nodes as they are; if none is, its own, and bypassed last."""
    index, region = len(encoding.slots) + g, encoding.regions[g]

    def kept(node: int) -> bool:
        return bool(vector[encoding.first_keep + region.first_node + node])

    def present(number: int) -> list[int]:
        return list(filter(kept, permutation(number, len(region.nodes))))

    own = int(vector[encoding.first_nodes + g])
    listed = restriction.choices[slice(*restriction.choices_start[index : index + 2])].tolist()
    last = sorted(permutation(own, len(region.nodes)), key=kept, reverse=True)
    numbers = listed or list(dict.fromkeys((own, permutation_number(last))))
    return [number for number in numbers if present(number) == present(own)]


def _gaps(encoding: Encoding, vector: Vectors, numbers: Sequence[int]) -> list[list[int]]:
    """The slots before, between and after kept nodes in these orders of the regions' nodes.

    An array without loops parts nothing: the last slots of the region outside it and the first inside are
    one gap.
    """
    gaps: list[list[int]] = []
    for g, (region, number) in enumerate(zip(encoding.regions, numbers, strict=True)):
        outside = range(encoding.regions[g - 1].slots.stop if g else 0, region.first_slot)
        if not g or any(_loops(encoding, vector, slot) for slot in outside):
            gaps.append([])
        gaps[-1].append(region.first_slot)
        for slot, node in zip(region.slots[1:], permutation(number, len(region.nodes)), strict=True):
            if vector[encoding.first_keep + region.first_node + node]:
                gaps.append([])
            gaps[-1].append(slot)
    return gaps


def _loops(encoding: Encoding, vector: Vectors, slot: int) -> _Loops:
    order = permutation(int(vector[encoding.first_order + slot]), len(encoding.dimensions))
    bounds = [(d, int(vector[encoding.bound_column(slot, d)])) for d in order]
    return [(d, bound) for d, bound in bounds if bound > 1]


def _partings(
    layout: Layout, restriction: Restriction, loops: _Loops, places: list[tuple[int, int, bool]]
) -> Iterator[list[tuple[int, _Loops]]]:
    """Every way to part loops among slots that allow them.

    ``places``: each slot, outermost first, with the end of its gap's loops and whether it is the gap's last.
    """
    dead: set[tuple[int, int]] = set()

    def inwards(p: int, start: int) -> Iterator[list[tuple[int, _Loops]]]:
        if p == len(places):
            yield []
        elif (p, start) not in dead:
            (slot, end, last), alive = places[p], False
            for stop in range(end if last else start, end + 1):
                if _allows(layout, restriction, slot, loops[start:stop]):
                    for rest in inwards(p + 1, stop):
                        alive = True
                        yield [(slot, loops[start:stop]), *rest]
            if not alive:
                dead.add((p, start))

    return inwards(0, 0)


def _allows(layout: Layout, restriction: Restriction, slot: int, loops: _Loops) -> bool:
    """Whether a slot may have these loops, no dimension twice."""
    bounds = np.ones_like(restriction.least[slot])
    for d, bound in loops:
        if bounds[d] > 1:
            return False
        bounds[d] = bound
    if (bounds < restriction.least[slot]).any() or (bounds > restriction.most[slot]).any():
        return False
    number, present = _order_number(loops, len(bounds)), sum(1 << d for d, _ in loops)
    return bool(is_listed(layout, restriction, slot, number, len(bounds), present))


def _write_loops(encoding: Encoding, vector: Vectors, slot: int, loops: _Loops) -> None:
    """Put these loops for those of a slot."""
    count = len(encoding.dimensions)
    for d, bound in [(d, 1) for d in range(count)] + loops:
        vector[encoding.bound_column(slot, d)] = bound
    vector[encoding.first_order + slot] = _order_number(loops, count)


def _order_number(loops: _Loops, count: int) -> int:
    """The number of the order with the dimensions of loops first."""
    present = [d for d, _ in loops]
    return permutation_number(present + [d for d in range(count) if d not in present])
