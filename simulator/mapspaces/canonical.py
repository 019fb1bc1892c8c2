"""One vector for each mapping: the one that `Encoding.encode` makes, as kernels."""

from __future__ import annotations

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAY_SLOT,
    ARRAYS,
    AXES_COLUMN,
    DIMS,
    FIRST,
    KEEP_COLUMN,
    NODE_RANK,
    NODE_TENSOR,
    NODES_COLUMN,
    ORDER_COLUMN,
    REGION_NODE,
    REGION_NODES,
    REGION_SLOT,
    REGIONS,
    SIZES,
    SLOTS,
    Layout,
    packed_order,
)
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mapspaces.restriction import Restriction


def alike_regions(layout: Layout, restriction: Restriction) -> Ints:
    """Return 1 for every region (G,) whose nodes stand in any order and whose slots allow the same."""
    slots, regions = (int(layout.table[SIZES, i]) for i in (SLOTS, REGIONS))
    listed = np.diff(restriction.choices_start) > 0
    alike = np.zeros(regions, np.int64)
    for g in range(regions):
        first, nodes = int(layout.table[REGION_SLOT, g]), int(layout.table[REGION_NODES, g])
        inside = slice(first, first + nodes + 1)
        alike[g] = not (
            listed[slots + g]
            or listed[inside].any()
            or (restriction.least[inside] > 1).any()
            or restriction.saturated[inside].any()
            or (restriction.most[inside] != restriction.most[first]).any()
        )
    return alike


def nest_scratch(layout: Layout) -> Ints:
    """Return room for a list of every loop and node."""
    dims, slots, _, _, _, nodes = (int(n) for n in layout.table[SIZES, :6])
    return np.zeros((slots * dims + nodes, 2), np.int64)


@lean_kernel
def order_number(values, count, size):
    """The lexicographic number of the order of ``size`` things that begins with ``count`` given ones.

    The others follow in ascending order.
    """
    number = 0
    for i in range(count):
        digit = values[i]
        for j in range(i):
            digit -= values[j] < values[i]
        number = number * (size - i) + digit
    for i in range(count, size):
        number *= size - i
    return number


@lean_kernel
def sort_hierarchies(table, vectors, row, first, order, count):
    """Sort the kept nodes of each tensor from outside in, at the places they have together.

    ``order`` lists nodes of the region whose nodes begin at ``first``.
    """
    keep = table[FIRST, KEEP_COLUMN]
    for i in range(count):
        for j in range(i):
            a, b = first + order[j], first + order[i]
            kept = vectors[row, keep + a] and vectors[row, keep + b]
            if (
                kept
                and table[NODE_TENSOR, a] == table[NODE_TENSOR, b]
                and table[NODE_RANK, a] > table[NODE_RANK, b]
            ):
                order[j], order[i] = order[i], order[j]


@lean_kernel
def list_slots(layout, vectors, row, slot_at):
    """List the slots (S,) by position: an array's axes in the order of the row."""
    table = layout.table
    for slot in range(table[SIZES, SLOTS]):
        slot_at[slot] = slot
    for array in range(table[SIZES, ARRAYS]):
        first, axes = table[ARRAY_SLOT, array], table[ARRAY_AXES, array]
        packed = packed_order(table, layout.orders, vectors[row, table[FIRST, AXES_COLUMN] + array], axes)
        for place in range(axes):
            slot_at[first + place] = first + ((packed >> (4 * place)) & 15)


@lean_kernel
def loops_in(vectors, row, slot, dims):
    """The set of dimensions with a loop in a slot."""
    present = 0
    for d in range(dims):
        present |= (vectors[row, 1 + slot * dims + d] > 1) << d
    return present


@lean_kernel
def among(table, orders, number, size, present):
    """The things of a set in the order of a number, four bits each."""
    packed, found, count = packed_order(table, orders, number, size), 0, 0
    for place in range(size):
        value = (packed >> (4 * place)) & 15
        if (present >> value) & 1:
            found |= value << (4 * count)
            count += 1
    return found


@lean_kernel
def list_loops(layout, vectors, row, slot, order):
    """List the dimensions that have a loop in a slot, outermost first; return how many."""
    table = layout.table
    dims, count = table[SIZES, DIMS], 0
    packed = packed_order(table, layout.orders, vectors[row, table[FIRST, ORDER_COLUMN] + slot], dims)
    for place in range(dims):
        d = (packed >> (4 * place)) & 15
        if vectors[row, 1 + slot * dims + d] > 1:
            order[count] = d
            count += 1
    return count


@lean_kernel
def number_loops(layout, vectors, row, order):
    """Number the order of every slot by the loops it has."""
    table = layout.table
    for slot in range(table[SIZES, SLOTS]):
        count = list_loops(layout, vectors, row, slot, order)
        vectors[row, table[FIRST, ORDER_COLUMN] + slot] = order_number(order, count, table[SIZES, DIMS])


