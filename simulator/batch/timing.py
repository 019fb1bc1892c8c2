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
    LEFT_OVER,
    LOOP_BOUND,
    LOOP_DIM,
    LOOP_SLOT,
    LOOP_STRIDE,
    NODE_AT,
    RECORD,
    STEPS_ABOVE,
    STEPS_OF,
)
from simulator.jit import inlined, woven


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
def restarts(state, code, count, tensor, k, end):
    """How often the k-th boundary of a tensor starts anew, 0 where it is no stream of a pass."""
    b = state[RECORD + tensor, k]
    if end < 0 or not code[b + program.RAMPS] or code[b + program.EXPOSED]:
        return np.int64(0)
    position = state[SIZES, SLOTS]
    if k + 1 < state[KEPT, tensor]:
        position = state[KEEPER_POSITION + tensor, k + 1]
    if state[INSIDE, position] > end:
        return np.int64(0)
    return state[STEPS_ABOVE, max(end, _advancing(state, count, tensor, position))] - 1


@inlined
def _advancing(state, count, tensor, position):
    """The innermost temporal loop outside a position that changes the tensor's tile there."""
    for loop in range(state[INSIDE, position], count):
        temporal = state[SLOT_AXIS, state[LOOP_SLOT, loop]] < 0
        if temporal and state[KIND + tensor, state[LOOP_DIM, loop]] != LACKING:
            return loop
    return count


@woven
def find_skew(state, code):
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
            passes = state[STEPS_ABOVE, end]
            if skew + float(waits) * float(passes) >= MOST_CYCLES:
                return -1
            skew += waits * passes
    return skew


@woven
def count_steps(state, count):
    """Steps of the temporal loops from each loop outwards, those inside it at zero; of ``count``, one."""
    for d in range(state[SIZES, DIMS]):
        state[STEPS_OF, d] = 1
        state[LEFT_OVER, d] = state[EXTENT, d] - 1
    steps = 1
    state[STEPS_ABOVE, count] = 1
    for i in range(count - 1, -1, -1):
        if state[SLOT_AXIS, state[LOOP_SLOT, i]] < 0:
            # The steps of a dimension are numbers in the mixed radix of its loops.
            d, bound, stride = state[LOOP_DIM, i], state[LOOP_BOUND, i], state[LOOP_STRIDE, i]
            before, room, last = state[STEPS_OF, d], state[LEFT_OVER, d], (bound - 1) * stride
            now = before * bound
            # Most loops have room for their last iteration.
            if last <= room:
                steps *= bound
            else:
                now -= bound - 1 - room // stride
                last = room // stride * stride
                steps = steps // before * now
            state[STEPS_OF, d] = now
            state[LEFT_OVER, d] = room - last
        state[STEPS_ABOVE, i] = steps
