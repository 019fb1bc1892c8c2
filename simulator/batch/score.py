"""Energy, cycles and counts of a batch of vectors: boundary by boundary, priced by the program.

Sums run in the order in which a single mapping's are made (`cost.model`, `cost.timing`), so both come to
the same number.
"""

from __future__ import annotations

import numpy as np

from simulator.batch import program
from simulator.batch.boundaries import FITS, fast_operand, fast_output, find_spread, set_chains
from simulator.batch.general import general_query
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
from simulator.batch.state import (
    INSIDE,
    KEEPER_LEVEL,
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
    find_keepers,
    find_violations,
    read_row,
)
from simulator.counting.lowering import COLUMNS, CONTRIBUTED, DRAINS, FILLS, FORWARDABLE, READS
from simulator.jit import inlined, lean_kernel

# Columns of results.
ENERGY, EDP, UTILIZATION = range(3)
# What became of a row.
ILLEGAL, SCORED, TOO_LARGE, HARD = range(4)
# Rows of the time array: each resource's busy time and its wait, sums, and from FILLING on a row per stage.
BUSY, WAITING, SUMS, FILLING = range(4)
EXPOSED, LAST_DRAIN, STAGES = range(3)
_MOST_CYCLES = 2.0**62


@lean_kernel
def score_rows(
    state, orders, clipped, code, prices, known, stamps, answers, time, vectors, broken, fates,
    results, cycles, counts, words,
):  # fmt: skip
    """Score rows of vectors the fast way; those it cannot count are HARD in ``fates`` (B,).

    Fills ``broken`` (B, rules), ``results`` (B, 3), ``cycles`` (B,), and unless they are empty ``counts``
    (B, 7 * boundaries) and ``words`` (B, actions).
    """
    for row in range(len(vectors)):
        count = read_row(state, orders, vectors, row)
        if find_violations(state, clipped, vectors, row, count, broken):
            fates[row] = ILLEGAL
        elif count_row(state, code, known, stamps, count, answers):
            fates[row] = price_row(
                state, code, prices, answers, time, count, row, results, cycles, counts, words
            )
        else:
            fates[row] = HARD


@lean_kernel
def score_hard_rows(
    state, orders, general, code, prices, answers, time, vectors, broken, fates,
    results, cycles, counts, words,
):  # fmt: skip
    """Score the HARD rows by the general closed form."""
    for row in range(len(vectors)):
        if fates[row] != HARD:
            continue
        count = read_row(state, orders, vectors, row)
        find_keepers(state)
        general.epoch[1] = 0
        count_hard_row(state, code, general, count, answers)
        fates[row] = price_row(state, code, prices, answers, time, count, row, results, cycles, counts, words)
        if general.epoch[1]:
            fates[row] = TOO_LARGE


@lean_kernel
def boundary_between(state, code, tensor, k):
    """The record of a tensor's k-th boundary, -1 if no price exists, and the position of its child."""
    levels = code[program.LEVELS]
    child, position = levels, state[SIZES, SLOTS]
    if k + 1 < state[KEPT, tensor]:
        child, position = state[KEEPER_LEVEL + tensor, k + 1], state[KEEPER_POSITION + tensor, k + 1]
    parent = state[KEEPER_LEVEL + tensor, k]
    at = (tensor * levels + parent) * (levels + 1) + child
    record, step = code[code[program.BOUNDARY] + at], code[code[program.LINKED] + at]
    if step and record >= 0:
        record += step * (1 + _linking_array(state, code, tensor, parent, child))
    return record, position


@lean_kernel
def _linking_array(state, code, tensor, parent, child):
    """The innermost array on whose linked axes a boundary's children pass words sideways, or -1."""
    using = -1
    for i in range(state[INSIDE, 0]):
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        if axis >= 0 and code[code[program.LINKS] + tensor * code[program.AXES] + axis]:
            array = code[code[program.AXIS_ARRAY] + axis]
            rank, ranks = code[code[program.ARRAY_RANK] + array], code[program.LEVEL_RANK]
            if code[ranks + parent] < rank and rank < code[ranks + child]:
                using = max(using, array)
    return using


