"""The kernels that draw one random mapping, from its nodes to the orders of its loops."""

from __future__ import annotations

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAYS,
    AXES_COLUMN,
    DIMS,
    FIRST,
    KEEP_COLUMN,
    NODES_COLUMN,
    ORDER_COLUMN,
    REGION_NODE,
    REGION_NODES,
    REGIONS,
    SIZES,
    SLOTS,
    packed_order,
)
from simulator.encoding import VERSION
from simulator.jit import lean_kernel
from simulator.mapspaces.bounds import admitted_after, admitted_from
from simulator.mapspaces.canonical import order_number, sort_hierarchies
from simulator.mapspaces.drafts import LEFT, begin, bound_range, largest_bound, put_bound, raise_bound
from simulator.mapspaces.restriction import RAGGED


@lean_kernel
def start_stream(state, seed, row):
    """Begin the random numbers of one row."""
    state[0] = np.uint64(seed)
    state[0] = _random(state) ^ np.uint64(row)
    state[0] = _random(state)


@lean_kernel
def _random(state):
    """The next 64 random bits: splitmix64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lean_kernel
def _below(state, n):
    """A random number from 0 to n - 1."""
    return np.int64(((_random(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@lean_kernel
def _shuffle(state, values, count):
    for i in range(count - 1, 0, -1):
        j = _below(state, i + 1)
        values[i], values[j] = values[j], values[i]


@lean_kernel
def _any_listed(restriction, state, index):
    """One of the orders listed for a slot, region or array; -1 where every order is allowed."""
    start, end = restriction.choices_start[index], restriction.choices_start[index + 1]
    return restriction.choices[start + _below(state, end - start)] if end > start else -1


@lean_kernel
def draw(layout, restriction, draft, vectors, row):
    """Draw one row; return whether it came to a legal mapping (saturation is not looked at)."""
    table = layout.table
    vectors[row, 0] = VERSION
    for column in range(1, vectors.shape[1]):
        vectors[row, column] = column < table[FIRST, ORDER_COLUMN]
    _draw_nodes(layout, restriction, draft, vectors, row)
    _draw_axes(layout, restriction, draft, vectors, row)
    count = begin(layout, restriction, draft, vectors, row)
    if count < 0 or not _draw_bounds(layout, restriction, draft, count, vectors, row):
        return False
    _draw_orders(layout, restriction, draft, vectors, row)
    return True


@lean_kernel
def _draw_nodes(layout, restriction, draft, vectors, row):
    """Draw which nodes keep their tensors, and their orders."""
    table, order = layout.table, draft.order
    keep = table[FIRST, KEEP_COLUMN]
    for node in range(restriction.keep.shape[0]):
        low, high = restriction.keep[node, 0], restriction.keep[node, 1]
        vectors[row, keep + node] = low + (_below(draft.state, np.int64(2)) if high > low else 0)
    for g in range(table[SIZES, REGIONS]):
        first, nodes = table[REGION_NODE, g], table[REGION_NODES, g]
        number = _any_listed(restriction, draft.state, table[SIZES, SLOTS] + g)
        if number < 0:
            kept = np.int64(0)
            for node in range(nodes):
                if vectors[row, keep + first + node]:
                    order[kept] = node
                    kept += 1
            _shuffle(draft.state, order, kept)
            sort_hierarchies(table, vectors, row, first, order, kept)
            number = order_number(order, kept, nodes)
        vectors[row, table[FIRST, NODES_COLUMN] + g] = number


@lean_kernel
def _draw_axes(layout, restriction, draft, vectors, row):
    table = layout.table
    lists = table[SIZES, SLOTS] + table[SIZES, REGIONS]
    for array in range(table[SIZES, ARRAYS]):
        axes = table[ARRAY_AXES, array]
        number = _any_listed(restriction, draft.state, lists + array)
        if number < 0:
            for axis in range(axes):
                draft.order[axis] = axis
            _shuffle(draft.state, draft.order, axes)
            number = order_number(draft.order, axes, axes)
        vectors[row, table[FIRST, AXES_COLUMN] + array] = number


@lean_kernel
def _draw_bounds(layout, restriction, draft, count, vectors, row):
    table, order = layout.table, draft.order
    dims = table[SIZES, DIMS]
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        slot, open_dims = draft.slot_at[p], np.int64(0)
        for d in range(dims):
            if draft.rows[LEFT, d] > 1 or restriction.least[slot, d] > 1:
                order[open_dims] = d
                open_dims += 1
        _shuffle(draft.state, order, open_dims)
        for i in range(open_dims):
            bottom, top = bound_range(layout, restriction, draft, p, order[i])
            if bottom > top:
                return False
            bound = _draw_bound(layout, restriction, draft, count, p, order[i], bottom, top)
            if bound < 0:
                return False
            put_bound(layout, restriction, draft, vectors, row, p, order[i], bound)
    return True


@lean_kernel
def _draw_bound(layout, restriction, draft, count, p, d, bottom, top):
    """Draw an admitted bound from ``bottom`` to ``top`` that has room, -1 if none; ``low`` then holds it."""
    slot, state, factors = draft.slot_at[p], draft.state, restriction.factors[0]
    saturated, least = restriction.saturated[slot, d], restriction.least[slot, d]
    if saturated and _below(state, np.int64(4)):
        return largest_bound(layout, restriction, draft, count, p, d, bottom, top)
    n = _list_bounds(factors, draft.rows[LEFT, d], bottom, top, draft.found)
    index = min(n, 1) - 1
    if n and (saturated or _below(state, np.int64(2))):
        index = _below(state, n)
    while index >= 0:
        bound = bottom + index if factors == RAGGED else draft.found[index]
        if bound == least or raise_bound(
            layout, draft.low, draft.rows, draft.bits, count, p, d, least, bound
        ):
            return bound
        # Larger ones have no room either: those below stay equally likely.
        index = _below(state, index) if index else -1
    return -1


@lean_kernel
def _list_bounds(factors, units, low, high, found):
    """List the admitted bounds from ``low`` to ``high``, ascending; return how many.

    Under the ragged rule every bound is admitted and none is listed. Otherwise there are at most two for
    every unit of the square root of ``units``.
    """
    if factors == RAGGED:
        return high - low + 1
    count, bound = 0, admitted_from(factors, units, low)
    while 0 < bound <= high:
        found[count] = bound
        count += 1
        bound = admitted_after(factors, units, bound, high)
    return count


@lean_kernel
def _draw_orders(layout, restriction, draft, vectors, row):
    """Draw the order of every slot's loops; number it and that of the axes by what has loops."""
    table, order = layout.table, draft.order
    dims = table[SIZES, DIMS]
    for slot in range(table[SIZES, SLOTS]):
        number, count = _any_listed(restriction, draft.state, slot), np.int64(0)
        packed = packed_order(table, layout.orders, max(number, 0), dims)
        for place in range(dims):
            d = (packed >> (4 * place)) & 15
            if vectors[row, 1 + slot * dims + d] > 1:
                order[count] = d
                count += 1
        if number < 0:
            _shuffle(draft.state, order, count)
        vectors[row, table[FIRST, ORDER_COLUMN] + slot] = order_number(order, count, dims)
