"""Whether a vector obeys a restriction, and how the bounds of a dimension settle when one changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAY_SLOT,
    ARRAYS,
    AXES,
    AXES_COLUMN,
    AXIS_SIZE,
    DIMS,
    EXTENT,
    FIRST,
    KEEP_COLUMN,
    LENGTH,
    NODES,
    NODES_COLUMN,
    ONLY,
    ORDER_COLUMN,
    POOLS,
    REGIONS,
    RULES,
    SIZES,
    SLOT_AXIS,
    SLOTS,
    Floats,
    Layout,
)
from simulator.batch.state import (
    LOOP_BOUND,
    LOOP_DIM,
    LOOP_SLOT,
    LOOP_STRIDE,
    find_violations,
    make_state,
    read_row,
)
from simulator.counting.lowering import Ints
from simulator.encoding import Vectors
from simulator.jit import lean_kernel
from simulator.mapspaces.bounds import admitted_after, admitted_up_to
from simulator.mapspaces.canonical import among, list_slots, loops_in

# What a vector may break of a restriction, and that it is no mapping of the machine at all.
NOTHING, KEEP, BOUNDS, FACTORS, LOOP_ORDER, NODE_ORDER, AXIS_ORDER, SATURATED, ILLEGAL = range(9)


@lean_kernel
def find_outside(layout, restriction, vectors, row, state, count):
    """What a row that `read_row` has read breaks of a restriction, and the column; saturation is left out."""
    table = layout.table
    dims, keep = table[SIZES, DIMS], table[FIRST, KEEP_COLUMN]
    for node in range(table[SIZES, NODES]):
        value = vectors[row, keep + node]
        if value < restriction.keep[node, 0] or value > restriction.keep[node, 1]:
            return KEEP, keep + node
    for slot in range(table[SIZES, SLOTS]):
        for d in range(dims):
            bound = vectors[row, 1 + slot * dims + d]
            if bound < restriction.least[slot, d] or bound > restriction.most[slot, d]:
                return BOUNDS, 1 + slot * dims + d
    for i in range(count):
        d, bound = state[LOOP_DIM, i], state[LOOP_BOUND, i]
        units = -(-table[EXTENT, d] // state[LOOP_STRIDE, i])
        if bound <= units and admitted_up_to(restriction.factors[0], units, bound) != bound:
            return FACTORS, 1 + state[LOOP_SLOT, i] * dims + d
    return _find_order(layout, restriction, vectors, row)


@lean_kernel
def _find_order(layout, restriction, vectors, row):
    table = layout.table
    dims, slots, regions = table[SIZES, DIMS], table[SIZES, SLOTS], table[SIZES, REGIONS]
    for slot in range(slots):
        present = loops_in(vectors, row, slot, dims)
        column = table[FIRST, ORDER_COLUMN] + slot
        if not is_listed(layout, restriction, slot, np.int64(vectors[row, column]), dims, present):
            return LOOP_ORDER, column
    for g in range(regions):
        column = table[FIRST, NODES_COLUMN] + g
        if not is_listed(
            layout, restriction, slots + g, np.int64(vectors[row, column]), np.int64(0), np.int64(0)
        ):
            return NODE_ORDER, column
    for array in range(table[SIZES, ARRAYS]):
        present, axes = _used_axes(table, vectors, row, array), table[ARRAY_AXES, array]
        column = table[FIRST, AXES_COLUMN] + array
        number = np.int64(vectors[row, column])
        if not is_listed(layout, restriction, slots + regions + array, number, axes, present):
            return AXIS_ORDER, column
    return NOTHING, 0


@lean_kernel
def _used_axes(table, vectors, row, array):
    """The set of an array's axes that have loops."""
    present = np.int64(0)
    for axis in range(table[ARRAY_AXES, array]):
        loops = loops_in(vectors, row, table[ARRAY_SLOT, array] + axis, table[SIZES, DIMS])
        present |= (loops > 0) << axis
    return present


@lean_kernel
def is_listed(layout, restriction, index, number, size, present):
    """Whether a number is listed, or an order in which the things present of ``size`` stand as in it."""
    start, end = restriction.choices_start[index], restriction.choices_start[index + 1]
    table, orders = layout.table, layout.orders
    own = among(table, orders, number, size, present)
    for i in range(start, end):
        other = restriction.choices[i]
        if other == number or (size and among(table, orders, other, size, present) == own):
            return True
    return start == end


