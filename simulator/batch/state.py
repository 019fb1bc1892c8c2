"""One vector as kernels see it: the tiles its nodes hold, its loops, and what is illegal about it.

Kernels share one int64 array, the *state*: the encoding's table (`layout`), then what a row of a batch is.
Positions are slots in nest order: temporal slots stand at their own index, an array's axes in the order
the vector gives them. ``state[TILES + position, d]`` is the product of the bounds of dimension ``d`` at
this position and inside it; the j-th node of a region holds the tile at ``first slot + j``.
"""

from __future__ import annotations

import numpy as np

from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAY_SLOT,
    AXES,
    AXES_COLUMN,
    AXIS_SIZE,
    AXIS_SLOT,
    CAP,
    COVER,
    DIMS,
    EXTENT,
    FIRST,
    HIERARCHY,
    HIGHEST,
    KEEP_COLUMN,
    KEEPS,
    NODE_BITS,
    NODE_CLIPS,
    NODE_LEVEL,
    NODE_PART,
    NODE_POOL,
    NODE_RANK,
    NODE_REQUIRED,
    NODE_TENSOR,
    NODES,
    NODES_COLUMN,
    ORDER_COLUMN,
    ORDERS_START,
    POOL_BITS,
    POOLS,
    RANGE,
    RANK_CLIPPED,
    RANK_DIM,
    RANK_OTHER,
    RANK_OTHER_REPEAT,
    RANK_REPEAT,
    RANK_START,
    REACH,
    REGION_NODE,
    REGION_NODES,
    REGION_SLOT,
    REGIONS,
    ROWS,
    RULES,
    SIZES,
    SLOTS,
    Layout,
    packed_order,
)
from simulator.counting.lowering import Ints
from simulator.encoding import VERSION
from simulator.jit import inlined, lean_kernel, woven

MOST_TENSORS = 3
# In SIZES, past the table's: an extent past all, as a number kernels do not know when they are compiled.
AT_START = 7
# Rows after the table. Loops, innermost first; INSIDE: how many stand at a position and inside it; NODE_AT:
# the kept node just outside a position, or -1; DIMS_OF_SLOT: of which dimensions a slot has loops, a bit for
# each; KEPT: how many keepers a tensor has; then for each tensor the nodes, levels and positions of its
# keepers, outermost first, and from RECORD on its boundaries (`program`); STEPS_OF, LEFT_OVER, STEPS_ABOVE:
# see `timing`; CHAIN and SHAPE: see `pairs` and `boundaries`; from TILES on the tiles.
LOOP_DIM, LOOP_BOUND, LOOP_STRIDE, LOOP_SLOT, INSIDE, NODE_AT, DIMS_OF_SLOT, KEPT = range(ROWS, ROWS + 8)
KEEPER_NODE = KEPT + 1
KEEPER_LEVEL = KEEPER_NODE + MOST_TENSORS
KEEPER_POSITION = KEEPER_LEVEL + MOST_TENSORS
RECORD = KEEPER_POSITION + MOST_TENSORS
STEPS_OF, LEFT_OVER, STEPS_ABOVE, CHAIN = range(RECORD + MOST_TENSORS, RECORD + MOST_TENSORS + 4)
SHAPE = CHAIN + 12
TILES = SHAPE + 32


def make_state(layout: Layout) -> Ints:
    """Return the state for rows of an encoding."""
    slots, dims = int(layout.table[SIZES, SLOTS]), int(layout.table[SIZES, DIMS])
    rows, columns = layout.table.shape
    state = np.zeros((TILES + slots + 1, max(columns, slots * dims + dims + 1)), np.int64)
    state[:rows, :columns] = layout.table
    state[TILES : TILES + slots + 1, :dims] = 1
    return state


