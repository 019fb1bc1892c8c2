"""A mapping in the making: bounds are raised one after the other while axes and capacities have room."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import (
    AXES,
    AXIS_SIZE,
    CAP,
    DIMS,
    EXTENT,
    FIRST,
    KEEP_COLUMN,
    NODE_PART,
    NODE_POOL,
    NODE_RANK,
    NODE_TENSOR,
    NODES_COLUMN,
    POOL_BITS,
    POOLS,
    REGION_NODE,
    REGION_NODES,
    REGION_SLOT,
    REGIONS,
    SIZES,
    SLOT_AXIS,
    SLOTS,
    Floats,
    Layout,
    packed_order,
)
from simulator.batch.state import tile_bits
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mapspaces.bounds import admitted_from
from simulator.mapspaces.canonical import list_slots

# Rows of Draft.rows and of Draft.bits.
KEPT, KEPT_AT, LEFT, USED, BEFORE, DRAFT_ROWS = range(6)
HELD, TOTAL, FRESH, TRIAL, BIT_ROWS = range(5)


class Draft(NamedTuple):
    """A mapping that is being made; scratch that every row uses again.

    state (1,): of random numbers. low (S+1, D): tiles with what is still open at its least; cover (S, D): the
    most that loops outside a position cover; slot_at (S,): the slot at every position. rows (DRAFT_ROWS, W):
    the kept nodes, outermost first, and the position just inside each; the units left of every dimension;
    the places used on every axis; a column of ``low`` while a bound is tried. bits (BIT_ROWS, W): what kept
    nodes and capacities hold of ``low``, and the same while a bound is tried. order, found: short lists.
    """

    state: npt.NDArray[np.uint64]
    low: Ints
    cover: Ints
    slot_at: Ints
    rows: Ints
    bits: Floats
    order: Ints
    found: Ints


def draft_scratch(layout: Layout) -> Draft:
    """Return scratch for a draft of an encoding's mappings."""
    dims, slots, _, _, axes, nodes, pools = (int(n) for n in layout.table[SIZES, :7])
    width = max(dims, slots, axes, nodes, pools)
    longest = int(layout.table[EXTENT, :dims].max())
    return Draft(
        np.zeros(1, np.uint64),
        np.zeros((slots + 1, dims), np.int64),
        np.zeros((slots, dims), np.int64),
        np.zeros(slots, np.int64),
        np.zeros((DRAFT_ROWS, width), np.int64),
        np.zeros((BIT_ROWS, width), np.float64),
        np.zeros(width, np.int64),
        np.zeros(2 * math.isqrt(longest) + 2, np.int64),
    )


@lean_kernel
def begin(layout, restriction, draft, vectors, row):
    """Begin with every bound at its least; return how many nodes a row keeps.

    -1 where a capacity is exceeded, -2 where a hierarchy is out of order.
    """
    table = layout.table
    list_slots(layout, vectors, row, draft.slot_at)
    count = _place_nodes(layout, draft, vectors, row)
    if count < 0:
        return -2
    slots = table[SIZES, SLOTS]
    for axis in range(table[SIZES, AXES]):
        draft.rows[USED, axis] = 1
    for d in range(table[SIZES, DIMS]):
        draft.rows[LEFT, d] = table[EXTENT, d]
        draft.low[slots, d] = 1
        for p in range(slots - 1, -1, -1):
            draft.low[p, d] = min(CAP, draft.low[p + 1, d] * restriction.least[draft.slot_at[p], d])
        cover = 1
        for p in range(slots):
            slot = draft.slot_at[p]
            axis, most = table[SLOT_AXIS, slot], restriction.most[slot, d]
            draft.cover[p, d] = cover
            if axis >= 0:
                most = min(most, table[AXIS_SIZE, axis])
                draft.rows[USED, axis] = min(CAP, draft.rows[USED, axis] * restriction.least[slot, d])
            cover = min(CAP, cover * most)
    for k in range(table[SIZES, POOLS]):
        draft.bits[TOTAL, k] = 0.0
    for i in range(count):
        node = draft.rows[KEPT, i]
        draft.bits[HELD, node] = tile_bits(
            layout.table, layout.clipped, node, draft.low, draft.rows[KEPT_AT, i]
        )
        _add_bits(table, node, draft.bits[HELD, node], draft.bits[TOTAL])
    return count if _in_capacity(table, draft.bits[TOTAL]) else -1


