"""Why a vector is no mapping of a mapspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, pairwise, product

import numpy.typing as npt

from simulator.batch.layout import ONLY, Layout
from simulator.batch.state import read_row
from simulator.encoding import Encoding, Region, Vectors, permutation, permutation_number
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
)

_MOST_NAMED = 4


def why_not(
    encoding: Encoding, layout: Layout, restriction: Restriction, vector: npt.ArrayLike
) -> str | None:
    """Return why a vector is no mapping of a restriction, one sentence; None if it is one.

    What counts is the mapping: orders are compared by the loops there are, and where the nodes of a region
    stand in a listed order, it is enough that the loops fit the slots of one of them.
    """
    try:
        given = encoding.check(vector)
        check_mapping(encoding.problem, encoding.architecture, encoding.decode(given))
        given = _with_listed_axes(encoding, restriction, given)
    except MappingError as error:
        return str(error)
    why = _outside(encoding, layout, restriction, given)
    if why is None or any(
        _outside(encoding, layout, restriction, other) is None
        for other in _placements(encoding, restriction, given)
    ):
        return None
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


def _outside(encoding: Encoding, layout: Layout, restriction: Restriction, vector: Vectors) -> str | None:
    broke, column = _find(layout, restriction, vector[None].copy(), check_scratch(layout))
    name, value = encoding.columns[column], int(vector[column])
    if broke == NOTHING:
        return None
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


def _with_listed_axes(encoding: Encoding, restriction: Restriction, vector: Vectors) -> Vectors:
    """The same mapping with its axes in a listed order: those without loops stand anywhere in it."""
    placed = vector.copy()
    for a, array in enumerate(encoding.architecture.arrays):
        column, count = encoding.first_axes + a, len(array.axes)
        index = column - encoding.first_order - len(encoding.nodes)
        listed = restriction.choices[slice(*restriction.choices_start[index : index + 2])]
        used = [bool(_loops(encoding, vector, encoding.first_axis_slots[a] + axis)) for axis in range(count)]

        def present(number: int, count: int = count, used: list[bool] = used) -> list[int]:
            return [axis for axis in permutation(number, count) if used[axis]]

        own = present(int(vector[column]))
        placed[column] = next((n for n in listed if present(int(n)) == own), vector[column])
    return placed


def _placements(encoding: Encoding, restriction: Restriction, vector: Vectors) -> Iterator[Vectors]:
    """Other vectors of the same mapping: nodes in a listed order, loops anywhere between those kept."""
    regions = [_region_placements(encoding, restriction, vector, g) for g in range(len(encoding.regions))]
    for columns in product(*regions):
        placed = vector.copy()
        for region in columns:
            for column, value in region.items():
                placed[column] = value
        yield placed


def _region_placements(
    encoding: Encoding, restriction: Restriction, vector: Vectors, g: int
) -> list[dict[int, int]]:
    """The columns of a region in each of its placements; none changed where no order is listed."""
    region = encoding.regions[g]
    listed = slice(*restriction.choices_start[len(encoding.slots) + g :][:2])
    orders = [int(number) for number in restriction.choices[listed]]
    own = permutation(int(vector[encoding.first_nodes + g]), len(region.nodes))
    kept, gaps = _gaps(encoding, region, vector, own)
    loops = [[loop for slot in gap for loop in _loops(encoding, vector, slot)] for gap in gaps]
    found: list[dict[int, int]] = []
    for number in orders:
        others, places = _gaps(encoding, region, vector, permutation(number, len(region.nodes)))
        if others != kept:
            continue
        splits = [list(_splits(inside, gap)) for inside, gap in zip(loops, places, strict=True)]
        for parts in product(*splits):
            columns = {encoding.first_nodes + g: number}
            for slot, inside in (pair for part in parts for pair in part):
                columns |= _columns(encoding, slot, inside)
            found.append(columns)
    return found if orders else [{}]


_Loops = list[tuple[int, int]]


def _gaps(
    encoding: Encoding, region: Region, vector: Vectors, order: Sequence[int]
) -> tuple[list[int], list[list[int]]]:
    """The kept nodes of a region in an order, and the slots before, between and after them."""
    kept: list[int] = []
    gaps = [[region.first_slot]]
    for place, node in enumerate(order):
        if vector[encoding.first_keep + region.first_node + node]:
            kept.append(node)
            gaps.append([])
        gaps[-1].append(region.first_slot + 1 + place)
    return kept, gaps


def _loops(encoding: Encoding, vector: Vectors, slot: int) -> _Loops:
    order = permutation(int(vector[encoding.first_order + slot]), len(encoding.dimensions))
    bounds = [(d, int(vector[encoding.bound_column(slot, d)])) for d in order]
    return [(d, bound) for d, bound in bounds if bound > 1]


def _splits(loops: _Loops, slots: list[int]) -> Iterator[list[tuple[int, _Loops]]]:
    """Every way to part loops among slots with no dimension twice in one."""
    for cuts in combinations_with_replacement(range(len(loops) + 1), len(slots) - 1):
        parts = [loops[a:b] for a, b in pairwise((0, *cuts, len(loops)))]
        if all(len(dict(part)) == len(part) for part in parts):
            yield list(zip(slots, parts, strict=True))


def _columns(encoding: Encoding, slot: int, loops: _Loops) -> dict[int, int]:
    """The columns of a slot with these loops."""
    count = len(encoding.dimensions)
    columns = {encoding.bound_column(slot, d): 1 for d in range(count)}
    columns |= {encoding.bound_column(slot, d): bound for d, bound in loops}
    present = [d for d, _ in loops]
    order = present + [d for d in range(count) if d not in present]
    return columns | {encoding.first_order + slot: permutation_number(order)}