@lean_kernel
def count_row(state, code, known, stamps, count, answers):
    """Answer every query of a row the fast way; False where it does not hold."""
    plain = find_spread(state)
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
            state[RECORD + tensor, k] = b
            if b < 0:
                continue
            holds, clip = code[b + program.HOLDS], code[b + program.CLIPS]
            query, out = code[b + program.QUERY], code[b + program.ANSWERS]
            for _ in range(code[b + program.QUERY_COUNT]):
                timed = code[query + program.TIMED]
                if code[query + program.EVERY_MAC] and not timed:
                    answer_every_mac(answers, out, code[program.MACS])
                elif (
                    not plain
                    or code[query + program.FORWARD]
                    or code[query + program.WEIGHT] >= 0
                    or not state[FITS + clip, tensor]
                    or not set_chains(state, code, query + program.ROLES, child)
                ):
                    return False
                elif code[b + program.IS_OUTPUT]:
                    fast_output(state, count, tensor, child, holds, timed, answers, out)
                else:
                    fast_operand(state, known, stamps, count, tensor, child, holds, clip, timed, answers, out)
                query += program.ROLES + code[program.AXES]
                out += COLUMNS
    return True


@inlined
def answer_every_mac(answers, out, macs):
    """Every step of every place moves one word."""
    answers[out + READS] = macs
    answers[out + FILLS] = macs
    answers[out + FORWARDABLE] = 0
    answers[out + DRAINS] = macs
    answers[out + CONTRIBUTED] = macs


@lean_kernel
def count_hard_row(state, code, general, count, answers):
    """Answer every query of a row by the general closed form."""
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
            state[RECORD + tensor, k] = b
            if b < 0:
                continue
            holds, clip = code[b + program.HOLDS], code[b + program.CLIPS]
            query, out = code[b + program.QUERY], code[b + program.ANSWERS]
            for _ in range(code[b + program.QUERY_COUNT]):
                general_query(general, state, code, query, count, tensor, child, holds, clip, answers, out)
                query += program.ROLES + code[program.AXES]
                out += COLUMNS


@lean_kernel
def price_row(state, code, prices, answers, time, count, row, results, cycles, counts, words):
    """Energy and cycles of a row from its answers; return its fate."""
    for column in range(time.shape[1]):
        time[BUSY, column] = 0.0
        time[SUMS, column] = 0.0
    energy = 0.0
    for tensor in range(code[program.TENSORS]):
        fresh = code[program.OUTPUTS]
        for k in range(state[KEPT, tensor]):
            b = state[RECORD + tensor, k]
            if b < 0:
                return TOO_LARGE
            answers[code[b + program.FRESH_ABOVE]] = fresh
            energy = _price_actions(code, prices, answers, b, energy)
            if code[b + program.FLOW_COUNT]:
                _add_flows(code, prices, answers, time, b)
            if counts.shape[1]:
                _report(code, answers, b, row, counts, words)
            if code[b + program.IS_OUTPUT]:
                fresh = _count(code, answers, b, program.CONTRIBUTED_FORM) - _count(
                    code, answers, b, program.REFILLS_FORM
                )
    steps = _steps_above(state, count, np.int64(0))
    total = _pace(code, time, float(steps)) + time[SUMS, EXPOSED] + _first_fill(code, time)
    total += time[SUMS, LAST_DRAIN]
    skew = _skew(state, code, count)
    if skew < 0 or total + skew >= _MOST_CYCLES:
        return TOO_LARGE
    spent = int(np.ceil(total * (1 - 1e-12) - 1e-6)) + skew
    energy += code[program.MACS] * prices[0]
    for i in range(code[program.LEAKS]):
        energy += prices[1 + i] * spent
    results[row, ENERGY] = energy
    results[row, EDP] = energy * spent
    results[row, UTILIZATION] = float(code[program.MACS]) / (float(steps) * float(code[program.MAC_UNITS]))
    cycles[row] = spent
    return SCORED


