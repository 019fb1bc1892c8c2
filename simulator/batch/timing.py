"""Cycles of a row of a batch: what its resources are busy with, and what it waits for (see `cost.timing`)."""

from __future__ import annotations

import numpy as np

from simulator.batch import program
from simulator.batch.block import MOST_CYCLES
from simulator.batch.layout import (
    ARRAY_AXES,
    ARRAY_SLOT,
    ARRAYS,
    DIMS,
    EXTENT,
    SIZES,
    SLOT_AXIS,
    SLOTS,
)
from simulator.batch.shape import KIND, LACKING
from simulator.batch.state import (
    INSIDE,
    KEEPER_POSITION,
    KEPT,
    LAST_STEP,
    LEFT_OVER,
    LOOP_BOUND,
    LOOP_DIM,
    LOOP_SLOT,
    LOOP_STRIDE,
    NODE_AT,
    RECORD,
)
from simulator.jit import inlined, lean_kernel, woven


@woven
def pass_end(state, code, count):
    """The innermost loop above a pass, -1 where there are no passes; loops are counted innermost first."""
    end = np.int64(-1)
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor] - 1):
            b = state[RECORD + tensor, k]
            if b >= 0 and code[b + program.RAMPS] and code[b + program.EXPOSED]:
                advancing = _advancing(state, count, tensor, state[KEEPER_POSITION + tensor, k + 1])
                end = advancing if end < 0 else min(end, advancing)
    return end


@woven
def restarts(state, code, count, tensor, k, end, passes):
    """How often the k-th boundary of a tensor starts anew, 0 where it is no stream of a pass."""
    b = state[RECORD + tensor, k]
    if end < 0 or not code[b + program.RAMPS] or code[b + program.EXPOSED]:
        return np.int64(0)
    position = state[SIZES, SLOTS]
    if k + 1 < state[KEPT, tensor]:
        position = state[KEEPER_POSITION + tensor, k + 1]
    if state[INSIDE, position] > end:
        return np.int64(0)
    advancing = _advancing(state, count, tensor, position)
    return (steps_above(state, count, advancing) if advancing > end else passes) - 1


@inlined
def _advancing(state, count, tensor, position):
    """The innermost temporal loop outside a position that changes the tensor's tile there."""
    for loop in range(state[INSIDE, position], count):
        temporal = state[SLOT_AXIS, state[LOOP_SLOT, loop]] < 0
        if temporal and state[KIND + tensor, state[LOOP_DIM, loop]] != LACKING:
            return loop
    return count


@woven
def find_skew(state, code, count):
    """Cycles in which arrays fill along linked axes, pass by pass; -1 where they are too many."""
    skew = 0
    for array in range(state[SIZES, ARRAYS]):
        waits = code[code[program.SKEW] + array]
        if waits:
            first = state[ARRAY_SLOT, array]
            inner = first + state[ARRAY_AXES, array]
            end = state[INSIDE, inner]
            if state[INSIDE, first] == end:
                # Left idle, its passes end where the first level inside it stands.
                end = 0
                for position in range(inner, state[SIZES, SLOTS]):
                    if state[NODE_AT, position] >= 0:
                        end = state[INSIDE, position]
                        break
            passes = steps_above(state, count, end)
            if skew + float(waits) * float(passes) >= MOST_CYCLES:
                return -1
            skew += waits * passes
    return skew


@lean_kernel
def steps_above(state, count, end):
    """Steps of the temporal loops from loop ``end`` outwards, those inside it at zero."""
    dims = state[SIZES, DIMS]
    # The number of the last step in the mixed radix of each dimension's loops, and what it leaves over.
    for d in range(dims):
        state[LAST_STEP, d] = 0
        state[LEFT_OVER, d] = state[EXTENT, d] - 1
    for i in range(count - 1, end - 1, -1):
        if state[SLOT_AXIS, state[LOOP_SLOT, i]] < 0:
            d, bound, stride = state[LOOP_DIM, i], state[LOOP_BOUND, i], state[LOOP_STRIDE, i]
            # Most loops have room for their last iteration.
            at, room = bound - 1, state[LEFT_OVER, d]
            if at * stride > room:
                at = room // stride
            state[LAST_STEP, d] = state[LAST_STEP, d] * bound + at
            state[LEFT_OVER, d] = room - at * stride
    steps = 1
    for d in range(dims):
        steps *= state[LAST_STEP, d] + 1
    return steps