@lean_kernel
def list_loop_orders(layout, restriction, vectors, row):
    """Put listed orders for those of loops and axes that are not."""
    table = layout.table
    dims, slots, regions = table[SIZES, DIMS], table[SIZES, SLOTS], table[SIZES, REGIONS]
    for slot in range(slots):
        column, present = table[FIRST, ORDER_COLUMN] + slot, loops_in(vectors, row, slot, dims)
        list_order(layout, restriction, vectors, row, column, slot, dims, present)
    for array in range(table[SIZES, ARRAYS]):
        present, axes = _used_axes(table, vectors, row, array), table[ARRAY_AXES, array]
        column = table[FIRST, AXES_COLUMN] + array
        list_order(layout, restriction, vectors, row, column, slots + regions + array, axes, present)


@lean_kernel
def list_axes(layout, restriction, vectors, row):
    """Put listed orders of axes for those that name the same mapping: axes without loops stand anywhere.

    What must be saturated hangs on where they stand.
    """
    table, orders = layout.table, layout.orders
    first = table[SIZES, SLOTS] + table[SIZES, REGIONS]
    for array in range(table[SIZES, ARRAYS]):
        present, axes = _used_axes(table, vectors, row, array), table[ARRAY_AXES, array]
        column, start = table[FIRST, AXES_COLUMN] + array, restriction.choices_start[first + array]
        own = among(table, orders, np.int64(vectors[row, column]), axes, present)
        for i in range(restriction.choices_start[first + array + 1] - 1, start - 1, -1):
            if among(table, orders, restriction.choices[i], axes, present) == own:
                vectors[row, column] = restriction.choices[i]


@lean_kernel
def list_order(layout, restriction, vectors, row, column, index, size, present):
    """Put the first listed order for one that is not listed."""
    if not is_listed(layout, restriction, index, np.int64(vectors[row, column]), size, present):
        vectors[row, column] = restriction.choices[restriction.choices_start[index]]


