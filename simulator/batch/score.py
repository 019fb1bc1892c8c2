"""Energy, cycles and counts of a batch of vectors: boundary by boundary, priced by the program.

Sums run in the order in which a single mapping's are made (`cost.model`, `cost.timing`), so both come to
the same number.
"""

from __future__ import annotations

import numpy as np

from simulator.batch import program
from simulator.batch.boundaries import fast_operand, fast_output
from simulator.batch.general import general_query
from simulator.batch.layout import (
    SIZES,
    SLOT_AXIS,
    SLOTS,
)
from simulator.batch.shape import FITS, find_spread, set_chains
from simulator.batch.state import (
    INSIDE,
    KEEPER_LEVEL,
    KEEPER_POSITION,
    KEPT,
    LOOP_SLOT,
    RECORD,
    find_keepers,
    find_violations,
    read_row,
)
from simulator.batch.timing import add_flows, cycles_of_row, pass_end, restarts, start_times, steps_above
from simulator.counting.lowering import COLUMNS, CONTRIBUTED, DRAINS, FILLS, FORWARDABLE, READS
from simulator.jit import inlined, lean_kernel

# Columns of results.
ENERGY, EDP, UTILIZATION = range(3)
# What became of a row.
ILLEGAL, SCORED, TOO_LARGE, HARD = range(4)


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
        general.frame.epoch[1] = 0
        count_hard_row(state, code, general, count, answers)
        fates[row] = price_row(state, code, prices, answers, time, count, row, results, cycles, counts, words)
        if general.frame.epoch[1]:
            fates[row] = TOO_LARGE


@lean_kernel
def boundary_between(state, code, tensor, k):
    """The record of a tensor's k-th boundary, -1 if no price exists, and the position of its child.

    The state keeps the record.
    """
    levels = code[program.LEVELS]
    child, position = levels, state[SIZES, SLOTS]
    if k + 1 < state[KEPT, tensor]:
        child, position = state[KEEPER_LEVEL + tensor, k + 1], state[KEEPER_POSITION + tensor, k + 1]
    parent = state[KEEPER_LEVEL + tensor, k]
    at = (tensor * levels + parent) * (levels + 1) + child
    record, step = code[code[program.BOUNDARY] + at], code[code[program.LINKED] + at]
    if step and record >= 0:
        record += step * (1 + _linking_array(state, code, tensor, parent, child))
    state[RECORD + tensor, k] = record
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


@inlined
def count_row(state, code, known, stamps, count, answers):
    """Answer every query of a row the fast way; False where it does not hold."""
    plain = find_spread(state)
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
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


@inlined
def count_hard_row(state, code, general, count, answers):
    """Answer every query of a row by the general closed form."""
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
            if b >= 0:
                query, out = code[b + program.QUERY], code[b + program.ANSWERS]
                for _ in range(code[b + program.QUERY_COUNT]):
                    general_query(general, state, code, b, query, count, tensor, child, answers, out)
                    query += program.ROLES + code[program.AXES]
                    out += COLUMNS


@lean_kernel
def price_row(state, code, prices, answers, time, count, row, results, cycles, counts, words):
    """Energy and cycles of a row from its answers; return its fate."""
    start_times(time)
    end = pass_end(state, code, count)
    passes = steps_above(state, count, end) if end >= 0 else np.int64(0)
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
                again = restarts(state, code, count, tensor, k, end, passes)
                add_flows(code, prices, answers, time, b, float(again))
            if counts.shape[1]:
                _report(code, answers, b, row, counts, words)
            if code[b + program.IS_OUTPUT]:
                fresh = _count(code, answers, b, program.CONTRIBUTED_FORM) - _count(
                    code, answers, b, program.REFILLS_FORM
                )
    steps = steps_above(state, count, np.int64(0))
    spent = cycles_of_row(state, code, time, count, steps)
    if spent < 0:
        return TOO_LARGE
    energy += prices[0]
    for i in range(code[program.LEAKS]):
        energy += prices[1 + i] * spent
    results[row, ENERGY] = energy
    results[row, EDP] = energy * spent
    results[row, UTILIZATION] = float(code[program.MACS]) / (float(steps) * float(code[program.MAC_UNITS]))
    cycles[row] = spent
    return SCORED


@lean_kernel
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