@lean_kernel
def _place_nodes(layout, draft, vectors, row):
    """List the kept nodes by position; return how many, or -1 where a hierarchy is out of order."""
    table, kept, count = layout.table, draft.rows, 0
    for g in range(table[SIZES, REGIONS]):
        first, nodes, start = table[REGION_NODE, g], table[REGION_NODES, g], count
        packed = packed_order(table, layout.orders, vectors[row, table[FIRST, NODES_COLUMN] + g], nodes)
        for place in range(nodes):
            node = first + ((packed >> (4 * place)) & 15)
            if not vectors[row, table[FIRST, KEEP_COLUMN] + node]:
                continue
            for other in range(start, count):
                above = kept[KEPT, other]
                if (
                    table[NODE_TENSOR, above] == table[NODE_TENSOR, node]
                    and table[NODE_RANK, above] >= table[NODE_RANK, node]
                ):
                    return -1
            kept[KEPT, count], kept[KEPT_AT, count] = node, table[REGION_SLOT, g] + place + 1
            count += 1
    return count


@lean_kernel
def _add_bits(table, node, more, total):
    """Add to what the capacities a node shares hold."""
    if table[NODE_POOL, node] >= 0:
        total[table[NODE_POOL, node]] += more
    if table[NODE_PART, node] >= 0:
        total[table[NODE_PART, node]] += more


@lean_kernel
def _in_capacity(table, total):
    over = 0
    for k in range(table[SIZES, POOLS]):
        over += total[k] > table[POOL_BITS, k]
    return over == 0


@lean_kernel
def bound_range(layout, restriction, draft, p, d):
    """The least and the most a bound can be: what outer loops cannot cover, units and places on an axis."""
    table, slot = layout.table, draft.slot_at[p]
    least, units, cover = restriction.least[slot, d], draft.rows[LEFT, d], draft.cover[p, d]
    bottom, top, axis = least, min(restriction.most[slot, d], units), table[SLOT_AXIS, slot]
    # Divisions take most of the time: none is made for nothing.
    if cover < units:
        bottom = max(least, -(-units // cover))
    if axis >= 0:
        used = draft.rows[USED, axis] if least == 1 else draft.rows[USED, axis] // least
        top = min(top, table[AXIS_SIZE, axis] if used == 1 else table[AXIS_SIZE, axis] // used)
    return bottom, top


@lean_kernel
def put_bound(layout, restriction, draft, vectors, row, p, d, bound):
    slot = draft.slot_at[p]
    axis, least = layout.table[SLOT_AXIS, slot], restriction.least[slot, d]
    if bound > 1:
        draft.rows[LEFT, d] = -(-draft.rows[LEFT, d] // bound)
        vectors[row, 1 + slot * layout.table[SIZES, DIMS] + d] = bound
        if axis >= 0:
            draft.rows[USED, axis] = draft.rows[USED, axis] // least * bound


@lean_kernel
def raise_bound(layout, low, rows, bits, count, p, d, before, bound):
    """Raise a bound; return whether every capacity has room, and leave it as it was if not."""
    table = layout.table
    for q in range(p + 1):
        rows[BEFORE, q] = low[q, d]
        low[q, d] = low[q, d] * bound if before == 1 else low[q, d] // before * bound
    for k in range(table[SIZES, POOLS]):
        bits[TRIAL, k] = bits[TOTAL, k]
    changed = 0
    while changed < count and rows[KEPT_AT, changed] <= p:
        node = rows[KEPT, changed]
        bits[FRESH, node] = tile_bits(layout.table, layout.clipped, node, low, rows[KEPT_AT, changed])
        _add_bits(table, node, bits[FRESH, node] - bits[HELD, node], bits[TRIAL])
        changed += 1
    if not _in_capacity(table, bits[TRIAL]):
        for q in range(p + 1):
            low[q, d] = rows[BEFORE, q]
        return False
    for k in range(table[SIZES, POOLS]):
        bits[TOTAL, k] = bits[TRIAL, k]
    for i in range(changed):
        bits[HELD, rows[KEPT, i]] = bits[FRESH, rows[KEPT, i]]
    return True


@lean_kernel
def largest_bound(layout, restriction, draft, count, p, d, bottom, top):
    """The largest admitted bound from ``bottom`` to ``top`` that has room, -1 if none; ``low`` holds it."""
    factors, units, least = (
        restriction.factors[0],
        draft.rows[LEFT, d],
        restriction.least[draft.slot_at[p], d],
    )
    bound = admitted_from(factors, units, bottom)
    if bound > top or (
        bound > least
        and not raise_bound(layout, draft.low, draft.rows, draft.bits, count, p, d, least, bound)
    ):
        return -1
    while bound < top:
        middle = (bound + top + 1) // 2
        larger = admitted_from(factors, units, middle)
        if larger <= top and raise_bound(
            layout, draft.low, draft.rows, draft.bits, count, p, d, bound, larger
        ):
            bound = larger
        else:
            top = middle - 1
    return bound