@lean_kernel
def settle(layout, restriction, slot_at, vectors, row, d):
    """Lower the bounds of a dimension, innermost first, to the largest admitted up to what is left of it.

    The outermost slot that may have a loop of it takes the rest.
    """
    table, factors = layout.table, restriction.factors[0]
    dims = table[SIZES, DIMS]
    last, units = -1, table[EXTENT, d]
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        if restriction.most[slot_at[p], d] > 1:
            last = p
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        slot = slot_at[p]
        column, most = 1 + slot * dims + d, min(restriction.most[slot, d], units)
        bound = most if p == last else admitted_up_to(factors, units, max(1, min(vectors[row, column], most)))
        vectors[row, column] = bound
        units = -(-units // bound)


@lean_kernel
def next_bound(layout, restriction, vectors, row, slot, d, units):
    """The admitted bound after that of a loop over so many units; 0 if it may not have one."""
    bound = np.int64(vectors[row, 1 + slot * layout.table[SIZES, DIMS] + d])
    most = min(restriction.most[slot, d], units)
    if layout.table[SLOT_AXIS, slot] >= 0:
        most = min(most, layout.table[AXIS_SIZE, layout.table[SLOT_AXIS, slot]])
    return admitted_after(restriction.factors[0], units, bound, most)


class Checks(NamedTuple):
    """Scratch of the checks of a row: the state that `read_row` fills, the slots (S,) by position, the
    violations of one row (1, rules), and a row to try a bound in (1, length)."""

    state: Ints
    slot_at: Ints
    broken: Floats
    trial: Vectors


def check_scratch(layout: Layout) -> Checks:
    """Return scratch for the checks of an encoding's rows."""
    table = layout.table
    slots, axes, pools = (int(table[SIZES, i]) for i in (SLOTS, AXES, POOLS))
    return Checks(
        make_state(layout),
        np.zeros(slots, np.int64),
        np.zeros((1, RULES + axes + pools)),
        np.zeros((1, int(table[FIRST, LENGTH])), np.int32),
    )


@lean_kernel
def is_legal(layout, restriction, vector, checks):
    """Whether a row (1, length) is legal and within the restriction; saturation is left out."""
    return _find_broken(layout, restriction, vector, checks) == NOTHING


@lean_kernel
def _find_broken(layout, restriction, vector, checks):
    """The first thing that a row (1, length) breaks; saturation is left out."""
    for rule in range(checks.broken.shape[1]):
        checks.broken[0, rule] = 0
    count = read_row(checks.state, layout.orders, vector, ONLY)
    if find_violations(checks.state, layout.clipped, vector, ONLY, count, checks.broken):
        return ILLEGAL
    broke, _ = find_outside(layout, restriction, vector, ONLY, checks.state, count)
    return broke


@lean_kernel
def find_broken(layout, restriction, checks, row, vectors, broken):
    """Find the first thing that each of some vectors breaks, NOTHING where it is in the restriction.

    ``row`` (1, length) is scratch.
    """
    saturated = any_saturated(restriction)
    for i in range(vectors.shape[0]):
        for column in range(vectors.shape[1]):
            row[0, column] = vectors[i, column]
        broken[i] = _find_broken(layout, restriction, row, checks)
        if broken[i] == NOTHING:
            list_axes(layout, restriction, row, ONLY)
            if saturated and find_unsaturated(layout, restriction, row, ONLY, checks):
                broken[i] = SATURATED


@lean_kernel
def find_unsaturated(layout, restriction, vectors, row, checks):
    """The column of a bound that must be saturated but has room for the next; 0 if none has.

    A bound has room if the mapping with it raised to the next admitted is legal, the loops of its dimension
    outside it being as small as they may: `Checks.trial` is then that mapping. The row must be legal.
    """
    table = layout.table
    dims = table[SIZES, DIMS]
    list_slots(layout, vectors, row, checks.slot_at)
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        slot = checks.slot_at[p]
        for d in range(dims):
            if not restriction.saturated[slot, d]:
                continue
            units = table[EXTENT, d]
            for inside in range(table[SIZES, SLOTS] - 1, p, -1):
                units = -(-units // vectors[row, 1 + checks.slot_at[inside] * dims + d])
            larger = next_bound(layout, restriction, vectors, row, slot, d, units)
            if larger and _has_room(layout, restriction, vectors, row, checks, p, d, larger):
                return 1 + slot * dims + d
    return 0


@lean_kernel
def _has_room(layout, restriction, vectors, row, checks, p, d, larger):
    """Whether a mapping with a larger bound at a position is legal, one slot outside it taking the rest."""
    trial, dims = checks.trial, layout.table[SIZES, DIMS]
    for rest in range(max(1, p)):
        keeper = checks.slot_at[rest]
        if rest and restriction.most[keeper, d] == 1:
            continue
        for column in range(vectors.shape[1]):
            trial[0, column] = vectors[row, column]
        for outside in range(p):
            slot = checks.slot_at[outside]
            trial[0, 1 + slot * dims + d] = restriction.least[slot, d]
        if p:
            trial[0, 1 + keeper * dims + d] = restriction.most[keeper, d]
        trial[0, 1 + checks.slot_at[p] * dims + d] = larger
        settle(layout, restriction, checks.slot_at, trial, ONLY, d)
        list_loop_orders(layout, restriction, trial, ONLY)
        if is_legal(layout, restriction, trial, checks):
            return True
    return False


@lean_kernel
def any_saturated(restriction):
    """Whether some bound must be saturated."""
    for slot in range(restriction.saturated.shape[0]):
        for d in range(restriction.saturated.shape[1]):
            if restriction.saturated[slot, d]:
                return True
    return False


@lean_kernel
def saturate(layout, restriction, vector, checks):
    """Let the saturated bounds of a row (1, length) fall to their least and rise again, innermost first.

    Orders that no longer are become the first listed.
    Returns whether the row is then legal and within the restriction.
    """
    if not any_saturated(restriction):
        list_loop_orders(layout, restriction, vector, ONLY)
        return is_legal(layout, restriction, vector, checks)
    dims = layout.table[SIZES, DIMS]
    list_slots(layout, vector, ONLY, checks.slot_at)
    for d in range(dims):
        for slot in range(layout.table[SIZES, SLOTS]):
            if restriction.saturated[slot, d]:
                vector[0, 1 + slot * dims + d] = restriction.least[slot, d]
        settle(layout, restriction, checks.slot_at, vector, ONLY, d)
    list_loop_orders(layout, restriction, vector, ONLY)
    if not is_legal(layout, restriction, vector, checks):
        return False
    raise_saturated(layout, restriction, vector, checks)
    return True


@lean_kernel
def raise_saturated(layout, restriction, vector, checks):
    """Raise the saturated bounds of a legal row (1, length), innermost first, as far as there is room."""
    while find_unsaturated(layout, restriction, vector, ONLY, checks):
        for column in range(vector.shape[1]):
            vector[0, column] = checks.trial[0, column]