@lean_kernel
def read_row(state, orders, vectors, row):
    """Fill the state from a row of vectors; return its number of loops, -1 if a column is out of range."""
    dims, slots = state[SIZES, DIMS], state[SIZES, SLOTS]
    bounds = 1 + slots * dims
    first_order = state[FIRST, ORDER_COLUMN]
    tabled = state[ORDERS_START, dims]
    wrong = vectors[row, 0] != VERSION
    for column in range(bounds, vectors.shape[1]):
        wrong |= (vectors[row, column] < 0) | (vectors[row, column] > state[HIGHEST, column])
    # Orders are looked up in tables.
    if wrong:
        return -1
    for slot in range(slots):
        state[NODE_AT, slot] = -1
    for tensor in range(MOST_TENSORS):
        state[KEPT, tensor] = 1
    count = 0
    for g in range(state[SIZES, REGIONS] - 1, -1, -1):
        slot, nodes = state[REGION_SLOT, g], state[REGION_NODES, g]
        packed = packed_order(state, orders, vectors[row, state[FIRST, NODES_COLUMN] + g], nodes)
        for place in range(nodes, -1, -1):
            position = slot + place
            count = _add_slot(state, orders, vectors, row, position, position, count, first_order, tabled)
            if place:
                node = state[REGION_NODE, g] + ((packed >> (4 * (place - 1))) & 15)
                kept = vectors[row, state[FIRST, KEEP_COLUMN] + node]
                state[NODE_AT, position] = node if kept else -1
        if g:
            first, axes = state[ARRAY_SLOT, g - 1], state[ARRAY_AXES, g - 1]
            packed = packed_order(state, orders, vectors[row, state[FIRST, AXES_COLUMN] + g - 1], axes)
            for place in range(axes - 1, -1, -1):
                axis = first + ((packed >> (4 * place)) & 15)
                count = _add_slot(
                    state, orders, vectors, row, axis, first + place, count, first_order, tabled
                )
    for i in range(count):
        bound = state[LOOP_BOUND, i]
        wrong |= (bound < 1) | (bound > state[EXTENT, state[LOOP_DIM, i]])
    return -1 if wrong else count


@inlined
def _add_slot(state, orders, vectors, row, slot, position, count, first_order, tabled):
    """Add the loops of a slot, innermost first, and its tiles; return the number of loops then."""
    dims = state[SIZES, DIMS]
    tiles, column, mask = TILES + position, 1 + slot * dims, 0
    for d in range(dims):
        bound = vectors[row, column + d]
        state[tiles, d] = min(state[tiles + 1, d] * bound, CAP)
        mask |= (bound != 1) << d
    state[DIMS_OF_SLOT, slot] = mask
    if mask:
        number = vectors[row, first_order + slot]
        packed = orders[tabled + number] if tabled >= 0 else packed_order(state, orders, number, dims)
        # Written where the next loop goes, and kept if it is one.
        at = count
        for place in range(dims - 1, -1, -1):
            d = (packed >> (4 * place)) & 15
            state[LOOP_DIM, at] = d
            at += (mask >> d) & 1
        for i in range(count, at):
            d = state[LOOP_DIM, i]
            state[LOOP_BOUND, i] = vectors[row, column + d]
            state[LOOP_STRIDE, i] = state[tiles + 1, d]
            state[LOOP_SLOT, i] = slot
        count = at
    state[INSIDE, position] = count
    return count


@inlined
def tile_bits(table, clipped, node, tiles, row):
    """Bits (a float) that a node's tile ``tiles[row]`` takes; ``table`` is that of a layout or a state."""
    tensor = table[NODE_TENSOR, node]
    bits = float(table[NODE_BITS, node])
    for r in range(table[RANK_START, tensor], table[RANK_START, tensor + 1]):
        i, j = table[RANK_DIM, r], table[RANK_OTHER, r]
        wide = min(tiles[row, i], table[EXTENT, i])
        if table[NODE_CLIPS, node] and table[RANK_CLIPPED, r] >= 0:
            at = wide - 1
            if j >= 0:
                at = at * table[EXTENT, j] + min(tiles[row, j], table[EXTENT, j]) - 1
            bits *= clipped[table[RANK_CLIPPED, r] + at]
        elif j >= 0:
            high = min(tiles[row, j], table[EXTENT, j])
            repeated = max(0, wide - table[RANK_REPEAT, r]) * max(0, high - table[RANK_OTHER_REPEAT, r])
            bits *= wide * high - repeated
        else:
            bits *= wide
    return bits


