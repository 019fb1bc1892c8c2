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
    ONLY,
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
from simulator.mapspaces.bounds import possible_bounds
from simulator.mapspaces.canonical import order_number, sort_hierarchies
from simulator.mapspaces.drafts import (
    KEPT,
    TOTAL,
    TRIAL,
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
    list_axes,
    list_loop_orders,
    list_order,
    raise_saturated,
)


def repair(
    layout: Layout, restriction: Restriction, vectors: npt.NDArray[np.integer], far: bool = True
) -> Vectors:
    """Return the nearest legal vectors of a restriction, (B, length), for any integers of that shape.

    Columns come into their ranges; an order that is not listed becomes the first that is; of nodes whose
    hierarchy is out of order, those of a tensor change places; where not even the least tiles fit a capacity,
    nodes that share it are bypassed, innermost first. Then bounds, slot by slot from the innermost:
    each is lowered to the largest admitted one that every axis and capacity has room for, where all outside
    of it count at their least; it is raised only where the slots outside cannot cover the rest, and what is
    left of a dimension falls to the outermost slot it may have a loop in. Where loops that came first took
    the room that later ones must have, bounds half as large are tried, and again, then more is bypassed,
    unless this is not to go ``far``. Last, bounds that must be saturated rise, innermost first. The mapping
    of a legal vector stays, if its loops and nodes stand where the restriction has them. What cannot be
    repaired so comes back as far as it came: still illegal.
    """
    tight = restriction._replace(least=possible_bounds(layout, restriction)[0])
    low, high = _limits(layout, tight)
    # Unsigned numbers beyond 63 bits would turn negative.
    given = (
        np.minimum(vectors, np.iinfo(np.int64).max).astype(np.int64)
        if vectors.dtype == np.uint64
        else vectors
    )
    repaired = np.clip(given.astype(np.int64), low, high).astype(np.int32)
    scratch = (draft_scratch(layout), check_scratch(layout), np.zeros((3, 1, repaired.shape[1]), np.int32))
    _repair(layout, restriction, tight, *scratch, far, repaired)
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
def _repair(layout, restriction, tight, draft, checks, scratch, far, vectors):
    """Repair rows; the bounds of ``tight`` leave room for all that must be, so they count as the least."""
    given, wanted, repaired = scratch[0], scratch[1], scratch[2]
    for row in range(vectors.shape[0]):
        _repair_orders(layout, restriction, draft.order, vectors, row)
        _copy_row(vectors, row, given)
        _copy_row(given, ONLY, wanted)
        fits = _lower(layout, tight, draft, wanted, vectors, row)
        while far and not fits:
            if not _halve(tight, wanted):
                if not _bypass(layout, tight, draft, draft.bits[TRIAL], vectors, row):
                    break
                _copy_row(given, ONLY, wanted)
            fits = _lower(layout, tight, draft, wanted, vectors, row)
        list_loop_orders(layout, restriction, vectors, row)
        _copy_row(vectors, row, repaired)
        if fits and is_legal(layout, restriction, repaired, checks):
            raise_saturated(layout, restriction, repaired, checks)
            for column in range(vectors.shape[1]):
                vectors[row, column] = repaired[0, column]


@lean_kernel
def _copy_row(vectors, row, copy):
    for column in range(vectors.shape[1]):
        copy[0, column] = vectors[row, column]


@lean_kernel
def _halve(restriction, wanted):
    """Halve what bounds are above their least; False if none is."""
    slots, dims = restriction.least.shape
    above = 0
    for slot in range(slots):
        for d in range(dims):
            more = max(0, wanted[0, 1 + slot * dims + d] - restriction.least[slot, d])
            above += more
            wanted[0, 1 + slot * dims + d] = restriction.least[slot, d] + more // 2
    return above > 0


@lean_kernel
def _bypass(layout, restriction, draft, bits, vectors, row):
    """Bypass the innermost node that may be and shares a capacity that ``bits`` exceed; False if none is."""
    table, chosen, count = layout.table, -1, 0
    for node in range(table[SIZES, NODES]):
        count += vectors[row, table[FIRST, KEEP_COLUMN] + node]
    for i in range(count):
        node = draft.rows[KEPT, i]
        over = False
        for pool in (table[NODE_POOL, node], table[NODE_PART, node]):
            over = over or (pool >= 0 and bits[pool] > table[POOL_BITS, pool])
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
    list_axes(layout, restriction, vectors, row)
    list_loop_orders(layout, restriction, vectors, row)


@lean_kernel
def _lower(layout, restriction, draft, wanted, vectors, row):
    """Lower the wanted bounds of a row to what has room; return whether all have."""
    table, least = layout.table, restriction.least
    dims = table[SIZES, DIMS]
    count = begin(layout, restriction, draft, vectors, row)
    while count == -1 and _bypass(layout, restriction, draft, draft.bits[TOTAL], vectors, row):
        count = begin(layout, restriction, draft, vectors, row)
    if count < 0:
        return False
    for slot in range(table[SIZES, SLOTS]):
        for d in range(dims):
            vectors[row, 1 + slot * dims + d] = least[slot, d]
    for p in range(table[SIZES, SLOTS] - 1, -1, -1):
        slot = draft.slot_at[p]
        packed = packed_order(table, layout.orders, wanted[0, table[FIRST, ORDER_COLUMN] + slot], dims)
        for place in range(dims - 1, -1, -1):
            d = (packed >> (4 * place)) & 15
            bottom, top = bound_range(layout, restriction, draft, p, d)
            if bottom > top:
                return False
            top = min(top, max(bottom, wanted[0, 1 + slot * dims + d]))
            bound = largest_bound(layout, restriction, draft, count, p, d, bottom, top)
            if bound < 0:
                return False
            put_bound(layout, restriction, draft, vectors, row, p, d, bound)
    return True
