"""The legal mapping nearest to any vector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import (
    AXES_COLUMN,
    DIMS,
    FIRST,
    HIGHEST,
    KEEP_COLUMN,
    LENGTH,
    NODE_PART,
    NODE_POOL,
    NODES,
    NODES_COLUMN,
    ORDER_COLUMN,
    POOL_BITS,
    REGION_NODE,
    REGION_NODES,
    REGIONS,
    SIZES,
    SLOTS,
    Layout,
    packed_order,
)
from simulator.encoding import VERSION, Vectors
from simulator.jit import lean_kernel
from simulator.mapspaces.canonical import order_number, sort_hierarchies
from simulator.mapspaces.drafts import (
    KEPT,
    TOTAL,
    begin,
    bound_range,
    draft_scratch,
    largest_bound,
    put_bound,
)
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.settling import (
    check_scratch,
    is_legal,
    list_loop_orders,
    list_order,
    raise_saturated,
)


def repair(layout: Layout, restriction: Restriction, vectors: npt.NDArray[np.integer]) -> Vectors:
    """Return the nearest legal vectors of a restriction, (B, length), for any integers of that shape.

    Columns come into their ranges; an order that is not listed becomes the first that is; of nodes whose
    hierarchy is out of order, those of a tensor change places; where not even the least tiles fit a capacity,
    nodes that share it are bypassed, innermost first. Then bounds, slot by slot from the innermost:
    each is lowered to the largest admitted one that every axis and capacity has room for, where all outside
    of it count at their least; it is raised only where the slots outside cannot cover the rest, and what is
    left of a dimension falls to the outermost slot it may have a loop in. Last, bounds that must be saturated
    rise, innermost first. A legal vector stays as it is. What cannot be repaired so comes back as far as it
    came: still illegal.
    """
    low, high = _limits(layout, restriction)
    # Unsigned numbers beyond 63 bits would turn negative.
    given = (
        np.minimum(vectors, np.iinfo(np.int64).max).astype(np.int64)
        if vectors.dtype == np.uint64
        else vectors
    )
    repaired = np.clip(given.astype(np.int64), low, high).astype(np.int32)
    scratch = (draft_scratch(layout), check_scratch(layout), np.zeros((1, repaired.shape[1]), np.int32))
    _repair(layout, restriction, *scratch, repaired)
    return repaired


def _limits(layout: Layout, restriction: Restriction) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The lowest and highest value of every column."""
    length, bounds = int(layout.table[FIRST, LENGTH]), restriction.least.size
    nodes = slice(int(layout.table[FIRST, KEEP_COLUMN]), int(layout.table[FIRST, AXES_COLUMN]))
    low, high = np.zeros(length, np.int64), layout.table[HIGHEST, :length].copy()
    low[0] = high[0] = VERSION
    low[1 : 1 + bounds], high[1 : 1 + bounds] = restriction.least.ravel(), restriction.most.ravel()
    low[nodes], high[nodes] = restriction.keep[:, 0], restriction.keep[:, 1]
    return low, high


@lean_kernel
def _repair(layout, restriction, draft, checks, given, vectors):
    for row in range(vectors.shape[0]):
        _repair_orders(layout, restriction, draft.order, vectors, row)
        for column in range(vectors.shape[1]):
            given[0, column] = vectors[row, column]
        count = begin(layout, restriction, draft, vectors, row)
        while count == -1 and _bypass(layout, restriction, draft, vectors, row):
            count = begin(layout, restriction, draft, vectors, row)
        if count < 0 or not _lower(layout, restriction, draft, count, given, vectors, row):
            continue
        for column in range(vectors.shape[1]):
            given[0, column] = vectors[row, column]
        if is_legal(layout, restriction, given, checks):
            raise_saturated(layout, restriction, given, checks)
            for column in range(vectors.shape[1]):
                vectors[row, column] = given[0, column]


@lean_kernel
def _bypass(layout, restriction, draft, vectors, row):
    """Bypass the innermost node that may be and shares an exceeded capacity; False if there is none."""
    table, chosen, count = layout.table, -1, 0
    for node in range(table[SIZES, NODES]):
        count += vectors[row, table[FIRST, KEEP_COLUMN] + node]
    for i in range(count):
        node = draft.rows[KEPT, i]
        over = False
        for pool in (table[NODE_POOL, node], table[NODE_PART, node]):
            over = over or (pool >= 0 and draft.bits[TOTAL, pool] > table[POOL_BITS, pool])
        if over and not restriction.keep[node, 0]:
            chosen = node
    if chosen >= 0:
        vectors[row, table[FIRST, KEEP_COLUMN] + chosen] = 0
    return chosen >= 0


@lean_kernel
def _repair_orders(layout, restriction, order, vectors, row):
    table = layout.table
    slots, regions = table[SIZES, SLOTS], table[SIZES, REGIONS]
    for g in range(regions):
        column, first, nodes = table[FIRST, NODES_COLUMN] + g, table[REGION_NODE, g], table[REGION_NODES, g]
        list_order(layout, restriction, vectors, row, column, slots + g, np.int64(0), np.int64(0))
        if restriction.choices_start[slots + g] == restriction.choices_start[slots + g + 1]:
            packed = packed_order(table, layout.orders, vectors[row, column], nodes)
            for place in range(nodes):
                order[place] = (packed >> (4 * place)) & 15
            sort_hierarchies(table, vectors, row, first, order, nodes)
            vectors[row, column] = order_number(order, nodes, nodes)
    list_loop_orders(layout, restriction, vectors, row)


@lean_kernel
def _lower(layout, restriction, draft, count, given, vectors, row):
    """Lower the bounds of a row to what has room; return whether all have."""
    table = layout.table
    dims, fits = table[SIZES, DIMS], True
    for column in range(1, 1 + table[SIZES, SLOTS] * dims):
        vectors[row, column] = 1
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        slot = draft.slot_at[p]
        packed = packed_order(table, layout.orders, given[0, table[FIRST, ORDER_COLUMN] + slot], dims)
        for place in range(dims - 1, -1, -1):
            d = (packed >> (4 * place)) & 15
            bottom, top = bound_range(layout, restriction, draft, p, d)
            bound = -1
            if bottom <= top:
                top = min(top, max(bottom, given[0, 1 + slot * dims + d]))
                bound = largest_bound(layout, restriction, draft, count, p, d, bottom, top)
            fits &= bound > 0
            put_bound(layout, restriction, draft, vectors, row, p, d, max(bound, restriction.least[slot, d]))
    return fits
