"""Moving in a mapspace: the legal mappings one move away."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAYS,
    AXES_COLUMN,
    DIMS,
    EXTENT,
    FIRST,
    KEEP_COLUMN,
    NODES,
    NODES_COLUMN,
    ONLY,
    ORDER_COLUMN,
    REGION_NODE,
    REGION_NODES,
    REGIONS,
    SIZES,
    SLOTS,
    Layout,
    packed_order,
)
from simulator.counting.lowering import Ints
from simulator.encoding import Vectors
from simulator.jit import lean_kernel
from simulator.mapspaces.bounds import admitted_up_to
from simulator.mapspaces.canonical import (
    alike_regions,
    list_chain,
    list_loops,
    list_slots,
    make_canonical,
    nest_scratch,
    order_number,
    write_chain,
)
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.settling import Checks, check_scratch, list_axes, next_bound, saturate, settle


class Moves(NamedTuple):
    """The moves of one vector (1, length) and their scratch.

    ``found`` (most, length) takes the legal ones, ``n`` (1,) how many; ``moved`` (1, length) is the one
    that is being made; ``slot_at`` (S,) the slots of the vector by position; order, nest: lists.
    """

    vector: Vectors
    found: Vectors
    n: Ints
    moved: Vectors
    alike: Ints
    slot_at: Ints
    order: Ints
    nest: Ints
    checks: Checks


def neighbours(layout: Layout, restriction: Restriction, vector: Vectors) -> Vectors:
    """Return the legal mappings of a restriction one move away from a vector, (k, length), each once.

    A move is one of these: one bound goes to the next admitted, up or down, and another of its dimension
    gives or takes the rest (every other one that can); two loops of a slot, two nodes of a region or two
    axes of an array that stand side by side change places, or take another listed order; a node is bypassed,
    or kept at any place of its region. Where bounds must be saturated, they first fall to their least and
    then rise again, innermost first.

    Like samples, they have bypassed nodes last. Where nothing is restricted, every mapping that can be drawn
    can be reached from every other: loops move out of all levels and in again. Limits to the outermost
    slots, factors, listed orders or saturated bounds may part a mapspace.
    """
    table = layout.table
    dims, slots, arrays, nodes = (int(table[SIZES, i]) for i in (DIMS, SLOTS, ARRAYS, NODES))
    most = dims * slots * 2 * slots + slots * dims + nodes * (slots * dims + nodes + 3) + arrays * 8
    start = np.ascontiguousarray(vector, np.int32)[None].copy()
    moves = Moves(
        start,
        np.zeros((most + len(restriction.choices), start.shape[1]), np.int32),
        np.zeros(1, np.int64),
        start.copy(),
        alike_regions(layout, restriction),
        np.zeros(slots, np.int64),
        np.zeros(max(dims, nodes, slots), np.int64),
        nest_scratch(layout),
        check_scratch(layout),
    )
    _make_moves(layout, restriction, moves)
    found = np.unique(moves.found[: moves.n[0]], axis=0)
    others: Vectors = found[(found != start[0]).any(axis=1)]
    return others


@lean_kernel
def _make_moves(layout, restriction, moves):
    table = layout.table
    dims, slots, regions = table[SIZES, DIMS], table[SIZES, SLOTS], table[SIZES, REGIONS]
    make_canonical(layout, moves.alike, moves.vector, ONLY, moves.order, moves.nest)
    list_axes(layout, restriction, moves.vector, ONLY)
    list_slots(layout, moves.vector, ONLY, moves.slot_at)
    for d in range(dims):
        _move_bounds(layout, restriction, moves, d)
    for slot in range(slots):
        loops = list_loops(layout, moves.vector, ONLY, slot, moves.order)
        _move_order(layout, restriction, moves, table[FIRST, ORDER_COLUMN] + slot, slot, loops, dims)
    for g in range(regions):
        nodes = table[REGION_NODES, g]
        _move_order(layout, restriction, moves, table[FIRST, NODES_COLUMN] + g, slots + g, nodes, nodes)
    for array in range(table[SIZES, ARRAYS]):
        axes, index = table[ARRAY_AXES, array], slots + regions + array
        _move_order(layout, restriction, moves, table[FIRST, AXES_COLUMN] + array, index, axes, axes)
    for g in range(regions):
        for node in range(table[REGION_NODE, g], table[REGION_NODE, g] + table[REGION_NODES, g]):
            _move_node(layout, restriction, moves, g, node)
    # As those found are, so that it can be told from them.
    make_canonical(layout, moves.alike, moves.vector, ONLY, moves.order, moves.nest)


@lean_kernel
def _start(moves):
    """Begin a move at the vector."""
    for column in range(moves.vector.shape[1]):
        moves.moved[0, column] = moves.vector[0, column]


@lean_kernel
def _finish(layout, restriction, moves):
    """Add the moved vector to those found if it is legal."""
    if saturate(layout, restriction, moves.moved, moves.checks):
        make_canonical(layout, moves.alike, moves.moved, ONLY, moves.order, moves.nest)
        if not _bypasses_last(layout, moves):
            return
        for column in range(moves.vector.shape[1]):
            moves.found[moves.n[0], column] = moves.moved[0, column]
        moves.n[0] += 1


@lean_kernel
def _bypasses_last(layout, moves):
    """Whether no bypassed node stands outside a kept one, where regions are alike."""
    table, keep = layout.table, layout.table[FIRST, KEEP_COLUMN]
    for g in range(table[SIZES, REGIONS]):
        nodes, bypassed = table[REGION_NODES, g], False
        packed = packed_order(table, layout.orders, moves.moved[0, table[FIRST, NODES_COLUMN] + g], nodes)
        for place in range(nodes):
            kept = moves.moved[0, keep + table[REGION_NODE, g] + ((packed >> (4 * place)) & 15)]
            if kept and bypassed and moves.alike[g]:
                return False
            bypassed = bypassed or not kept
    return True


@lean_kernel
def _move_bounds(layout, restriction, moves, d):
    table, vector = layout.table, moves.vector
    dims, slots = table[SIZES, DIMS], table[SIZES, SLOTS]
    units = table[EXTENT, d]
    for p in range(slots - 1, -1, -1):
        slot = moves.slot_at[p]
        bound = vector[0, 1 + slot * dims + d]
        larger = next_bound(layout, restriction, vector, ONLY, slot, d, units)
        if larger:
            _trade(layout, restriction, moves, d, slot, larger)
        if bound > restriction.least[slot, d]:
            smaller = admitted_up_to(restriction.factors[0], units, bound - 1)
            _trade(layout, restriction, moves, d, slot, smaller)
        units = -(-units // bound)


@lean_kernel
def _trade(layout, restriction, moves, d, slot, bound):
    """Give a loop another bound; each other of its dimension that can takes or gives the rest."""
    table, moved = layout.table, moves.moved
    dims, extent = table[SIZES, DIMS], table[EXTENT, d]
    for other in range(table[SIZES, SLOTS]):
        before = moves.vector[0, 1 + other * dims + d]
        down = bound < moves.vector[0, 1 + slot * dims + d]
        if other == slot or restriction.most[other, d] == 1 or (before == 1 and not down):
            continue
        _start(moves)
        moved[0, 1 + slot * dims + d] = bound
        inside = 1
        for third in range(table[SIZES, SLOTS]):
            if third != other:
                inside = min(extent, inside * moved[0, 1 + third * dims + d])
        moved[0, 1 + other * dims + d] = -(-extent // inside)
        settle(layout, restriction, moves.slot_at, moved, ONLY, d)
        if moved[0, 1 + slot * dims + d] == bound:
            _finish(layout, restriction, moves)


@lean_kernel
def _move_order(layout, restriction, moves, column, index, count, size):
    """Every other listed order, or every exchange of two neighbours among the first ``count`` things."""
    start, end = restriction.choices_start[index], restriction.choices_start[index + 1]
    for i in range(start, end):
        _start(moves)
        moves.moved[0, column] = restriction.choices[i]
        _finish(layout, restriction, moves)
    if start < end:
        return
    order = moves.order
    for i in range(count - 1):
        packed = packed_order(layout.table, layout.orders, moves.vector[0, column], size)
        for place in range(count):
            order[place] = (packed >> (4 * place)) & 15
        order[i], order[i + 1] = order[i + 1], order[i]
        _start(moves)
        moves.moved[0, column] = order_number(order, count, size)
        _finish(layout, restriction, moves)


@lean_kernel
def _move_node(layout, restriction, moves, g, node):
    """Bypass a node that is kept, or keep one that is bypassed, at every place of its region."""
    column = layout.table[FIRST, KEEP_COLUMN] + node
    kept = moves.vector[0, column]
    if restriction.keep[node, 0] == restriction.keep[node, 1]:
        return
    _start(moves)
    moves.moved[0, column] = 1 - kept
    _finish(layout, restriction, moves)
    if kept or not moves.alike[g]:
        return
    place, more = np.int64(0), True
    while more:
        _start(moves)
        more = _insert(layout, moves, g, node, place)
        if more and moves.moved[0, 0]:
            _finish(layout, restriction, moves)
        place += 1


@lean_kernel
def _insert(layout, moves, g, node, place):
    """Keep a node before the loop or node number ``place`` of its chain of regions; False past the last.

    The version of the moved vector is 0 where the node has no place there.
    """
    table, nest, moved = layout.table, moves.nest, moves.moved
    first = np.int64(0)
    while True:
        count, end = list_chain(layout, moves.alike, moved, ONLY, first, moves.order, nest)
        if first <= g < end:
            break
        write_chain(layout, moved, ONLY, first, end, moves.order, nest, count)
        first = max(end, first + 1)
    if place > count:
        return False
    for i in range(count, place, -1):
        nest[i, 0], nest[i, 1] = nest[i - 1, 0], nest[i - 1, 1]
    nest[place, 0], nest[place, 1] = -1, node
    moved[0, table[FIRST, KEEP_COLUMN] + node] = 1
    fits = write_chain(layout, moved, ONLY, first, end, moves.order, nest, count + 1)
    low, high = table[REGION_NODE, g], table[REGION_NODE, g] + table[REGION_NODES, g]
    for i in range(count + 1):
        outside = nest[i, 0] < 0 and (nest[i, 1] >= high if i < place else nest[i, 1] < low)
        fits = fits and not outside
    moved[0, 0] *= fits
    return True