@inlined
def _words(code, answers, form):
    """Words of the form at an address."""
    total = 0
    for term in range(form + 1, form + 1 + 2 * code[form], 2):
        total += answers[code[term]] * code[term + 1]
    return total


@inlined
def _count(code, answers, b, number):
    return _words(code, answers, code[code[b + program.COUNT_FORMS] + number])


@inlined
def _price_actions(code, prices, answers, b, energy):
    """Add the energy of a boundary's actions to ``energy``."""
    at, price = code[b + program.ACTION], code[b + program.ACTION_PRICE]
    for _ in range(code[b + program.ACTION_COUNT]):
        moved = _words(code, answers, at)
        at += 1 + 2 * code[at]
        finished = code[at]
        units = float(moved - finished)
        if prices[price + 1] != 1.0:
            units = units / prices[price + 1]
        if finished:
            units = units + finished / prices[price + 2]
        energy += units * prices[price]
        at += 1
        price += 3
    return energy


@lean_kernel
def _report(code, answers, b, row, counts, words):
    """Write a boundary's counts and its actions' words down."""
    for i in range(len(program.COUNTS)):
        counts[row, len(program.COUNTS) * code[b + program.COUNT_ROW] + i] = _count(code, answers, b, i)
    at = code[b + program.WORD_FORMS]
    for _ in range(code[b + program.WORD_COUNT]):
        words[row, code[at]] = _words(code, answers, at + 1)
        at += 2 + 2 * code[at + 1]


@inlined
def _add_flows(code, prices, answers, time, b):
    """Add the flows of a boundary to what its resources are busy with, to waits, fills and drains."""
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
        whole, first, last, merges = 0.0, 0.0, 0.0, 0.0
        for i in range(code[at + 1]):
            whole += prices[cost + i] * answers[code[term + i]]
        term, cost = term + code[at + 1], cost + code[at + 1]
        for i in range(code[at + 2]):
            first += prices[cost + i] * answers[code[term + i]]
        term, cost = term + code[at + 2], cost + code[at + 2]
        for i in range(code[at + 3]):
            last += prices[cost + i] * answers[code[term + i]]
        term, cost = term + code[at + 3], cost + code[at + 3]
        for i in range(code[at + 4]):
            merges += prices[cost + i] * answers[code[term + i]]
        cost += code[at + 4]
        at = term + code[at + 4]
        time[BUSY, resource] = time[BUSY, resource] + whole + merges
        time[stage, resource] += first
        draining = max(draining, last)
        if exposed:
            time[WAITING, resource] = max(0.0, time[WAITING, resource]) + whole - first - last
    time[SUMS, LAST_DRAIN] += draining
    if exposed:
        slowest = time[WAITING, 0]
        for resource in range(1, time.shape[1]):
            slowest = max(slowest, time[WAITING, resource])
        time[SUMS, EXPOSED] += slowest


@inlined
def _stage(time, parent):
    """The row of a parent's first fills; stages stand in the order in which they are met."""
    last = time.shape[1] - 1
    stages = int(time[SUMS, STAGES])
    for stage in range(FILLING, FILLING + stages):
        if time[stage, last] == parent:
            return stage
    for column in range(last):
        time[FILLING + stages, column] = 0.0
    time[FILLING + stages, last] = parent
    time[SUMS, STAGES] += 1
    return FILLING + stages


@inlined
def _pace(code, time, steps):
    """The steps of computation, or the time of the busiest resource."""
    pace = steps
    for resource in range(code[program.RESOURCES]):
        pace = max(pace, time[BUSY, resource])
    return pace


@inlined
def _first_fill(code, time):
    """The slowest resource of every stage that fills, one stage after the other."""
    total = 0.0
    for stage in range(FILLING, FILLING + int(time[SUMS, STAGES])):
        slowest = 0.0
        for resource in range(code[program.RESOURCES]):
            slowest = max(slowest, time[stage, resource])
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
            passes = _steps_above(state, count, end)
            if skew + float(waits) * float(passes) >= _MOST_CYCLES:
                return -1
            skew += waits * passes
    return skew


@lean_kernel
def _steps_above(state, count, end):
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