@lean_kernel
def number_axes(layout, vectors, row, order):
    """Number the order of every array's axes by those that have loops."""
    table = layout.table
    for array in range(table[SIZES, ARRAYS]):
        column, axes = table[FIRST, AXES_COLUMN] + array, table[ARRAY_AXES, array]
        count = np.int64(0)
        packed = packed_order(table, layout.orders, vectors[row, column], axes)
        for place in range(axes):
            axis = (packed >> (4 * place)) & 15
            if loops_in(vectors, row, table[ARRAY_SLOT, array] + axis, table[SIZES, DIMS]):
                order[count] = axis
                count += 1
        vectors[row, column] = order_number(order, count, axes)


@lean_kernel
def list_chain(layout, alike, vectors, row, g, order, nest):
    """List and clear region ``g`` and those inside that no array with loops parts from it.

    ``nest`` (S * D + N, 2) takes kept nodes as -1 and the node, loops as dimension and bound, outermost
    first. Returns how many there are and the region after the last; none where the region is not alike.
    """
    table = layout.table
    dims, count, h = table[SIZES, DIMS], 0, g
    while (
        h < table[SIZES, REGIONS]
        and alike[h]
        and (h == g or not _array_has_loops(table, vectors, row, h - 1))
    ):
        nodes = table[REGION_NODES, h]
        packed = packed_order(table, layout.orders, vectors[row, table[FIRST, NODES_COLUMN] + h], nodes)
        for place in range(nodes + 1):
            if place:
                node = table[REGION_NODE, h] + ((packed >> (4 * (place - 1))) & 15)
                if vectors[row, table[FIRST, KEEP_COLUMN] + node]:
                    nest[count, 0], nest[count, 1] = -1, node
                    count += 1
            slot = table[REGION_SLOT, h] + place
            for i in range(list_loops(layout, vectors, row, slot, order)):
                column = 1 + slot * dims + order[i]
                nest[count, 0], nest[count, 1] = order[i], vectors[row, column]
                vectors[row, column] = 1
                count += 1
        h += 1
    return count, h


@lean_kernel
def _array_has_loops(table, vectors, row, array):
    for axis in range(table[ARRAY_AXES, array]):
        if loops_in(vectors, row, table[ARRAY_SLOT, array] + axis, table[SIZES, DIMS]):
            return True
    return False


@lean_kernel
def write_chain(layout, vectors, row, g, end, order, nest, count):
    """Write a listed chain of regions: every loop as far out as it can stand, bypassed nodes last.

    A dimension that would have two loops in a slot takes the place below a bypassed node for the second, or
    the first place of the next region. Returns whether there was a place for everything.
    """
    table = layout.table
    dims, orders = table[SIZES, DIMS], table[FIRST, ORDER_COLUMN]
    keep = table[FIRST, KEEP_COLUMN]
    i = 0
    for h in range(g, end):
        slot, first, nodes = table[REGION_SLOT, h], table[REGION_NODE, h], table[REGION_NODES, h]
        spare, packed, placed, loops = nodes, 0, np.int64(0), np.int64(0)
        while i < count:
            d, value = nest[i, 0], nest[i, 1] - first
            again = d >= 0 and vectors[row, 1 + slot * dims + d] > 1
            if d < 0 and value >= nodes:
                break
            if d < 0 and value < 0:
                # A node of a region further out, which the loops before it have left behind.
                return False
            if again:
                value = spare - 1
                while value >= 0 and vectors[row, keep + first + value]:
                    value -= 1
                if value < 0:
                    break
                spare = value
            if d < 0 or again:
                vectors[row, orders + slot] = order_number(order, loops, dims)
                packed |= value << (4 * placed)
                placed, slot, loops = placed + 1, slot + 1, np.int64(0)
            if d >= 0:
                vectors[row, 1 + slot * dims + d] = nest[i, 1]
                order[loops] = d
                loops += 1
            i += 1
        vectors[row, orders + slot] = order_number(order, loops, dims)
        for empty in range(slot + 1, table[REGION_SLOT, h] + nodes + 1):
            vectors[row, orders + empty] = 0
        for place in range(placed):
            order[place] = (packed >> (4 * place)) & 15
        vectors[row, table[FIRST, NODES_COLUMN] + h] = order_number(order, placed, nodes)
    return i == count


@lean_kernel
def make_canonical(layout, alike, vectors, row, order, nest):
    """Make a row the one vector of its mapping, where regions are alike; elsewhere only number its orders."""
    number_loops(layout, vectors, row, order)
    number_axes(layout, vectors, row, order)
    g = np.int64(0)
    while g < layout.table[SIZES, REGIONS]:
        count, end = list_chain(layout, alike, vectors, row, g, order, nest)
        if end > g:
            write_chain(layout, vectors, row, g, end, order, nest, count)
        g = max(end, g + 1)