@lean_kernel
def find_violations(state, clipped, vectors, row, count, broken):
    """How far a row breaks each rule, added to ``broken[row]`` (zeros before); return whether it breaks any.

    Finds every tensor's keepers too. A row out of its ranges (``count`` < 0) is looked at no further.
    """
    return find_broken(state, clipped, vectors, row, count, broken, row)


@woven
def find_broken(state, clipped, vectors, row, count, broken, into):
    """The same, into another row of ``broken``."""
    if count < 0:
        broken[into, RANGE] = 1
        return True
    wrong = _nodes_wrong(state, clipped, vectors, row, broken, into)
    dims = state[SIZES, DIMS]
    for i in range(count):
        if (state[LOOP_BOUND, i] - 1) * state[LOOP_STRIDE, i] >= state[EXTENT, state[LOOP_DIM, i]]:
            broken[into, REACH] += 1
            wrong = True
    for d in range(dims):
        if state[TILES, d] < state[EXTENT, d]:
            broken[into, COVER] += 1
            wrong = True
    for x in range(state[SIZES, AXES]):
        used, column = 1, 1 + state[AXIS_SLOT, x] * dims
        for d in range(dims):
            used = min(used * vectors[row, column + d], CAP)
        if used > state[AXIS_SIZE, x]:
            broken[into, RULES + x] = used - state[AXIS_SIZE, x]
            wrong = True
    return wrong


@inlined
def _nodes_wrong(state, clipped, vectors, row, broken, into):
    """Whether required nodes are bypassed, a hierarchy is out of order or a capacity exceeded."""
    wrong = False
    pools = RULES + state[SIZES, AXES]
    for node in range(state[SIZES, NODES]):
        if state[NODE_REQUIRED, node] and not vectors[row, state[FIRST, KEEP_COLUMN] + node]:
            broken[into, KEEPS] += 1
            wrong = True
    for position in range(state[SIZES, SLOTS]):
        node = state[NODE_AT, position]
        if node < 0:
            continue
        above = _last_keeper(state, node, position)
        if above >= 0 and state[NODE_RANK, above] >= state[NODE_RANK, node]:
            broken[into, HIERARCHY] += 1
            wrong = True
        pool, part = state[NODE_POOL, node], state[NODE_PART, node]
        if pool >= 0:
            bits = tile_bits(state, clipped, node, state, TILES + position)
            broken[into, pools + pool] += bits
            if part >= 0:
                broken[into, pools + part] += bits
    for k in range(state[SIZES, POOLS]):
        over = broken[into, pools + k] - state[POOL_BITS, k]
        wrong |= over > 0
        broken[into, pools + k] = max(0.0, over)
    return wrong


@inlined
def _last_keeper(state, node, position):
    """Note a node as its tensor's next keeper; return the node before, -1 for the outermost level."""
    tensor = state[NODE_TENSOR, node]
    kept = state[KEPT, tensor]
    above = state[KEEPER_NODE + tensor, kept - 1] if kept > 1 else -1
    state[KEEPER_NODE + tensor, kept] = node
    state[KEEPER_LEVEL + tensor, kept] = state[NODE_LEVEL, node]
    state[KEEPER_POSITION + tensor, kept] = position
    state[KEPT, tensor] = kept + 1
    return above


@lean_kernel
def find_keepers(state):
    """Every tensor's keepers, as `find_violations` finds them."""
    for position in range(state[SIZES, SLOTS]):
        if state[NODE_AT, position] >= 0:
            _last_keeper(state, state[NODE_AT, position], position)
