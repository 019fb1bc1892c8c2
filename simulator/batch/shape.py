"""What the fast counts need of a problem, and of the places of a row's dimensions on the arrays."""

from __future__ import annotations

import math

import numpy as np

from simulator.batch import pairs
from simulator.batch.chains import START
from simulator.batch.layout import ARRAY_AXES, ARRAY_SLOT, ARRAYS, DIMS, EXTENT, SIZES, SLOT_AXIS
from simulator.batch.pairs import END_OF_PAIRS, INSIDE, PLACES, ROLE, SPAN, STEP, TILE
from simulator.batch.state import AT_START, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, MOST_TENSORS, TILES
from simulator.batch.state import INSIDE as LOOPS_INSIDE
from simulator.counting.lowering import ZERO, Ints
from simulator.jit import inlined, lean_kernel, woven
from simulator.problem import Problem

# Kinds of a dimension for a tensor: not in it, in a rank of its own, from PAIRED on in that pair.
LACKING, ALONE, PAIRED = range(3)
# Rows of the state: a row of kinds for each tensor; of each tensor the dimensions longer than 1 that it
# lacks, and those of ranks of their own. Then, tensor by tensor, how many these are, the words of all ranks
# of one dimension, the dimensions it has as bits, where its pairs begin and end, whether the fast way holds,
# with padding and where it is left out. Then, row by row, of each dimension the array it lies on, its places
# there, the step between them, their span and an axis.
KIND = END_OF_PAIRS
OTHERS, LONERS = KIND + MOST_TENSORS, KIND + 2 * MOST_TENSORS
(
    MANY_OTHERS, MANY_LONERS, LONERS_WORDS, OWN_DIMS, FIRST_PAIR, END_PAIR, FITS, FITS_CLIPPED,
    ON_ARRAY, PLACES_ON_ARRAY, STEP_ON_ARRAY, SPAN_ON_ARRAY, AXIS_ON_ARRAY,
) = range(KIND + 3 * MOST_TENSORS, KIND + 3 * MOST_TENSORS + 13)  # fmt: skip
_LIMITS = (pairs.PAIR_KIND, pairs.PAIR_FIRST, pairs.PAIR_END)


def write_shape(state: Ints, problem: Problem) -> None:
    """Write down in a state what the fast counts need of a problem."""
    state[SIZES, AT_START] = START
    index = {d: i for i, (d, _) in enumerate(problem.dimensions)}
    alike: dict[object, int] = {}
    pair = 0
    for t, tensor in enumerate(problem.tensors):
        state[KIND + t, : len(index)] = LACKING
        state[FIRST_PAIR, t], state[FITS, t], state[FITS_CLIPPED, t] = pair, 1, 1
        for rank in tensor.ranks:
            length = problem.rank_length(rank)
            first, end = (rank.data[0], min(length, sum(rank.data))) if rank.data is not None else (0, length)
            dims = [index[name] for name in rank.dimensions]
            if len(dims) == 1 or (tensor.name != problem.output and min(state[EXTENT, dims]) == 1):
                # A dimension of extent 1 adds nothing to the other's coordinates.
                state[KIND + t, dims] = ALONE
                state[FITS_CLIPPED, t] &= rank.data is None
                continue
            sizes = tuple((problem.extents[d], c) for d, c in rank.coefficients)
            if max(extent for extent, _ in sizes) >= pairs.MOST or tensor.name == problem.output:
                state[FITS, t] = state[FITS_CLIPPED, t] = 0
            state[KIND + t, dims] = PAIRED + pair
            state[[pairs.PAIR_DIM, pairs.PAIR_OTHER], pair] = dims
            state[[pairs.PAIR_COEFFICIENT, pairs.PAIR_OTHER_COEFFICIENT], pair] = [c for _, c in sizes]
            for i, limits in enumerate(((0, length), (first, end))):
                kind = alike.setdefault((sizes, limits), len(alike))
                state[np.array(_LIMITS) + i * pairs.CLIPPED, pair] = kind, *limits
            pair += 1
        state[END_PAIR, t] = pair
        kinds, longer = state[KIND + t, : len(index)], state[EXTENT, : len(index)] > 1
        state[OWN_DIMS, t] = sum(1 << int(d) for d in np.flatnonzero(kinds != LACKING))
        state[LONERS_WORDS, t] = math.prod(state[EXTENT, : len(index)][kinds == ALONE].tolist())
        for kind, row, many in ((LACKING, OTHERS, MANY_OTHERS), (ALONE, LONERS, MANY_LONERS)):
            found = np.flatnonzero((kinds == kind) & longer)
            state[row + t, : len(found)], state[many, t] = found, len(found)


def longest_pair(problem: Problem) -> int:
    """Coordinates of the longest rank of two dimensions."""
    ranks = [rank for tensor in problem.tensors for rank in tensor.ranks if len(rank.dimensions) == 2]
    return max((problem.rank_length(rank) for rank in ranks), default=1)


@inlined
def find_spread(state):
    """Describe every dimension's places on the arrays; False where one lies on several of them."""
    for d in range(state[SIZES, DIMS]):
        state[ON_ARRAY, d] = -1
    for a in range(state[SIZES, ARRAYS]):
        first = state[ARRAY_SLOT, a]
        inner = first + state[ARRAY_AXES, a]
        for i in range(state[LOOPS_INSIDE, inner], state[LOOPS_INSIDE, first]):
            d = state[LOOP_DIM, i]
            if state[ON_ARRAY, d] < 0:
                state[ON_ARRAY, d] = a
                state[PLACES_ON_ARRAY, d] = 1
                state[STEP_ON_ARRAY, d] = state[TILES + inner, d]
                state[SPAN_ON_ARRAY, d] = state[TILES + first, d]
                state[AXIS_ON_ARRAY, d] = state[SLOT_AXIS, state[LOOP_SLOT, i]]
            elif state[ON_ARRAY, d] != a:
                return False
            state[PLACES_ON_ARRAY, d] *= state[LOOP_BOUND, i]
    return True


@lean_kernel
def roles_agree(state, code, roles, child):
    """Whether all loops of a dimension on the arrays above a child have one role."""
    for i in range(state[LOOPS_INSIDE, child], state[LOOPS_INSIDE, 0]):
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        if axis >= 0:
            other = state[AXIS_ON_ARRAY, state[LOOP_DIM, i]]
            if code[roles + axis] != code[roles + other]:
                return False
    return True


@inlined
def lies(state, code, roles, d, child):
    """Tile, step, places and span (see `chains`) of a dimension above a child at a position; its role.

    ``roles`` is the address of the query's roles in the program; a dimension that has no places has none, -1.
    """
    tile, array = state[TILES + child, d], state[ON_ARRAY, d]
    step, places, span, role = tile, 1, tile, -1
    if array >= 0 and state[ARRAY_SLOT, array] < child:
        role = code[roles + state[AXIS_ON_ARRAY, d]]
        step, span = state[STEP_ON_ARRAY, d], state[SPAN_ON_ARRAY, d]
        places = state[PLACES_ON_ARRAY, d] if role != ZERO else 1
    return tile, step, places, span, role


@woven
def describe(state, code, roles, d, child):
    """Write down how a dimension lies above a child; nothing inside the event."""
    tile, step, places, span, role = lies(state, code, roles, d, child)
    state[TILE, d] = tile
    state[INSIDE, d] = tile
    state[STEP, d] = step
    state[PLACES, d] = places
    state[SPAN, d] = span
    state[ROLE, d] = role
