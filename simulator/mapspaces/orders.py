"""The orders of loops in every slot that tell the loops present apart, and the vectors they make."""

from __future__ import annotations

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAY_SLOT,
    ARRAYS,
    DIMS,
    FIRST,
    ORDER_COLUMN,
    SIZES,
)
from simulator.jit import inlined, lean_kernel
from simulator.mapspaces.canonical import among
from simulator.mapspaces.chains import next_bounds

MOST_COUNTED = 2**62


@lean_kernel
def fill_rows(space, plan, state, scratch, order, rows):
    """Write the next vectors of a plan to ``rows`` (B, length); return how many, fewer than B at its end.

    ``order`` (S,) holds the order of every slot given last.
    """
    n = 0
    while n < len(rows):
        if state.pending[0]:
            state.pending[0] = next_orders(space, state.vector, order)
        if not state.pending[0]:
            if not next_bounds(space, plan, state, scratch, np.int64(MOST_COUNTED)):
                return n
            if repeats_axes(space, plan, state.vector):
                continue
            for i in range(len(space.ordered)):
                put_order(space, state.vector, order, space.ordered[i], np.int64(0))
            state.pending[0] = 1
        for column in range(len(state.vector)):
            rows[n, column] = state.vector[column]
        n += 1
    return n


@lean_kernel
def count_rows(space, plan, state, scratch, budget):
    """How many vectors a plan has, at most MOST_COUNTED; -1 if that takes more than ``budget`` bounds."""
    total = 0
    while next_bounds(space, plan, state, scratch, budget):
        if repeats_axes(space, plan, state.vector):
            continue
        ways = 1
        for i in range(len(space.ordered)):
            here = _count_orders(space, state.vector, space.ordered[i])
            if ways > MOST_COUNTED // here:
                return -1
            ways *= here
        if total > MOST_COUNTED - ways:
            return -1
        total += ways
    return total if state.depth[0] < 0 else -1


@inlined
def repeats_axes(space, plan, vector):
    """Whether another order of an array's axes, tried before, has the axes with loops in the same order."""
    table, dims = space.layout.table, space.layout.table[SIZES, DIMS]
    for a in range(table[SIZES, ARRAYS]):
        mask = 0
        for x in range(table[ARRAY_AXES, a]):
            if _present(vector, table[ARRAY_SLOT, a] + x, dims):
                mask |= 1 << x
        if plan.repeated[a, mask]:
            return True
    return False


@lean_kernel
def _present(vector, slot, dims):
    """The set of dimensions with a loop in a slot."""
    mask = 0
    for d in range(dims):
        if vector[1 + slot * dims + d] > 1:
            mask |= 1 << d
    return mask


@inlined
def next_orders(space, vector, order):
    """Go on to the next orders; 0 once all have been given."""
    for i in range(len(space.ordered) - 1, -1, -1):
        slot = space.ordered[i]
        if put_order(space, vector, order, slot, order[slot] + 1):
            return 1
        put_order(space, vector, order, slot, np.int64(0))
    return 0


@lean_kernel
def put_order(space, vector, order, slot, index):
    """Put the first order of a slot from ``index`` on that differs for the loops present; 0 if none does."""
    table, dims = space.layout.table, space.layout.table[SIZES, DIMS]
    mask = _present(vector, slot, dims)
    start = space.restriction.choices_start[slot]
    listed = space.restriction.choices_start[slot + 1] - start
    if listed:
        while index < listed and _repeats(space, mask, start, index):
            index += 1
        if index == listed:
            return 0
        number = space.restriction.choices[start + index]
    else:
        if index >= _factorial(_size(mask)):
            return 0
        number = _order_number(mask, index, dims)
    order[slot] = index
    vector[table[FIRST, ORDER_COLUMN] + slot] = number
    return 1


@inlined
def _count_orders(space, vector, slot):
    mask = _present(vector, slot, space.layout.table[SIZES, DIMS])
    start = space.restriction.choices_start[slot]
    listed = space.restriction.choices_start[slot + 1] - start
    if not listed:
        return _factorial(_size(mask))
    count = 0
    for index in range(listed):
        count += not _repeats(space, mask, start, index)
    return count


@lean_kernel
def _repeats(space, mask, start, index):
    """Whether a listed order has the dimensions of ``mask`` in the order of one listed before."""
    table, orders, listed = space.layout.table, space.layout.orders, space.restriction.choices
    own, i = among(table, orders, listed[start + index], table[SIZES, DIMS], mask), start
    while among(table, orders, listed[i], table[SIZES, DIMS], mask) != own:
        i += 1
    return i < start + index


@lean_kernel
def _order_number(mask, index, dims):
    """The number of the order that begins with permutation ``index`` of ``mask``, the rest ascending."""
    count = _size(mask)
    number, ways, all_ways, free = 0, _factorial(count), _factorial(dims), (1 << dims) - 1
    for place in range(count):
        ways //= count - place
        all_ways //= dims - place
        skip, index = index // ways, index % ways
        d = 0
        while not (mask >> d) & 1 or skip:
            skip -= (mask >> d) & 1
            d += 1
        number += all_ways * _size(free & ((1 << d) - 1))
        mask &= ~(1 << d)
        free &= ~(1 << d)
    return number


@lean_kernel
def _size(mask):
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@lean_kernel
def _factorial(n):
    product = 1
    for i in range(2, n + 1):
        product *= i
    return product
