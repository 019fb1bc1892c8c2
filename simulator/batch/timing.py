"""Cycles of a row of a batch: what its resources are busy with, and what it waits for (see `cost.timing`)."""

from __future__ import annotations

import numpy as np

from simulator.batch import program
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
from simulator.jit import inlined, lean_kernel

# Rows of the time array: of each resource the busy time and a boundary's wait; sums; from FILLING on two rows
# per stage, what fills first and what fills anew.
BUSY, WAITING, SUMS, FILLING = range(4)
EXPOSED, LAST_DRAIN, REDRAIN, STAGES, TIME_COLUMNS = range(5)
_MOST_CYCLES = 2.0**62


def time_rows(levels: int) -> int:
    """Rows of the time array for a machine of so many levels."""
    return FILLING + 2 * levels


@inlined
def start_times(time):
    """Begin a row."""
    for column in range(time.shape[1]):
        time[BUSY, column] = 0.0
        time[SUMS, column] = 0.0


@lean_kernel
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


@lean_kernel
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


@lean_kernel
def _cycles(code, prices, answers, term, cost, many):
    """Cycles of so many terms of a flow, from the address of the first and the place of its cycles a word."""
    total = 0.0
    for i in range(many):
        total += prices[cost + i] * answers[code[term + i]]
    return total


@inlined
def add_flows(code, prices, answers, time, b, again):
    """Add the flows of a boundary that starts ``again`` so often to busy times, waits, fills and drains."""
    draining = 0.0
    stage = _stage(time, float(code[b + program.PARENT]))
    flows = code[b + program.FLOW_COUNT]
    at, cost = code[b + program.FLOW], code[b + program.FLOW_PRICE]
    exposed = code[b + program.EXPOSED]
    if exposed:
        for i in range(time.shape[1]):
            time[WAITING, i] = -np.inf
    for _ in range(flows):
        resource, term = code[at], at + 5
        whole = _cycles(code, prices, answers, term, cost, code[at + 1])
        term, cost = term + code[at + 1], cost + code[at + 1]
        first = _cycles(code, prices, answers, term, cost, code[at + 2])
        term, cost = term + code[at + 2], cost + code[at + 2]
        last = _cycles(code, prices, answers, term, cost, code[at + 3])
        term, cost = term + code[at + 3], cost + code[at + 3]
        merges = _cycles(code, prices, answers, term, cost, code[at + 4])
        at, cost = term + code[at + 4], cost + code[at + 4]
        time[BUSY, resource] += whole + merges
        time[stage, resource] += first
        time[stage + 1, resource] += again * first
        draining = max(draining, last)
        if exposed:
            before, waits = time[WAITING, resource], whole - first - last
            time[WAITING, resource] = waits if before == -np.inf else before + waits
    time[SUMS, LAST_DRAIN] += draining
    time[SUMS, REDRAIN] += again * draining
    if exposed:
        slowest = time[WAITING, 0]
        for resource in range(1, time.shape[1]):
            slowest = max(slowest, time[WAITING, resource])
        time[SUMS, EXPOSED] += slowest


@inlined
def _stage(time, parent):
    """The first row of a parent's fills; stages stand in the order in which they are met."""
    last = time.shape[1] - 1
    end = FILLING + 2 * int(time[SUMS, STAGES])
    for stage in range(FILLING, end, 2):
        if time[stage, last] == parent:
            return stage
    for column in range(last):
        time[end, column] = 0.0
        time[end + 1, column] = 0.0
    time[end, last] = parent
    time[SUMS, STAGES] += 1
    return end


@lean_kernel
def cycles_of_row(state, code, time, count, steps):
    """Cycles of a row from its times, -1 where they are too many."""
    pace = float(steps)
    for resource in range(code[program.RESOURCES]):
        pace = max(pace, time[BUSY, resource])
    ramp = _fills(code, time, 1) + time[SUMS, REDRAIN]
    total = pace + time[SUMS, EXPOSED] + ramp + _fills(code, time, 0) + time[SUMS, LAST_DRAIN]
    skew = _skew(state, code, count)
    if skew < 0 or total + skew >= _MOST_CYCLES:
        return np.int64(-1)
    return np.int64(np.ceil(total * (1 - 1e-12) - 1e-6)) + skew


@lean_kernel
def _fills(code, time, anew):
    """The slowest resource of every stage that fills, one stage after the other: first, or anew (1)."""
    total = 0.0
    for stage in range(FILLING, FILLING + 2 * int(time[SUMS, STAGES]), 2):
        slowest = 0.0
        for resource in range(code[program.RESOURCES]):
            slowest = max(slowest, time[stage + anew, resource])
        total += slowest
    return total


@lean_kernel
def _skew(state, code, count):
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
            if skew + float(waits) * float(passes) >= _MOST_CYCLES:
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
